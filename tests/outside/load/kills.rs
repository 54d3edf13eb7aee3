//! Ends of the process: SIGKILL at random moments, SIGTERM under load, retries over a restart.

use std::{path::Path, time::Duration};

use fanfare::random::Stream;

use crate::{
    producer::Load,
    receiver::Behaviour,
    run::{Run, WAITS_S, pause, stop},
};

/// Of the endpoints of most tests.
pub(crate) const BEHAVIOURS: [Behaviour; 3] = [
    Behaviour::Accept,
    Behaviour::RefuseFirst(4),
    Behaviour::RefuseSome(4, 64),
];

/// What producers usually do.
pub(crate) fn load(seed: u64) -> Load {
    Load {
        seed,
        producers: 8,
        pause: Duration::from_millis(10),
        text_max: 2_000,
    }
}

/// SIGKILL at random moments, `kills` times.
pub(crate) fn sigkill(
    binary: &Path,
    work: &Path,
    seed: u64,
    kills: u32,
) -> Result<(), Vec<String>> {
    let data = work.join("data");
    let (run, mut server) = Run::start(binary, work, data, &WAITS_S, &BEHAVIOURS);
    let producers = run.produce(load(seed));
    let mut random = Stream::new(seed, "kills", 0, 0);
    let mut faults = Vec::new();
    let mut moments = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 1..=kills {
        // Short lives, too: those that end in the recovery of the one before.
        let most = if number % 5 == 0 { 100 } else { 2_000 };
        let moment = random.between(1, most);
        moments.push(moment);
        pause(Duration::from_millis(moment));
        if !server.runs() {
            faults.push(format!("it ended by itself before kill {number}"));
        }
        server.kill();
        run.ledger.kill();
        if number % 10 == 0 {
            let (code, text) = run.plan.check();
            if code != Some(0) {
                faults.push(format!(
                    "after kill {number} the check says {code:?}: {text}"
                ));
            }
        }
        server = run.restart();
        slowest = slowest.max(server.start_took);
    }
    println!("{kills} kills, ms after each start: {moments:?}");
    println!("slowest restart {slowest:?}");
    producers.stop(&run.runtime);
    if run.ledger.seen().kills.len() != usize::try_from(kills).unwrap_or(0) {
        faults.push("not all kills were done".to_owned());
    }
    faults.extend(run.close(server).err().unwrap_or_default());
    told(faults)
}

/// SIGTERM under load, a few times; nothing may be doubled.
pub(crate) fn sigterm(binary: &Path, work: &Path, seed: u64) -> Result<(), Vec<String>> {
    let data = work.join("data");
    let (run, mut server) = Run::start(binary, work, data, &WAITS_S, &BEHAVIOURS);
    let producers = run.produce(load(seed));
    let mut faults = Vec::new();
    for _ in 0..5 {
        pause(Duration::from_millis(1_500));
        stop(server, &mut faults);
        server = run.restart();
    }
    producers.stop(&run.runtime);
    faults.extend(run.close(server).err().unwrap_or_default());
    told(faults)
}

/// A retry that was scheduled comes at its time, a broken-off attempt at once.
pub(crate) fn schedule(binary: &Path, work: &Path, seed: u64) -> Result<(), Vec<String>> {
    /// The wait before the second attempt, which is spread by a fifth.
    const WAIT_S: u64 = 8;
    let behaviours = [Behaviour::RefuseFirst(1), Behaviour::HangUntilKill];
    let data = work.join("data");
    let (run, server) = Run::start(binary, work, data, &[WAIT_S], &behaviours);
    let one = Load {
        producers: 1,
        pause: Duration::from_millis(50),
        ..load(seed)
    };
    let producers = run.produce(one);
    while run.acknowledged() < 4 {
        pause(Duration::from_millis(10));
    }
    producers.stop(&run.runtime);
    // Until the failures are recorded.
    pause(Duration::from_millis(1_000));
    server.kill();
    run.ledger.kill();
    pause(Duration::from_millis(1_500));
    let restarted = run.ledger.now_ms();
    let server = run.restart();
    let ready = run.ledger.now_ms();
    let mut faults = Vec::new();
    if !run.quiet() {
        faults.push("it does not come to an end".to_owned());
    }
    let (mut scheduled, mut broken_off) = (0, 0);
    for ((message, endpoint), receipts) in &run.ledger.seen().receipts {
        match receipts.as_slice() {
            [first, second] if *endpoint == 0 => {
                let waited = second.at_ms - first.at_ms;
                scheduled += 1;
                let (least, most) = (WAIT_S * 800, WAIT_S * 1_200 + 500);
                println!("scheduled: {message} came after {waited} ms");
                if !(least..=most).contains(&waited) {
                    faults.push(format!("{message}: {waited} ms is not {least} to {most}"));
                }
            }
            // Broken off, or held back behind what was.
            [.., last] if *endpoint == 1 && receipts.len() <= 2 => {
                broken_off += receipts.len() - 1;
                let after = last.at_ms.saturating_sub(restarted);
                println!("at once: {message} came {after} ms after the restart");
                if last.at_ms < restarted || last.at_ms > ready + 1_000 {
                    faults.push(format!(
                        "{message}: {after} ms after the restart is not at once"
                    ));
                }
            }
            _ => faults.push(format!("{message} to endpoint {endpoint}: {receipts:?}")),
        }
    }
    if scheduled == 0 || broken_off == 0 {
        faults.push("nothing was tested".to_owned());
    }
    println!(
        "acknowledged {}, retries at their time {scheduled}, broken off and at once {broken_off}",
        run.acknowledged()
    );
    stop(server, &mut faults);
    told(faults)
}

/// The outcome of a test that found these faults.
pub(crate) fn told(faults: Vec<String>) -> Result<(), Vec<String>> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
