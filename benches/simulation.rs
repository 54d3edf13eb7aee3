//! Simulated deliveries a second on one core: the layer `core` with the witness and without it, and the
//! layer `full` with four crashes. A fan-out of ten, a fifth of all attempts failing.
//!
//! Prints the best and the median of five runs each, in turn, by the time that the process had on a
//! core and by the clock on the wall.
//!
//! `cargo bench --bench simulation`, with `-- --only core` or `-- --only full` for a part of it and
//! `-- --rounds N` for more runs; with `--features mimalloc` by that allocator.

#![expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a bench reads the clock, divides and prints"
)]

use std::{env, fs, time::Instant};

use fanfare::{
    config::scenario::ScenarioFile,
    sim::{Report, Scenario, SimulationError, run, run::run_unwatched},
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The engine over the memory store.
const CORE: &str = r#"
seed = 1
[traffic]
steps = [{ rate = "500/s", for = "2m" }]
[[endpoint]]
name = "receivers"
count = 10
latency = "1ms to 10ms"
errors = "20%"
"#;

/// Everything that ships but sockets and TLS, and a process that dies four times.
const FULL: &str = r#"
layer = "full"
seed = 1
[traffic]
steps = [{ rate = "500/s", for = "6s" }]
[[endpoint]]
name = "receivers"
count = 10
latency = "1ms to 10ms"
errors = "20%"
[[life]]
ends = { after = "1200ms" }
power_lost = true
[[life]]
ends = { after = "1200ms" }
[[life]]
ends = { after = "1200ms" }
power_lost = true
[[life]]
ends = { after = "1200ms" }
"#;

/// How a scenario is run.
type Run = fn(&Scenario) -> Result<Report, SimulationError>;

/// What is measured.
const SUBJECTS: [(&str, &str, Run); 3] = [
    ("core", CORE, run),
    ("core, unwatched", CORE, run_unwatched),
    ("full", FULL, run),
];

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let rounds = option("--rounds").map_or(5, |rounds| rounds.parse().expect("a number"));
    let only = option("--only");
    let wanted = SUBJECTS
        .iter()
        .filter(|(name, ..)| only.as_deref().is_none_or(|only| name.starts_with(only)));
    let mut measured: Vec<Measured> = wanted.map(Measured::of).collect();
    for _ in 0..rounds {
        for subject in &mut measured {
            subject.run_once();
        }
    }
    println!("load of the machine: {}", load());
    for subject in measured {
        subject.print();
    }
}

struct Measured {
    name: &'static str,
    scenario: Scenario,
    run: Run,
    deliveries: u64,
    report: Report,
    /// Seconds of each run, on the wall and on a core.
    seconds: Vec<(f64, f64)>,
}

impl Measured {
    fn of((name, text, run): &(&'static str, &str, Run)) -> Self {
        let scenario = ScenarioFile::read(text).expect("it is right").scenario;
        Self {
            name,
            deliveries: u64::from(scenario.events) * u64::from(scenario.endpoints),
            scenario,
            run: *run,
            report: Report::default(),
            seconds: Vec::new(),
        }
    }

    fn run_once(&mut self) {
        let (began, ticks) = (Instant::now(), cpu_seconds());
        self.report = (self.run)(&self.scenario).expect("every property holds");
        let cpu = cpu_seconds() - ticks;
        self.seconds.push((began.elapsed().as_secs_f64(), cpu));
    }

    fn print(self) {
        let rates = |of: fn(&(f64, f64)) -> f64| {
            let mut seconds: Vec<f64> = self.seconds.iter().map(of).collect();
            seconds.sort_by(f64::total_cmp);
            let rate = |place: usize| self.deliveries as f64 / seconds.get(place).expect("it ran");
            (rate(0), rate(seconds.len() / 2))
        };
        let (best, median) = rates(|(wall, _)| *wall);
        let (best_on_core, median_on_core) = rates(|(_, cpu)| *cpu);
        println!(
            "{:<16} best {best:>9.0} deliveries/s, median {median:>9.0}; by time on a core \
             {best_on_core:>9.0} and {median_on_core:>9.0}",
            self.name,
        );
        let attempts = self.report.attempts as f64 / self.deliveries as f64;
        println!(
            "{:<16} {} deliveries, {attempts:.3} attempts each, {} crashes, {} records, hash {}",
            "", self.deliveries, self.report.crashes, self.report.records, self.report.trace_hash
        );
    }
}

/// Seconds that this process had on a core so far.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|part| part.parse().ok());
    nanos.map_or(0.0, |nanos: u64| nanos as f64 / 1e9)
}

/// The load of the machine in the last minute, as the system tells it.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
