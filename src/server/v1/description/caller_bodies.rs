//! What the shapes of keys and of the portal are made of.

use serde_json::{Value, json};

use super::{
    bodies::application_in,
    schema::{Field, NAME, given, id, name, or_null, rate, taken, text, time, whole},
};
use crate::{limits, server::capability::Capability};

const API_KEY: [&str; 11] = [
    "id",
    "name",
    "scope",
    "application",
    "expiresAt",
    "rateLimit",
    "hint",
    "portal",
    "capabilities",
    "sessionId",
    "createdAt",
];

pub(super) fn api_key() -> Value {
    given(&API_KEY, api_key_fields())
}

pub(super) fn new_api_key() -> Value {
    let required = [&API_KEY[..], &["key"]].concat();
    let key = ("key", json!({ "type": "string", "pattern": "^fanfare_" }));
    given(&required, api_key_fields().chain([key]))
}

fn api_key_fields() -> impl Iterator<Item = Field> {
    [
        ("id", id("key_")),
        ("name", text(1)),
        ("scope", scope()),
        ("application", or_null(id("app_"))),
        ("expiresAt", or_null(time())),
        ("rateLimit", rate()),
        ("hint", json!({ "type": "string" })),
        ("portal", json!({ "type": "boolean" })),
        ("capabilities", capabilities()),
        ("sessionId", or_null(session())),
        ("createdAt", time()),
    ]
    .into_iter()
}

fn scope() -> Value {
    json!({ "type": "string", "enum": ["admin", "ingest", "read"] })
}

pub(super) fn api_key_in() -> Value {
    taken(
        &["name", "scope"],
        [
            ("name", text(1)),
            ("scope", scope()),
            (
                "application",
                json!({
                    "type": ["string", "null"],
                    "description": "The id or `uid` of the one it is for; of all if absent.",
                }),
            ),
            ("expiresAt", or_null(time())),
            ("rateLimit", rate()),
        ],
    )
}

pub(super) fn portal_access() -> Value {
    let text = json!({ "type": "string" });
    given(&["url", "token"], [("url", text.clone()), ("token", text)])
}

/// What a token of the portal may do; null for other keys, and for all of it where one is asked for.
fn capabilities() -> Value {
    let all = Capability::ALL.map(Capability::text);
    json!({
        "type": ["array", "null"],
        "uniqueItems": true,
        "items": { "type": "string", "enum": all },
    })
}

fn session() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": limits::SESSION_BYTES_MAX,
        "pattern": "^[a-zA-Z0-9@_-]+$",
    })
}

pub(super) fn portal_access_in() -> Value {
    let (least, most) = (limits::PORTAL_TOKEN_S_MIN, limits::PORTAL_TOKEN_S_MAX);
    let flags = json!({
        "type": ["array", "null"],
        "maxItems": limits::PORTAL_FLAGS_MAX,
        "uniqueItems": true,
        "items": name(NAME),
    });
    let mut capabilities = capabilities();
    if let Some(schema) = capabilities.as_object_mut() {
        let needed = json!({ "const": Capability::ViewBase.text() });
        schema.insert("contains".into(), needed);
    }
    taken(
        &[],
        [
            ("featureFlags", flags),
            ("expiry", whole(least, most)),
            ("readOnly", json!({ "type": ["boolean", "null"] })),
            ("capabilities", capabilities),
            ("sessionId", or_null(session())),
            ("application", or_null(application_in())),
        ],
    )
}

pub(super) fn portal_expiry_in() -> Value {
    let sessions = json!({
        "type": ["array", "null"],
        "maxItems": limits::PORTAL_SESSIONS_MAX,
        "uniqueItems": true,
        "items": session(),
    });
    taken(
        &[],
        [
            ("expiry", whole(0, limits::PORTAL_TOKEN_S_MAX)),
            ("sessionIds", sessions),
        ],
    )
}
