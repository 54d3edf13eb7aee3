//! The simulated network: receivers as data. How one behaves is drawn from the seed and its number;
//! what an attempt meets is a keyed draw about event, endpoint and attempt, so that it does not
//! depend on when the attempt was made or what else went on.

use bytes::Bytes;

use super::{neighbours::Neighbour, odd_waits, scenario::Scenario, ways, world::BEGINNING};
use crate::{
    domain::{
        attempt::AttemptRequest,
        ordering::Ordering,
        outcome::{Outcome, OutcomeKind},
    },
    random::{Draw, Stream},
    time::Span,
};

/// The whole of a share: shares are told in parts of ten thousand.
pub const WHOLE: u32 = 10_000;
/// How long it takes until nobody listening is noticed, in milliseconds.
const REFUSAL_MS: i64 = 1;

/// How a receiver behaves. Shares are parts of ten thousand; what is left succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receiver {
    /// The shortest time to a reply, in microseconds.
    pub latency_min_us: u64,
    /// The longest.
    pub latency_max_us: u64,
    /// Points between the shortest and the longest: which share of replies takes no longer than that, in
    /// microseconds; both rise from point to point. Between two points all times are as likely.
    pub latency_points: Vec<(u32, u64)>,
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
    /// Its error status; drawn among four if nothing is said.
    pub status: Option<u16>,
    /// When it is out of order.
    pub outages: Vec<Outage>,
    /// How many attempts a second its endpoint lets come at most.
    pub throttle_rate: Option<u16>,
    /// Which of its deliveries wait for which.
    pub ordering: Ordering,
}

/// Receivers that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are called.
    pub name: String,
    /// How many there are, from 1.
    pub count: u32,
    /// How each behaves.
    pub receiver: Receiver,
}

/// A time in which a receiver is out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it begins, from the beginning of the run.
    pub from: Span,
    /// How long it lasts.
    pub lasts: Span,
    /// What attempts meet.
    pub kind: OutageKind,
}

/// What attempts meet in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// Nobody listens.
    Refuses,
    /// There is no reply.
    Silent,
    /// Its error status, after the usual time.
    Fails,
    /// Its name is not known.
    NameUnknown,
    /// Nobody tells where its name leads, as long as is waited for that.
    NameUnanswered,
    /// Its name leads to where nothing is sent.
    NameAstray,
    /// Its name leads to a stranger, who answers 404 to everything.
    NameElsewhere,
    /// Whoever is there does not prove to be it. In the layer `full` nobody speaks TLS: the connection ends.
    Certificate,
    /// TLS does not come about. In the layer `full` the connection ends.
    Handshake,
}

impl Outage {
    /// When it ends, from the beginning of the run.
    #[must_use]
    pub const fn until(&self) -> Span {
        Span::from_micros(self.from.as_micros().saturating_add(self.lasts.as_micros()))
    }
}

/// All receivers.
#[derive(Clone, Debug)]
pub struct Network {
    seed: u64,
    receivers: Vec<Receiver>,
    /// Those of each neighbour.
    neighbours: Vec<Vec<Receiver>>,
    /// Whether draws are keyed by the places of event and endpoint and not by their ids, which depend on
    /// how many ids were given before: then a change of the engine's settings moves no draw.
    is_keyed_by_place: bool,
    /// Whether each error status asks to wait in an odd way.
    has_odd_waits: bool,
    attempt_timeout: Span,
    /// How many in a hundred attempts of the application that is watched end on their way.
    unreached_percent: u32,
}

impl Network {
    /// The receivers of a scenario: those that it names, else drawn ones.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let gone = scenario.faults.gone_receiver;
        let drawn = || Self::drawn(scenario.seed, scenario.endpoints, gone);
        let named = |group: &Group| {
            let count = usize::try_from(group.count).unwrap_or(usize::MAX);
            core::iter::repeat_n(group.receiver.clone(), count)
        };
        let mut receivers = if scenario.receivers.is_empty() {
            drawn()
        } else {
            scenario.receivers.iter().flat_map(named).collect()
        };
        for (endpoint, outage) in scenario.faults.outages() {
            let number = usize::try_from(endpoint).unwrap_or(usize::MAX);
            if let Some(receiver) = receivers.get_mut(number) {
                receiver.outages.push(outage);
            }
        }
        Self {
            seed: scenario.seed,
            receivers,
            neighbours: scenario.neighbours.iter().map(Neighbour::each).collect(),
            is_keyed_by_place: !scenario.receivers.is_empty(),
            has_odd_waits: scenario.faults.odd_waits,
            attempt_timeout: scenario.attempt_timeout,
            unreached_percent: scenario.faults.unreached_percent,
        }
    }

    /// Receivers for that many endpoints. One or two of three and more are dead; `gone` makes the first one say at times that it is gone.
    fn drawn(seed: u64, endpoints: u32, gone: bool) -> Vec<Receiver> {
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
        receivers
    }

    /// The receiver of the endpoint with this ordinal; receivers are dealt to ordinals in turn.
    #[must_use]
    pub fn receiver(&self, ordinal: u32) -> Option<&Receiver> {
        let index = usize::try_from(ordinal).ok()?;
        self.receivers.get(index.checked_rem(self.receivers.len())?)
    }

    /// The receivers of a scenario once all is well for its core.
    pub(super) fn healed(scenario: &Scenario) -> Self {
        let mut network = Self::of(scenario);
        let core = scenario.healing.map_or(0, |healing| healing.core);
        network.heal(core);
        network
    }

    /// The first receivers are well from now on, all others dead for good.
    pub(super) fn heal(&mut self, core: u32) {
        self.unreached_percent = 0;
        for (number, receiver) in (0_u32..).zip(&mut self.receivers) {
            *receiver = if number < core {
                Receiver {
                    latency_min_us: 1_000,
                    latency_max_us: 20_000,
                    ..Receiver::default()
                }
            } else {
                Receiver::dead(receiver.timeouts == WHOLE)
            };
        }
    }

    /// What an attempt meets that begins at this time of the run, for the application that is watched or for
    /// the neighbour with this number; its duration tells when.
    #[must_use]
    pub fn answer(&self, request: &AttemptRequest, neighbour: Option<usize>, at: Span) -> Outcome {
        let ordinal = request.target.endpoint.ordinal;
        let (event, endpoint) = if self.is_keyed_by_place {
            // Of each application on its own.
            let number = neighbour.map_or(0, |number| number + 1);
            let application = u128::try_from(number).unwrap_or_default() << u32::BITS;
            let position = request.event.position.number().into();
            (position, application | u128::from(ordinal))
        } else {
            (
                request.event.id.id().value(),
                request.target.id.id().value(),
            )
        };
        let draw = Draw {
            event,
            endpoint,
            attempt: request.number.into(),
        };
        let mut random = draw.stream(self.seed, "network");
        let receiver = match neighbour {
            None => self.receiver(ordinal),
            Some(number) => {
                let index = usize::try_from(ordinal).unwrap_or(usize::MAX);
                let receivers = self.neighbours.get(number);
                receivers.and_then(|receivers| receivers.get(index))
            }
        };
        let percent = match neighbour {
            None => self.unreached_percent,
            Some(_) => 0,
        };
        if let Some(outcome) = ways::drawn(draw, self.seed, (percent, self.attempt_timeout)) {
            return outcome;
        }
        let mut outcome = match receiver {
            Some(receiver) => receiver.answer(&mut random, at, self.attempt_timeout),
            None => Outcome::without_reply(OutcomeKind::Refused, Span::ZERO),
        };
        if self.has_odd_waits && matches!(outcome.kind, OutcomeKind::Status(300..)) {
            let mut random = draw.stream(self.seed, "odd waits");
            let clock = BEGINNING.plus(at).plus(outcome.duration);
            let fields = odd_waits::drawn(&mut random, clock);
            outcome.retry_after = fields.first().map(|first| first.as_str().into());
        }
        outcome
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
            failures: share(&mut random, 50),
            ..Self::default()
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
    fn dead(silent: bool) -> Self {
        Self {
            timeouts: if silent { WHOLE } else { 0 },
            refusals: if silent { 0 } else { WHOLE },
            ..Self::default()
        }
    }

    /// The outage that it is in at this time of the run.
    #[must_use]
    pub fn outage_at(&self, at: Span) -> Option<OutageKind> {
        let mut outages = self.outages.iter();
        let outage = outages.find(|outage| outage.from <= at && at < outage.until());
        outage.map(|outage| outage.kind)
    }

    /// How long a reply takes, in microseconds.
    #[must_use]
    pub fn latency_us(&self, random: &mut Stream) -> u64 {
        let (mut low, mut high) = (self.latency_min_us, self.latency_max_us);
        if !self.latency_points.is_empty() {
            let roll = random.below(WHOLE.into());
            for (share, at_us) in &self.latency_points {
                if roll < u64::from(*share) {
                    high = *at_us;
                    break;
                }
                low = *at_us;
            }
        }
        random.between(low, high)
    }

    /// The status of its next error.
    #[must_use]
    pub fn error_status(&self, random: &mut Stream) -> u16 {
        let drawn = random.pick(&[500, 502, 503, 429]).copied();
        self.status.or(drawn).unwrap_or(500)
    }

    /// What an attempt meets by these draws at this time of the run.
    fn answer(&self, random: &mut Stream, at: Span, timeout: Span) -> Outcome {
        let outage = self.outage_at(at);
        let mut roll = u32::try_from(random.below(WHOLE.into())).unwrap_or(0);
        let mut falls_in = |share: u32| {
            let hit = roll < share;
            roll = roll.saturating_sub(share);
            hit
        };
        let is_silent = falls_in(self.timeouts) || outage == Some(OutageKind::Silent);
        let timed_out = || {
            let after_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            let duration = Span::from_millis(after_ms.into());
            Outcome::without_reply(OutcomeKind::Timeout { after_ms }, duration)
        };
        let refuses = falls_in(self.refusals) || outage == Some(OutageKind::Refuses);
        if let Some(outcome) = outage.and_then(|outage| outage.on_the_way(timeout)) {
            return outcome;
        }
        if is_silent {
            return timed_out();
        }
        if refuses {
            let duration = Span::from_millis(REFUSAL_MS);
            return Outcome::without_reply(OutcomeKind::Refused, duration);
        }
        let (status, retry_after_s) = if falls_in(self.gone) {
            (410, None)
        } else if falls_in(self.failures) || outage == Some(OutageKind::Fails) {
            (self.error_status(random), self.retry_after_s)
        } else {
            (200, None)
        };
        let latency_us = self.latency_us(random);
        let duration = Span::from_micros(i64::try_from(latency_us).unwrap_or(i64::MAX));
        if duration > timeout {
            return timed_out();
        }
        Outcome {
            kind: OutcomeKind::Status(status),
            duration,
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

    const TIMEOUT: Span = Span::from_millis(30_000);

    fn drawn(seed: u64, endpoints: u32) -> Network {
        Network::of(&Scenario::new(seed, 1, endpoints).expect("it can run"))
    }

    #[test]
    fn receivers_are_drawn_from_the_seed_and_their_number_alone() {
        let few = drawn(7, 40);
        let many = drawn(7, 80);
        let alive = |network: &Network, number| {
            let receiver = network.receiver(number).expect("it exists").clone();
            (receiver.refusals < WHOLE && receiver.timeouts < WHOLE).then_some(receiver)
        };
        let same = (0..40).filter(|number| alive(&few, *number) == alive(&many, *number));
        assert!(same.count() >= 36, "only the dead ones may differ");
        let other = drawn(8, 40);
        assert_ne!(few.receivers, other.receivers);
    }

    #[test]
    fn one_or_two_receivers_are_dead_and_the_rest_answer() {
        for seed in 0..50 {
            let network = drawn(seed, 30);
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
            retry_after_s: Some(5),
            ..Receiver::default()
        };
        let mut random = Stream::new(1, "test", 0, 0);
        let outcomes: Vec<Outcome> = (0..10_000)
            .map(|_| receiver.answer(&mut random, Span::ZERO, TIMEOUT))
            .collect();
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
    #[test]
    fn a_receiver_that_is_out_of_order_answers_so_and_only_then() {
        let seconds = Span::from_seconds;
        let outage = |from, kind| Outage {
            from: seconds(from),
            lasts: seconds(10),
            kind,
        };
        let receiver = Receiver {
            status: Some(507),
            outages: vec![
                outage(10, OutageKind::Refuses),
                outage(30, OutageKind::Silent),
                outage(50, OutageKind::Fails),
                outage(70, OutageKind::NameUnknown),
                outage(90, OutageKind::NameUnanswered),
                outage(110, OutageKind::NameAstray),
                outage(130, OutageKind::Certificate),
                outage(150, OutageKind::Handshake),
                outage(170, OutageKind::NameElsewhere),
            ],
            ..Receiver::default()
        };
        let mut random = Stream::new(1, "test", 0, 0);
        let mut kind = |at| receiver.answer(&mut random, seconds(at), TIMEOUT).kind;
        for (at, expected) in [
            (9, OutcomeKind::Status(200)),
            (10, OutcomeKind::Refused),
            (19, OutcomeKind::Refused),
            (20, OutcomeKind::Status(200)),
            (30, OutcomeKind::Timeout { after_ms: 30_000 }),
            (59, OutcomeKind::Status(507)),
            (70, OutcomeKind::DnsNotFound),
            (90, OutcomeKind::DnsFailed),
            (110, OutcomeKind::AddressBlocked),
            (130, OutcomeKind::TlsCertificate),
            (150, OutcomeKind::TlsHandshake),
            (170, OutcomeKind::Status(404)),
            (60, OutcomeKind::Status(200)),
        ] {
            assert_eq!(kind(at), expected, "{at}");
        }
    }

    #[test]
    fn replies_take_as_long_as_the_points_say_and_none_outlasts_the_deadline() {
        let receiver = Receiver {
            latency_min_us: 10,
            latency_max_us: 40_000_000,
            latency_points: vec![(5_000, 100), (9_900, 1_000)],
            ..Receiver::default()
        };
        let mut random = Stream::new(1, "test", 0, 0);
        let mut within = [0_u32; 4];
        for _ in 0..10_000 {
            let outcome = receiver.answer(&mut random, Span::ZERO, TIMEOUT);
            let place = match outcome.kind {
                OutcomeKind::Timeout { .. } => 3,
                _ => match outcome.duration.as_micros() {
                    10..=100 => 0,
                    101..=1_000 => 1,
                    _ => 2,
                },
            };
            within[place] += 1;
        }
        assert!(within[0].abs_diff(5_000) < 250, "{within:?}");
        assert!(within[1].abs_diff(4_900) < 250, "{within:?}");
        assert!(within[2] + within[3] < 200, "{within:?}");
        assert!(within[3] > 0, "{within:?}");
    }
}
