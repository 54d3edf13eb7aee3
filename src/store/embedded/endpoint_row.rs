//! The row of an endpoint.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    grown::{Grown, decode_grown_thrice, encode_grown_thrice, encode_grown_twice},
    rows::NowRow,
    vault::{Vault, VaultError},
};
use crate::{
    domain::{
        endpoint::{
            BodyFormat, DisabledReason, Endpoint, EndpointKey, EndpointState, OlderSecret,
            Subscription, Target,
        },
        endpoint_url::EndpointUrl,
        event::EventPosition,
        filter::Filter,
        id::{EndpointId, Id},
        ordering::Ordering,
    },
    time::Timestamp,
};

/// The row of an endpoint in its first form.
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

/// What an endpoint's row has since endpoints can be changed.
#[derive(Default, Serialize, Deserialize)]
struct EndpointMore<'row> {
    /// 0 shared, 1 the seed of an Ed25519 key pair; 2 and 3 the same, sealed.
    secret_kind: u8,
    /// Secrets of before: their kinds, bytes and when they cease to sign, in steady microseconds.
    #[serde(borrow)]
    older_secrets: Vec<(u8, Cow<'row, [u8]>, i64)>,
    headers: Vec<(&'row str, &'row str)>,
    original_url_sha256: Option<[u8; 32]>,
    updated_at: Option<NowRow>,
    /// What its owner says of it; in rows of the first form it stands in place of the registration.
    details: &'row [u8],
    /// The filters of spans, by their numbers, where they are not the endpoint's own.
    filters: Vec<(u16, FilterRow<'row>)>,
}

/// What an endpoint's row has since rates are kept to.
#[derive(Default, Serialize, Deserialize)]
struct EndpointLatest {
    throttle_rate: Option<u16>,
}

/// What an endpoint's row has since it may keep an order of its own.
#[derive(Serialize, Deserialize)]
struct EndpointNewest {
    /// 0 by key, 1 all of it, 2 none.
    ordering: u8,
}

/// The event types and the channels of a filter.
type FilterRow<'row> = (Vec<&'row str>, Vec<&'row str>);

fn filter_row(filter: &Filter) -> FilterRow<'_> {
    (
        filter.event_types.iter().map(|name| &**name).collect(),
        filter.channels.iter().map(|name| &**name).collect(),
    )
}

fn filter((event_types, channels): FilterRow<'_>) -> Arc<Filter> {
    Arc::new(Filter {
        event_types: event_types.into_iter().map(Arc::from).collect(),
        channels: channels.into_iter().map(Arc::from).collect(),
    })
}

/// The id in an endpoint's row, whose secrets stay sealed.
pub(super) fn id(bytes: &[u8]) -> Result<EndpointId, Fault> {
    let ((row, ..), _) = read_row(bytes)?;
    Ok(EndpointId::new(Id::from_value(row.id)))
}

/// An endpoint as a row.
pub(super) fn endpoint_row(vault: &Vault, endpoint: &Endpoint) -> Result<Vec<u8>, Fault> {
    let target = &endpoint.target;
    let (secret_kind, secret) = vault.kept(endpoint.key, &target.secret)?;
    let mut older_secrets = Vec::with_capacity(target.older_secrets.len());
    for older in &target.older_secrets {
        let (kind, kept) = vault.kept(endpoint.key, &older.secret)?;
        older_secrets.push((kind, kept, older.until.as_micros()));
    }
    let (event_types, channels) = filter_row(&endpoint.filter);
    let spans = (0..).zip(&endpoint.subscriptions);
    let others = spans.filter(|(_, span)| span.filter != endpoint.filter);
    let row = EndpointRow {
        id: endpoint.id.id().value(),
        uid: endpoint.uid.as_deref(),
        url: target.url.text(),
        secret: &secret,
        token_json: match &target.body_format {
            BodyFormat::Payload => None,
            BodyFormat::Original { token_json } => Some(token_json),
        },
        revision: target.revision,
        state: match endpoint.state {
            EndpointState::Enabled => 0,
            EndpointState::Disabled(DisabledReason::Gone) => 1,
            EndpointState::Disabled(DisabledReason::Requested) => 2,
            EndpointState::Deleted => 3,
            EndpointState::Disabled(DisabledReason::Failing) => 4,
        },
        event_types,
        channels,
        subscriptions: endpoint
            .subscriptions
            .iter()
            .map(|span| (span.from.number(), span.until.map(EventPosition::number)))
            .collect(),
        registration: &endpoint.registration,
        created_at: endpoint.created_at.into(),
    };
    let more = EndpointMore {
        secret_kind,
        older_secrets,
        headers: target
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect(),
        original_url_sha256: endpoint.original_url_sha256,
        updated_at: Some(endpoint.updated_at.into()),
        details: &endpoint.details,
        filters: others
            .map(|(number, span)| (number, filter_row(&span.filter)))
            .collect(),
    };
    let latest = EndpointLatest {
        throttle_rate: endpoint.throttle_rate,
    };
    let ordering = match endpoint.ordering {
        Ordering::ByKey => return encode_grown_twice(&row, &more, &latest, Vec::new()),
        Ordering::Whole => 1,
        Ordering::Free => 2,
    };
    encode_grown_thrice(
        &row,
        &more,
        &latest,
        &EndpointNewest { ordering },
        Vec::new(),
    )
}

const WHAT: &str = "the row of an endpoint";

/// A row in whichever of its forms it was written.
type ReadRow<'row> = (
    Grown<EndpointRow<'row>, EndpointMore<'row>, EndpointLatest>,
    Option<EndpointNewest>,
);

/// Reads a row in whichever of its forms it was written.
fn read_row(bytes: &[u8]) -> Result<ReadRow<'_>, Fault> {
    decode_grown_thrice(bytes, WHAT)
}

/// Which order an endpoint keeps.
fn ordering(newest: Option<EndpointNewest>) -> Result<Ordering, Fault> {
    match newest.map(|newest| newest.ordering) {
        None | Some(0) => Ok(Ordering::ByKey),
        Some(1) => Ok(Ordering::Whole),
        Some(2) => Ok(Ordering::Free),
        Some(_) => Err(Fault::damaged(WHAT)),
    }
}

/// Whether the vault opens what is sealed in a row.
pub(super) fn unlocks(
    vault: &Vault,
    key: EndpointKey,
    bytes: &[u8],
) -> Result<Result<(), VaultError>, Fault> {
    let ((row, more, _), _) = read_row(bytes)?;
    let more = more.unwrap_or_default();
    let first = (more.secret_kind, row.secret);
    let older = more.older_secrets.iter();
    let mut kept = core::iter::once(first).chain(older.map(|(kind, kept, _)| (*kind, &**kept)));
    Ok(kept.try_for_each(|kept| vault.opened(key, kept).map(|_| ())))
}

/// An endpoint from its row.
pub(super) fn endpoint(vault: &Vault, key: EndpointKey, bytes: &[u8]) -> Result<Endpoint, Fault> {
    let ((row, more, latest), newest) = read_row(bytes)?;
    let is_original = row.token_json.is_some();
    let (registration, details) = match &more {
        Some(more) => (row.registration, more.details),
        None if is_original => (row.registration, &[][..]),
        None => (&[][..], row.registration),
    };
    let (registration, details) = (
        Bytes::copy_from_slice(registration),
        Bytes::copy_from_slice(details),
    );
    let mut more = more.unwrap_or_default();
    let own_filter = filter((row.event_types, row.channels));
    let mut filters = more.filters.drain(..).peekable();
    let subscriptions = (0..).zip(row.subscriptions).map(|(number, (from, until))| {
        let other = filters.next_if(|(of, _)| *of == number);
        Subscription {
            from: EventPosition::new(from),
            until: until.map(EventPosition::new),
            filter: other.map_or_else(|| Arc::clone(&own_filter), |(_, row)| filter(row)),
        }
    });
    let mut older_secrets = Vec::with_capacity(more.older_secrets.len());
    for (kind, kept, until) in &more.older_secrets {
        older_secrets.push(OlderSecret {
            secret: vault.opened(key, (*kind, kept))?,
            until: Timestamp::from_micros(*until),
        });
    }
    let id = EndpointId::new(Id::from_value(row.id));
    Ok(Endpoint {
        key,
        id,
        uid: row.uid.map(Arc::from),
        original_url_sha256: more.original_url_sha256,
        filter: Arc::clone(&own_filter),
        target: Arc::new(Target {
            endpoint: key,
            id,
            revision: row.revision,
            url: EndpointUrl::parse(row.url).map_err(|_| Fault::damaged(WHAT))?,
            secret: vault.opened(key, (more.secret_kind, row.secret))?,
            older_secrets,
            headers: more
                .headers
                .iter()
                .map(|(name, value)| (Arc::from(*name), Arc::from(*value)))
                .collect(),
            body_format: row
                .token_json
                .map_or(BodyFormat::Payload, |token| BodyFormat::Original {
                    token_json: Bytes::copy_from_slice(token),
                }),
        }),
        state: match row.state {
            0 => EndpointState::Enabled,
            1 => EndpointState::Disabled(DisabledReason::Gone),
            2 => EndpointState::Disabled(DisabledReason::Requested),
            4 => EndpointState::Disabled(DisabledReason::Failing),
            3 => EndpointState::Deleted,
            _ => return Err(Fault::damaged(WHAT)),
        },
        throttle_rate: latest.unwrap_or_default().throttle_rate,
        ordering: ordering(newest)?,
        subscriptions: subscriptions.collect(),
        registration,
        details,
        created_at: row.created_at.into(),
        updated_at: more.updated_at.unwrap_or(row.created_at).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            application::ApplicationKey,
            id::ShardId,
            master_key::MasterKey,
            secret::{Secret, SecretKind},
        },
        store::embedded::{
            grown::{GROWN, GROWN_TWICE},
            rows::VERSION,
        },
        time::Now,
    };

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
            original_url_sha256: Some([5; 32]),
            filter: Arc::new(Filter {
                event_types: vec!["a.b".into()],
                channels: Vec::new(),
            }),
            target: Arc::new(Target {
                endpoint: key,
                id,
                revision: 2,
                url: EndpointUrl::parse("https://h.example:1/p?q").expect("valid"),
                secret: Secret::new(vec![9; 32]).expect("valid"),
                older_secrets: vec![OlderSecret {
                    secret: Secret::ed25519([4; 32]),
                    until: Timestamp::from_micros(-7),
                }],
                headers: vec![("x-a".into(), "b".into())],
                body_format: BodyFormat::Original {
                    token_json: Bytes::from_static(b"\"t\""),
                },
            }),
            state: EndpointState::Disabled(DisabledReason::Gone),
            throttle_rate: Some(20),
            ordering: Ordering::ByKey,
            subscriptions: vec![Subscription {
                from: EventPosition::new(1),
                until: Some(EventPosition::new(9)),
                filter: Arc::new(Filter {
                    event_types: Vec::new(),
                    channels: vec!["c".into()],
                }),
            }],
            registration: Bytes::from_static(b"{}"),
            details: Bytes::from_static(b"{\"d\":1}"),
            created_at: Now {
                steady: Timestamp::from_micros(1),
                wall: Timestamp::from_micros(-1),
            },
            updated_at: Now {
                steady: Timestamp::from_micros(3),
                wall: Timestamp::from_micros(4),
            },
        }
    }

    /// The row of an endpoint as it was written before it grew.
    fn first_form(endpoint: &Endpoint) -> Vec<u8> {
        let row = endpoint_row(&Vault::Open, endpoint).expect("it fits");
        let (_, rest): (EndpointRow<'_>, _) = postcard::take_from_bytes(&row[1..]).expect("whole");
        let mut first = row[..row.len() - rest.len()].to_vec();
        first[0] = VERSION;
        first
    }

    #[test]
    fn an_endpoint_comes_back_from_its_row() {
        let endpoint = some_endpoint();
        let row = endpoint_row(&Vault::Open, &endpoint).expect("it fits");
        let read = super::endpoint(&Vault::Open, endpoint.key, &row).expect("it is whole");
        assert_eq!(format!("{endpoint:?}"), format!("{read:?}"));
        assert_eq!(read.target.secret.expose(), [9; 32]);
        for ordering in [Ordering::Whole, Ordering::Free] {
            let ordered = Endpoint {
                ordering,
                ..endpoint.clone()
            };
            let mut row = endpoint_row(&Vault::Open, &ordered).expect("it fits");
            let read = super::endpoint(&Vault::Open, endpoint.key, &row).expect("it is whole");
            assert_eq!(format!("{ordered:?}"), format!("{read:?}"));
            row.pop();
            assert!(super::endpoint(&Vault::Open, endpoint.key, &row).is_err());
            row.push(3);
            assert!(super::endpoint(&Vault::Open, endpoint.key, &row).is_err());
        }
    }

    #[test]
    fn a_row_without_a_rate_is_still_read() {
        let endpoint = some_endpoint();
        let mut row = endpoint_row(&Vault::Open, &endpoint).expect("it fits");
        // What it had last are two bytes: that there is a rate, and the rate.
        row.truncate(row.len() - 2);
        row[0] = GROWN;
        let read = super::endpoint(&Vault::Open, endpoint.key, &row).expect("it is whole");
        assert_eq!(read.throttle_rate, None);
        let without = Endpoint {
            throttle_rate: None,
            ..endpoint
        };
        assert_eq!(format!("{without:?}"), format!("{read:?}"));
    }

    #[test]
    fn a_row_of_the_first_form_is_still_read_and_its_secret_is_a_shared_one() {
        let endpoint = some_endpoint();
        let mut first = first_form(&endpoint);
        let read = super::endpoint(&Vault::Open, endpoint.key, &first).expect("it is whole");
        assert_eq!(read.subscriptions[0].filter, endpoint.filter);
        assert_eq!(
            (read.updated_at, read.throttle_rate),
            (endpoint.created_at, None)
        );
        assert!(read.target.older_secrets.is_empty() && read.target.headers.is_empty());
        assert_eq!(read.target.secret.kind(), SecretKind::Shared);
        first[0] = GROWN_TWICE + 1;
        assert!(super::endpoint(&Vault::Open, endpoint.key, &first).is_err());
    }

    #[test]
    fn a_secret_keeps_its_kind_in_a_row() {
        let mut endpoint = some_endpoint();
        let mut target = Target {
            secret: Secret::ed25519([8; 32]),
            ..Target::clone(&endpoint.target)
        };
        target.revision = 3;
        endpoint.target = Arc::new(target);
        let row = endpoint_row(&Vault::Open, &endpoint).expect("it fits");
        let read = super::endpoint(&Vault::Open, endpoint.key, &row).expect("it is whole");
        assert_eq!(read.target.secret, Secret::ed25519([8; 32]));
    }

    #[test]
    fn with_a_key_no_secret_stands_in_the_row_and_all_come_back() {
        let endpoint = some_endpoint();
        let key = MasterKey::new([1; 32]);
        let vault = Vault::new(Some(&key)).expect("it fits");
        let row = endpoint_row(&vault, &endpoint).expect("it fits");
        for canary in [[9; 24], [4; 24]] {
            assert!(!row.windows(24).any(|part| part == canary));
        }
        let read = super::endpoint(&vault, endpoint.key, &row).expect("it is whole");
        assert_eq!(read.target.secret, endpoint.target.secret);
        assert_eq!(read.target.older_secrets, endpoint.target.older_secrets);
        let unlocked = |vault: &Vault| unlocks(vault, endpoint.key, &row).expect("whole");
        assert_eq!(unlocked(&vault), Ok(()));
        assert_eq!(unlocked(&Vault::Open), Err(VaultError::NoKey));
        let told = super::endpoint(&Vault::Open, endpoint.key, &row).expect_err("sealed");
        let told = crate::store::StoreFailure::from(told);
        assert!(told.reason.contains("FANFARE_MASTER_KEY"), "{told}");
    }

    #[test]
    fn the_first_form_of_the_row_never_changes() {
        let hash = xxhash_rust::xxh3::xxh3_64(&first_form(&some_endpoint()));
        assert_eq!(
            hash, 0x3faf_cd21_848d_67dd,
            "a released row keeps its form: {hash:#x}"
        );
    }

    #[test]
    fn a_damaged_or_newer_row_is_an_error_and_not_a_panic() {
        let row = endpoint_row(&Vault::Open, &some_endpoint()).expect("it fits");
        for length in 0..row.len() {
            let cut = endpoint(&Vault::Open, endpoint_key(), &row[..length]);
            assert!(cut.is_err(), "{length}");
        }
        let mut newer = row;
        newer[0] = 9;
        assert!(endpoint(&Vault::Open, endpoint_key(), &newer).is_err());
    }
}
