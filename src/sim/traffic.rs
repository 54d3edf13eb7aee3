//! Traffic as data: how many events are handed in, and when. Where a curve is given, the number of
//! events follows from it and does not depend on the seed; the seed only moves each event within the
//! stretch of time that is its own.

use crate::{random::Stream, time::Span};

/// A curve of traffic: steps one after another, and bursts upon them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Steps, the first from the beginning, each of the others from the end of the one before.
    pub steps: Vec<Step>,
    /// Events that come all at once.
    pub bursts: Vec<Burst>,
}

/// So many events, spread evenly over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many events there are in each stretch of `per`; 0 for a pause.
    pub events: u64,
    /// The stretch that `events` is told of; positive.
    pub per: Span,
    /// How long the step lasts; positive.
    pub lasts: Span,
}

/// Events that come all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// When, from the beginning of the traffic.
    pub at: Span,
    /// How many.
    pub events: u64,
}

impl Step {
    /// How many events it has; a part of one is none.
    #[must_use]
    pub fn total(&self) -> u64 {
        let (lasts, per) = (positive(self.lasts), positive(self.per));
        let total = u128::from(self.events) * u128::from(lasts);
        let total = total.checked_div(per.into()).unwrap_or(0);
        u64::try_from(total).unwrap_or(u64::MAX)
    }
}

impl Traffic {
    /// How many events it has.
    #[must_use]
    pub fn total(&self) -> u64 {
        let steps = self.steps.iter().map(Step::total);
        let bursts = self.bursts.iter().map(|burst| burst.events);
        steps.chain(bursts).fold(0, u64::saturating_add)
    }

    /// How long it is from its beginning to its end.
    #[must_use]
    pub fn lasts(&self) -> Span {
        let steps = self.steps.iter().map(|step| step.lasts.as_micros());
        let steps = steps.fold(0, i64::saturating_add);
        let last = self.bursts.iter().map(|burst| burst.at.as_micros()).max();
        Span::from_micros(steps.max(last.unwrap_or(0)))
    }

    /// When each event is handed in, from the beginning of the traffic, in order.
    #[must_use]
    pub fn arrivals(&self, seed: u64) -> Vec<Span> {
        let mut random = Stream::new(seed, "arrivals", 0, 0);
        let mut arrivals = Vec::new();
        let mut from = 0_i64;
        for step in &self.steps {
            let (total, lasts) = (step.total(), positive(step.lasts));
            for number in 0..total {
                // Of the total stretches that the step has, the one with this number.
                let within = u128::from(random.below(lasts));
                let at = (u128::from(number) * u128::from(lasts) + within) / u128::from(total);
                let at = i64::try_from(at).unwrap_or(i64::MAX);
                arrivals.push(Span::from_micros(from.saturating_add(at)));
            }
            from = from.saturating_add(step.lasts.as_micros());
        }
        for burst in &self.bursts {
            arrivals.extend((0..burst.events).map(|_| burst.at));
        }
        arrivals.sort_unstable();
        arrivals
    }
}

/// A span's microseconds; none if it is negative.
fn positive(span: Span) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic() -> Traffic {
        let seconds = Span::from_seconds;
        let step = |events, per, lasts| Step {
            events,
            per: seconds(per),
            lasts: seconds(lasts),
        };
        Traffic {
            steps: vec![step(5, 1, 60), step(0, 1, 30), step(7, 60, 600)],
            bursts: vec![Burst {
                at: seconds(70),
                events: 40,
            }],
        }
    }

    #[test]
    fn a_curve_has_the_events_that_its_rates_say_whatever_the_seed() {
        assert_eq!(traffic().total(), 300 + 70 + 40);
        assert_eq!(traffic().lasts(), Span::from_seconds(690));
        for seed in 0..20 {
            let arrivals = traffic().arrivals(seed);
            assert_eq!(arrivals.len(), 410);
            let within = |from, to| {
                let of = Span::from_seconds(from)..Span::from_seconds(to);
                arrivals.iter().filter(|at| of.contains(at)).count()
            };
            assert_eq!(within(0, 60), 300, "seed {seed}");
            assert_eq!(within(60, 70), 0, "seed {seed}");
            assert_eq!(within(70, 71), 40, "seed {seed}");
            assert_eq!(within(71, 90), 0, "seed {seed}");
            assert_eq!(within(90, 690), 70, "seed {seed}");
            // Each fifth of a second has its one event.
            assert!((0..60).all(|second| within(second, second + 1) == 5));
        }
        assert_ne!(traffic().arrivals(1), traffic().arrivals(2));
    }

    #[test]
    fn what_has_no_event_has_no_arrival() {
        assert_eq!(Traffic::default().arrivals(1), []);
        assert_eq!(Traffic::default().total(), 0);
        let step = Step {
            events: 1,
            per: Span::ZERO,
            lasts: Span::from_seconds(1),
        };
        assert_eq!(step.total(), 0);
    }
}
