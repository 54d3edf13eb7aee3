//! Order: which deliveries of an endpoint wait for which.
//!
//! Deliveries of one **line** go out one after the other: the next begins once the one before has ended,
//! well or not. Lines are counted per endpoint; one never waits for another.

use super::event::Event;

/// What of an endpoint's deliveries stands in line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ordering {
    /// Those of events with one ordering key, each key by itself; what has no key does not wait.
    #[default]
    ByKey,
    /// All of them, one after the other.
    Whole,
    /// None: keys are not looked at.
    Free,
}

impl Ordering {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ByKey, Self::Whole, Self::Free];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByKey => "key",
            Self::Whole => "endpoint",
            Self::Free => "none",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|ordering| ordering.name() == name)
    }

    /// The line in which the delivery of an event stands; `None` if it waits for no other. An event for
    /// later has its own time and stands in none.
    #[must_use]
    pub fn line_of(self, event: &Event) -> Option<OrderingKey> {
        if event.not_before() > event.accepted_at {
            return None;
        }
        match self {
            Self::ByKey => event.ordering_key(),
            Self::Whole => Some(OrderingKey::WHOLE),
            Self::Free => None,
        }
    }
}

/// An ordering key, or all of an endpoint: a hash, so that two keys that share one share a line, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderingKey(u64);

impl OrderingKey {
    /// The line of an endpoint whose deliveries all stand in one.
    pub const WHOLE: Self = Self(0);

    /// From the hash of a key.
    #[must_use]
    pub const fn new(hash: u64) -> Self {
        Self(hash)
    }

    /// The hash of a key: xxh3-64 of its text. 0 is the line of the whole, so that becomes 1.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(text.as_bytes()).max(1))
    }

    /// The hash.
    #[must_use]
    pub const fn hash(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_hash_and_never_the_line_of_the_whole() {
        assert_eq!(OrderingKey::of("customer-7"), OrderingKey::of("customer-7"));
        assert_ne!(OrderingKey::of("customer-7"), OrderingKey::of("customer-8"));
        assert_ne!(OrderingKey::of(""), OrderingKey::WHOLE);
        assert_eq!(OrderingKey::of("a").hash(), 0xe6c6_32b6_1e96_4e1f);
    }
}
