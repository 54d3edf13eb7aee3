//! A run: a scenario from its first turn to the report, or to what went wrong.

use thiserror::Error;

use super::{
    ask::Ask,
    full,
    logbook::SharedLogbook,
    oracles::paired,
    report::{Found, Report},
    scenario::{Layer, Scenario},
    trace::Listener,
    violation::Violation,
    world::{Due, World},
};
use crate::{
    domain::{endpoint_url::EndpointUrlError, secret::SecretError},
    store::AcquireError,
    time::{ClockError, Span},
};

/// Why a run gave no report.
#[derive(Debug, Error)]
pub enum SimulationError {
    /// What must always hold did not: a bug, to be reported with the seed. The report tells how far
    /// the run had come.
    #[error(
        "a property did not hold; please report this with the seed and the options: {}",
        list(.0)
    )]
    Violated(Box<Report>),
    /// The system gives no runtime.
    #[error("the simulation can't start: {0}")]
    Runtime(std::io::Error),
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] AcquireError),
    /// The clock is not believed.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The workload's URLs are not valid.
    #[error(transparent)]
    Url(#[from] EndpointUrlError),
    /// The workload's secret is not valid.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl SimulationError {
    /// Of a run in which something did not hold, and that had come this far.
    pub(super) fn violated(violations: &[Violation], report: Report) -> Self {
        let found = violations.iter();
        let found = found.map(|violation| Found::of(violation, report.seed));
        Self::Violated(Box::new(Report {
            violations: found.collect(),
            ..report
        }))
    }
}

/// Violations as one line.
fn list(report: &Report) -> String {
    let lines: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// Runs a scenario until every delivery has ended and nothing moves any more.
///
/// # Errors
/// [`SimulationError`]: never the scenario's fault.
pub fn run(scenario: &Scenario) -> Result<Report, SimulationError> {
    run_with(scenario, None, None)
}

/// Runs a scenario of the layer `core` as [`run`] does with nobody who watches: nothing is judged, and the
/// report counts attempts and records alone. For the measure of what watching costs; in other layers the
/// witness tells what a store must show, and when a run is over, and so it watches there.
///
/// # Errors
/// [`SimulationError`]: never the scenario's fault.
pub fn run_unwatched(scenario: &Scenario) -> Result<Report, SimulationError> {
    if !matches!(scenario.layer, Layer::Core(_)) {
        return run(scenario);
    }
    let mut world = World::new(scenario)?;
    world.watch(false);
    play(&mut world)
}

/// Runs a scenario as [`run`] does and tells `listener` of each record of its trace.
///
/// # Errors
/// [`SimulationError`]: never the scenario's fault.
pub fn run_heard(scenario: &Scenario, listener: Listener) -> Result<Report, SimulationError> {
    run_with(scenario, Some(listener), None)
}

/// Runs a scenario as [`run`] does and writes down in `logbook` what the witness saw, up to where
/// something did not hold if that is the end.
///
/// # Errors
/// [`SimulationError`]: never the scenario's fault.
pub fn run_logged(scenario: &Scenario, logbook: SharedLogbook) -> Result<Report, SimulationError> {
    run_with(scenario, None, Some(logbook))
}

fn run_with(
    scenario: &Scenario,
    listener: Option<Listener>,
    logbook: Option<SharedLogbook>,
) -> Result<Report, SimulationError> {
    if let Layer::Full(options) = &scenario.layer {
        return full::run(scenario, options, listener, logbook);
    }
    let mut world = World::new(scenario)?;
    world.witness.logbook = logbook;
    if let Some(listener) = listener {
        world.trace.listen(listener);
    }
    let report = play(&mut world)?;
    let Some(alone) = paired::without_the_dead(scenario) else {
        return Ok(report);
    };
    let mut twin = World::new(&alone)?;
    play(&mut twin)?;
    let delays = (
        world.witness.delays_of_core(),
        twin.witness.delays_of_core(),
    );
    match paired::judge(delays) {
        Some(violation) => Err(SimulationError::violated(&[violation], report)),
        None => Ok(report),
    }
}

/// Lets a world go on until nothing moves any more.
fn play(world: &mut World<'_>) -> Result<Report, SimulationError> {
    begin(world);
    while world.turn()? {}
    world.close()
}

/// Plans what sets a world going.
fn begin(world: &mut World<'_>) {
    let scenario = world.scenario;
    world.plan(Span::ZERO, Due::Start);
    for (after, trouble) in &scenario.faults.troubles {
        world.plan(*after, Due::Trouble(*trouble));
    }
    if let Some(healing) = scenario.healing {
        world.plan(healing.at, Due::Heal);
    }
    for (number, (after, _)) in (0_u32..).zip(&scenario.by_hand) {
        world.plan_ask((*after, Ask::ByHand(number)));
    }
    for ask in world.workload.neighbours.first_asks() {
        world.plan_ask(ask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{figure::Figure, measures::Measures};

    fn document(scenario: &Scenario) -> String {
        let report = run(scenario).expect("every property holds");
        report.to_json().expect("integers and a string")
    }

    #[test]
    fn the_same_seed_gives_the_same_document_and_another_seed_another_hash() {
        let scenario = |seed| Scenario::new(seed, 40, 8).expect("it can run");
        assert_eq!(document(&scenario(1)), document(&scenario(1)));
        let hash = |seed| run(&scenario(seed)).expect("it ends").trace_hash;
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn what_happens_does_not_depend_on_whether_somebody_watches() {
        let scenario = Scenario::new(3, 40, 8).expect("it can run");
        let (watched, unwatched) = (run(&scenario), run_unwatched(&scenario));
        let (watched, unwatched) = (watched.expect("it ends"), unwatched.expect("it ends"));
        assert_eq!(watched.trace_hash, unwatched.trace_hash);
        assert_eq!(watched.attempts, unwatched.attempts);
        assert_eq!((watched.events, unwatched.events), (40, 0));
    }

    #[test]
    fn one_backoff_step_longer_by_a_millisecond_changes_the_hash() {
        let scenario = Scenario::new(1, 20, 5).expect("it can run");
        let before = run(&scenario).expect("it ends");
        for step in 0..scenario.engine.retry.waits.len() {
            let mut changed = scenario.clone();
            let wait = &mut changed.engine.retry.waits;
            let longer = wait.get_mut(step).expect("a step");
            *longer = Span::from_micros(longer.as_micros() + 1_000);
            let after = run(&changed).expect("it ends");
            assert_ne!(before.trace_hash, after.trace_hash, "step {step}");
            assert_eq!(before.deliveries, after.deliveries, "step {step}");
        }
    }

    #[test]
    fn the_document_tells_nothing_of_the_faults_that_did_not_happen() {
        let mut scenario = Scenario::new(3, 10, 3).expect("it can run");
        let quiet = document(&scenario);
        scenario.faults.failing_commits = vec![crate::sim::faults::FailingCommit {
            number: u64::MAX,
            is_durable: false,
        }];
        assert_eq!(quiet, document(&scenario));
    }

    #[test]
    fn a_run_in_which_something_does_not_hold_tells_how_far_it_had_come() {
        let scenario = Scenario::new(1, 40, 8).expect("it can run");
        let mut world = World::new(&scenario).expect("it can run");
        let logbook = SharedLogbook::default();
        world.witness.logbook = Some(SharedLogbook::clone(&logbook));
        begin(&mut world);
        while world.witness.attempts < 150 {
            assert!(world.turn().expect("every property holds"));
        }
        world.witness.object(Violation::Endless);
        let failed = world.turn().expect_err("a property does not hold");
        let SimulationError::Violated(report) = failed else {
            panic!("{failed}");
        };
        let measures = Measures::of(&scenario, &logbook.borrow());
        let all = |figure| measures.get(figure, None).expect("it is measured");
        assert_eq!(report.endpoints, 8);
        assert!(report.succeeded > 50 && report.succeeded < 320, "{report}");
        assert_eq!(report.deliveries, all(Figure::Deliveries));
        assert_eq!(report.succeeded, all(Figure::Succeeded));
        assert_eq!(report.exhausted, all(Figure::Exhausted));
        assert_eq!((report.cancelled, report.violations.len()), (0, 1));
    }

    #[test]
    fn without_a_dead_receiver_most_is_delivered_at_once() {
        let report = run(&Scenario::new(5, 50, 2).expect("it can run")).expect("it ends");
        assert_eq!(report.deliveries, 100);
        assert_eq!(report.deliveries, report.succeeded + report.exhausted);
        assert!(
            report.latency_ms.is_some_and(|times| times.p50 < 1_000),
            "{report:?}"
        );
    }
}
