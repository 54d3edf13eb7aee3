//! I15, for the slow: receivers that do not answer soon have no more of the send slots than their share, and
//! who answers soon does not wait for them. Both are counted here anew, from when attempts went out and what
//! came back.
//!
//! Whether an attempt goes to a slow receiver is said where it is sure. The process forgets when it loses its
//! shard or dies, learns from what was in flight then, or does not; and a receiver that was moved is another
//! one. So in a new period nothing is known of anybody, and after such an attempt nothing is sure.

use crate::{
    domain::outcome::OutcomeKind,
    sim::{
        apart::Apart,
        pace::Pace,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// How long a prompt receiver takes at most, as a rule.
const PROMPT: Span = Span::from_seconds(2);
/// The eighths of the slots that receivers of one application have that are known to be slow, with those of
/// which nothing is known, and with all others.
const SLOW: usize = 4;
const UNKNOWN: usize = 5;
pub(super) const ALL: usize = 6;
/// The same over all applications.
const SLOW_OF_ALL: usize = 6;
const UNKNOWN_OF_ALL: usize = 7;

/// What is sure of a receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) enum Sure {
    #[default]
    Nothing,
    /// The process knows nothing of it.
    Unknown,
    Slow,
    Prompt,
}

/// What was seen of how long the attempts to one endpoint took.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct SeenPromptness {
    /// The period that this is of.
    period: usize,
    is_unsure: bool,
    usual: Option<Span>,
    /// The longest that one took.
    longest: Span,
}

impl SeenPromptness {
    fn enter(&mut self, period: usize) {
        if self.period != period {
            *self = Self {
                period,
                ..Self::default()
            };
        }
    }

    /// Its endpoint is somewhere else before long: nothing is sure in this period any more.
    pub(in crate::sim) fn moves(&mut self, period: usize) {
        self.enter(period);
        self.is_unsure = true;
    }

    /// What is sure in this period.
    pub(super) fn sure(&mut self, period: usize) -> Sure {
        self.enter(period);
        match self.usual {
            _ if self.is_unsure => Sure::Nothing,
            None => Sure::Unknown,
            Some(usual) if usual > PROMPT => Sure::Slow,
            // What the process took for longer it may have seen later.
            Some(_) if self.longest.as_micros().saturating_mul(2) <= PROMPT.as_micros() => {
                Sure::Prompt
            }
            Some(_) => Sure::Nothing,
        }
    }

    /// An attempt of a period took so long.
    pub(super) fn ended(&mut self, took: Span, of: usize, period: usize) {
        self.enter(period);
        self.is_unsure |= of != period;
        let took = took.max(Span::ZERO);
        self.longest = self.longest.max(took);
        self.usual = Some(self.usual.map_or(took, |usual| {
            let usual = usual.as_micros();
            Span::from_micros(usual + (took.as_micros() - usual) / 4)
        }));
    }
}

/// What is in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct SeenSlots {
    /// The period that this is of.
    period: usize,
    /// To receivers of which it is sure that they are not prompt, since the period began: what is in flight
    /// from before to an endpoint that was deleted counts for no application.
    slow: usize,
    /// All others, those of neighbours among them.
    others: usize,
    /// To such receivers of all applications, since the process began.
    slow_of_all: usize,
    /// When these had half of what is theirs alone, in real time.
    crowded_at: Timestamp,
}

impl SeenSlots {
    /// The process is gone, and nothing is in flight.
    pub(in crate::sim) const fn died(&mut self) {
        self.slow = 0;
        self.others = 0;
        self.slow_of_all = 0;
    }

    /// What an attempt counts among, of a period or an older one.
    fn count(&mut self, flight: FlightFacts, period: usize) -> Option<&mut usize> {
        if core::mem::replace(&mut self.period, period) != period {
            self.others += core::mem::take(&mut self.slow);
        }
        let is_slow = matches!(flight.sure, Sure::Slow | Sure::Unknown);
        match (is_slow, flight.neighbour.is_some()) {
            (true, true) => None,
            (true, false) if flight.period == period => Some(&mut self.slow),
            _ => Some(&mut self.others),
        }
    }
}

/// So many eighths of the slots, one at least.
pub(super) const fn share(slots: usize, eighths: usize) -> usize {
    let share = slots * eighths / 8;
    if share == 0 { 1 } else { share }
}

impl Witness {
    /// Whether an attempt that goes out now surely goes to a receiver that is not prompt.
    pub(in crate::sim) fn surely(&mut self, ordinal: u32) -> Sure {
        let period = self.breaks.len();
        let endpoint = self.endpoints.entry(ordinal).or_default();
        endpoint.promptness.sure(period)
    }

    /// Notes when many slots are taken: retries leave half of them alone, and an application a quarter;
    /// those that answer soon have some that are theirs alone.
    pub(in crate::sim) fn note_crowd(&mut self, now: Moment) {
        let slots = self.options.send_slots;
        if self.in_flight.saturating_mul(2) >= slots.saturating_sub(1) {
            self.crowded_at = now.real;
        }
        let own = share(slots, ALL).saturating_sub(share(slots, UNKNOWN));
        let of_all = slots.saturating_sub(share(slots, UNKNOWN_OF_ALL));
        let own = own.min(of_all);
        if self.slots.others.saturating_mul(2) >= own.saturating_sub(1) {
            self.slots.crowded_at = now.real;
        }
    }

    /// An attempt goes out: judges how many go to receivers that are not prompt.
    pub(in crate::sim) fn judge_slow_sent(&mut self, flight: FlightFacts) {
        let period = self.breaks.len();
        if let Some(count) = self.slots.count(flight, period) {
            *count += 1;
        }
        let (eighths, of_all) = match flight.sure {
            Sure::Slow => (SLOW, SLOW_OF_ALL),
            Sure::Unknown => (UNKNOWN, UNKNOWN_OF_ALL),
            Sure::Prompt | Sure::Nothing => return,
        };
        self.slots.slow_of_all += 1;
        let slots = self.options.send_slots;
        let (in_flight, most) = (self.slots.slow_of_all, share(slots, of_all));
        self.happened.slow_of_all_full +=
            u64::from(in_flight == most && self.slots.slow < in_flight);
        if in_flight > most {
            let endpoint = flight.endpoint;
            let over = Apart::OverShareOfSlow {
                endpoint,
                in_flight,
                most,
            };
            self.object(over.into());
        }
        if flight.neighbour.is_some() {
            return;
        }
        let (in_flight, most) = (self.slots.slow, share(slots, eighths));
        self.happened.slow_full += u64::from(in_flight == most);
        if in_flight > most {
            let endpoint = flight.endpoint;
            self.object(
                Pace::OverShareOfSlow {
                    endpoint,
                    in_flight,
                    most,
                }
                .into(),
            );
        }
    }

    /// An attempt is in flight no more.
    pub(super) fn slow_left(&mut self, flight: FlightFacts) {
        if let Some(count) = self.slots.count(flight, self.breaks.len()) {
            *count = count.saturating_sub(1);
        }
        if matches!(flight.sure, Sure::Slow | Sure::Unknown) {
            self.slots.slow_of_all = self.slots.slow_of_all.saturating_sub(1);
        }
    }

    /// An attempt ended, and the process that made it heard of it.
    pub(in crate::sim) fn slow_ended(
        &mut self,
        flight: FlightFacts,
        outcome: OutcomeKind,
        now: Moment,
    ) {
        let period = self.breaks.len();
        self.slow_left(flight);
        let tells = !matches!(outcome, OutcomeKind::Internal | OutcomeKind::Cancelled);
        if let Some(endpoint) = self.endpoints.get_mut(&flight.ordinal).filter(|_| tells) {
            let took = now.steady.since(flight.started_at);
            endpoint.promptness.ended(took, flight.period, period);
        }
    }

    /// When so many attempts were in flight that one to this endpoint had to wait, in real time.
    pub(in crate::sim) fn crowded_at(&self, flight: FlightFacts) -> Timestamp {
        if flight.sure == Sure::Prompt {
            self.slots.crowded_at
        } else {
            self.crowded_at
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(took_ms: &[i64]) -> Sure {
        let mut seen = SeenPromptness::default();
        for took in took_ms {
            seen.ended(Span::from_millis(*took), 0, 0);
        }
        seen.sure(0)
    }

    #[test]
    fn who_takes_long_is_surely_slow_and_who_never_did_surely_prompt() {
        assert_eq!(after(&[]), Sure::Unknown);
        assert_eq!(after(&[10, 1_000]), Sure::Prompt);
        assert_eq!(after(&[10, 1_100]), Sure::Nothing);
        assert_eq!(after(&[2_001]), Sure::Slow);
        assert_eq!(after(&[10, 30_000]), Sure::Slow);
    }

    #[test]
    fn in_a_new_period_nothing_is_known_and_after_an_attempt_of_an_older_one_nothing_is_sure() {
        let mut seen = SeenPromptness::default();
        seen.ended(Span::from_seconds(30), 0, 0);
        assert_eq!(seen.sure(1), Sure::Unknown);
        seen.ended(Span::from_seconds(30), 0, 1);
        assert_eq!(seen.sure(1), Sure::Nothing);
        assert_eq!(seen.sure(2), Sure::Unknown);
        seen.moves(2);
        assert_eq!(seen.sure(2), Sure::Nothing);
    }
}
