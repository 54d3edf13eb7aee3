//! Settings of the process: circuits, schedules, room for rows; in some worlds each life has others.

use crate::{
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
    random::Stream,
    sim::{scenario::Scenario, swarm::one_of},
    time::Span,
};

/// Draws when circuits open and for how long, and when an endpoint is disabled, for every life alike.
pub(in crate::sim::swarm) fn draw_circuits(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of circuits", 0, 0);
    let (policy, disable_after) = circuits(&mut random);
    for engine in scenario.engines_mut() {
        engine.circuit_breaker.clone_from(&policy);
        engine.disable_after = disable_after;
    }
}

/// When circuits open and for how long, if they do, and after how long an endpoint is disabled.
fn circuits(random: &mut Stream) -> (Option<CircuitBreakerPolicy>, Option<Span>) {
    let seconds = |random: &mut Stream, of: &[i64]| Span::from_seconds(one_of(random, of));
    let pause = seconds(random, &[1, 5, 30, 300]);
    let policy = CircuitBreakerPolicy {
        failed_percent: one_of(random, &[30, 80, 100]),
        attempts_min: one_of(random, &[1, 3, 10]),
        window: seconds(random, &[10, 600, 7_200]),
        pause,
        pause_max: pause.max(seconds(random, &[1, 60, 300])),
        probes: one_of(random, &[1, 3]),
        recovery_percent: one_of(random, &[100, 200, 1_000]),
        ..CircuitBreakerPolicy::default()
    };
    let drawn = [None, Some(policy), Some(CircuitBreakerPolicy::default())];
    let policy = one_of(random, &[0_usize, 1, 1, 2]);
    let policy = drawn.get(policy).cloned().flatten();
    let hours = one_of(random, &[None, Some(1), Some(12), Some(120)]);
    (
        policy,
        hours.map(|hours: i64| Span::from_seconds(hours * 3_600)),
    )
}

/// Draws settings of the engine that no other draw has.
pub(in crate::sim::swarm) fn draw_settings(scenario: &mut Scenario) {
    draw_rows(scenario);
    draw_schedules(scenario);
    draw_other_circuits(scenario);
}

/// Draws processes that are started with another schedule than those before them.
fn draw_schedules(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of schedules", 0, 0);
    if random.below(4) != 0 {
        return;
    }
    let short = [1, 10, 120].map(Span::from_seconds);
    let other = [2, 40, 300, 600].map(Span::from_seconds);
    let production = RetryPolicy::default();
    for engine in scenario.engines_mut() {
        let waits = match random.below(4) {
            0 => &short[..2],
            1 => &short,
            2 => &other,
            _ => &production.waits,
        };
        engine.retry.waits = waits.to_vec();
    }
}

/// Draws how many deliveries of an application may wait in rows before lanes that have some stop at their cursors.
fn draw_rows(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of rows", 0, 0);
    if random.below(12) != 0 {
        return;
    }
    let most = one_of(&mut random, &[1, 3, 10]);
    // Half of it is all that may wait for its time; who asks for more would be put off for hours.
    scenario.later_percent = 0;
    for engine in scenario.engines_mut() {
        engine.open_rows_max = most;
    }
}

/// Draws processes that are started with other circuits than those before them, and disable sooner or later.
fn draw_other_circuits(scenario: &mut Scenario) {
    let mut random = Stream::new(scenario.seed, "swarm of other circuits", 0, 0);
    // A crowd has those that it is drawn with.
    if random.below(4) != 0 || !scenario.receivers.is_empty() {
        return;
    }
    for engine in scenario.engines_mut() {
        (engine.circuit_breaker, engine.disable_after) = circuits(&mut random);
    }
}
