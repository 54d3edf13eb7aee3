//! The values of the tables: a version byte, then the row in postcard's encoding.
//!
//! A released row is never changed: a new form gets the next version byte and is read beside the
//! old one. What later releases need to know of a row stands in its first form already.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        endpoint::{
            BodyFormat, DisabledReason, Endpoint, EndpointKey, EndpointState, Subscription, Target,
        },
        endpoint_url::EndpointUrl,
        event::{Event, EventPosition, Payload},
        id::{ApplicationId, EndpointId, EventId, Id},
        secret::{Secret, SecretKind},
    },
    time::{Now, Timestamp},
};

/// The version byte of every row here.
const VERSION: u8 = 1;

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

/// The version byte of a row that grew: its first form, and behind it what came later.
const GROWN: u8 = 2;

/// Writes a row in its first form, and behind it what came later.
fn encode_grown<T: Serialize, M: Serialize>(row: &T, more: &M) -> Result<Vec<u8>, Fault> {
    let first = postcard::to_extend(row, vec![GROWN])?;
    Ok(postcard::to_extend(more, first)?)
}

/// Reads a row in its first form and what came later; `None` in a row that was written before.
fn decode_grown<'row, T: Deserialize<'row>, M: Deserialize<'row>>(
    bytes: &'row [u8],
    what: &str,
) -> Result<(T, Option<M>), Fault> {
    match bytes.split_first() {
        Some((&VERSION, _)) => Ok((decode(bytes, what)?, None)),
        Some((&GROWN, row)) => {
            let read = postcard::take_from_bytes(row);
            let (row, rest) = read.map_err(|_| Fault::damaged(what))?;
            let more = postcard::from_bytes(rest).map_err(|_| Fault::damaged(what))?;
            Ok((row, Some(more)))
        }
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
}

/// An application as a row.
pub(super) fn application_row(application: &Application) -> Result<Vec<u8>, Fault> {
    let row = ApplicationRow {
        id: application.id.id().value(),
        uid: application.uid.as_deref(),
        registration: &application.registration,
        created_at: application.created_at.into(),
    };
    let more = ApplicationMore {
        revision: application.revision,
        updated_at: application.updated_at.into(),
    };
    encode_grown(&row, &more)
}

/// An application from its row.
pub(super) fn application(key: ApplicationKey, bytes: &[u8]) -> Result<Application, Fault> {
    let read = decode_grown(bytes, "the row of an application")?;
    let (row, more): (ApplicationRow<'_>, Option<ApplicationMore>) = read;
    let more = more.unwrap_or(ApplicationMore {
        revision: 1,
        updated_at: row.created_at,
    });
    Ok(Application {
        key,
        id: ApplicationId::new(Id::from_value(row.id)),
        uid: row.uid.map(Arc::from),
        registration: Bytes::copy_from_slice(row.registration),
        revision: more.revision,
        created_at: row.created_at.into(),
        updated_at: more.updated_at.into(),
    })
}

#[derive(Serialize, Deserialize)]
struct EndpointRow<'row> {
    id: u128,
    #[serde(borrow)]
    uid: Option<&'row str>,
    url: &'row str,
    secret: &'row [u8],
    /// The token of the original body format, as JSON text; `None` for the plain payload.
    token_json: Option<&'row [u8]>,
    revision: u32,
    /// 0 enabled, 1 disabled because it is gone.
    state: u8,
    event_types: Vec<&'row str>,
    channels: Vec<&'row str>,
    subscriptions: Vec<(u64, Option<u64>)>,
    registration: &'row [u8],
    created_at: NowRow,
}

/// What an endpoint's row has since there are secrets of two kinds.
#[derive(Default, Serialize, Deserialize)]
struct EndpointMore {
    /// 0 shared, 1 the seed of an Ed25519 key pair.
    secret_kind: u8,
}

/// An endpoint as a row.
pub(super) fn endpoint_row(endpoint: &Endpoint) -> Result<Vec<u8>, Fault> {
    let target = &endpoint.target;
    let row = EndpointRow {
        id: endpoint.id.id().value(),
        uid: endpoint.uid.as_deref(),
        url: target.url.text(),
        secret: target.secret.expose(),
        token_json: match &target.body_format {
            BodyFormat::Payload => None,
            BodyFormat::Original { token_json } => Some(token_json),
        },
        revision: target.revision,
        state: match endpoint.state {
            EndpointState::Enabled => 0,
            EndpointState::Disabled(DisabledReason::Gone) => 1,
        },
        event_types: endpoint.event_types.iter().map(|kind| &**kind).collect(),
        channels: Vec::new(),
        subscriptions: endpoint
            .subscriptions
            .iter()
            .map(|span| (span.from.number(), span.until.map(EventPosition::number)))
            .collect(),
        registration: &endpoint.registration,
        created_at: endpoint.created_at.into(),
    };
    let more = EndpointMore {
        secret_kind: match target.secret.kind() {
            SecretKind::Shared => 0,
            SecretKind::Ed25519 => 1,
        },
    };
    encode_grown(&row, &more)
}

/// The secret of this kind, if these bytes can be one.
fn secret(kind: u8, bytes: &[u8]) -> Option<Secret> {
    match kind {
        0 => Secret::new(bytes.to_vec()).ok(),
        1 => Some(Secret::ed25519(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// An endpoint from its row.
pub(super) fn endpoint(key: EndpointKey, bytes: &[u8]) -> Result<Endpoint, Fault> {
    const WHAT: &str = "the row of an endpoint";
    let (row, more): (EndpointRow<'_>, Option<EndpointMore>) = decode_grown(bytes, WHAT)?;
    let more = more.unwrap_or_default();
    let id = EndpointId::new(Id::from_value(row.id));
    Ok(Endpoint {
        key,
        id,
        uid: row.uid.map(Arc::from),
        event_types: row.event_types.into_iter().map(Arc::from).collect(),
        target: Arc::new(Target {
            endpoint: key,
            id,
            revision: row.revision,
            url: EndpointUrl::parse(row.url).map_err(|_| Fault::damaged(WHAT))?,
            secret: secret(more.secret_kind, row.secret).ok_or_else(|| Fault::damaged(WHAT))?,
            body_format: row
                .token_json
                .map_or(BodyFormat::Payload, |token| BodyFormat::Original {
                    token_json: Bytes::copy_from_slice(token),
                }),
        }),
        state: match row.state {
            0 => EndpointState::Enabled,
            1 => EndpointState::Disabled(DisabledReason::Gone),
            _ => return Err(Fault::damaged(WHAT)),
        },
        subscriptions: row
            .subscriptions
            .into_iter()
            .map(|(from, until)| Subscription {
                from: EventPosition::new(from),
                until: until.map(EventPosition::new),
            })
            .collect(),
        registration: Bytes::copy_from_slice(row.registration),
        created_at: row.created_at.into(),
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
        not_before: None,
        ordering_key: None,
        channels: Vec::new(),
        payload_class: 0,
        payload_bytes: u32::try_from(event.payload.bytes.len()).unwrap_or(u32::MAX),
    };
    encode(&row, out)
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
    let rest = bytes.get(16..).unwrap_or_default();
    let row: EventRow<'_> = decode(rest, "the row of an event")?;
    let accepted_at = Now::from(row.accepted_at);
    Ok(Event {
        id: EventId::new(id),
        application,
        position,
        uid: row.uid.map(Arc::from),
        event_type: row.event_type.into(),
        payload: Payload {
            content_type: row.content_type.into(),
            bytes: payload,
        },
        accepted_at: accepted_at.steady,
        accepted_wall: accepted_at.wall,
        expires_at: Timestamp::from_micros(row.expires_at),
    })
}

/// How many bytes the payload of an event has, by the event's row.
pub(super) fn payload_length(bytes: &[u8]) -> Result<u32, Fault> {
    let rest = bytes.get(16..).unwrap_or_default();
    let row: EventRow<'_> = decode(rest, "the row of an event")?;
    Ok(row.payload_bytes)
}

/// A waiting delivery, by its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpenRow {
    /// When it is due, in steady microseconds.
    pub(super) due: i64,
    /// Attempts that were made.
    pub(super) attempts: u16,
}

/// Where a lagging lane stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LaneRow {
    /// The cursor's position.
    pub(super) cursor: u64,
    /// What is settled behind it.
    pub(super) done: [u64; 4],
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
    use crate::domain::id::ShardId;

    fn endpoint_key() -> EndpointKey {
        EndpointKey {
            application: ApplicationKey {
                shard: ShardId::new(3),
                ordinal: 4,
            },
            ordinal: 5,
        }
    }

    fn some_endpoint() -> Endpoint {
        let key = endpoint_key();
        let id = EndpointId::new(Id::from_value(6));
        Endpoint {
            key,
            id,
            uid: Some("mine".into()),
            event_types: vec!["a.b".into()],
            target: Arc::new(Target {
                endpoint: key,
                id,
                revision: 2,
                url: EndpointUrl::parse("https://h.example:1/p?q").expect("valid"),
                secret: Secret::new(vec![9; 32]).expect("valid"),
                body_format: BodyFormat::Original {
                    token_json: Bytes::from_static(b"\"t\""),
                },
            }),
            state: EndpointState::Disabled(DisabledReason::Gone),
            subscriptions: vec![Subscription {
                from: EventPosition::new(1),
                until: Some(EventPosition::new(9)),
            }],
            registration: Bytes::from_static(b"{}"),
            created_at: Now {
                steady: Timestamp::from_micros(1),
                wall: Timestamp::from_micros(-1),
            },
        }
    }

    /// The row of an endpoint as it was written before it grew.
    fn first_form(endpoint: &Endpoint) -> Vec<u8> {
        let row = endpoint_row(endpoint).expect("it fits");
        let (_, rest): (EndpointRow<'_>, _) = postcard::take_from_bytes(&row[1..]).expect("whole");
        let mut first = row[..row.len() - rest.len()].to_vec();
        first[0] = VERSION;
        first
    }

    #[test]
    fn an_endpoint_comes_back_from_its_row() {
        let endpoint = some_endpoint();
        let row = endpoint_row(&endpoint).expect("it fits");
        let read = super::endpoint(endpoint.key, &row).expect("it is whole");
        assert_eq!(format!("{endpoint:?}"), format!("{read:?}"));
        assert_eq!(read.target.secret.expose(), [9; 32]);
    }

    #[test]
    fn a_row_of_the_first_form_is_still_read_and_its_secret_is_a_shared_one() {
        let endpoint = some_endpoint();
        let mut first = first_form(&endpoint);
        let read = super::endpoint(endpoint.key, &first).expect("it is whole");
        assert_eq!(format!("{endpoint:?}"), format!("{read:?}"));
        assert_eq!(read.target.secret.kind(), SecretKind::Shared);
        first[0] = GROWN + 1;
        assert!(super::endpoint(endpoint.key, &first).is_err());
    }

    #[test]
    fn a_secret_keeps_its_kind_in_a_row() {
        let mut endpoint = some_endpoint();
        let mut target = Target {
            secret: Secret::ed25519([8; 32]),
            body_format: BodyFormat::Payload,
            url: endpoint.target.url.clone(),
            ..*endpoint.target
        };
        target.revision = 3;
        endpoint.target = Arc::new(target);
        let row = endpoint_row(&endpoint).expect("it fits");
        let read = super::endpoint(endpoint.key, &row).expect("it is whole");
        assert_eq!(read.target.secret, Secret::ed25519([8; 32]));
    }

    #[test]
    fn an_event_comes_back_from_its_row_and_its_id_from_its_head() {
        let event = Event {
            id: EventId::new(Id::from_value(77)),
            application: endpoint_key().application,
            position: EventPosition::new(8),
            uid: None,
            event_type: "x".into(),
            payload: Payload {
                content_type: "application/json".into(),
                bytes: Bytes::from_static(b"[1]"),
            },
            accepted_at: Timestamp::from_micros(5),
            accepted_wall: Timestamp::from_micros(6),
            expires_at: Timestamp::MAX,
        };
        let row = event_row(&event, Vec::new()).expect("it fits");
        assert_eq!(event_id(&row).expect("whole"), Id::from_value(77));
        let payload = event.payload.bytes.clone();
        let read = super::event(event.application, event.position, &row, payload);
        assert_eq!(format!("{event:?}"), format!("{:?}", read.expect("whole")));
    }

    #[test]
    fn the_first_form_of_each_row_never_changes() {
        let row = first_form(&some_endpoint());
        let hash = xxhash_rust::xxh3::xxh3_64(&row);
        assert_eq!(
            hash, 0x3faf_cd21_848d_67dd,
            "a released row keeps its form: {hash:#x}"
        );
        let open = OpenRow {
            due: -2,
            attempts: 300,
        };
        assert_eq!(encode(&open, Vec::new()).expect("it fits"), [1, 3, 172, 2]);
        let lane = LaneRow {
            cursor: 1,
            done: [0, 1, 2, 128],
        };
        let bytes = encode(&lane, Vec::new()).expect("it fits");
        assert_eq!(bytes, [1, 1, 0, 1, 2, 128, 1]);
        let bucket = BucketRow {
            closed_at: Some(1),
            open: 3,
            ..BucketRow::default()
        };
        let bytes = encode(&bucket, Vec::new()).expect("it fits");
        assert_eq!(bytes, [1, 0, 1, 2, 0, 0, 3, 0]);
    }

    #[test]
    fn a_damaged_or_newer_row_is_an_error_and_not_a_panic() {
        let row = endpoint_row(&some_endpoint()).expect("it fits");
        for length in 0..row.len() {
            let cut = endpoint(endpoint_key(), &row[..length]);
            assert!(cut.is_err(), "{length}");
        }
        let mut newer = row;
        newer[0] = 9;
        assert!(endpoint(endpoint_key(), &newer).is_err());
    }
}
