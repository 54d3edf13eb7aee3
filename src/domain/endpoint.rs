//! An endpoint: where an application's events are delivered, and from when on.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    application::ApplicationKey,
    endpoint_url::EndpointUrl,
    event::{Event, EventPosition},
    id::EndpointId,
    secret::Secret,
};
use crate::time::Now;

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
    /// The event types it takes; empty for all.
    pub event_types: Vec<Arc<str>>,
    /// What the transport needs to send to it.
    pub target: Arc<Target>,
    /// Whether deliveries go out.
    pub state: EndpointState,
    /// The spans of its application's events that it takes, oldest first, not overlapping.
    pub subscriptions: Vec<Subscription>,
    /// What its registration said, as a JSON object; opaque here, shown again in lists.
    pub registration: Bytes,
    /// When it was created.
    pub created_at: Now,
}

impl Endpoint {
    /// Whether the event is for this endpoint, by its place and its type.
    #[must_use]
    pub fn takes_event(&self, event: &Event) -> bool {
        self.takes(event.position) && self.takes_type(&event.event_type)
    }

    /// Whether events of this type are for this endpoint.
    #[must_use]
    pub fn takes_type(&self, event_type: &str) -> bool {
        self.event_types.is_empty() || self.event_types.iter().any(|taken| **taken == *event_type)
    }

    /// Whether the event at `position` is for this endpoint, if its type is.
    #[must_use]
    pub fn takes(&self, position: EventPosition) -> bool {
        self.subscriptions
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
        self.state = state;
        let open = self
            .subscriptions
            .last()
            .is_some_and(|last| last.until.is_none());
        match state {
            EndpointState::Enabled if !open => {
                self.subscriptions.push(Subscription {
                    from: position,
                    until: None,
                });
            }
            EndpointState::Disabled(_) if open => {
                if let Some(last) = self.subscriptions.last_mut() {
                    last.until = Some(position.max(last.from));
                }
            }
            EndpointState::Enabled | EndpointState::Disabled(_) => {}
        }
    }
}

/// Whether deliveries go out to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// Events match and deliveries go out.
    Enabled,
    /// Events don't match; work that was open is held until the endpoint is enabled or it expires.
    Disabled(DisabledReason),
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410: the receiver says that it is gone for good.
    Gone,
}

/// For people: `it answered 410 Gone`.
impl core::fmt::Display for DisabledReason {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Gone => out.write_str("it answered 410 Gone"),
        }
    }
}

/// A span of an application's events that an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The first event it takes.
    pub from: EventPosition,
    /// The first event it no longer takes; `None` while it is open.
    pub until: Option<EventPosition>,
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
#[derive(Debug)]
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
    /// How the request's body is made.
    pub body_format: BodyFormat,
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
            event_types: Vec::new(),
            target: Arc::new(Target {
                endpoint: key,
                id,
                revision: 1,
                url: EndpointUrl::parse("http://127.0.0.1/").expect("valid"),
                secret: Secret::new(vec![7; 32]).expect("valid"),
                body_format: BodyFormat::Payload,
            }),
            state: EndpointState::Enabled,
            subscriptions,
            registration: Bytes::new(),
            created_at: Now::default(),
        }
    }

    #[test]
    fn an_endpoint_takes_no_event_of_the_time_it_was_disabled() {
        let at = EventPosition::new;
        let mut endpoint = endpoint(vec![Subscription {
            from: at(3),
            until: None,
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
        }]);
        endpoint.set_state(EndpointState::Enabled, at(4));
        assert_eq!(endpoint.subscriptions.len(), 1);
        endpoint.set_state(EndpointState::Disabled(DisabledReason::Gone), at(5));
        endpoint.set_state(EndpointState::Disabled(DisabledReason::Gone), at(7));
        assert_eq!(endpoint.next_taken(at(5)), None);
        assert!(endpoint.takes(at(4)));
    }
}
