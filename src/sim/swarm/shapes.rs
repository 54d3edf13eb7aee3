//! The shape of what goes wrong in a drawn world. It is spread evenly, as it was drawn; or comes in
//! bursts with long quiet stretches between; or hits a set of receivers at one time, and the process
//! with them; or receivers go down one by one and come back in another order. The shape has a stream of
//! its own, so that it moves no other draw.

use super::{HOUR_US, SECOND_US, micros, moment, oddities::end, one_of, small, spread};
use crate::{
    random::Stream,
    sim::{
        faults::{LifeEnd, Trouble},
        network::OutageKind,
        scenario::{Layer, Scenario},
    },
    time::Span,
};

/// How long a burst is at most.
const BURST_US: u64 = 10 * SECOND_US;

/// Draws a shape and gives it to what goes wrong.
pub(super) fn draw(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of shapes", 0, 0);
    match random.below(6) {
        0 => gather(&mut random, scenario),
        1 => at_one_time(&mut random, scenario),
        2 => swizzle(&mut random, scenario),
        3 => {
            for _ in 0..random.between(1, 3) {
                let receiver = small(random.below(scenario.endpoints.into()));
                let at = moment(&mut random, end(scenario));
                let lasts = lasts(&mut random);
                add(&mut random, scenario, at, (receiver, lasts));
            }
        }
        _ => {}
    }
}

/// Quiet stretches: all that goes wrong at a time goes wrong in one of a few bursts.
fn gather(random: &mut Stream, scenario: &mut Scenario) {
    let end = end(scenario);
    let bursts: Vec<Span> = (0..random.between(1, 3))
        .map(|_| moment(random, end))
        .collect();
    let within = |random: &mut Stream| {
        let burst = random.pick(&bursts).copied().unwrap_or_default();
        later(burst, micros(spread(random, BURST_US)))
    };
    for (at, _) in &mut scenario.faults.troubles {
        *at = within(random);
    }
    // A life's end counts from its beginning; of the first one that is the run's.
    if let Some(first) = scenario.faults.lives.first_mut()
        && matches!(first.end, LifeEnd::After(_))
    {
        first.end = LifeEnd::After(within(random));
    }
}

/// A set of receivers is out of order at one time, and half of the time the process goes, too.
fn at_one_time(random: &mut Stream, scenario: &mut Scenario) {
    let at = moment(random, end(scenario));
    let lasts = lasts(random);
    for receiver in 0..scenario.endpoints {
        if random.below(3) > 0 {
            add(random, scenario, at, (receiver, lasts));
        }
    }
    if random.below(2) == 0 {
        match (&scenario.layer, scenario.faults.lives.first_mut()) {
            (Layer::Core(_), _) => scenario.faults.troubles.push((at, Trouble::ShardLost)),
            (_, Some(first)) => first.end = LifeEnd::After(at),
            (_, None) => {}
        }
    }
}

/// Receivers go down one by one, and come back in another order.
fn swizzle(random: &mut Stream, scenario: &mut Scenario) {
    let first = moment(random, end(scenario));
    let apart = one_of(random, &[SECOND_US, 60 * SECOND_US, HOUR_US]);
    let count = u64::from(scenario.endpoints);
    let mut left: Vec<u64> = (0..count).collect();
    for (place, receiver) in (0_u64..).zip(0..scenario.endpoints) {
        let number = usize::try_from(random.below(count - place)).unwrap_or_default();
        let back = if number < left.len() {
            left.swap_remove(number)
        } else {
            place
        };
        // All are down before the first one is back.
        let lasts = micros((count - place + back) * apart);
        let at = later(first, micros(place * apart));
        add(random, scenario, at, (receiver, lasts));
    }
}

fn add(random: &mut Stream, scenario: &mut Scenario, at: Span, (receiver, lasts): (u32, Span)) {
    let kind = match random.below(3) {
        0 => OutageKind::Refuses,
        1 => OutageKind::Silent,
        _ => OutageKind::Fails,
    };
    let outage = Trouble::Outage(receiver, kind, lasts);
    scenario.faults.troubles.push((at, outage));
}

fn lasts(random: &mut Stream) -> Span {
    let choices = [SECOND_US, 60 * SECOND_US, 600 * SECOND_US, 6 * HOUR_US];
    micros(one_of(random, &choices))
}

const fn later(at: Span, by: Span) -> Span {
    Span::from_micros(at.as_micros().saturating_add(by.as_micros()))
}

#[cfg(test)]
mod tests {
    use crate::sim::{Scenario, faults::Trouble, swarm::store_scenario};

    fn times(scenario: &Scenario) -> Vec<i64> {
        let troubles = scenario.faults.troubles.iter();
        let mut times: Vec<i64> = troubles.map(|(at, _)| at.as_micros()).collect();
        times.sort_unstable();
        times
    }

    #[test]
    fn each_shape_is_drawn_now_and_then() {
        let (mut together, mut crossed, mut bursts) = (0, 0, 0);
        for seed in 0..400 {
            let scenario = store_scenario(seed).expect("it can run");
            let outages = scenario.faults.outages_together();
            together += u32::from(outages.0 > outages.1);
            crossed += u32::from(outages.1 > 0);
            let times = times(&scenario);
            let is_outage = |(_, trouble): &(_, Trouble)| matches!(trouble, Trouble::Outage(..));
            let has_outage = scenario.faults.troubles.iter().any(is_outage);
            let within = times
                .windows(2)
                .filter(|pair| pair[1] - pair[0] < 10_000_000);
            bursts += u32::from(times.len() > 4 && !has_outage && within.count() + 4 > times.len());
        }
        assert!(together > 20, "{together}");
        assert!(crossed > 20, "{crossed}");
        assert!(bursts > 5, "{bursts}");
    }
}
