//! Tally: what attempts met and how long they and their deliveries took, counted for operators.
//!
//! Nothing is decided on it. A count is an integer that is added to, so that an attempt costs two
//! places of a table and no allocation.

use super::{
    Engine,
    flight::{Source, flight_slot},
};
use crate::{
    domain::{
        attempt::AttemptHandle,
        histogram::{ATTEMPT_BOUNDS, DELIVERY_BOUNDS, Histogram},
        outcome::{Outcome, OutcomeKind},
    },
    policy::classify::{Verdict, classify},
    time::Now,
};

/// The words for what attempts met, in the order in which they are counted: replies by the class of
/// their status, the others as [`OutcomeKind::name`] has them.
pub const OUTCOMES: [&str; 22] = [
    "status_2xx",
    "status_3xx",
    "status_4xx",
    "status_5xx",
    "status_other",
    "timeout",
    "connect_timeout",
    "connection_refused",
    "unreachable",
    "reset",
    "closed",
    "protocol_error",
    "head_too_large",
    "tls_certificate",
    "tls_handshake",
    "dns_not_found",
    "dns_failed",
    "address_blocked",
    "https_required",
    "proxy_failed",
    "cancelled",
    "internal",
];

/// What attempts met since the engine was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    outcomes: [u64; OUTCOMES.len()],
    /// From the start of an attempt to its end, whatever that was.
    pub attempts: Histogram,
    /// From when a delivery might be sent first to its success; without those that somebody sent
    /// again, whose beginning was long ago.
    pub deliveries: Histogram,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            outcomes: [0; OUTCOMES.len()],
            attempts: Histogram::new(ATTEMPT_BOUNDS),
            deliveries: Histogram::new(DELIVERY_BOUNDS),
        }
    }
}

impl Tally {
    /// How many attempts met what, in the order of [`OUTCOMES`].
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.outcomes)
    }
}

impl Engine {
    /// What attempts met so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts an attempt that ended, before it is settled. A handle that is not in flight is ignored.
    pub(super) fn count_attempt(&mut self, attempt: AttemptHandle, outcome: &Outcome, now: Now) {
        let flight = self.flights.get(flight_slot(attempt));
        let Some(flight) = flight.filter(|flight| flight.handle == attempt) else {
            return;
        };
        if let Some(count) = self.tally.outcomes.get_mut(place(outcome.kind)) {
            *count += 1;
        }
        self.tally.attempts.count(outcome.duration);
        let is_of_the_schedule = match flight.source {
            Source::Walk | Source::Open => flight.reopened.is_none() && !flight.is_overtaken,
            Source::Manual | Source::Orphan => false,
        };
        if is_of_the_schedule && classify(outcome, now.wall) == Verdict::Success {
            let since = flight.event.not_before();
            self.tally.deliveries.count(now.steady.since(since));
        }
    }
}

/// Where [`OUTCOMES`] has the word for it.
const fn place(kind: OutcomeKind) -> usize {
    match kind {
        OutcomeKind::Status(200..=299) => 0,
        OutcomeKind::Status(300..=399) => 1,
        OutcomeKind::Status(400..=499) => 2,
        OutcomeKind::Status(500..=599) => 3,
        OutcomeKind::Status(_) => 4,
        OutcomeKind::Timeout { .. } => 5,
        OutcomeKind::ConnectTimeout { .. } => 6,
        OutcomeKind::Refused => 7,
        OutcomeKind::Unreachable => 8,
        OutcomeKind::Reset => 9,
        OutcomeKind::Closed => 10,
        OutcomeKind::ProtocolError => 11,
        OutcomeKind::HeadTooLarge => 12,
        OutcomeKind::TlsCertificate => 13,
        OutcomeKind::TlsHandshake => 14,
        OutcomeKind::DnsNotFound => 15,
        OutcomeKind::DnsFailed => 16,
        OutcomeKind::AddressBlocked => 17,
        OutcomeKind::HttpsRequired => 18,
        OutcomeKind::ProxyFailed => 19,
        OutcomeKind::Cancelled => 20,
        OutcomeKind::Internal => 21,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_under_its_own_word() {
        for (status, word) in [
            (199, "status_other"),
            (200, "status_2xx"),
            (299, "status_2xx"),
            (301, "status_3xx"),
            (410, "status_4xx"),
            (599, "status_5xx"),
            (600, "status_other"),
        ] {
            assert_eq!(OUTCOMES[place(OutcomeKind::Status(status))], word);
        }
        let codes = (2..=64_u64).filter_map(|code| OutcomeKind::from_code(code << 32));
        let kinds: Vec<_> = codes.collect();
        let of_status = OUTCOMES.iter().filter(|word| word.starts_with("status"));
        assert_eq!(kinds.len() + of_status.count(), OUTCOMES.len());
        for kind in kinds {
            assert_eq!(OUTCOMES[place(kind)], kind.name());
        }
    }
}
