//! What each shape is made of: one function a shape, of its name.

use serde_json::{Value, json};

use super::{
    Shape,
    schema::{
        CHANNEL, Field, NAME, PATTERN, PRINTABLE, given, header_value, headers, id, metadata, name,
        names, older, or_null, ordering, problem as problem_with, rate, rate_or_none, secret, tags,
        taken, text, time, whole,
    },
};
use crate::limits;

pub(super) fn application() -> Value {
    given(
        &[
            "id",
            "uid",
            "name",
            "metadata",
            "throttleRate",
            "createdAt",
            "updatedAt",
        ],
        application_fields().chain([
            ("id", id("app_")),
            ("createdAt", time()),
            ("updatedAt", time()),
        ]),
    )
}

pub(super) fn application_in() -> Value {
    taken(&["name"], application_fields().chain(older(&["rateLimit"])))
}

pub(super) fn application_patch() -> Value {
    let fields = application_fields().chain(older(&["rateLimit"]));
    taken(&[], fields.chain(rate_or_none()))
}

pub(super) fn endpoint() -> Value {
    let required = [&ENDPOINT[..], &["metadata"]].concat();
    given(&required, endpoint_out_fields())
}

fn endpoint_out_fields() -> impl Iterator<Item = Field> {
    endpoint_fields()
        .chain(older(&["filterTypes", "rateLimit", "version"]))
        .chain([
            ("id", id("ep_")),
            ("createdAt", time()),
            ("updatedAt", time()),
        ])
}

pub(super) fn endpoint_in() -> Value {
    taken(&["url"], endpoint_in_fields().chain([("secret", secret())]))
}

pub(super) fn endpoint_put() -> Value {
    taken(&["url"], endpoint_in_fields())
}

pub(super) fn endpoint_patch() -> Value {
    taken(&[], endpoint_in_fields().chain(rate_or_none()))
}

pub(super) fn endpoint_headers() -> Value {
    given(
        &["headers", "sensitive"],
        [
            ("headers", headers(json!({ "type": "string" }))),
            (
                "sensitive",
                json!({ "type": "array", "items": { "type": "string" } }),
            ),
        ],
    )
}

pub(super) fn endpoint_headers_in() -> Value {
    taken(&["headers"], [("headers", headers(header_value()))])
}

pub(super) fn endpoint_headers_patch() -> Value {
    taken(
        &[],
        [
            ("headers", headers(or_null(header_value()))),
            ("deleteHeaders", names(limits::ENDPOINT_HEADERS_MAX, NAME)),
        ],
    )
}

pub(super) fn endpoint_secret() -> Value {
    given(
        &["key"],
        [(
            "key",
            json!({ "type": "string", "pattern": "^wh(sec|pk)_" }),
        )],
    )
}

pub(super) fn secret_rotation() -> Value {
    taken(
        &[],
        [
            ("key", secret()),
            (
                "gracePeriodSeconds",
                whole(0, limits::GRACE_S_MAX.unsigned_abs()),
            ),
        ],
    )
}

pub(super) fn example_in() -> Value {
    taken(
        &["eventType"],
        [
            ("eventType", name(NAME)),
            ("exampleIndex", or_null(whole(0, u32::MAX.into()))),
        ],
    )
}

pub(super) fn endpoint_stats() -> Value {
    const COUNTS: [&str; 5] = ["success", "pending", "sending", "fail", "canceled"];
    let count = || json!({ "type": "integer", "minimum": 0 });
    given(&COUNTS, COUNTS.map(|name| (name, count())))
}

pub(super) fn event_type() -> Value {
    let fields = event_type_fields().chain([
        ("name", name(NAME)),
        ("createdAt", time()),
        ("updatedAt", time()),
    ]);
    let required = [
        "name",
        "description",
        "archived",
        "deprecated",
        "schemas",
        "groupName",
        "featureFlags",
        "featureFlag",
        "createdAt",
        "updatedAt",
    ];
    given(&required, fields)
}

pub(super) fn event_type_in() -> Value {
    let fields = event_type_fields().chain([("name", name(NAME))]);
    taken(&["name", "description"], fields)
}

pub(super) fn event_type_put() -> Value {
    taken(&["description"], event_type_fields())
}

pub(super) fn event_type_patch() -> Value {
    taken(&[], event_type_fields())
}

fn event_type_fields() -> impl Iterator<Item = Field> {
    [
        ("description", text(0)),
        ("archived", json!({ "type": ["boolean", "null"] })),
        ("deprecated", json!({ "type": ["boolean", "null"] })),
        ("schemas", json!({ "type": ["object", "null"] })),
        ("groupName", or_null(text(0))),
        (
            "featureFlags",
            names(limits::ENDPOINT_EVENT_TYPES_MAX, NAME),
        ),
        ("featureFlag", or_null(text(0))),
    ]
    .into_iter()
}

const MESSAGE: [&str; 7] = [
    "id",
    "eventId",
    "eventType",
    "payload",
    "channels",
    "tags",
    "timestamp",
];
const ENDPOINT: [&str; 10] = [
    "id",
    "uid",
    "url",
    "description",
    "eventTypes",
    "channels",
    "disabled",
    "throttleRate",
    "createdAt",
    "updatedAt",
];
const DELIVERY: [&str; 3] = ["status", "statusText", "nextAttempt"];

pub(super) fn message() -> Value {
    given(&MESSAGE, message_fields())
}

fn message_fields() -> impl Iterator<Item = Field> {
    [
        ("id", id("msg_")),
        ("eventId", or_null(name(NAME))),
        ("eventType", name(NAME)),
        ("payload", json!({ "type": "object" })),
        ("channels", names(limits::CHANNELS_MAX, CHANNEL)),
        ("tags", tags()),
        ("timestamp", time()),
    ]
    .into_iter()
    .chain(message_details())
}

pub(super) fn message_delivery() -> Value {
    let required = [&MESSAGE[..], &DELIVERY].concat();
    given(&required, message_fields().chain(delivery_fields()))
}

pub(super) fn endpoint_delivery() -> Value {
    let required = [&ENDPOINT[..], &DELIVERY].concat();
    given(&required, endpoint_out_fields().chain(delivery_fields()))
}

fn delivery_fields() -> impl Iterator<Item = Field> {
    [
        ("status", json!({ "type": "integer", "enum": [0, 1, 2, 4] })),
        (
            "statusText",
            json!({ "type": "string", "enum": ["success", "pending", "fail", "canceled"] }),
        ),
        ("nextAttempt", or_null(time())),
    ]
    .into_iter()
}

pub(super) fn message_in() -> Value {
    taken(
        &["eventType", "payload"],
        [
            ("eventType", name(NAME)),
            ("payload", json!({ "type": "object" })),
            ("eventId", or_null(name(NAME))),
            ("channels", names(limits::CHANNELS_MAX, CHANNEL)),
            ("tags", tags()),
            ("application", or_null(application_in())),
        ]
        .into_iter()
        .chain(message_details()),
    )
}

/// What may be said of a message besides.
fn message_details() -> impl Iterator<Item = Field> {
    let days = limits::PAYLOAD_RETENTION_DAYS_MAX;
    [
        ("payloadRetentionPeriod", whole(1, days)),
        ("payloadRetentionHours", whole(1, days * 24)),
        ("deliverAt", or_null(time())),
        ("orderingKey", or_null(name(PRINTABLE))),
        (
            "transformationsParams",
            json!({
                "type": ["object", "null"],
                "maxProperties": limits::TRANSFORMATION_PARAMETERS_MAX,
                "properties": { "rawPayload": { "type": "string" } },
            }),
        ),
    ]
    .into_iter()
}

pub(super) fn problem() -> Value {
    problem_with(json!({ "type": "string" }))
}

pub(super) fn validation_problem() -> Value {
    problem_with(json!({
        "type": "array",
        "items": given(&["loc", "msg", "type"], [
            ("loc", json!({ "type": "array", "items": { "type": "string" } })),
            ("msg", json!({ "type": "string" })),
            ("type", json!({ "type": "string" })),
        ]),
    }))
}

pub(super) fn description() -> Value {
    json!({ "type": "object" })
}

fn application_fields() -> impl Iterator<Item = Field> {
    [
        ("name", text(1)),
        ("uid", or_null(name(NAME))),
        ("metadata", metadata()),
        ("throttleRate", rate()),
    ]
    .into_iter()
}

fn endpoint_fields() -> impl Iterator<Item = Field> {
    [
        (
            "url",
            json!({ "type": "string", "format": "uri", "maxLength": limits::URL_BYTES_MAX }),
        ),
        ("uid", or_null(name(NAME))),
        ("description", or_null(text(0))),
        (
            "eventTypes",
            names(limits::ENDPOINT_EVENT_TYPES_MAX, PATTERN),
        ),
        ("channels", names(limits::CHANNELS_MAX, CHANNEL)),
        ("disabled", json!({ "type": ["boolean", "null"] })),
        ("throttleRate", rate()),
        ("ordering", ordering()),
        ("metadata", metadata()),
    ]
    .into_iter()
}

fn endpoint_in_fields() -> impl Iterator<Item = Field> {
    endpoint_fields()
        .chain(older(&["filterTypes", "rateLimit", "version"]))
        .chain([("headers", or_null(headers(header_value())))])
}

pub(super) fn attempt() -> Value {
    let whole_number = || json!({ "type": "integer", "minimum": 0 });
    let text = || json!({ "type": "string" });
    let fields = [
        ("id", id("atmpt_")),
        ("msgId", id("msg_")),
        ("endpointId", id("ep_")),
        ("url", text()),
        ("response", text()),
        ("responseStatusCode", whole_number()),
        ("responseDurationMs", whole_number()),
        (
            "status",
            json!({ "type": "integer", "enum": [0, 2], "description": "0: success, 2: fail." }),
        ),
        (
            "statusText",
            json!({ "type": "string", "enum": ["success", "fail"] }),
        ),
        (
            "triggerType",
            json!({
                "type": "integer",
                "enum": [0, 1],
                "description": "0: on its schedule, 1: by hand.",
            }),
        ),
        ("timestamp", time()),
    ];
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let message = ("msg", Shape::Message.reference());
    given(&required, fields.into_iter().chain([message]))
}
