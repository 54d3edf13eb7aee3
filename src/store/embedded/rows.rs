//! The values of the tables: a version byte, then the row in postcard's encoding.
//!
//! A released row is never changed: a new form gets the next version byte and is read beside the
//! old one. What later releases need to know of a row stands in its first form already.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    grown::{Grown, decode_grown, decode_grown_twice, encode_grown, encode_grown_twice},
};
use crate::{
    domain::{
        application::{Application, ApplicationKey, Registration},
        delivery::OpenDelivery,
        event::{Besides, Event, EventPosition, Payload},
        id::{ApplicationId, EventId, Id},
        ordering::OrderingKey,
    },
    time::{Now, Span, Timestamp},
};

/// The version byte of every row here.
pub(super) const VERSION: u8 = 1;

/// Writes a row behind what is in `out`.
pub(super) fn encode<T: Serialize>(row: &T, mut out: Vec<u8>) -> Result<Vec<u8>, Fault> {
    out.push(VERSION);
    Ok(postcard::to_extend(row, out)?)
}

/// Reads a row.
pub(super) fn decode<'row, T: Deserialize<'row>>(
    bytes: &'row [u8],
    what: &str,
) -> Result<T, Fault> {
    match bytes.split_first() {
        Some((&VERSION, row)) => postcard::from_bytes(row).map_err(|_| Fault::damaged(what)),
        _ => Err(Fault::damaged(what)),
    }
}

/// Two times of one moment, as they are stored.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct NowRow {
    steady: i64,
    wall: i64,
}

impl From<Now> for NowRow {
    fn from(now: Now) -> Self {
        Self {
            steady: now.steady.as_micros(),
            wall: now.wall.as_micros(),
        }
    }
}

impl From<NowRow> for Now {
    fn from(row: NowRow) -> Self {
        Self {
            steady: Timestamp::from_micros(row.steady),
            wall: Timestamp::from_micros(row.wall),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct ApplicationRow<'row> {
    id: u128,
    #[serde(borrow)]
    uid: Option<&'row str>,
    registration: &'row [u8],
    created_at: NowRow,
}

/// What an application's row has since applications can be changed.
#[derive(Serialize, Deserialize)]
struct ApplicationMore {
    revision: u32,
    updated_at: NowRow,
    is_deleted: bool,
}

/// What it has since its rate is kept to.
#[derive(Serialize, Deserialize)]
struct ApplicationLatest {
    throttle_rate: Option<u16>,
}

/// An application as a row.
pub(super) fn application_row(application: &Application) -> Result<Vec<u8>, Fault> {
    let row = ApplicationRow {
        id: application.id.id().value(),
        uid: application.uid.as_deref(),
        registration: &application.registration.said,
        created_at: application.created_at.into(),
    };
    let more = ApplicationMore {
        revision: application.revision,
        updated_at: application.updated_at.into(),
        is_deleted: application.is_deleted,
    };
    let latest = ApplicationLatest {
        throttle_rate: application.registration.throttle_rate,
    };
    encode_grown_twice(&row, &more, &latest, Vec::new())
}

/// An application from its row.
pub(super) fn application(key: ApplicationKey, bytes: &[u8]) -> Result<Application, Fault> {
    let read = decode_grown_twice(bytes, "the row of an application")?;
    let (row, more, latest): Grown<ApplicationRow<'_>, ApplicationMore, ApplicationLatest> = read;
    let more = more.unwrap_or(ApplicationMore {
        revision: 1,
        updated_at: row.created_at,
        is_deleted: false,
    });
    Ok(Application {
        key,
        id: ApplicationId::new(Id::from_value(row.id)),
        uid: row.uid.map(Arc::from),
        registration: Registration {
            said: Bytes::copy_from_slice(row.registration),
            throttle_rate: latest.and_then(|latest| latest.throttle_rate),
        },
        is_deleted: more.is_deleted,
        revision: more.revision,
        created_at: row.created_at.into(),
        updated_at: more.updated_at.into(),
    })
}

/// The row of an event begins with its id, 16 bytes, so that a search need not read the rest.
#[derive(Serialize, Deserialize)]
struct EventRow<'row> {
    #[serde(borrow)]
    event_type: &'row str,
    content_type: &'row str,
    uid: Option<&'row str>,
    accepted_at: NowRow,
    expires_at: i64,
    /// When it may be sent first, for events that are delivered later.
    not_before: Option<i64>,
    /// The hash of its ordering key, for endpoints that keep an order.
    ordering_key: Option<u64>,
    channels: Vec<&'row str>,
    /// How long its payload is kept, as the number of a class; 0 is the usual one.
    payload_class: u8,
    payload_bytes: u32,
}

/// What the row of an event has of which something was said besides.
#[derive(Serialize, Deserialize)]
struct EventMore<'row> {
    only_to: Option<u32>,
    #[serde(borrow)]
    tags: Vec<&'row str>,
    details: &'row [u8],
}

/// What the row of an event has whose payload has a time of its own.
#[derive(Serialize, Deserialize)]
struct EventLatest {
    /// How long after its acceptance its payload may be shown and sent, in microseconds.
    payload_for: i64,
}

/// An event as a row, without its payload.
pub(super) fn event_row(event: &Event, mut out: Vec<u8>) -> Result<Vec<u8>, Fault> {
    out.clear();
    out.extend_from_slice(&event.id.id().value().to_be_bytes());
    let row = EventRow {
        event_type: &event.event_type,
        content_type: &event.payload.content_type,
        uid: event.uid.as_deref(),
        accepted_at: Now {
            steady: event.accepted_at,
            wall: event.accepted_wall,
        }
        .into(),
        expires_at: event.expires_at.as_micros(),
        not_before: event
            .besides
            .as_ref()
            .and_then(|besides| besides.deliver_after)
            .map(|_| event.not_before().as_micros()),
        ordering_key: event.ordering_key().map(OrderingKey::hash),
        channels: event.channels.iter().map(|name| &**name).collect(),
        payload_class: 0,
        payload_bytes: u32::try_from(event.payload.bytes.len()).unwrap_or(u32::MAX),
    };
    let Some(besides) = event.besides.as_deref() else {
        return encode(&row, out);
    };
    let more = EventMore {
        only_to: besides.only_to,
        tags: besides.tags.iter().map(|tag| &**tag).collect(),
        details: &besides.details,
    };
    let Some(period) = besides.payload_for else {
        return encode_grown(&row, &more, out);
    };
    let latest = EventLatest {
        payload_for: period.as_micros(),
    };
    encode_grown_twice(&row, &more, &latest, out)
}

/// The id at the head of an event's row.
pub(super) fn event_id(bytes: &[u8]) -> Result<Id, Fault> {
    let (id, _) = bytes
        .split_first_chunk::<16>()
        .ok_or_else(|| Fault::damaged("the row of an event"))?;
    Ok(Id::from_value(u128::from_be_bytes(*id)))
}

/// An event from its row and its payload's bytes.
pub(super) fn event(
    application: ApplicationKey,
    position: EventPosition,
    bytes: &[u8],
    payload: Bytes,
) -> Result<Event, Fault> {
    let id = event_id(bytes)?;
    let (row, more, latest) = event_parts(bytes)?;
    let accepted_at = Now::from(row.accepted_at);
    let not_before = row.not_before.map(Timestamp::from_micros);
    let besides = more.map(|more| Besides {
        deliver_after: not_before.map(|time| time.since(accepted_at.steady)),
        only_to: more.only_to,
        ordering_key: row.ordering_key.map(OrderingKey::new),
        tags: more.tags.into_iter().map(Arc::from).collect(),
        payload_for: latest.map(|latest| Span::from_micros(latest.payload_for)),
        details: Bytes::copy_from_slice(more.details),
    });
    Ok(Event {
        id: EventId::new(id),
        application,
        position,
        uid: row.uid.map(Arc::from),
        event_type: row.event_type.into(),
        channels: row.channels.into_iter().map(Arc::from).collect(),
        payload: Payload {
            content_type: row.content_type.into(),
            bytes: payload,
        },
        accepted_at: accepted_at.steady,
        accepted_wall: accepted_at.wall,
        expires_at: Timestamp::from_micros(row.expires_at),
        besides: besides.and_then(Besides::shared),
    })
}

/// What stands behind the id in the row of an event.
fn event_parts(bytes: &[u8]) -> Result<Grown<EventRow<'_>, EventMore<'_>, EventLatest>, Fault> {
    let rest = bytes.get(16..).unwrap_or_default();
    decode_grown_twice(rest, "the row of an event")
}

/// When an event for later may be sent first, by the event's row; `None` for others.
pub(super) fn not_before(bytes: &[u8]) -> Result<Option<Timestamp>, Fault> {
    let not_before = event_parts(bytes)?.0.not_before;
    Ok(not_before.map(Timestamp::from_micros))
}

/// How many bytes the payload of an event has, by the event's row.
pub(super) fn payload_length(bytes: &[u8]) -> Result<u32, Fault> {
    Ok(event_parts(bytes)?.0.payload_bytes)
}

/// A waiting delivery, by its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenRow {
    /// When it is due, in steady microseconds.
    pub(super) due: i64,
    /// Attempts that were made.
    pub(super) attempts: u16,
}

/// What the row of a delivery has that a task sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReopenedRow {
    /// Attempts that were made before.
    pub(super) after: u16,
    /// When it expires, in steady microseconds.
    pub(super) expires_at: i64,
}

/// A waiting delivery as a row.
pub(super) fn open_row(delivery: OpenDelivery) -> Result<Vec<u8>, Fault> {
    let row = OpenRow {
        due: delivery.due.as_micros(),
        attempts: delivery.attempts,
    };
    match delivery.reopened_after {
        None => encode(&row, Vec::new()),
        Some(after) => {
            let expires_at = delivery.expires_at.as_micros();
            encode_grown(&row, &ReopenedRow { after, expires_at }, Vec::new())
        }
    }
}

/// The row of a waiting delivery.
pub(super) fn read_open(bytes: &[u8]) -> Result<(OpenRow, Option<ReopenedRow>), Fault> {
    decode_grown(bytes, "the row of a waiting delivery")
}

/// What was made under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OnceRow {
    /// The id of what was made.
    pub(super) id: u128,
    /// The hash of the body that asked for it.
    pub(super) body_sha256: [u8; 32],
}

/// What is known of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardRow {
    /// The last fencing token.
    pub(super) epoch: u64,
    /// The greatest id that was ever committed.
    pub(super) last_id: u128,
}

/// Where an application's events stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProgressRow {
    /// The place of the next event.
    pub(super) next_position: u64,
    /// Everything before it is settled, but for open rows and lagging lanes.
    pub(super) watermark: u64,
    /// Rows of its waiting deliveries.
    pub(super) open_rows: u64,
}

/// What is known of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BucketRow {
    /// When it was opened, in steady microseconds.
    pub(super) opened_at: i64,
    /// When it was closed; `None` while new events go into it.
    pub(super) closed_at: Option<i64>,
    /// When an attempt, or the end of a delivery, was last written into it.
    pub(super) written_at: i64,
    /// Bytes of events and payloads in it, roughly.
    pub(super) bytes: u64,
    /// Waiting deliveries of its events.
    pub(super) open: u64,
    /// Whether its payloads are gone already.
    pub(super) payloads_dropped: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::grown::{GROWN, GROWN_TWICE};

    #[test]
    fn an_event_comes_back_from_its_row_and_its_id_from_its_head() {
        let event = Event {
            id: EventId::new(Id::from_value(77)),
            application: ApplicationKey::default(),
            position: EventPosition::new(8),
            uid: None,
            event_type: "x".into(),
            channels: vec!["c".into(), "d".into()],
            payload: Payload {
                content_type: "application/json".into(),
                bytes: Bytes::from_static(b"[1]"),
            },
            accepted_at: Timestamp::from_micros(5),
            accepted_wall: Timestamp::from_micros(6),
            expires_at: Timestamp::MAX,
            besides: None,
        };
        let more = Besides {
            only_to: Some(0),
            ordering_key: Some(OrderingKey::new(7)),
            tags: vec!["t".into()],
            deliver_after: None,
            payload_for: None,
            details: Bytes::from_static(b"{}"),
        };
        let later = Besides {
            deliver_after: Some(Span::from_seconds(60)),
            ..Besides::default()
        };
        let latest = Besides {
            payload_for: Some(Span::from_seconds(3_600)),
            ..more.clone()
        };
        for (besides, version) in [
            (None, VERSION),
            (more.shared(), GROWN),
            (later.shared(), GROWN),
            (latest.shared(), GROWN_TWICE),
        ] {
            let event = Event {
                besides,
                ..event.clone()
            };
            let row = event_row(&event, Vec::new()).expect("it fits");
            assert_eq!(event_id(&row).expect("whole"), Id::from_value(77));
            assert_eq!(row.get(16), Some(&version), "most have their first form");
            assert_eq!(payload_length(&row).expect("whole"), 3);
            let payload = event.payload.bytes.clone();
            let read = super::event(event.application, event.position, &row, payload);
            assert_eq!(format!("{event:?}"), format!("{:?}", read.expect("whole")));
        }
    }

    #[test]
    fn the_first_form_of_each_row_never_changes() {
        let open = OpenRow {
            due: -2,
            attempts: 300,
        };
        assert_eq!(encode(&open, Vec::new()).expect("it fits"), [1, 3, 172, 2]);
        let once = OnceRow {
            id: 130,
            body_sha256: [9; 32],
        };
        let bytes = encode(&once, Vec::new()).expect("it fits");
        assert_eq!(bytes, [&[1, 130, 1][..], &[9; 32]].concat());
        let bucket = BucketRow {
            closed_at: Some(1),
            open: 3,
            ..BucketRow::default()
        };
        let bytes = encode(&bucket, Vec::new()).expect("it fits");
        assert_eq!(bytes, [1, 0, 1, 2, 0, 0, 3, 0]);
    }
}
