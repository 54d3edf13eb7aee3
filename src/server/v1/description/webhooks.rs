//! What is sent: messages to the endpoints of every application, and operational events to those of the
//! one that was chosen for them.

use serde_json::{Map, Value, json};

use crate::{
    policy::operational::{AttemptNews, EndpointNews},
    time::Timestamp,
};

const CREATED: &str = "An endpoint was created.";
const UPDATED: &str = "An endpoint was changed, or its owner enabled or disabled it.";
const DELETED: &str = "An endpoint was deleted by itself, not with its application.";
const DISABLED: &str = "An endpoint was disabled because of how it answered.";
const FAILING: &str = "A delivery failed for the fourth time and is tried again.";
const EXHAUSTED: &str = "A delivery failed for the last time.";
const RECOVERED: &str = "A delivery succeeded after four failures or more.";

/// All that is sent, by name.
pub(super) fn webhooks() -> Value {
    let message = delivery(
        "delivery",
        "A message on its way to an endpoint.",
        &json!({ "type": "object" }),
    );
    let mut all = Map::new();
    all.insert("message".into(), json!({ "post": message }));
    let endpoints = [
        (EndpointNews::Created, CREATED),
        (EndpointNews::Updated, UPDATED),
        (EndpointNews::Deleted, DELETED),
        (EndpointNews::Disabled(Timestamp::ZERO), DISABLED),
    ];
    for (news, summary) in endpoints {
        let is_disabled = matches!(news, EndpointNews::Disabled(_));
        let name = news.event_type();
        let sent = delivery(name, summary, &body(name, &endpoint_data(is_disabled)));
        all.insert(name.into(), json!({ "post": sent }));
    }
    let attempts = [
        (AttemptNews::Failing, FAILING),
        (AttemptNews::Exhausted, EXHAUSTED),
        (AttemptNews::Recovered, RECOVERED),
    ];
    for (news, summary) in attempts {
        let name = news.event_type();
        let sent = delivery(name, summary, &body(name, &attempt_data()));
        all.insert(name.into(), json!({ "post": sent }));
    }
    all.into()
}

/// The body of an operational event.
fn body(name: &str, data: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["type", "data"],
        "properties": { "type": { "type": "string", "const": name }, "data": data },
    })
}

fn endpoint_data(is_disabled: bool) -> Value {
    let mut required = vec!["appId", "endpointId"];
    let mut properties = json!({
        "appId": { "type": "string", "description": "The application." },
        "appUid": { "type": "string", "description": "Its own name, if it has one." },
        "endpointId": { "type": "string", "description": "The endpoint." },
        "endpointUid": { "type": "string", "description": "Its own name, if it has one." },
    });
    if is_disabled && let Some(properties) = properties.as_object_mut() {
        required.push("failSince");
        let since = json!({
            "type": "string",
            "format": "date-time",
            "description": "When the failure came that it was disabled for.",
        });
        properties.insert("failSince".into(), since);
    }
    json!({ "type": "object", "required": required, "properties": properties })
}

fn attempt_data() -> Value {
    json!({
        "type": "object",
        "required": ["appId", "endpointId", "msgId", "lastAttempt"],
        "properties": {
            "appId": { "type": "string", "description": "The application." },
            "appUid": { "type": "string", "description": "Its own name, if it has one." },
            "endpointId": { "type": "string", "description": "The endpoint." },
            "msgId": { "type": "string", "description": "The message." },
            "msgEventId": { "type": "string", "description": "Its `eventId`, if it has one." },
            "lastAttempt": {
                "type": "object",
                "required": ["id", "responseStatusCode", "timestamp"],
                "properties": {
                    "id": { "type": "string", "description": "The attempt." },
                    "responseStatusCode": {
                        "type": "integer",
                        "description": "What it was answered with; 0 for no answer.",
                    },
                    "timestamp": {
                        "type": "string",
                        "format": "date-time",
                        "description": "When it ended.",
                    },
                },
            },
        },
    })
}

/// A request to an endpoint, with a body of this schema.
fn delivery(name: &str, summary: &str, schema: &Value) -> Value {
    let header = |name: &str, description: &str, schema: Value| {
        json!({
            "name": name,
            "in": "header",
            "required": true,
            "description": description,
            "schema": schema,
        })
    };
    let text = json!({ "type": "string" });
    json!({
        "operationId": name,
        "summary": summary,
        "description": "Signed as Standard Webhooks says, over id, timestamp and the exact bytes of \
                        the body. The same message may come again: its id tells.",
        "parameters": [
            header("webhook-id", "The message's id, the same at every attempt.", text.clone()),
            header(
                "webhook-timestamp",
                "When this attempt was signed, in seconds since 1970.",
                json!({ "type": "string", "pattern": "^[0-9]+$" }),
            ),
            header(
                "webhook-signature",
                "One signature or more, with spaces between them: `v1,` and an HMAC-SHA256, or \
                 `v1a,` and an Ed25519 signature, in base64.",
                text,
            ),
        ],
        "requestBody": {
            "required": true,
            "description": "The payload, byte for byte as it was taken.",
            "content": { "application/json": { "schema": schema } },
        },
        "responses": {
            "2XX": { "description": "It was received." },
            "410": { "description": "The endpoint is gone for good: it gets nothing more." },
            "default": { "description": "It was not received and is tried again on schedule." },
        },
    })
}
