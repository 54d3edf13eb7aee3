//! Identifiers: 16 bytes that sort by time, and the text people see.
//!
//! The bytes are 48 bits of steady milliseconds, 16 bits of shard and 64 random bits that grow
//! within a millisecond, so ids of a shard strictly increase in commit order and nothing is ever
//! hashed to find a shard. The text is a prefix, 26 lower-case Crockford base32 digits (most
//! significant first, so text sorts as the bytes do) and one check digit (the value modulo 29).

use core::{fmt, str::FromStr};

use thiserror::Error;

use crate::{random::Stream, time::Timestamp};

/// The number of a shard, the unit of ownership; 0 is the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u16);

impl ShardId {
    /// The shard that owns the applications' records.
    pub const DIRECTORY: Self = Self(0);

    /// From its number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Sixteen bytes, read as one integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u128);

impl Id {
    /// From its integer value.
    #[must_use]
    pub const fn from_value(value: u128) -> Self {
        Self(value)
    }

    /// Its integer value.
    #[must_use]
    pub const fn value(self) -> u128 {
        self.0
    }

    /// The shard that made it.
    #[must_use]
    pub const fn shard(self) -> ShardId {
        let [_, _, _, _, _, _, high, low, ..] = self.0.to_be_bytes();
        ShardId(u16::from_be_bytes([high, low]))
    }

    /// The steady time at which it was made, in whole milliseconds.
    #[must_use]
    pub const fn made_at(self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = self.0.to_be_bytes();
        Timestamp::from_millis(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The 27 digits of its text, check digit included, without a prefix.
    #[must_use]
    pub fn digits(self) -> [u8; 27] {
        let mut digits = [b'0'; 27];
        let mut rest = self.0;
        for digit in digits.iter_mut().take(26).rev() {
            *digit = base32_digit(rest % 32);
            rest /= 32;
        }
        digits[26] = base32_digit(self.0 % 29);
        digits
    }

    /// Reads the 27 digits back.
    fn parse(digits: &str) -> Result<Self, IdError> {
        let bytes = digits.as_bytes();
        let Some((check, body)) = bytes.split_last().filter(|_| bytes.len() == 27) else {
            return Err(IdError::Length {
                length: digits.len(),
            });
        };
        let mut value = 0_u128;
        for byte in body {
            let digit = base32_value(*byte).ok_or(IdError::Digit)?;
            if value >> 123 != 0 {
                return Err(IdError::Digit);
            }
            value = (value << 5) | digit;
        }
        if base32_value(*check) != Some(value % 29) {
            return Err(IdError::Check);
        }
        Ok(Self(value))
    }
}

/// Why a text is no id; the caller's fault.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdError {
    /// The prefix is missing or belongs to another kind of object.
    #[error("an id of this kind begins with `{expected}`")]
    Prefix {
        /// What it should begin with.
        expected: &'static str,
    },
    /// Too short or too long.
    #[error("an id has 27 characters after its prefix, not {length}")]
    Length {
        /// How many there were.
        length: usize,
    },
    /// A character outside Crockford's lower-case alphabet, or a value beyond 128 bits.
    #[error("an id has only the digits 0-9 and a-z without i, l, o and u")]
    Digit,
    /// The check digit does not fit: a typing error.
    #[error("the id is mistyped: its last character does not fit the others")]
    Check,
}

/// Makes the strictly increasing ids of one shard.
#[derive(Clone, Debug)]
pub struct IdSource {
    shard: ShardId,
    last: u128,
}

impl IdSource {
    /// A source whose ids lie above `last`, the greatest id that was ever committed.
    #[must_use]
    pub const fn new(shard: ShardId, last: Id) -> Self {
        Self {
            shard,
            last: last.value(),
        }
    }

    /// The next id: of this millisecond, or just above the last one where time stood still.
    pub fn next(&mut self, random: &mut Stream, steady: Timestamp) -> Id {
        let millis = u128::from(steady.as_millis().max(0).unsigned_abs()) & ((1 << 48) - 1);
        let stem = (millis << 80) | (u128::from(self.shard.0) << 64);
        let fresh = stem | u128::from(random.next_u64() >> 1);
        self.last = if fresh > self.last && fresh >> 64 != self.last >> 64 {
            fresh
        } else {
            self.above_last(random)
        };
        Id(self.last)
    }

    /// An id a random step above the last one; it takes the next millisecond when this is full.
    fn above_last(&self, random: &mut Stream) -> u128 {
        let step = u128::from(random.between(1, 1 << 32));
        let next = self.last + step;
        if next >> 64 == self.last >> 64 {
            return next;
        }
        let millis = (self.last >> 80) + 1;
        (millis << 80) | (u128::from(self.shard.0) << 64) | u128::from(random.next_u64() >> 1)
    }
}

/// Declares one typed id with its prefix.
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Id);

        impl $name {
            /// What its text begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Gives the bare id its type.
            #[must_use]
            pub const fn new(id: Id) -> Self {
                Self(id)
            }

            /// The bare id.
            #[must_use]
            pub const fn id(self) -> Id {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = self.0.digits();
                out.write_str(Self::PREFIX)?;
                out.write_str(core::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text
                    .strip_prefix(Self::PREFIX)
                    .ok_or(IdError::Prefix { expected: Self::PREFIX })?;
                Id::parse(digits).map(Self)
            }
        }
    };
}

typed_id!(
    /// Names an application: `app_…`.
    ApplicationId,
    "app_"
);
typed_id!(
    /// Names an endpoint: `ep_…`.
    EndpointId,
    "ep_"
);
typed_id!(
    /// Names an event: `msg_…`; receivers see it as `webhook-id`.
    EventId,
    "msg_"
);
typed_id!(
    /// Names an attempt: `atmpt_…`; made when its result is recorded.
    AttemptId,
    "atmpt_"
);

typed_id!(
    /// Names what somebody did with a delivery by hand: `audit_…`; made when that is asked.
    AuditId,
    "audit_"
);

typed_id!(
    /// Names a task in the background: `qtask_…`.
    TaskId,
    "qtask_"
);

typed_id!(
    /// Names a key of the API, not the key itself: `key_…`.
    ApiKeyId,
    "key_"
);

/// Crockford's alphabet in lower case.
const ALPHABET: [u8; 32] = *b"0123456789abcdefghjkmnpqrstvwxyz";

/// The digit for a value below 32.
fn base32_digit(value: u128) -> u8 {
    usize::try_from(value)
        .ok()
        .and_then(|index| ALPHABET.get(index))
        .copied()
        .unwrap_or(b'0')
}

/// The value of a digit, if it is one.
fn base32_value(digit: u8) -> Option<u128> {
    ALPHABET
        .iter()
        .position(|known| *known == digit)
        .and_then(|index| u128::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_reads_back_from_its_text(value: u128) {
            let id = EventId::new(Id::from_value(value));
            prop_assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        }

        #[test]
        fn text_sorts_as_the_bytes_do(a: u128, b: u128) {
            let text = |value| EventId::new(Id::from_value(value)).to_string();
            prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
        }

        #[test]
        fn ids_strictly_increase_whatever_the_clock_does(
            millis in prop::collection::vec(0_i64..40, 1..200),
        ) {
            let mut source = IdSource::new(ShardId::new(1), Id::default());
            let mut random = Stream::new(1, "id", 1, 1);
            let mut last = Id::default();
            for time in millis {
                let next = source.next(&mut random, Timestamp::from_millis(time));
                prop_assert!(next > last);
                prop_assert_eq!(next.shard(), ShardId::new(1));
                last = next;
            }
        }
    }

    #[test]
    fn an_id_tells_its_time_and_shard() {
        let mut source = IdSource::new(ShardId::new(7), Id::default());
        let mut random = Stream::new(1, "id", 7, 1);
        let id = source.next(&mut random, Timestamp::from_millis(1_764_000_000_123));
        assert_eq!(id.made_at(), Timestamp::from_millis(1_764_000_000_123));
        assert_eq!(id.shard(), ShardId::new(7));
        assert_eq!(ApplicationId::new(id).to_string().len(), "app_".len() + 27);
    }

    #[test]
    fn a_mistyped_id_is_told_from_a_wrong_one() {
        let text = EventId::new(Id::from_value(123_456_789)).to_string();
        assert_eq!(
            text.parse::<EndpointId>(),
            Err(IdError::Prefix { expected: "ep_" })
        );
        assert!(matches!(
            text[..20].parse::<EventId>(),
            Err(IdError::Length { .. })
        ));
        assert_eq!(
            format!("{}!", &text[..30]).parse::<EventId>(),
            Err(IdError::Check)
        );
        assert_eq!(
            text.replace('0', "u").parse::<EventId>(),
            Err(IdError::Digit)
        );
        assert_eq!(
            format!("msg_{}0", "z".repeat(26)).parse::<EventId>(),
            Err(IdError::Digit)
        );
    }
}
