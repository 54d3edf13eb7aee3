//! The bodies of tasks that go on in the background.

use serde_json::{Value, json};

use super::schema::{
    CHANNEL, Field, NAME, given, id, name, names, or_null, tag, taken, time, whole,
};
use crate::{
    domain::id::{EndpointId, TaskId},
    limits,
    server::v1::task::{KINDS, STATUSES},
};

fn span() -> [Field; 2] {
    [("since", time()), ("until", or_null(time()))]
}

pub(super) fn span_in() -> Value {
    taken(&["since"], span())
}

pub(super) fn bulk_replay_in() -> Value {
    let class = json!({ "type": ["integer", "null"], "enum": [0, 100, 200, 300, 400, 500, null] });
    let fields = span().into_iter().chain([
        ("eventTypes", names(limits::ENDPOINT_EVENT_TYPES_MAX, NAME)),
        ("channel", or_null(name(CHANNEL))),
        ("tag", or_null(tag())),
        ("status", whole(0, 4)),
        ("statusCodeClass", class),
    ]);
    taken(&["since"], fields)
}

fn begun_fields() -> [Field; 4] {
    [
        ("id", id(TaskId::PREFIX)),
        ("status", json!({ "type": "string", "enum": STATUSES })),
        ("task", json!({ "type": "string", "enum": KINDS })),
        ("updatedAt", time()),
    ]
}

pub(super) fn task_begun() -> Value {
    given(&["id", "status", "task", "updatedAt"], begun_fields())
}

pub(super) fn dry_run() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    given(&["count"], [("count", count)])
}

pub(super) fn task() -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    let data = given(
        &["endpointId", "createdAt", "total", "done"],
        [
            ("endpointId", id(EndpointId::PREFIX)),
            ("createdAt", time()),
            ("total", or_null(count())),
            ("done", count()),
            ("reason", json!({ "type": "string" })),
        ],
    );
    let fields = begun_fields().into_iter().chain([("data", data)]);
    given(&["id", "status", "task", "updatedAt", "data"], fields)
}
