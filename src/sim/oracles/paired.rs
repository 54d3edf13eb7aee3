//! L3: the dead do not delay the living. A world in which a core of endpoints is well from some time on, and
//! all others are dead for good, is run again without these: what is handed in after that time must come
//! through to the core as fast.
//!
//! That is judged where there are slots enough for everybody: then the dead cost nothing but pages and
//! groups of the store. Where slots are few, the dead hold their share of them for the whole deadline of
//! each attempt, and the core waits in its queue for what is left.

use crate::{
    limits,
    sim::{scenario::Scenario, violation::Violation, witness::Witness},
    time::Span,
};

/// One seed of so many is run twice.
const SEEDS_PER_SAMPLE: u64 = 8;
/// What pages and groups that the dead cause may cost on a quick disk, one behind another.
const USUAL: Span = Span::from_seconds(1);
/// Percentile that is compared.
const PERCENT: usize = 99;

/// The same world without those that are dead for good, if this one is run twice.
pub(in crate::sim) fn without_the_dead(scenario: &Scenario) -> Option<Scenario> {
    let healing = scenario.healing?;
    let is_sample = scenario.seed % SEEDS_PER_SAMPLE == 2 && healing.core < scenario.endpoints;
    // Results of the dead fill a batch that has no room, and that is what its bound is for.
    let has_room = scenario.engine.batch_bytes_max >= limits::BATCH_BYTES_MAX;
    let is_drawn = scenario.receivers.is_empty() && scenario.fan_out.is_none();
    // On a host that they share the dead hold the living up, and that is what its budget is for.
    let has_room = has_room && scenario.endpoints_per_host <= 1;
    // So they do where all share one rate, and neighbours whatever.
    let has_room = has_room && scenario.application_rate.is_none();
    let has_room = has_room && scenario.neighbours.is_empty();
    // In a line one waits for the retry of another, and how long that waits is drawn by names that the two
    // worlds do not have in common.
    let is_added = scenario.added().next().is_some();
    let has_lines = scenario.ordering_keys > 0 || scenario.in_order_percent > 0;
    let has_room = has_room && !has_lines && !is_added;
    if !is_sample || !has_slots_for_all(scenario) || !has_room || !is_drawn || healing.core == 0 {
        return None;
    }
    let mut alone = scenario.clone();
    alone.endpoints = healing.core;
    alone.by_hand.retain(|(_, action)| {
        action
            .endpoint()
            .is_none_or(|endpoint| endpoint < healing.core)
    });
    Some(alone)
}

/// Whether everybody could have as many attempts in flight as its window lets it, and retries too.
fn has_slots_for_all(scenario: &Scenario) -> bool {
    let endpoints = usize::try_from(scenario.endpoints).unwrap_or(usize::MAX);
    // Retries leave half of the slots alone.
    let wanted = endpoints.saturating_mul(2 * usize::from(scenario.engine.window_max));
    scenario.engine.send_slots > wanted
}

/// The value below which so many in a hundred are.
fn percentile(mut delays: Vec<Span>) -> Option<Span> {
    delays.sort_unstable();
    let place = (delays.len() * PERCENT).div_ceil(100).checked_sub(1)?;
    delays.get(place).copied()
}

/// Judges how long deliveries to the core took with the dead, and without.
pub(in crate::sim) fn judge((with, without): (Vec<Span>, Vec<Span>)) -> Option<Violation> {
    let (with, without) = (percentile(with)?, percentile(without)?);
    let most = without.as_micros() + USUAL.as_micros();
    (with.as_micros() > most).then_some(Violation::DelayedByTheDead { with, without })
}

impl Witness {
    /// How long deliveries to the core took of what was handed in when all was well.
    pub(in crate::sim) fn delays_of_core(&self) -> Vec<Span> {
        let (Some(healed), Some(healing)) = (self.healed_at, self.healing) else {
            return Vec::new();
        };
        let mut delays = Vec::new();
        let events = self.events.values();
        let after = events.filter(|seen| seen.event.accepted_at >= healed.steady);
        for seen in after {
            // Nobody sets a clock any more: steady time goes as real time does.
            let due = seen.event.not_before().since(healed.steady);
            let due = healed.real.plus(due);
            let of_core = (0..healing.core).map(|ordinal| seen.seen(ordinal));
            let delivered = of_core.filter_map(|delivery| delivery.delivered_at);
            delays.extend(delivered.map(|at| at.since(due)));
        }
        delays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::Healing;

    #[test]
    fn the_core_may_be_later_by_a_second_in_99_of_a_hundred_deliveries() {
        let delays = |seconds: &[i64]| {
            let spans = seconds.iter().copied().map(Span::from_seconds);
            spans.collect::<Vec<_>>()
        };
        let judged = |with: &[i64]| judge((delays(with), delays(&[1]))).is_some();
        assert!(!judged(&[1, 2]));
        assert!(judged(&[1, 3]));
        let mut many = vec![1; 99];
        many.push(3);
        assert!(!judged(&many), "one in a hundred may be later");
        assert_eq!(judge((Vec::new(), delays(&[1]))), None);
    }

    #[test]
    fn only_worlds_with_a_core_beside_the_dead_and_slots_for_all_are_run_twice() {
        let mut scenario = Scenario::new(2, 10, 3).expect("it can run");
        assert_eq!(without_the_dead(&scenario), None);
        scenario.healing = Some(Healing {
            at: Span::ZERO,
            core: 1,
        });
        let alone = without_the_dead(&scenario).map(|alone| alone.endpoints);
        assert_eq!(alone, Some(1));
        scenario.engine.send_slots = 48;
        assert_eq!(without_the_dead(&scenario), None);
    }
}
