//! What lines of deliveries and the audit are shown as.

use serde_json::{Value, json};

use super::schema::{given, id, or_null, taken, time};
use crate::{
    domain::{
        audit::Act,
        id::{AuditId, EndpointId, EventId},
    },
    limits,
};

pub(super) fn blocked_list() -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    let text = || json!({ "type": "string" });
    let head = given(
        &[
            "msgId",
            "eventId",
            "eventType",
            "waiting",
            "attempts",
            "lastOutcome",
            "nextAttempt",
        ],
        [
            ("msgId", id(EventId::PREFIX)),
            ("eventId", or_null(text())),
            ("eventType", text()),
            ("waiting", or_null(count())),
            ("attempts", count()),
            ("lastOutcome", or_null(text())),
            ("nextAttempt", time()),
        ],
    );
    given(
        &["data", "done"],
        [
            ("data", json!({ "type": "array", "items": head })),
            ("done", json!({ "type": "boolean" })),
        ],
    )
}

pub(super) fn reason_in() -> Value {
    let reason = json!({
        "type": ["string", "null"],
        "maxLength": limits::TEXT_BYTES_MAX,
    });
    taken(&[], [("reason", reason)])
}

pub(super) fn audit_entry() -> Value {
    let text = || json!({ "type": "string" });
    let actions = Act::ALL.map(Act::name);
    given(
        &[
            "id",
            "action",
            "msgId",
            "endpointId",
            "by",
            "reason",
            "timestamp",
        ],
        [
            ("id", id(AuditId::PREFIX)),
            ("action", json!({ "type": "string", "enum": actions })),
            ("msgId", id(EventId::PREFIX)),
            ("endpointId", id(EndpointId::PREFIX)),
            ("by", text()),
            ("reason", text()),
            ("timestamp", time()),
        ],
    )
}
