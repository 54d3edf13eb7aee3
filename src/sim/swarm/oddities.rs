//! What is odd in a drawn world. Each kind has a stream of its own, so that it moves no other draw.

mod names;
mod settings;

pub(super) use self::settings::{draw_circuits, draw_settings};

use super::{HOUR_US, SECOND_US, micros, moment, one_of, small, spread};
use crate::{
    domain::ordering::Ordering,
    engine::options::Options,
    random::Stream,
    sim::{
        by_hand::{Action, TaskKind},
        faults::Trouble,
        network::{Group, Receiver, WHOLE},
        scenario::{Layer, Scenario},
        ways::WAYS,
    },
    time::Span,
};

/// Draws what every layer can meet: odd waits, other bodies under a key, a process that stands still.
pub(super) fn draw(scenario: &mut Scenario) {
    let seed = scenario.seed;
    let stream = |name| Stream::new(seed, name, 0, 0);
    scenario.faults.odd_waits = stream("swarm of odd waits").below(4) == 0;
    let mut bodies = stream("swarm of other bodies");
    scenario.other_body_percent = one_of(&mut bodies, &[0, 30, 100]);
    let mut rates = stream("swarm of rates");
    scenario.throttled_percent = one_of(&mut rates, &[0, 0, 50, 100]);
    let mut lines = stream("swarm of lines");
    if one_of(&mut lines, &[false, false, true]) {
        scenario.ordering_keys = one_of(&mut lines, &[0, 1, 2, 5]);
        scenario.in_order_percent = one_of(&mut lines, &[0, 30, 100]);
        let held_max = one_of(&mut lines, &[1, 3, 100_000]);
        scenario.engine.ordered_held_max = held_max;
        for life in &mut scenario.faults.lives {
            life.engine.ordered_held_max = held_max;
        }
        draw_orders(scenario);
        draw_ahead(scenario);
    }
    let mut stalls = stream("swarm of stalls");
    for _ in 0..one_of(&mut stalls, &[0_u32, 0, 0, 0, 1, 3]) {
        let lasts = [SECOND_US, 60 * SECOND_US, 600 * SECOND_US];
        let stall = Trouble::Stall(micros(one_of(&mut stalls, &lasts)));
        let at = moment(&mut stalls, end(scenario));
        scenario.faults.troubles.push((at, stall));
    }
}

/// Draws endpoints that keep another order from some time on.
fn draw_orders(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of orders", 0, 0);
    for _ in 0..one_of(&mut random, &[0_u32, 1, 3]) {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let order = one_of(&mut random, &Ordering::ALL);
        let at = moment(&mut random, end(scenario));
        scenario
            .by_hand
            .push((at, Action::Reorder(endpoint, order)));
    }
}

/// Attempts that are asked for while a long walk goes on.
pub(super) fn resends(random: &mut Stream, scenario: &Scenario) -> Vec<(Span, Action)> {
    let actions = (0..random.between(1, 6)).map(|_| {
        let event = small(random.below(scenario.events.into()));
        let endpoint = small(random.below(scenario.endpoints.into()));
        let latest = one_of(random, &[2 * SECOND_US, 60 * SECOND_US]);
        (moment(random, latest), Action::Resend(event, endpoint))
    });
    actions.collect()
}

/// Draws attempts that are asked for of what stands in line, also after the last event, when circuits hold back
/// what was not begun.
fn draw_ahead(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of attempts ahead", 0, 0);
    for _ in 0..one_of(&mut random, &[0_u32, 4, 16]) {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let event = small(random.below(scenario.events.into()));
        let times = one_of(&mut random, &[1, 2]);
        let at = moment(&mut random, end(scenario) * times);
        scenario.by_hand.push((at, Action::Resend(event, endpoint)));
    }
}

/// Draws how many endpoints share a host, what these have at once, for every life alike, and the rate of
/// the application.
pub(super) fn draw_hosts(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of hosts", 0, 0);
    let shared = one_of(&mut random, &[1, 1, 2, 6]);
    let mut rates = Stream::new(scenario.seed, "swarm of application rates", 0, 0);
    let rate = one_of(
        &mut rates,
        &[None, None, None, Some(1_u16), Some(5), Some(200)],
    );
    if !matches!(scenario.layer, Layer::Full(_)) {
        scenario.endpoints_per_host = shared;
        scenario.application_rate = rate;
    }
    let production = scenario.engine.host_window_max;
    let max = one_of(&mut random, &[1, 2, 4, production]);
    for engine in scenario.engines_mut() {
        engine.host_window_max = max;
    }
}

/// Draws worlds in which more receivers never answer than there are send slots for, beside some that are
/// well.
pub(super) fn draw_crowds(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of crowds", 0, 0);
    match random.below(16) {
        0 => {}
        1 => return draw_rush(scenario, &mut random),
        _ => return,
    }
    let well = Receiver {
        latency_min_us: 1_000,
        latency_max_us: 30_000,
        ..Receiver::default()
    };
    let silent = Receiver {
        timeouts: WHOLE,
        ..Receiver::default()
    };
    let group = |name: &str, count, receiver| Group {
        name: name.to_owned(),
        count,
        receiver,
    };
    let well = group("well", small(random.between(1, 3)), well);
    let silent = group("silent", small(random.between(12, 24)), silent);
    scenario.endpoints = well.count + silent.count;
    scenario.endpoints_per_host = 1;
    scenario.receivers = vec![well, silent];
    if random.below(2) == 0 {
        scenario.receivers.reverse();
    }
    let slots = one_of(&mut random, &[16, 24]);
    let has_circuits = random.below(2) == 0;
    for engine in scenario.engines_mut() {
        engine.send_slots = slots;
        engine.circuit_breaker = engine.circuit_breaker.take().filter(|_| has_circuits);
    }
}

/// Draws a world in which first attempts and retries wait for few send slots all the time: receivers answer soon, and
/// half of their answers are errors.
fn draw_rush(scenario: &mut Scenario, random: &mut Stream) {
    let receiver = Receiver {
        latency_min_us: 200_000,
        latency_max_us: 900_000,
        failures: WHOLE / 2,
        ..Receiver::default()
    };
    let count = small(random.between(12, 24));
    scenario.endpoints = count;
    scenario.endpoints_per_host = 1;
    scenario.application_rate = None;
    scenario.throttled_percent = 0;
    scenario.receivers = vec![Group {
        name: "hasty".to_owned(),
        count,
        receiver,
    }];
    scenario.event_every = micros(one_of(random, &[1, 500_000, SECOND_US]));
    // All events stand in memory, so that nothing waits for what is read.
    scenario.faults.late_loads = false;
    scenario.faults.failing_loads = false;
    let slots = one_of(random, &[4, 8]);
    let production = Options::default();
    for engine in scenario.engines_mut() {
        engine.send_slots = slots;
        engine.ring_events_max = production.ring_events_max;
        engine.page_rows = production.page_rows;
        engine.circuit_breaker = None;
        engine.retry.waits = [1, 2, 5, 10].map(Span::from_seconds).to_vec();
    }
}

/// Draws endpoints that are made while events come, in some worlds after another was deleted, and what is done to
/// them then.
pub(super) fn draw_newcomers(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of newcomers", 0, 0);
    for _ in 0..one_of(&mut random, &[0_u32, 0, 0, 1, 3]) {
        let at = moment(&mut random, end(scenario));
        let later = |random: &mut Stream| {
            let wait = micros(spread(random, HOUR_US)).as_micros();
            Span::from_micros(at.as_micros().saturating_add(wait))
        };
        if random.below(2) == 0 {
            let last = scenario.endpoints.saturating_sub(1);
            scenario.by_hand.push((at, Action::Delete(last)));
        }
        let place = u32::try_from(scenario.by_hand.len()).unwrap_or(u32::MAX);
        let number = scenario.endpoints.saturating_add(place);
        scenario.by_hand.push((later(&mut random), Action::Add));
        let event = small(random.below(scenario.events.into()));
        let action = match random.below(6) {
            0 => Action::Delete(number),
            1 => Action::Move(number),
            2 => Action::Disable(number),
            3 => Action::Resend(event, number),
            4 => Action::Task(TaskKind::ReplayMissing, event, number),
            _ => continue,
        };
        let at = later(&mut random);
        scenario.by_hand.push((later(&mut random).max(at), action));
    }
}

/// Draws endpoints that have another rate, other header fields or another channel from some time on.
pub(super) fn draw_owned(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of owners", 0, 0);
    for _ in 0..one_of(&mut random, &[0_u32, 0, 0, 2, 6]) {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let action = match random.below(4) {
            0 | 1 => {
                let rates = [None, Some(1), Some(3), Some(200)];
                Action::Rerate(endpoint, one_of(&mut random, &rates))
            }
            2 => Action::Reheader(endpoint, one_of(&mut random, &[0, 1, 3])),
            _ => {
                let of = small(random.below(scenario.endpoints.into()));
                let of = Some(of).filter(|_| scenario.fan_out.is_some());
                Action::Rechannel(endpoint, of)
            }
        };
        let at = moment(&mut random, end(scenario));
        scenario.by_hand.push((at, action));
    }
}

/// Draws what producers say of their events besides: channels, of which each endpoint has its own, tags, and for how
/// long a payload may be sent.
pub(super) fn draw_said(scenario: &mut Scenario) {
    let mut channels = Stream::new(scenario.seed, "swarm of channels", 0, 0);
    // Few, since most of what can go wrong needs endpoints that get everything.
    if channels.below(8) == 0 {
        let fan_out = one_of(&mut channels, &[1, 3]);
        scenario.fan_out = Some(scenario.endpoints.min(fan_out));
    }
    let mut words = Stream::new(scenario.seed, "swarm of words", 0, 0);
    scenario.tagged_percent = one_of(&mut words, &[0, 0, 50]);
    let brief = one_of(&mut words, &[0, 0, 0, 30]);
    // Over HTTP a time on the wall is given, which a clock that is set may put behind the end of the payload.
    let is_by_the_wall = matches!(scenario.layer, Layer::Full(_)) && scenario.later_percent > 0;
    scenario.brief_percent = if is_by_the_wall { 0 } else { brief };
}

/// Draws what attempts meet on their way to a receiver, for a while or now and then.
pub(super) fn draw_ways(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of ways", 0, 0);
    let shares = [0, 0, 0, 0, 0, 5, 40];
    scenario.faults.unreached_percent = one_of(&mut random, &shares);
    for _ in 0..one_of(&mut random, &[0_u32, 0, 0, 1, 3]) {
        let at = moment(&mut random, end(scenario));
        let lasts = [SECOND_US, 60 * SECOND_US, 600 * SECOND_US, 6 * HOUR_US];
        let lasts = micros(one_of(&mut random, &lasts));
        let receiver = small(random.below(scenario.endpoints.into()));
        if let Some(way) = random.pick(&WAYS).copied() {
            let outage = Trouble::Outage(receiver, way, lasts);
            scenario.faults.troubles.push((at, outage));
        }
    }
}

/// Draws endpoints that get another URL while an attempt to a receiver that says that it is gone is in flight, or right
/// before or after; some are enabled again.
pub(super) fn draw_moves_of_the_gone(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of moves of the gone", 0, 0);
    if !scenario.faults.gone_receiver || random.below(2) == 0 {
        return;
    }
    // Receivers are dealt in turn: the first one says so, and once, for then its endpoint is disabled.
    const GONE: u32 = 0;
    let every = scenario.event_every.as_micros().unsigned_abs();
    let within = one_of(&mut random, &[5_000, 30_000, 200_000, 3 * SECOND_US]);
    for event in 0..random.between(4, 12) {
        let at = event * every + random.below(within);
        scenario.by_hand.push((micros(at), Action::Move(GONE)));
        if random.below(2) == 0 {
            let at = micros(at + random.below(2 * within));
            scenario.by_hand.push((at, Action::Enable(GONE)));
        }
    }
}

/// Draws tasks, and when they are called off.
pub(super) fn draw_tasks(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of tasks", 0, 0);
    for _ in 0..one_of(&mut random, &[0_u32, 0, 1, 4]) {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let event = small(random.below(scenario.events.into()));
        let kinds = [TaskKind::Recover, TaskKind::Replay, TaskKind::ReplayMissing];
        let task = Action::Task(one_of(&mut random, &kinds), event, endpoint);
        let at = moment(&mut random, end(scenario));
        scenario.by_hand.push((at, task));
        if random.below(3) == 0 {
            let later = micros(spread(&mut random, HOUR_US)).as_micros();
            let at = Span::from_micros(at.as_micros().saturating_add(later));
            scenario.by_hand.push((at, Action::CancelTask(endpoint)));
        }
    }
}

/// Draws what only whole receivers and whole producers can do: clocks that are off, and asks that are
/// not valid.
pub(super) fn draw_of_whole(scenario: &mut Scenario) {
    let stream = |name| Stream::new(scenario.seed, name, 0, 0);
    let mut bad = stream("swarm of bad asks");
    scenario.bad_percent = one_of(&mut bad, &[0, 0, 20, 100]);
    let mut clocks = stream("swarm of receivers' clocks");
    for _ in 0..one_of(&mut clocks, &[0_u32, 0, 1, 2]) {
        let receiver = small(clocks.below(scenario.endpoints.into()));
        let sizes = [SECOND_US, 600 * SECOND_US, 24 * HOUR_US];
        let ahead = micros(one_of(&mut clocks, &sizes));
        let ahead = match clocks.below(2) {
            0 => ahead,
            _ => Span::from_micros(-ahead.as_micros()),
        };
        let lasts = micros(one_of(&mut clocks, &[60 * SECOND_US, 6 * HOUR_US]));
        let clock = Trouble::ReceiverClock(receiver, ahead, lasts);
        let at = moment(&mut clocks, end(scenario));
        scenario.faults.troubles.push((at, clock));
    }
    names::draw_elsewhere(scenario);
}

/// How long events come in, in microseconds.
pub(super) fn end(scenario: &Scenario) -> u64 {
    scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events)
}
