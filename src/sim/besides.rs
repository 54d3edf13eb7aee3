//! What producers say of an event beside its type, its channels and its body: each a function of its number, so
//! that whoever asks again says the same.

use std::sync::Arc;

use super::workload::{Workload, is_among};
use crate::{
    domain::{
        application::ApplicationKey, command::NewEvent, event::Besides, ordering::OrderingKey,
    },
    time::Span,
};

/// An event is sent up to 2 to the power of one less than this many milliseconds later.
const LATER_DOUBLINGS: u32 = 24;
/// The longest time that an event waits to be sent.
pub(super) const LATER_MAX: Span = Span::from_millis(1 << (LATER_DOUBLINGS - 1));
/// A payload is kept for up to 2 to the power of one less than this many hours, and three at least: longer than
/// an event for later waits.
const BRIEF_DOUBLINGS: u32 = 5;
const BRIEF_HOURS_MIN: i64 = 3;
/// An event has up to so many tags.
const TAGS: u32 = 3;

impl Workload {
    /// The event with this number, as its producer asks for it.
    pub(super) fn event(&self, number: u32, application: ApplicationKey) -> NewEvent {
        NewEvent {
            uid: self.uid(number),
            application,
            event_type: self.type_of(number),
            channels: self.channels(number),
            besides: Besides {
                deliver_after: self.later(number),
                ordering_key: self.ordering_key(number).as_deref().map(OrderingKey::of),
                tags: self.tags(number),
                payload_for: self.brief_hours(number).map(hours),
                ..Besides::default()
            },
            payload: self.payload(number),
        }
    }

    /// The name of the event with this number, if its producer gives it one.
    pub(super) fn uid(&self, number: u32) -> Option<Arc<str>> {
        is_among(number, 37, self.named_percent).then(|| format!("event-{number}").into())
    }

    /// How long the event with this number is to wait, if it is for later.
    pub(super) fn later(&self, number: u32) -> Option<Span> {
        let wait = Span::from_millis(1 << (number % LATER_DOUBLINGS));
        is_among(number, 53, self.later_percent).then_some(wait)
    }

    /// The ordering key of the event with this number, if it has one. One for later has none.
    pub(super) fn ordering_key(&self, number: u32) -> Option<String> {
        let number = number
            .checked_rem(self.ordering_keys)
            .filter(|_| self.later(number).is_none())?;
        Some(format!("line-{number}"))
    }

    /// The words by which the producer wants to find the event with this number.
    pub(super) fn tags(&self, number: u32) -> Vec<Arc<str>> {
        if !is_among(number, 67, self.tagged_percent) {
            return Vec::new();
        }
        let tags = 0..=number % TAGS;
        tags.map(|tag| format!("tag-{tag}-{number}").into())
            .collect()
    }

    /// For how many hours the payload of the event with this number may be sent, if not for as long as it is kept.
    pub(super) fn brief_hours(&self, number: u32) -> Option<i64> {
        let hours = 1_i64 << (number % BRIEF_DOUBLINGS);
        is_among(number, 71, self.brief_percent).then_some(hours.max(BRIEF_HOURS_MIN))
    }
}

/// So many hours.
pub(super) const fn hours(count: i64) -> Span {
    Span::from_seconds(count * 3_600)
}
