//! Examples: a message that goes to one endpoint only, so that its owner can try it.

use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::{
    domain::{
        command::NewEvent,
        endpoint::{Endpoint, EndpointState},
        event::{Besides, JSON, Payload},
    },
    runtime::handle::Work,
    server::{
        backend::Backend,
        catalogue::{EventType, Misfit, UNUSABLE},
        problem::{Code, FaultKind, Problem},
        schema::Complaint,
        v1::{
            Answered, body,
            called::Called,
            faults::Faults,
            fields::Fields,
            message::{Offer, accepted, judge_type},
            once::Makes,
            unexpected,
        },
    },
};

/// The type that there is always an example of, whatever the catalogue has.
const PING: &str = "svix.ping";
/// What it says.
const PING_PAYLOAD: &[u8] = br#"{"success":true,"message":"An example: deliveries arrive here."}"#;

/// `POST …/send-example`: 200 once it is durable and will be delivered to this endpoint, whatever
/// that takes otherwise.
pub(in crate::server::v1) async fn send<B: Backend>(
    called: Called<B>,
    request: Request,
) -> Answered {
    let (application, endpoint) = called.endpoint_since()?;
    let (endpoint, gone) = (endpoint.object, endpoint.gone);
    let key = called.key.clone()?;
    called.must_have_room(Some(application.key.shard), Work::Again)?;
    let body = body::read(request).await?;
    let mut fields = Fields::of(&body, Faults::default())?;
    let event_type = fields.required_name("eventType");
    let index = fields.whole("exampleIndex", (0, u32::MAX.into()));
    fields.finish()?;
    // A type that is missing or wrong was told already.
    let event_type = event_type.ok_or_else(|| unexpected("a fault was not told", None))?;
    let payload = match gone {
        Some(gone) => Err(gone),
        None => payload(&called, &endpoint, (&event_type, index.unwrap_or_default())).await,
    };
    // Of one that was sent before under the key its own payload is shown.
    let (bytes, refused) = match payload {
        Ok(bytes) => (bytes, None),
        Err(refused) => (Bytes::from_static(b"{}"), Some(refused)),
    };
    let event = NewEvent {
        application: application.key,
        uid: None,
        event_type,
        channels: Vec::new(),
        payload: Payload {
            content_type: JSON.into(),
            bytes,
        },
        besides: Besides {
            only_to: Some(endpoint.key.ordinal),
            ..Besides::default()
        },
    };
    let offer = Offer {
        event,
        key: &key,
        makes: Makes::Example,
        parent: endpoint.id.id(),
        body: &body,
        refused,
    };
    accepted(&called, offer, (StatusCode::OK, true)).await
}

/// What is sent to an endpoint as the example of a type.
///
/// # Errors
/// [`Problem`]: there is no such example, it does not fit its own schema, or the endpoint gets nothing.
async fn payload<B: Backend>(
    called: &Called<B>,
    endpoint: &Endpoint,
    (event_type, index): (&str, u64),
) -> Result<Bytes, Problem> {
    let bytes = if event_type == PING {
        Bytes::from_static(PING_PAYLOAD)
    } else {
        judge_type(called, event_type)?;
        let reads = called.backend.reads();
        let types = called.catalogue.entries(reads)?;
        let bytes = example_of(types.get(event_type), index).map_err(refused)?;
        match called.catalogue.misfit(reads, event_type, &bytes).await? {
            None => bytes,
            Some(Misfit::Unusable) => return Err(refused(UNUSABLE)),
            Some(Misfit::Payload(complaints)) => return Err(refused(&unfit(&complaints))),
        }
    };
    if endpoint.state != EndpointState::Enabled {
        let message = "the endpoint is disabled and gets nothing: enable it, then send the example";
        return Err(Problem::new(Code::Conflict, message));
    }
    Ok(bytes)
}

/// The example that the newest schema of a type gives, as JSON text.
///
/// # Errors
/// What must be added for there to be one.
fn example_of(event_type: Option<&EventType>, index: u64) -> Result<Bytes, &'static str> {
    let event_type = event_type.ok_or(
        "there is no event type of this name in the catalogue: add one whose schema has `examples`, \
         or send `svix.ping`",
    )?;
    let schema = event_type.schema().ok_or(
        "this event type has no schema: give it one with `examples`, as `schemas: {\"1\": …}`",
    )?;
    let example = match schema.get("examples").and_then(Value::as_array) {
        // More than can be counted is more than there are.
        Some(examples) => examples.get(usize::try_from(index).unwrap_or(usize::MAX)),
        None => schema.get("example"),
    };
    let example = example.ok_or(
        "the newest schema of this event type has no such example: add it to its `examples`",
    )?;
    if !example.is_object() {
        return Err("the example of this event type is no JSON object, as payloads are: mend it");
    }
    Ok(example.to_string().into())
}

/// What is wrong first with an example that does not fit its own schema.
fn unfit(complaints: &[Complaint]) -> String {
    let (place, message) = complaints.first().map_or_else(Default::default, |first| {
        (first.path.join("/"), first.message.clone())
    });
    format!(
        "the example of this event type does not fit its schema, which asks that messages are checked: \
         mend it at `/{place}`: {message}"
    )
}

/// There is no such example.
fn refused(what_to_add: &str) -> Problem {
    Faults::default().and(&["body", "eventType"], FaultKind::Value, what_to_add)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Map, json};

    use super::*;
    use crate::{
        domain::{
            id::Id,
            record::{Record, RecordKind},
        },
        time::{Now, Timestamp},
    };

    fn event_type(schemas: &Value) -> EventType {
        let record = Record {
            kind: RecordKind::EventType,
            name: "t".into(),
            id: Id::default(),
            body: Bytes::new(),
            revision: 1,
            created_at: Now::at(Timestamp::ZERO),
            updated_at: Now::at(Timestamp::ZERO),
        };
        EventType {
            record: Arc::new(record),
            fields: Map::from_iter([("schemas".into(), schemas.clone())]),
            checker: None,
        }
    }

    #[test]
    fn the_newest_schema_gives_the_example_or_it_is_told_what_to_add() {
        let two = json!({ "examples": [{ "a": 1 }, { "a": 2 }, 3] });
        for (schemas, index, expected) in [
            (json!({ "1": two }), 0, Ok(r#"{"a":1}"#)),
            (json!({ "1": two }), 1, Ok(r#"{"a":2}"#)),
            (
                json!({ "1": { "example": { "b": 1 } } }),
                7,
                Ok(r#"{"b":1}"#),
            ),
            (json!({ "10": two, "9": {}, "x": {} }), 0, Ok(r#"{"a":1}"#)),
            (
                json!({ "1": two, "2": {} }),
                0,
                Err("add it to its `examples`"),
            ),
            (json!({ "1": two }), 3, Err("add it to its `examples`")),
            (
                json!({ "1": two }),
                u64::MAX,
                Err("add it to its `examples`"),
            ),
            (json!({ "1": two }), 2, Err("no JSON object")),
            (json!({ "1": { "examples": [] } }), 0, Err("add it")),
            (json!({ "one": two }), 0, Err("has no schema")),
            (Value::Null, 0, Err("has no schema")),
        ] {
            let made = example_of(Some(&event_type(&schemas)), index);
            match expected {
                Ok(text) => assert_eq!(made.as_deref(), Ok(text.as_bytes()), "{schemas}"),
                Err(part) => assert!(made.expect_err("none").contains(part), "{schemas}"),
            }
        }
        let none = example_of(None, 0).expect_err("none");
        assert!(none.contains("in the catalogue"), "{none}");
    }
}
