//! The simulated network: receivers as data. How one behaves is drawn from the seed and its number;
//! what an attempt meets is a keyed draw about event, endpoint and attempt, so that it does not
//! depend on when the attempt was made or what else went on.

use bytes::Bytes;

use crate::{
    domain::{
        attempt::AttemptRequest,
        outcome::{Outcome, OutcomeKind},
    },
    limits,
    random::{Draw, Stream},
    time::Span,
};

/// The whole of a share: shares are told in parts of ten thousand.
const WHOLE: u32 = 10_000;
/// How long it takes until nobody listening is noticed, in milliseconds.
const REFUSAL_MS: i64 = 1;

/// How a receiver behaves. Shares are parts of ten thousand; what is left succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The shortest time to a reply, in microseconds.
    pub latency_min_us: u64,
    /// The longest.
    pub latency_max_us: u64,
    /// Share of attempts that have no reply within the attempt's deadline.
    pub timeouts: u32,
    /// Share of attempts that find nobody listening.
    pub refusals: u32,
    /// Share of attempts that are answered with an error status.
    pub failures: u32,
    /// Share of attempts that are answered with 410.
    pub gone: u32,
    /// What its error statuses ask for in `Retry-After`, in seconds.
    pub retry_after_s: Option<u64>,
}

/// All receivers.
#[derive(Clone, Debug)]
pub struct Network {
    seed: u64,
    receivers: Vec<Receiver>,
}

impl Network {
    /// Receivers for that many endpoints. One or two of three and more are dead; `gone` makes the first one say at times that it is gone.
    #[must_use]
    pub fn new(seed: u64, endpoints: u32, gone: bool) -> Self {
        let mut receivers: Vec<Receiver> = (0..endpoints)
            .map(|number| Receiver::drawn(seed, number))
            .collect();
        let mut random = Stream::new(seed, "dead receivers", 0, 0);
        let dead = if endpoints < 3 {
            0
        } else {
            random.between(1, 2)
        };
        for _ in 0..dead {
            let number = random.below(endpoints.into());
            let silent = random.below(2) == 0;
            if let Some(receiver) = usize::try_from(number)
                .ok()
                .and_then(|number| receivers.get_mut(number))
            {
                *receiver = Receiver::dead(silent);
            }
        }
        if gone && let Some(receiver) = receivers.first_mut() {
            receiver.gone = 3_000;
            receiver.timeouts = 0;
            receiver.refusals = 0;
        }
        Self { seed, receivers }
    }

    /// The receiver of the endpoint with this ordinal; receivers are dealt to ordinals in turn.
    #[must_use]
    pub fn receiver(&self, ordinal: u32) -> Option<&Receiver> {
        let index = usize::try_from(ordinal).ok()?;
        self.receivers.get(index.checked_rem(self.receivers.len())?)
    }

    /// What an attempt meets; its duration tells when.
    #[must_use]
    pub fn answer(&self, request: &AttemptRequest) -> Outcome {
        let draw = Draw {
            event: request.event.id.id().value(),
            endpoint: request.target.id.id().value(),
            attempt: request.number.into(),
        };
        let mut random = draw.stream(self.seed, "network");
        match self.receiver(request.target.endpoint.ordinal) {
            Some(receiver) => receiver.answer(&mut random),
            None => Outcome::without_reply(OutcomeKind::Refused, Span::ZERO),
        }
    }
}

impl Receiver {
    /// The receiver with this number: most are quick and well, some are slow, fail or ask to wait.
    fn drawn(seed: u64, number: u32) -> Self {
        let mut random = Stream::new(seed, "receiver", 0, number.into());
        let latency_min_us = random.between(500, 20_000);
        let well = Self {
            latency_min_us,
            latency_max_us: latency_min_us * random.between(2, 10),
            timeouts: share(&mut random, 5),
            refusals: 0,
            failures: share(&mut random, 50),
            gone: 0,
            retry_after_s: None,
        };
        match random.below(100) {
            0..70 => well,
            70..80 => Self {
                failures: share(&mut random, 4_000),
                ..well
            },
            80..87 => Self {
                failures: share(&mut random, 3_000),
                retry_after_s: Some(random.between(1, 3_600)),
                ..well
            },
            87..92 => Self {
                latency_max_us: random.between(1_000_000, 20_000_000),
                ..well
            },
            92..96 => Self {
                refusals: share(&mut random, 5_000),
                ..well
            },
            _ => Self {
                timeouts: share(&mut random, 5_000),
                ..well
            },
        }
    }

    /// A receiver that never answers: it is silent, or nobody listens.
    const fn dead(silent: bool) -> Self {
        Self {
            latency_min_us: 0,
            latency_max_us: 0,
            timeouts: if silent { WHOLE } else { 0 },
            refusals: if silent { 0 } else { WHOLE },
            failures: 0,
            gone: 0,
            retry_after_s: None,
        }
    }

    /// What an attempt meets by these draws.
    fn answer(&self, random: &mut Stream) -> Outcome {
        let mut roll = u32::try_from(random.below(WHOLE.into())).unwrap_or(0);
        let mut falls_in = |share: u32| {
            let hit = roll < share;
            roll = roll.saturating_sub(share);
            hit
        };
        if falls_in(self.timeouts) {
            let after_ms = u32::try_from(limits::ATTEMPT_TIMEOUT_MS).unwrap_or(u32::MAX);
            let duration = Span::from_millis(after_ms.into());
            return Outcome::without_reply(OutcomeKind::Timeout { after_ms }, duration);
        }
        if falls_in(self.refusals) {
            let duration = Span::from_millis(REFUSAL_MS);
            return Outcome::without_reply(OutcomeKind::Refused, duration);
        }
        let (status, retry_after_s) = if falls_in(self.gone) {
            (410, None)
        } else if falls_in(self.failures) {
            let status = random.pick(&[500, 502, 503, 429]).copied();
            (status.unwrap_or(500), self.retry_after_s)
        } else {
            (200, None)
        };
        let latency = random.between(self.latency_min_us, self.latency_max_us);
        Outcome {
            kind: OutcomeKind::Status(status),
            duration: Span::from_micros(i64::try_from(latency).unwrap_or(i64::MAX)),
            retry_after: retry_after_s.map(|seconds| seconds.to_string().into()),
            body: Bytes::new(),
            resent: false,
        }
    }
}

/// A share from nothing to `most` parts of ten thousand.
fn share(random: &mut Stream, most: u32) -> u32 {
    u32::try_from(random.between(0, most.into())).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_drawn_from_the_seed_and_their_number_alone() {
        let few = Network::new(7, 40, false);
        let many = Network::new(7, 80, false);
        let alive = |network: &Network, number| {
            let receiver = *network.receiver(number).expect("it exists");
            (receiver.refusals < WHOLE && receiver.timeouts < WHOLE).then_some(receiver)
        };
        let same = (0..40).filter(|number| alive(&few, *number) == alive(&many, *number));
        assert!(same.count() >= 36, "only the dead ones may differ");
        let other = Network::new(8, 40, false);
        assert_ne!(few.receivers, other.receivers);
    }

    #[test]
    fn one_or_two_receivers_are_dead_and_the_rest_answer() {
        for seed in 0..50 {
            let network = Network::new(seed, 30, false);
            let dead = network.receivers.iter();
            let dead = dead
                .filter(|r| r.refusals == WHOLE || r.timeouts == WHOLE)
                .count();
            assert!((1..=2).contains(&dead), "seed {seed}: {dead}");
        }
    }

    #[test]
    fn a_receiver_fails_as_often_as_its_shares_say() {
        let receiver = Receiver {
            latency_min_us: 10,
            latency_max_us: 20,
            timeouts: 1_000,
            refusals: 2_000,
            failures: 3_000,
            gone: 0,
            retry_after_s: Some(5),
        };
        let mut random = Stream::new(1, "test", 0, 0);
        let outcomes: Vec<Outcome> = (0..10_000).map(|_| receiver.answer(&mut random)).collect();
        let count = |wanted: &dyn Fn(&Outcome) -> bool| {
            outcomes.iter().filter(|outcome| wanted(outcome)).count()
        };
        let near = |found: usize, wanted: usize| found.abs_diff(wanted) < 250;
        assert!(near(
            count(&|o| matches!(o.kind, OutcomeKind::Timeout { .. })),
            1_000
        ));
        assert!(near(count(&|o| o.kind == OutcomeKind::Refused), 2_000));
        assert!(near(
            count(&|o| o.retry_after.as_deref() == Some("5")),
            3_000
        ));
        let well = |o: &Outcome| o.kind == OutcomeKind::Status(200);
        assert!(near(count(&well), 4_000));
        let latencies = || {
            outcomes
                .iter()
                .filter(|o| well(o))
                .map(|o| o.duration.as_micros())
        };
        assert_eq!((latencies().min(), latencies().max()), (Some(10), Some(20)));
    }
}
