//! Rows to write in tests: short ways to say what a batch holds.

use std::sync::Arc;

use bytes::Bytes;
use fanfare::{
    domain::{
        application::{Application, ApplicationKey, Registration},
        attempt::{AttemptRecord, AttemptResult, Timing, Trigger},
        audit::{Act, AuditEntry},
        change::{Batch, BatchHandle, Change, Epoch, UniqueKey},
        delivery::OpenDelivery,
        endpoint::{BodyFormat, Endpoint, EndpointKey, EndpointState, Subscription, Target},
        endpoint_url::EndpointUrl,
        event::{Event, EventPosition, JSON, ORDER_RECEIVED, Payload},
        id::{ApplicationId, AttemptId, AuditId, EndpointId, EventId, Id, ShardId},
        outcome::OutcomeKind,
        secret::Secret,
    },
    store::memory::DATA_SHARD,
    time::{Now, Span, Timestamp},
};

/// The application with this ordinal.
pub(crate) fn app(ordinal: u32) -> ApplicationKey {
    ApplicationKey {
        shard: DATA_SHARD,
        ordinal,
    }
}

/// The endpoint with this ordinal of an application.
pub(crate) fn endpoint_key(application: u32, ordinal: u32) -> EndpointKey {
    EndpointKey {
        application: app(application),
        ordinal,
    }
}

/// A position.
pub(crate) fn at(number: u64) -> EventPosition {
    EventPosition::new(number)
}

/// A point in time.
pub(crate) fn ms(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// An application.
pub(crate) fn application(ordinal: u32, uid: &str, id: u128) -> Arc<Application> {
    Arc::new(Application {
        key: app(ordinal),
        id: ApplicationId::new(Id::from_value(id)),
        uid: Some(uid.into()),
        registration: Registration {
            said: Bytes::from_static(b"{}"),
            throttle_rate: Some(7),
        },
        is_deleted: false,
        revision: 1,
        created_at: Now::at(ms(1)),
        updated_at: Now::at(ms(1)),
    })
}

/// An enabled endpoint that takes every event from `from` on.
pub(crate) fn endpoint(key: EndpointKey, id: u128, from: u64) -> Arc<Endpoint> {
    let id = EndpointId::new(Id::from_value(id));
    Arc::new(Endpoint {
        key,
        id,
        uid: None,
        original_url_sha256: None,
        filter: Arc::default(),
        target: Arc::new(Target {
            endpoint: key,
            id,
            revision: 1,
            url: EndpointUrl::parse("https://example.com/hook").expect("valid"),
            secret: Secret::new(vec![7; 32]).expect("valid"),
            older_secrets: Vec::new(),
            headers: Vec::new(),
            body_format: BodyFormat::Payload,
        }),
        state: EndpointState::Enabled,
        throttle_rate: Some(7),
        ordering: fanfare::domain::ordering::Ordering::default(),
        subscriptions: vec![Subscription {
            from: at(from),
            until: None,
            filter: Arc::default(),
        }],
        registration: Bytes::new(),
        details: Bytes::new(),
        created_at: Now::at(ms(1)),
        updated_at: Now::at(ms(1)),
    })
}

/// An endpoint that nothing makes unique, to be written.
pub(crate) fn put_endpoint(application: u32, ordinal: u32, id: u128) -> Change {
    Change::PutEndpoint {
        endpoint: endpoint(endpoint_key(application, ordinal), id, 0),
        unique: None,
    }
}

/// The key of an original registration.
pub(crate) fn url_key(application: u32, url: u8) -> UniqueKey {
    UniqueKey::OriginalUrl {
        application: app(application),
        url_sha256: [url; 32],
    }
}

/// An event with a payload of that many bytes, to be written.
pub(crate) fn put_event(application: u32, position: u64, id: u128, bytes: usize) -> Change {
    Change::PutEvent(Arc::new(Event {
        id: EventId::new(Id::from_value(id)),
        application: app(application),
        position: at(position),
        uid: None,
        event_type: ORDER_RECEIVED.into(),
        channels: Vec::new(),
        payload: Payload {
            content_type: JSON.into(),
            bytes: vec![b'x'; bytes].into(),
        },
        accepted_at: ms(1),
        accepted_wall: ms(1),
        expires_at: ms(1_000_000),
        besides: None,
    }))
}

/// The row of an open delivery.
pub(crate) fn open(endpoint: EndpointKey, position: u64, due: i64) -> OpenDelivery {
    OpenDelivery {
        endpoint,
        due: ms(due),
        position: at(position),
        attempts: 1,
        event: EventId::default(),
        expires_at: ms(1_000_000),
        reopened_after: None,
    }
}

/// The move of a watermark.
pub(crate) fn watermark(application: u32, position: u64) -> Change {
    Change::Watermark {
        application: app(application),
        position: at(position),
    }
}

/// The record of an attempt with a reply body of that many bytes.
pub(crate) fn attempt(
    endpoint: EndpointKey,
    position: u64,
    id: u128,
    result: AttemptResult,
    body: usize,
) -> AttemptRecord {
    AttemptRecord {
        timing: Timing::default(),
        id: AttemptId::new(Id::from_value(id)),
        endpoint,
        position: at(position),
        trigger: Trigger::Schedule,
        number: 1,
        started_at: Now::at(ms(2)),
        duration: Span::from_millis(3),
        outcome: OutcomeKind::Status(200),
        resent: false,
        result,
        body: vec![b'r'; body].into(),
    }
}

/// What is noted of a delivery that somebody set aside; which of the two, its id tells.
pub(crate) fn audit_entry(endpoint: EndpointKey, position: EventPosition, id: u128) -> AuditEntry {
    AuditEntry {
        id: AuditId::new(Id::from_value(id)),
        endpoint,
        position,
        event: EventId::new(Id::from_value(position.number().into())),
        act: if id.is_multiple_of(2) {
            Act::Skip
        } else {
            Act::Park
        },
        at: Now::at(ms(7)),
        by: "admin".into(),
        reason: format!("reason {id}").into(),
    }
}

/// A batch.
pub(crate) fn batch(
    handle: u64,
    shard: ShardId,
    epoch: Epoch,
    changes: Vec<Change>,
    attempts: Vec<AttemptRecord>,
) -> Box<Batch> {
    Box::new(Batch {
        handle: BatchHandle::new(handle),
        shard,
        epoch,
        now: Now::at(ms(2)),
        changes,
        attempts,
        results: Vec::new(),
    })
}
