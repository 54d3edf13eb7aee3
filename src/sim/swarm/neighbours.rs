//! Other applications beside the one that is watched, in some worlds.

use super::{SECOND_US, micros, moment, one_of, small};
use crate::{
    random::Stream,
    sim::{
        neighbours::Neighbour,
        network::{Group, Receiver, WHOLE},
        scenario::{Layer, Scenario},
    },
};

/// Draws the neighbours of a world; in some of these so few slots that all of them want the same ones.
pub(super) fn draw(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of neighbours", 0, 0);
    // A simulated disk costs more.
    let (one_in, most) = match scenario.layer {
        Layer::Core(_) => (5, 100),
        Layer::Store(_) | Layer::Full(_) => (10, 20),
    };
    if random.below(one_in) != 0 {
        return;
    }
    let count = random.between(1, 4);
    let all = (0..count).map(|_| neighbour(&mut random, most));
    scenario.neighbours = all.collect();
    draw_deletions(scenario);
    draw_hosts(scenario);
    draw_ages(scenario);
    if random.below(2) != 0 {
        return;
    }
    let slots = one_of(&mut random, &[4, 8, 16]);
    for engine in scenario.engines_mut() {
        engine.send_slots = slots;
    }
}

/// Some are deleted, while their events come in or long after.
fn draw_deletions(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of deletions", 0, 0);
    for neighbour in &mut scenario.neighbours {
        if random.below(3) == 0 {
            let end = neighbour.lasts().as_micros().unsigned_abs();
            neighbour.deleted_after = Some(moment(&mut random, end));
        }
    }
}

/// Some are on the hosts of the application that is watched.
fn draw_hosts(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of hosts of neighbours", 0, 0);
    for neighbour in &mut scenario.neighbours {
        neighbour.shares_hosts = random.below(3) == 0;
    }
}

/// In some worlds one of them hears what happens to the endpoints and deliveries of all others; one is added
/// where there is none.
pub(super) fn draw_news(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of news", 0, 0);
    if matches!(scenario.layer, Layer::Full(_)) || random.below(6) != 0 {
        return;
    }
    if scenario.neighbours.is_empty() {
        let mut quiet = neighbour(&mut random, 3);
        quiet.receivers.truncate(1);
        scenario.neighbours.push(quiet);
    }
    let count = u64::try_from(scenario.neighbours.len()).unwrap_or(1);
    let place = usize::try_from(random.below(count)).unwrap_or(0);
    if let Some(neighbour) = scenario.neighbours.get_mut(place) {
        neighbour.hears_news = true;
    }
    // A receiver of these that is dead keeps them all, and nobody else may be turned away for that.
    let news =
        usize::try_from(scenario.deliveries()).map_or(usize::MAX, |all| all.saturating_mul(3));
    if let Layer::Core(options) = &mut scenario.layer {
        options.events_max = options.events_max.max(news);
        options.bytes_max = options.bytes_max.max(news.saturating_mul(NEWS_BYTES));
    }
}

/// What one operational event takes at most, in bytes.
const NEWS_BYTES: usize = 512;

/// Some are there before the application that is watched.
fn draw_ages(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of older neighbours", 0, 0);
    for neighbour in &mut scenario.neighbours {
        neighbour.is_older = random.below(3) == 0;
    }
}

fn neighbour(random: &mut Stream, most: u32) -> Neighbour {
    let gaps = [1, 1_000, 20_000, SECOND_US, 60 * SECOND_US];
    let events = [1, 10, most];
    let kinds = random.between(1, 2);
    let receivers = (0..kinds).map(|number| Group {
        name: format!("group-{number}"),
        count: small(random.between(1, 6)),
        receiver: receiver(random),
    });
    let receivers = receivers.collect();
    Neighbour {
        events: one_of(random, &events),
        every: micros(one_of(random, &gaps)),
        receivers,
        shares_hosts: false,
        is_older: false,
        deleted_after: None,
        hears_news: false,
    }
}

/// One that is well and quick, well and takes its time, late, silent or away.
fn receiver(random: &mut Stream) -> Receiver {
    let takes = |least, most| Receiver {
        latency_min_us: least,
        latency_max_us: most,
        ..Receiver::default()
    };
    match random.below(5) {
        0 => takes(1_000, 30_000),
        1 => takes(500_000, 1_500_000),
        2 => takes(3_000_000, 10_000_000),
        3 => Receiver {
            timeouts: WHOLE,
            ..Receiver::default()
        },
        _ => Receiver {
            refusals: WHOLE,
            ..Receiver::default()
        },
    }
}
