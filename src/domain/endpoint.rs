//! An endpoint: where an application's events are delivered, and from when on.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    application::ApplicationKey,
    endpoint_url::EndpointUrl,
    event::{Event, EventPosition},
    filter::Filter,
    id::EndpointId,
    ordering::Ordering,
    secret::Secret,
};
use crate::{
    limits,
    time::{Now, Timestamp},
};

/// Where an endpoint is found: its application and its number in that application's shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// The application it belongs to.
    pub application: ApplicationKey,
    /// Its number in the shard, from 0; given once and never used again.
    pub ordinal: u32,
}

/// An endpoint as it stands in the store.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where it is found.
    pub key: EndpointKey,
    /// Its public name.
    pub id: EndpointId,
    /// The name its owner chose, if any, unique among the application's endpoints;
    /// `limits::NAME_BYTES_MAX` at most.
    pub uid: Option<Arc<str>>,
    /// The SHA-256 of the URL's text, by which an original registration is unique.
    pub original_url_sha256: Option<[u8; 32]>,
    /// What of its application's events it wants from now on.
    pub filter: Arc<Filter>,
    /// What the transport needs to send to it.
    pub target: Arc<Target>,
    /// Whether deliveries go out.
    pub state: EndpointState,
    /// How many attempts a second go to it at most; as many as can be if that is not said.
    pub throttle_rate: Option<u16>,
    /// Which of its deliveries wait for which.
    pub ordering: Ordering,
    /// The spans of its application's events that it takes, oldest first, not overlapping.
    pub subscriptions: Vec<Subscription>,
    /// What its original registration said, as a JSON object; opaque here, shown again in the original
    /// list. Empty for others.
    pub registration: Bytes,
    /// What its owner says of it besides, as a JSON object; opaque here, shown again by the API.
    pub details: Bytes,
    /// When it was created.
    pub created_at: Now,
    /// When its owner changed it last.
    pub updated_at: Now,
}

impl Endpoint {
    /// Grows with each change, from 1.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.target.revision
    }

    /// Whether it was deleted: it is kept for the history of what it got.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.state == EndpointState::Deleted
    }

    /// Whether the event goes to this endpoint.
    #[must_use]
    pub fn takes_event(&self, event: &Event) -> bool {
        !self.is_deleted() && self.matched(event)
    }

    /// Whether the event was for this endpoint when it was accepted, by its place and by the filter of
    /// that time: a later change of the filter changes nothing about it. One that is for a single
    /// endpoint goes there whatever the filter takes, and nowhere else.
    #[must_use]
    pub fn matched(&self, event: &Event) -> bool {
        let subscription = self
            .subscriptions
            .iter()
            .find(|subscription| subscription.contains(event.position));
        subscription.is_some_and(|subscription| match event.only_to() {
            Some(ordinal) => ordinal == self.key.ordinal,
            None => subscription
                .filter
                .takes(&event.event_type, &event.channels),
        })
    }

    /// Whether the endpoint would take the event if it came today, whenever that came.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        match event.only_to() {
            Some(ordinal) => ordinal == self.key.ordinal,
            None => self.filter.takes(&event.event_type, &event.channels),
        }
    }

    /// Whether the event at `position` goes to this endpoint, if it fits the filter.
    #[must_use]
    pub fn takes(&self, position: EventPosition) -> bool {
        !self.is_deleted()
            && self
                .subscriptions
                .iter()
                .any(|subscription| subscription.contains(position))
    }

    /// The first position at or after `position` that is for this endpoint, if there may be one.
    #[must_use]
    pub fn next_taken(&self, position: EventPosition) -> Option<EventPosition> {
        self.subscriptions
            .iter()
            .find(|subscription| subscription.until.is_none_or(|until| position < until))
            .map(|subscription| subscription.from.max(position))
    }

    /// Puts the endpoint into `state`, from the event at `position` on.
    ///
    /// Disabled endpoints take no new events; enabled again, they take those from `position` on.
    pub fn set_state(&mut self, state: EndpointState, position: EventPosition) {
        if self.state == state || self.is_deleted() {
            return;
        }
        self.state = state;
        let mut target = Target::clone(&self.target);
        target.revision = target.revision.saturating_add(1);
        if state == EndpointState::Deleted {
            target.forget_secrets();
        }
        self.target = Arc::new(target);
        self.subscribe(position);
    }

    /// Wants what `filter` takes, from the event at `position` on.
    pub fn set_filter(&mut self, filter: Filter, position: EventPosition) {
        if *self.filter != filter {
            self.filter = Arc::new(filter);
            self.subscribe(position);
        }
    }

    /// Closes the open span and opens one that fits the state and the filter, from `position` on.
    fn subscribe(&mut self, position: EventPosition) {
        let wanted = self.state == EndpointState::Enabled;
        if let Some(last) = self
            .subscriptions
            .last_mut()
            .filter(|it| it.until.is_none())
        {
            if wanted && last.filter == self.filter {
                return;
            }
            last.until = Some(position.max(last.from));
        }
        // A span that no event fell into was never one.
        self.subscriptions
            .retain(|span| span.until.is_none_or(|until| span.from < until));
        if wanted {
            self.subscriptions.push(Subscription {
                from: position,
                until: None,
                filter: Arc::clone(&self.filter),
            });
        }
        let surplus = self
            .subscriptions
            .len()
            .saturating_sub(limits::SUBSCRIPTIONS_MAX);
        self.subscriptions.drain(..surplus);
    }
}

/// Whether deliveries go out to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// Events match and deliveries go out.
    Enabled,
    /// Events don't match; work that was open is held until the endpoint is enabled or it expires.
    Disabled(DisabledReason),
    /// Nothing goes out any more, and what was open is cancelled.
    Deleted,
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410: the receiver says that it is gone for good.
    Gone,
    /// Its owner wants it so.
    Requested,
    /// All attempts failed for as long as the engine's option allows.
    Failing,
}

/// For people: `it answered 410 Gone`.
impl core::fmt::Display for DisabledReason {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Gone => out.write_str("it answered 410 Gone"),
            Self::Requested => out.write_str("its owner disabled it"),
            Self::Failing => out.write_str("all attempts failed for too long"),
        }
    }
}

/// A span of an application's events that an endpoint takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The first event it takes.
    pub from: EventPosition,
    /// The first event it no longer takes; `None` while it is open.
    pub until: Option<EventPosition>,
    /// What it wanted of them.
    pub filter: Arc<Filter>,
}

impl Subscription {
    /// Whether the event at `position` lies in it.
    #[must_use]
    pub fn contains(&self, position: EventPosition) -> bool {
        self.from <= position && self.until.is_none_or(|until| position < until)
    }
}

/// What the transport needs to know of an endpoint; shared by all its attempts.
///
/// A change makes a new target with a higher revision, so what the transport derives from one it
/// may keep by endpoint and revision.
#[derive(Clone, Debug)]
pub struct Target {
    /// The endpoint it belongs to.
    pub endpoint: EndpointKey,
    /// Its public name.
    pub id: EndpointId,
    /// Grows with each change of the target, from 1.
    pub revision: u32,
    /// Where to send.
    pub url: EndpointUrl,
    /// What to sign with.
    pub secret: Secret,
    /// Secrets of before that sign, too, until their time is over; newest first.
    pub older_secrets: Vec<OlderSecret>,
    /// Header fields that its owner adds to each request; none of ours.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// How the request's body is made.
    pub body_format: BodyFormat,
}

impl Target {
    /// Takes `secret` to sign with from now on; those of before sign beside it until `until` at
    /// most, in steady time.
    pub fn rotate(&mut self, secret: Secret, now: Timestamp, until: Timestamp) {
        let before = core::mem::replace(&mut self.secret, secret);
        self.older_secrets.insert(
            0,
            OlderSecret {
                secret: before,
                until,
            },
        );
        for older in &mut self.older_secrets {
            older.until = older.until.min(until);
        }
        self.older_secrets.retain(|older| older.until > now);
    }

    /// Forgets what lets somebody in: nothing is sent any more.
    fn forget_secrets(&mut self) {
        self.older_secrets.clear();
        self.headers.clear();
        if let Ok(nothing) = Secret::new(vec![0; limits::SECRET_BYTES_MIN]) {
            self.secret = nothing;
        }
    }

    /// All secrets that sign at this steady time, newest first.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> + '_ {
        let older = self.older_secrets.iter();
        let older = older.filter(move |older| older.until > now);
        core::iter::once(&self.secret).chain(older.map(|older| &older.secret))
    }
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderSecret {
    /// The secret.
    pub secret: Secret,
    /// When it ceases to sign, in steady time.
    pub until: Timestamp,
}

/// How the body of a delivery is made from the event's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// The payload, byte for byte.
    Payload,
    /// The original server's envelope: `{"token":…,"payload":…}`.
    Original {
        /// The token as JSON text, quotes and escapes included.
        token_json: Bytes,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(subscriptions: Vec<Subscription>) -> Endpoint {
        let key = EndpointKey::default();
        let id = EndpointId::default();
        Endpoint {
            key,
            id,
            uid: None,
            original_url_sha256: None,
            filter: Arc::default(),
            target: Arc::new(Target {
                endpoint: key,
                id,
                revision: 1,
                url: EndpointUrl::parse("http://127.0.0.1/").expect("valid"),
                secret: Secret::new(vec![7; 32]).expect("valid"),
                older_secrets: Vec::new(),
                headers: Vec::new(),
                body_format: BodyFormat::Payload,
            }),
            state: EndpointState::Enabled,
            throttle_rate: None,
            ordering: Ordering::default(),
            subscriptions,
            registration: Bytes::new(),
            details: Bytes::new(),
            created_at: Now::default(),
            updated_at: Now::default(),
        }
    }

    #[test]
    fn an_endpoint_takes_no_event_of_the_time_it_was_disabled() {
        let at = EventPosition::new;
        let mut endpoint = endpoint(vec![Subscription {
            from: at(3),
            until: None,
            filter: Arc::default(),
        }]);
        endpoint.set_state(EndpointState::Disabled(DisabledReason::Gone), at(5));
        endpoint.set_state(EndpointState::Enabled, at(9));
        let taken: Vec<u64> = (0..12).filter(|p| endpoint.takes(at(*p))).collect();
        assert_eq!(taken, [3, 4, 9, 10, 11]);
        assert_eq!(endpoint.next_taken(at(0)), Some(at(3)));
        assert_eq!(endpoint.next_taken(at(5)), Some(at(9)));
        assert_eq!(endpoint.next_taken(at(20)), Some(at(20)));
    }

    #[test]
    fn setting_a_state_twice_changes_nothing_more() {
        let at = EventPosition::new;
        let mut endpoint = endpoint(vec![Subscription {
            from: at(0),
            until: None,
            filter: Arc::default(),
        }]);
        endpoint.set_state(EndpointState::Enabled, at(4));
        assert_eq!(endpoint.subscriptions.len(), 1);
        endpoint.set_state(EndpointState::Disabled(DisabledReason::Gone), at(5));
        endpoint.set_state(EndpointState::Disabled(DisabledReason::Gone), at(7));
        assert_eq!(endpoint.next_taken(at(5)), None);
        assert!(endpoint.takes(at(4)));
    }

    #[test]
    fn an_event_is_judged_by_the_filter_of_its_time() {
        let at = EventPosition::new;
        let mut endpoint = endpoint(vec![Subscription {
            from: at(0),
            until: None,
            filter: Arc::default(),
        }]);
        let only = |name: &str| Filter {
            event_types: vec![name.into()],
            ..Filter::default()
        };
        endpoint.set_filter(only("a"), at(3));
        // Two changes before the next event: the first never mattered.
        endpoint.set_filter(only("b"), at(5));
        endpoint.set_filter(only("c"), at(5));
        endpoint.set_state(EndpointState::Disabled(DisabledReason::Requested), at(8));
        endpoint.set_filter(only("d"), at(9));
        endpoint.set_state(EndpointState::Enabled, at(10));
        let spans: Vec<(u64, Option<u64>)> = endpoint
            .subscriptions
            .iter()
            .map(|span| (span.from.number(), span.until.map(EventPosition::number)))
            .collect();
        assert_eq!(
            spans,
            [(0, Some(3)), (3, Some(5)), (5, Some(8)), (10, None)]
        );
        let wanted: Vec<String> = endpoint
            .subscriptions
            .iter()
            .map(|span| span.filter.event_types.concat())
            .collect();
        assert_eq!(wanted, ["", "a", "c", "d"]);
    }

    #[test]
    fn spans_are_bounded_and_the_oldest_go() {
        let mut endpoint = endpoint(Vec::new());
        for number in 0..2 * limits::SUBSCRIPTIONS_MAX {
            let filter = Filter {
                event_types: vec![format!("{number}").into()],
                ..Filter::default()
            };
            endpoint.set_filter(filter, EventPosition::new(number as u64));
        }
        assert_eq!(endpoint.subscriptions.len(), limits::SUBSCRIPTIONS_MAX);
        let end = EventPosition::new(u64::MAX - 1);
        assert!(endpoint.takes(end), "the newest stays");
    }

    #[test]
    fn a_deleted_endpoint_keeps_no_secret() {
        let mut endpoint = endpoint(Vec::new());
        let target = Arc::make_mut(&mut endpoint.target);
        target
            .headers
            .push(("authorization".into(), "canary".into()));
        target.rotate(
            Secret::new(vec![9; 32]).expect("valid"),
            Timestamp::ZERO,
            Timestamp::MAX,
        );
        endpoint.set_state(EndpointState::Deleted, EventPosition::new(0));
        let target = &endpoint.target;
        assert!(target.secret.expose().iter().all(|byte| *byte == 0));
        assert!(target.older_secrets.is_empty() && target.headers.is_empty());
        let (state, revision) = (endpoint.state, endpoint.revision());
        endpoint.set_state(EndpointState::Enabled, EventPosition::new(1));
        assert_eq!((endpoint.state, endpoint.revision()), (state, revision));
    }

    #[test]
    fn a_secret_of_before_signs_until_its_grace_ends_and_never_longer_than_first_said() {
        let at = Timestamp::from_millis;
        let secret = |byte| Secret::new(vec![byte; 32]).expect("valid");
        let mut target = Target::clone(&endpoint(Vec::new()).target);
        let active = |target: &Target, now: i64| -> Vec<u8> {
            let secrets = target.secrets(at(now));
            secrets.map(|secret| secret.expose()[0]).collect()
        };
        target.rotate(secret(8), at(0), at(100));
        assert_eq!(active(&target, 99), [8, 7]);
        assert_eq!(active(&target, 100), [8]);
        target.rotate(secret(9), at(10), at(50));
        assert_eq!(active(&target, 49), [9, 8, 7]);
        assert_eq!(active(&target, 50), [9]);
        // Without a grace there is only the new one.
        target.rotate(secret(1), at(20), at(20));
        assert_eq!(active(&target, 20), [1]);
        assert!(target.older_secrets.is_empty());
    }
}
