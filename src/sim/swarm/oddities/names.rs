//! Names that lead to a stranger for a while, from a stream of their own.

use super::{HOUR_US, SECOND_US, end, micros, moment, one_of, small};
use crate::{
    random::Stream,
    sim::{faults::Trouble, network::OutageKind, scenario::Scenario},
};

/// Draws when the name of a receiver leads to somebody else; in one world of four.
pub(super) fn draw_elsewhere(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of names", 0, 0);
    for _ in 0..one_of(&mut random, &[0_u32, 0, 0, 2]) {
        let at = moment(&mut random, end(scenario));
        let lasts = [SECOND_US, 60 * SECOND_US, 600 * SECOND_US, HOUR_US];
        let lasts = micros(one_of(&mut random, &lasts));
        let receiver = small(random.below(scenario.endpoints.into()));
        let outage = Trouble::Outage(receiver, OutageKind::NameElsewhere, lasts);
        scenario.faults.troubles.push((at, outage));
    }
}
