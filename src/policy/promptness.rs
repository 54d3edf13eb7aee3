//! Promptness: does a receiver hold a send slot for long?
//!
//! What an attempt costs others is the time for which it holds its slot, whatever it ends with: a refused
//! connection costs nobody anything, a receiver that answers 200 after 29 s as much as one that never
//! answers. So that time is all that is looked at. A quarter of each new one counts, hence one attempt of
//! 30 s is forgotten after ten that end at once, and whoever answers quickly every now and then to look
//! prompt holds its slots no longer, on the whole, than one that is.

use crate::{limits, time::Span};

/// What is known of how long one receiver holds slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promptness {
    usual: Option<Span>,
}

impl Promptness {
    /// Takes an attempt into account that held its slot for so long.
    pub fn ended(&mut self, held: Span) {
        let held = held.as_micros().max(0);
        let usual = self.usual.map_or(held, |usual| {
            let usual = usual.as_micros();
            usual + (held - usual) / 4
        });
        self.usual = Some(Span::from_micros(usual));
    }

    /// Whether it is known to hold slots for [`limits::PROMPT_MS`] at most, as a rule.
    #[must_use]
    pub fn is_prompt(self) -> bool {
        self.usual.is_some_and(is_short)
    }

    /// Whether it is known to hold slots for longer. Of whom nothing is known neither is.
    #[must_use]
    pub fn is_slow(self) -> bool {
        self.usual.is_some_and(|usual| !is_short(usual))
    }
}

fn is_short(held: Span) -> bool {
    held <= Span::from_millis(limits::PROMPT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(held_ms: &[i64]) -> bool {
        let mut promptness = Promptness::default();
        for held in held_ms {
            promptness.ended(Span::from_millis(*held));
        }
        assert_eq!(promptness.is_slow(), !promptness.is_prompt());
        promptness.is_prompt()
    }

    #[test]
    fn nobody_is_prompt_or_slow_before_one_attempt_ended() {
        let unknown = Promptness::default();
        assert!(!unknown.is_prompt() && !unknown.is_slow());
        assert!(after(&[0]) && after(&[limits::PROMPT_MS]));
        assert!(!after(&[limits::PROMPT_MS + 1]));
    }

    #[test]
    fn one_attempt_that_lasts_long_takes_ten_that_do_not_to_be_forgotten() {
        assert!(!after(&[10, 30_000]));
        let mut run = vec![30_000];
        run.extend([0; 9]);
        assert!(!after(&run));
        run.push(0);
        assert!(after(&run));
    }

    #[test]
    fn who_answers_quickly_only_now_and_then_is_not_prompt() {
        assert!(!after(&[30_000, 0].repeat(50)));
        assert!(!after(&[0, 0, 0, 30_000].repeat(50)));
        assert!(after(&[900, 1_900].repeat(50)));
    }

    #[test]
    fn a_clock_that_goes_backwards_counts_as_no_time() {
        assert!(after(&[-5, -1_000]));
    }
}
