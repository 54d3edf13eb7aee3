//! What the shapes of keys and of the portal are made of.

use serde_json::{Value, json};

use super::schema::{Field, NAME, given, id, names, or_null, rate, taken, text, time, whole};
use crate::limits;

const API_KEY: [&str; 9] = [
    "id",
    "name",
    "scope",
    "application",
    "expiresAt",
    "rateLimit",
    "hint",
    "portal",
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

pub(super) fn portal_access_in() -> Value {
    let (least, most) = (limits::PORTAL_TOKEN_S_MIN, limits::PORTAL_TOKEN_S_MAX);
    taken(
        &[],
        [
            ("featureFlags", names(limits::PORTAL_FLAGS_MAX, NAME)),
            ("expiry", whole(least, most)),
            ("readOnly", json!({ "type": ["boolean", "null"] })),
        ],
    )
}
