//! How long a circuit may be open, by the policy: told apart from the engine's own reckoning.

use crate::{policy::circuit_breaker::CircuitBreakerPolicy, time::Span};

/// Whether a pause is as long as that of so many openings in a row may be.
pub(super) fn is_pause(policy: &CircuitBreakerPolicy, openings: u16, pause: Span) -> bool {
    let doublings = u32::from(openings.saturating_sub(1)).min(40);
    let grown = i128::from(policy.pause.as_micros()) << doublings;
    let usual = grown.min(policy.pause_max.as_micros().into());
    let part =
        usual * i128::from(policy.jitter.numerator()) / i128::from(policy.jitter.denominator());
    let pause = i128::from(pause.as_micros());
    (usual - part..=usual + part).contains(&pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_that_of_its_opening_or_it_is_against_the_rule() {
        let policy = CircuitBreakerPolicy::default();
        let is_pause = |openings, seconds| is_pause(&policy, openings, Span::from_seconds(seconds));
        assert!(is_pause(1, 30) && is_pause(1, 24) && !is_pause(1, 37));
        assert!(is_pause(2, 70) && !is_pause(2, 40) && is_pause(9, 180));
    }
}
