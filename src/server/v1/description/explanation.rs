//! What the explanation of a delivery is made of.

use serde_json::{Value, json};

use super::schema::{Field, given, id, or_null, rate, time};
use crate::domain::attempt::Holder;

pub(super) fn explanation() -> Value {
    all_of([
        ("id", text()),
        (
            "statusText",
            json!({ "type": "string", "enum": ["success", "pending", "fail", "canceled"] }),
        ),
        ("acceptedAt", time()),
        ("attempts", json!({ "type": "array", "items": attempt() })),
        ("endpoint", endpoint()),
        ("why", text()),
    ])
}

fn attempt() -> Value {
    all_of([
        ("id", id("atmpt_")),
        ("number", count()),
        ("step", or_null(count())),
        ("dueAt", or_null(time())),
        ("startedAt", time()),
        ("heldMs", count()),
        ("heldBy", holder()),
        ("durationMs", count()),
        ("responseStatusCode", count()),
        ("outcome", text()),
        ("next", or_null(next())),
        ("why", text()),
    ])
}

fn next() -> Value {
    all_of([
        ("dueAt", time()),
        ("waitMs", count()),
        ("scheduledMs", count()),
        ("jitterMs", json!({ "type": "integer" })),
        ("retryAfterMs", or_null(count())),
        ("why", text()),
    ])
}

fn endpoint() -> Value {
    all_of([
        ("id", id("ep_")),
        ("disabled", json!({ "type": "boolean" })),
        ("inFlight", count()),
        ("window", count()),
        ("throttleRate", or_null(rate())),
        (
            "circuit",
            json!({ "type": "string", "enum": ["closed", "open", "half-open", "recovering"] }),
        ),
        ("circuitOpenings", count()),
        ("failingSince", or_null(time())),
        ("heldBy", holder()),
        ("heldUntil", or_null(time())),
    ])
}

/// Every field is there.
fn all_of<const N: usize>(fields: [Field; N]) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    given(&required, fields)
}

fn holder() -> Value {
    let names = Holder::ALL.map(|holder| Value::from(holder.name()));
    let names = names.into_iter().chain([Value::Null]);
    json!({ "type": ["string", "null"], "enum": names.collect::<Vec<_>>() })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn text() -> Value {
    json!({ "type": "string" })
}
