//! How long a circuit may be open, by the policy: told apart from the engine's own reckoning.

use crate::{policy::circuit_breaker::CircuitBreakerPolicy, sim::scenario::Scenario, time::Span};

impl Scenario {
    /// When circuits open and for how long, in any life of the process.
    pub(in crate::sim) fn circuit_policies(&self) -> Vec<CircuitBreakerPolicy> {
        let mut found: Vec<CircuitBreakerPolicy> = Vec::new();
        for engine in self.engines() {
            let policy = engine.circuit_breaker.as_ref();
            found.extend(policy.filter(|policy| !found.contains(policy)).cloned());
        }
        found
    }
}

/// Whether a pause is as long as that of so many openings in a row may be.
fn is_pause(policy: &CircuitBreakerPolicy, openings: u16, pause: Span) -> bool {
    let doublings = u32::from(openings.saturating_sub(1)).min(40);
    let grown = i128::from(policy.pause.as_micros()) << doublings;
    let usual = grown.min(policy.pause_max.as_micros().into());
    let part =
        usual * i128::from(policy.jitter.numerator()) / i128::from(policy.jitter.denominator());
    let pause = i128::from(pause.as_micros());
    (usual - part..=usual + part).contains(&pause)
}

/// Whether a circuit may be open for so long by one of the policies that the lives of a process have; what one of them
/// opened stays so in the next. Where circuits never open, nothing is told.
pub(super) fn is_pause_of_any(
    policies: &[CircuitBreakerPolicy],
    openings: u16,
    pause: Span,
) -> bool {
    let mut policies_left = policies.iter();
    policies.is_empty() || policies_left.any(|policy| is_pause(policy, openings, pause))
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

    #[test]
    fn where_lives_have_policies_of_their_own_a_pause_is_that_of_one_of_them() {
        let usual = CircuitBreakerPolicy::default();
        let short = CircuitBreakerPolicy {
            pause: Span::from_seconds(5),
            ..usual.clone()
        };
        let five = Span::from_seconds(5);
        assert!(!is_pause_of_any(std::slice::from_ref(&usual), 1, five));
        assert!(is_pause_of_any(&[usual, short], 1, five));
        assert!(is_pause_of_any(&[], 1, five));
    }
}
