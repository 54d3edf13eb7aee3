//! An event: an immutable fact of an application, accepted once.

use std::sync::Arc;

use bytes::Bytes;

use super::{application::ApplicationKey, id::EventId, ordering::OrderingKey};
use crate::time::{Span, Timestamp};

/// The place of an event among all events of its application: 0, 1, 2 … in commit order.
///
/// Never shown to users; it lets a lane walk from event to event without a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPosition(u64);

impl EventPosition {
    /// From its number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The place `count` events later.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// How many events lie between `earlier` and this place; 0 if it isn't earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An event as it was accepted.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its public name, sent as `webhook-id`.
    pub id: EventId,
    /// The application it belongs to.
    pub application: ApplicationKey,
    /// Its place among the application's events.
    pub position: EventPosition,
    /// The name its producer chose, if any, unique among the application's events;
    /// `limits::NAME_BYTES_MAX` at most.
    pub uid: Option<Arc<str>>,
    /// What kind of event it is, such as `OrderReceived`; `limits::NAME_BYTES_MAX` at most.
    pub event_type: Arc<str>,
    /// The channels it belongs to; `limits::CHANNELS_MAX` at most.
    pub channels: Vec<Arc<str>>,
    /// The exact bytes that were accepted.
    pub payload: Payload,
    /// When it was accepted, in steady time.
    pub accepted_at: Timestamp,
    /// When it was accepted, as the wall clock had it.
    pub accepted_wall: Timestamp,
    /// When what is still open of it expires, in steady time.
    pub expires_at: Timestamp,
    /// What was said of it besides; most events have nothing.
    pub besides: Option<Arc<Besides>>,
}

impl Event {
    /// The same event without the bytes of its payload.
    #[must_use]
    pub fn without_payload(&self) -> Self {
        let mut bare = self.clone();
        bare.payload.bytes = Bytes::new();
        bare
    }

    /// The words by which its producer wants to find it.
    #[must_use]
    pub fn tags(&self) -> &[Arc<str>] {
        self.besides.as_ref().map_or(&[], |besides| &besides.tags)
    }

    /// The number of the one endpoint that it is for; `None` if it is for all that take it.
    #[must_use]
    pub fn only_to(&self) -> Option<u32> {
        self.besides.as_ref()?.only_to
    }

    /// When it may be sent first, in steady time: its acceptance, or later if its producer said so.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        let besides = self.besides.as_ref();
        besides
            .and_then(|besides| besides.deliver_after)
            .map_or(self.accepted_at, |wait| self.accepted_at.plus(wait))
    }

    /// The ordering key that its producer gave it, if any.
    #[must_use]
    pub fn ordering_key(&self) -> Option<OrderingKey> {
        self.besides.as_ref()?.ordering_key
    }

    /// From when on its payload is neither shown nor sent, in steady time; `Timestamp::MAX` if its
    /// producer said nothing of it.
    #[must_use]
    pub fn payload_until(&self) -> Timestamp {
        let besides = self.besides.as_ref();
        besides
            .and_then(|besides| besides.payload_for)
            .map_or(Timestamp::MAX, |period| self.accepted_at.plus(period))
    }

    /// What else its producer said of it, as a JSON object; empty for nothing.
    #[must_use]
    pub fn details(&self) -> &[u8] {
        self.besides
            .as_ref()
            .map_or(&[], |besides| &besides.details)
    }
}

/// What may be said of an event besides its type, channels and payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Besides {
    /// The number of the one endpoint of its application that it is for, whatever that wants of other
    /// events; `None` if it is for all that take it.
    pub only_to: Option<u32>,
    /// Its ordering key: deliveries of one key go to an endpoint one after the other, unless that keeps
    /// another order.
    pub ordering_key: Option<OrderingKey>,
    /// The words by which its producer wants to find it; `limits::TAGS_MAX` at most.
    pub tags: Vec<Arc<str>>,
    /// How long after its acceptance it may be sent first; `None` for at once.
    /// `limits::DELIVER_AFTER_MS_MAX` at most.
    pub deliver_after: Option<Span>,
    /// How long after its acceptance its payload may be shown and sent; `None` for as long as it is
    /// kept. `limits::PAYLOAD_RETENTION_DAYS_MAX` at most.
    pub payload_for: Option<Span>,
    /// What else its producer said of it, as a JSON object; opaque here, shown again by the API.
    /// `limits::EVENT_DETAILS_BYTES_MAX` at most.
    pub details: Bytes,
}

impl Besides {
    /// How many bytes it has, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tags.iter().map(|tag| tag.len()).sum::<usize>() + self.details.len()
    }

    /// It as events hold it: `None` if it says nothing.
    #[must_use]
    pub fn shared(self) -> Option<Arc<Self>> {
        (self != Self::default()).then(|| Arc::new(self))
    }
}

/// The body of an event; opaque to the engine, delivered byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The media type it came with.
    pub content_type: Arc<str>,
    /// Its bytes; `limits::REQUEST_BODY_BYTES_MAX` at most.
    pub bytes: Bytes,
}

/// The event type of the generator and of the original test route.
pub const ORDER_RECEIVED: &str = "OrderReceived";
/// The media type of JSON payloads.
pub const JSON: &str = "application/json";
