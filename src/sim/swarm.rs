//! The swarm: a scenario drawn from a seed, of the layer `store` or of the layer `core`. Each run has only some of the
//! faults, in sizes from tiny to those of production, so that many runs together meet combinations
//! that one run with everything would hide.

mod neighbours;
mod oddities;
mod shapes;

use super::{
    by_hand::Action,
    faults::{FailingCommit, Faults, Life, LifeEnd, Trouble},
    scenario::{Healing, Layer, SIMULATED_MASTER_KEY, Scenario, ScenarioError},
};
use crate::{
    domain::{audit::Act, master_key::MasterKey},
    engine::options::Options,
    limits,
    random::Stream,
    store::embedded::EmbeddedOptions,
    time::Span,
};

/// One world in so many has several hundred events.
const LONG_ONE_IN: u64 = 80;
const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3_600 * SECOND_US;
const DAY_US: u64 = 24 * HOUR_US;

/// The scenario of a seed.
///
/// # Errors
/// None is known: what is drawn is within the bounds of a scenario.
pub fn store_scenario(seed: u64) -> Result<Scenario, ScenarioError> {
    let mut random = Stream::new(seed, "swarm", 0, 0);
    let (mut scenario, fixed) = asked(seed, &mut random)?;
    scenario.layer = Layer::Store(embedded(&mut random));
    scenario.faults = faults(&mut random, &scenario, &fixed);
    oddities::draw(&mut scenario);
    oddities::draw_tasks(&mut scenario);
    shapes::draw(&mut scenario);
    add_orderly_ends(&mut scenario);
    oddities::draw_circuits(&mut scenario);
    oddities::draw_hosts(&mut scenario);
    oddities::draw_crowds(&mut scenario);
    neighbours::draw(&mut scenario);
    neighbours::draw_news(&mut scenario);
    draw_owners(&mut scenario);
    Ok(scenario)
}

/// The scenario of a seed over the memory store, in which the process never dies but may be told to end:
/// commits fail, shards are lost, clocks are set, pages come late.
///
/// # Errors
/// None is known: what is drawn is within the bounds of a scenario.
pub fn core_scenario(seed: u64) -> Result<Scenario, ScenarioError> {
    let mut random = Stream::new(seed, "swarm of the core", 0, 0);
    let (mut scenario, fixed) = asked(seed, &mut random)?;
    let drawn = faults(&mut random, &scenario, &fixed);
    let mut troubles = drawn.troubles;
    // There is no disk that could be full, and no list that is read while everything goes on.
    troubles.retain(|(_, trouble)| matches!(trouble, Trouble::WallStep(_) | Trouble::ShardLost));
    let failing = one_of(&mut random, &[0_u32, 0, 2, 12]);
    let failing = (0..failing).map(|_| FailingCommit {
        number: random.between(1, 4 * u64::from(scenario.events)),
        is_durable: random.below(2) == 0,
    });
    scenario.faults = Faults {
        failing_commits: failing.collect(),
        troubles,
        lives: Vec::new(),
        ..drawn
    };
    oddities::draw(&mut scenario);
    oddities::draw_tasks(&mut scenario);
    shapes::draw(&mut scenario);
    add_orderly_ends(&mut scenario);
    oddities::draw_circuits(&mut scenario);
    oddities::draw_hosts(&mut scenario);
    oddities::draw_crowds(&mut scenario);
    neighbours::draw(&mut scenario);
    neighbours::draw_news(&mut scenario);
    draw_owners(&mut scenario);
    Ok(scenario)
}

/// The scenario of a seed in which everything runs that ships but sockets, TLS and threads. The
/// process dies; what a whole receiver and a byte stream can do wrong is drawn, too.
///
/// # Errors
/// None is known: what is drawn is within the bounds of a scenario.
pub fn full_scenario(seed: u64) -> Result<Scenario, ScenarioError> {
    let mut random = Stream::new(seed, "swarm of the whole", 0, 0);
    let (mut scenario, fixed) = asked(seed, &mut random)?;
    scenario.layer = Layer::Full(embedded(&mut random));
    let mut faults = faults(&mut random, &scenario, &fixed);
    // Turns are the loop's own; nobody else is there to take a shard.
    faults.split_turns = false;
    let is_met =
        |trouble: &Trouble| matches!(trouble, Trouble::DiskFull(..) | Trouble::WallStep(_));
    faults.troubles.retain(|(_, trouble)| is_met(trouble));
    faults.odd_percent = one_of(&mut random, &[0, 5, 30]);
    faults.partial_streams = random.below(3) == 0;
    scenario.faults = faults;
    oddities::draw(&mut scenario);
    oddities::draw_tasks(&mut scenario);
    oddities::draw_of_whole(&mut scenario);
    shapes::draw(&mut scenario);
    add_orderly_ends(&mut scenario);
    oddities::draw_circuits(&mut scenario);
    oddities::draw_hosts(&mut scenario);
    draw_owners(&mut scenario);
    Ok(scenario)
}

/// What owners of endpoints do and say that is not usual, each from a stream of its own.
fn draw_owners(scenario: &mut Scenario) {
    oddities::draw_settings(scenario);
    oddities::draw_newcomers(scenario);
    oddities::draw_ways(scenario);
    oddities::draw_said(scenario);
    oddities::draw_owned(scenario);
    oddities::draw_moves_of_the_gone(scenario);
}

/// What is asked for in a scenario and the sizes of its engine; also the engine's other settings.
fn asked(seed: u64, random: &mut Stream) -> Result<(Scenario, Options), ScenarioError> {
    let short = (random.between(5, 40), random.between(1, 6));
    let gaps = [1, 1_000, 20_000, 100_000, 5 * SECOND_US, HOUR_US];
    let gap = one_of(random, &gaps);
    let mut lengths = Stream::new(seed, "swarm of lengths", 0, 0);
    let is_long = lengths.below(LONG_ONE_IN) == 0;
    let ((events, endpoints), gap) = if is_long {
        // Beyond the reach of a done map.
        let counts = (lengths.between(270, 600), lengths.between(1, 2));
        (counts, one_of(&mut lengths, &[1, 1_000]))
    } else {
        (short, gap)
    };
    let (events, endpoints) = (small(events), small(endpoints));
    let mut scenario = Scenario::new(seed, events, endpoints)?;
    scenario.event_every = micros(gap);
    scenario.named_percent = one_of(random, &[0, 50, 100]);
    scenario.padding_max = one_of(random, &[0, 0, 3_000, 20_000]);
    let expires = [DAY_US * 14, DAY_US * 14, HOUR_US, 6 * HOUR_US];
    scenario.engine.expires_after = micros(one_of(random, &expires));
    if random.below(2) == 0 {
        let waits = [1, 10, 120].map(Span::from_seconds);
        scenario.engine.retry.waits = waits.to_vec();
    }
    // Of their own, so that no other draw of a seed moves.
    let mut asks = Stream::new(seed, "swarm of asks", 0, 0);
    scenario.keyed_percent = one_of(&mut asks, &[0, 0, 50, 100]);
    scenario.twin_percent = one_of(&mut asks, &[0, 30, 100]);
    scenario.repeat_percent = one_of(&mut asks, &[0, 30, 100]);
    let mut times = Stream::new(seed, "swarm of times", 0, 0);
    scenario.later_percent = one_of(&mut times, &[0, 0, 30]);
    let mut hands = Stream::new(seed, "swarm of hands", 0, 0);
    scenario.by_hand = by_hand(&mut hands, &scenario);
    if is_long {
        let actions = oddities::resends(&mut lengths, &scenario);
        scenario.by_hand.extend(actions);
    }
    let mut asides = Stream::new(seed, "swarm of asides", 0, 0);
    if asides.below(3) == 0 {
        let actions = asides_by_hand(&mut asides, &scenario);
        scenario.by_hand.extend(actions);
    }
    let mut filters = Stream::new(seed, "swarm of filters", 0, 0);
    if filters.below(3) == 0 {
        scenario.event_types = small(filters.between(1, 3));
        let changes = refilters(&mut filters, &scenario);
        scenario.by_hand.extend(changes);
    }
    let mut heals = Stream::new(seed, "swarm of healing", 0, 0);
    if heals.below(3) == 0 {
        let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(events);
        scenario.healing = Some(Healing {
            at: moment(&mut heals, end),
            core: small(heals.between(1, endpoints.into())),
        });
    }
    let mut bounds = Stream::new(seed, "swarm of bounds", 0, 0);
    let production = scenario.engine.batch_bytes_max;
    scenario.engine.batch_bytes_max = one_of(&mut bounds, &[production, production, 2_000, 200]);
    let fixed = scenario.engine.clone();
    scenario.engine = sizes(random, &fixed);
    Ok((scenario, fixed))
}

/// What is done by hand, in some worlds.
fn by_hand(random: &mut Stream, scenario: &Scenario) -> Vec<(Span, Action)> {
    let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events);
    let count = one_of(random, &[0_u32, 0, 2, 12]);
    let actions = (0..count).map(|_| {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let event = small(random.below(scenario.events.into()));
        let action = match random.below(12) {
            0..2 => Action::Move(endpoint),
            2..4 => {
                let graces = [0, 1, 60 * SECOND_US, DAY_US];
                Action::Rotate(endpoint, micros(one_of(random, &graces)))
            }
            4..6 => Action::Disable(endpoint),
            6..8 => Action::Enable(endpoint),
            8 => Action::Delete(endpoint),
            9 => Action::Expunge(event),
            _ => Action::Resend(event, endpoint),
        };
        (moment(random, end), action)
    });
    actions.collect()
}

/// Deliveries that are skipped and parked.
fn asides_by_hand(random: &mut Stream, scenario: &Scenario) -> Vec<(Span, Action)> {
    let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events);
    let actions = (0..random.between(1, 8)).map(|_| {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let event = small(random.below(scenario.events.into()));
        let act = one_of(random, &Act::ALL);
        // Some while attempts flow, others when only retries are left.
        let end = end * one_of(random, &[1, 1, 4]);
        (moment(random, end), Action::SetAside(act, event, endpoint))
    });
    actions.collect()
}

/// Endpoints that want events of other types from some time on.
fn refilters(random: &mut Stream, scenario: &Scenario) -> Vec<(Span, Action)> {
    let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events);
    let changes = (0..random.between(1, 6)).map(|_| {
        let endpoint = small(random.below(scenario.endpoints.into()));
        let types = u8::try_from(random.below(8)).unwrap_or(0);
        (moment(random, end), Action::Refilter(endpoint, types))
    });
    changes.collect()
}

/// The engine's sizes: tiny ones, or those of production.
fn sizes(random: &mut Stream, fixed: &Options) -> Options {
    let production = Options::default();
    Options {
        ring_events_max: one_of(random, &[4, 16, production.ring_events_max]),
        page_rows: one_of(random, &[1, 2, production.page_rows]),
        window_max: one_of(random, &[1, 2, production.window_max]),
        send_slots: one_of(random, &[3, 8, 20, production.send_slots]),
        record_delay: micros(one_of(random, &[0, 1_000, 20_000])),
        ..fixed.clone()
    }
}

/// What the store keeps, and in which portions.
fn embedded(random: &mut Stream) -> EmbeddedOptions {
    let production = EmbeddedOptions::default();
    let row_age = one_of(random, &[HOUR_US, DAY_US, 30 * DAY_US]);
    EmbeddedOptions {
        data_shards: one_of(random, &[1, 1, 3]),
        bucket_bytes: one_of(random, &[100, 1_000, production.bucket_bytes]),
        bucket_age: micros(one_of(random, &[60 * SECOND_US, DAY_US])),
        payload_age: micros(one_of(random, &[row_age, row_age / 4])),
        row_age: micros(row_age),
        retain_every: micros(one_of(random, &[0, 10 * SECOND_US])),
        reserve_bytes: 64 * 1_024,
        journal_attempts_max: one_of(random, &[1, 7, production.journal_attempts_max]),
        // Each endpoint's row is sealed and opened again, over all crashes.
        master_key: Some(MasterKey::new(SIMULATED_MASTER_KEY)),
        #[cfg(feature = "mutants")]
        mutant: None,
    }
}

fn faults(random: &mut Stream, scenario: &Scenario, fixed: &Options) -> Faults {
    let latencies = [
        None,
        None,
        Some((1_000, 30_000)),
        Some((500_000, 3_000_000)),
    ];
    let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events);
    let mut lives: Vec<Life> = (0..random.below(5))
        .map(|_| life(random, scenario, fixed))
        .collect();
    if let Some(first) = lives.first_mut()
        && random.below(4) == 0
    {
        // In the first creation.
        first.end = LifeEnd::AtOperation(random.below(60));
        first.is_power_lost = random.below(2) == 0;
    }
    let mut troubles = Vec::new();
    for _ in 0..one_of(random, &[0_u32, 0, 1, 2]) {
        let room = one_of(random, &[0, 10_000, 70_000, 200_000]);
        let span = micros(one_of(random, &[SECOND_US, 60 * SECOND_US]));
        troubles.push((moment(random, end), Trouble::DiskFull(room, span)));
    }
    for _ in 0..one_of(random, &[0_u32, 0, 1, 3]) {
        let size = i64::try_from(random.between(1, 2 * DAY_US)).unwrap_or(0);
        let step = if random.below(2) == 0 { size } else { -size };
        let step = Trouble::WallStep(Span::from_micros(step));
        troubles.push((moment(random, end), step));
    }
    for _ in 0..one_of(random, &[0_u32, 0, 1, 4]) {
        troubles.push((moment(random, end), Trouble::ShardLost));
    }
    for _ in 0..one_of(random, &[0_u32, 0, 2]) {
        troubles.push((moment(random, end), Trouble::Inspection));
    }
    Faults {
        failing_commits: Vec::new(),
        split_turns: random.below(3) == 0,
        late_loads: random.below(3) == 0,
        failing_loads: random.below(4) == 0,
        gone_receiver: random.below(4) == 0,
        odd_waits: false,
        latency_us: one_of(random, &latencies),
        odd_percent: 0,
        unreached_percent: 0,
        partial_streams: false,
        lives,
        troubles,
    }
}

/// One life of the process, and how it ends.
fn life(random: &mut Stream, scenario: &Scenario, fixed: &Options) -> Life {
    let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events);
    let end = match random.below(10) {
        0..4 => LifeEnd::AtOperation(spread(random, 4_000)),
        4..7 => LifeEnd::After(moment(random, end)),
        7..8 => LifeEnd::Untold(random.between(1, u64::from(scenario.events))),
        _ => LifeEnd::FailingSync(spread(random, 200)),
    };
    Life {
        end,
        is_power_lost: random.below(3) > 0,
        down_for: micros(spread(random, HOUR_US)),
        engine: if random.below(2) == 0 {
            scenario.engine.clone()
        } else {
            sizes(random, fixed)
        },
    }
}

/// In some worlds the process ends in order, too, before its other lives or between them.
fn add_orderly_ends(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of shutdowns", 0, 0);
    let end = scenario.event_every.as_micros().unsigned_abs() * u64::from(scenario.events);
    let grace = limits::DRAIN_TIMEOUT_MS * 1_000;
    for _ in 0..one_of(&mut random, &[0_u32, 0, 1, 2]) {
        let after = moment(&mut random, end);
        let grace = micros(one_of(&mut random, &[0, SECOND_US, grace, grace]));
        let life = Life {
            end: LifeEnd::InOrder(after, grace),
            is_power_lost: random.below(3) > 0,
            down_for: micros(spread(&mut random, HOUR_US)),
            engine: scenario.engine.clone(),
        };
        let lives = &mut scenario.faults.lives;
        let places = u64::try_from(lives.len() + 1).unwrap_or(1);
        let place = usize::try_from(random.below(places)).unwrap_or(0);
        lives.insert(place, life);
    }
}

/// A moment while events come in, or long after.
fn moment(random: &mut Stream, end: u64) -> Span {
    let longest = if random.below(3) == 0 {
        DAY_US * 2
    } else {
        end.max(SECOND_US)
    };
    if random.below(2) == 0 {
        micros(random.below(longest))
    } else {
        micros(spread(random, longest))
    }
}

/// A number from 0 to before `end`, as likely to have few digits as many.
fn spread(random: &mut Stream, end: u64) -> u64 {
    let digits = u64::from(u64::BITS - end.leading_zeros());
    let size = 1_u64 << random.below(digits.max(1));
    random
        .between(size - 1, 2 * size - 2)
        .min(end.saturating_sub(1))
}

fn one_of<T: Copy + Default>(random: &mut Stream, choices: &[T]) -> T {
    random.pick(choices).copied().unwrap_or_default()
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn micros(count: u64) -> Span {
    Span::from_micros(i64::try_from(count).unwrap_or(i64::MAX))
}
