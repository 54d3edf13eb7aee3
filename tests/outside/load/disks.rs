//! Disks that fail: errors of syncs and writes, no room, a file system that turns read-only.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use fanfare::random::Stream;

use crate::{
    kills::{BEHAVIOURS, load, told},
    run::{Run, WAITS_S, pause, stop},
    server::Server,
};

/// Longest time until a server has noticed what is wrong with its disk.
const NOTICE_MAX: Duration = Duration::from_secs(20);

/// Waits until something holds; whether it did in time.
fn until(mut holds: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < NOTICE_MAX {
        if holds() {
            return true;
        }
        pause(Duration::from_millis(20));
    }
    false
}

/// What a server must do after an error that leaves open what is on the disk: end by itself with 1
/// and one plain line.
fn gave_up(run: &Run, server: Server, what: &str, faults: &mut Vec<String>) {
    let (took, code, lines) = server.ended(NOTICE_MAX + Duration::from_secs(10));
    run.ledger.kill();
    refusal(what, code, &lines, faults);
    println!(
        "{what}: ended after {took:?} with {code:?}: {:?}",
        lines.last()
    );
}

/// An end with 1 and one plain line beside the one that it listens.
fn refusal(what: &str, code: Option<i32>, lines: &[String], faults: &mut Vec<String>) {
    let errors = lines.iter().filter(|line| line.starts_with("error: "));
    let others = lines.iter().filter(|line| {
        let is_banner = line.contains("listens on http://");
        !line.starts_with("error: ") && !is_banner
    });
    if code != Some(1) || errors.count() != 1 || others.count() != 0 {
        faults.push(format!("{what}: {code:?} {lines:#?}"));
    }
}

/// Syncs and writes that fail, from the n-th on, by `strace`.
pub(crate) fn eio(binary: &Path, work: &Path, seed: u64) -> Result<(), Vec<String>> {
    let data = work.join("data");
    let (mut run, server) = Run::start(binary, work, data, &WAITS_S, &BEHAVIOURS);
    let mut faults = Vec::new();
    stop(server, &mut faults);
    let producers = run.produce(load(seed));
    let mut random = Stream::new(seed, "eio", 0, 0);
    let rounds = [
        ("fsync,fdatasync", random.between(2, 20)),
        ("fsync,fdatasync", random.between(100, 400)),
        ("pwrite64", random.between(500, 2_000)),
        ("fsync,fdatasync", random.between(100, 400)),
    ];
    for (calls, number) in rounds {
        let what = format!("{calls} {number}");
        let trace = work.join("strace.log");
        let inject = format!("inject={calls}:error=EIO:when={number}+");
        let words = ["strace", "-D", "-f", "-qq", "-o"];
        run.plan.wrapper = words.map(ToOwned::to_owned).to_vec();
        run.plan.wrapper.extend([
            trace.to_str().expect("UTF-8").to_owned(),
            "-e".to_owned(),
            format!("trace={calls}"),
            "-e".to_owned(),
            inject,
        ]);
        let before = run.acknowledged();
        match run.plan.start() {
            Ok(server) => gave_up(&run, server, &what, &mut faults),
            // A start writes, too.
            Err((code, lines)) => {
                refusal(&what, code, &lines, &mut faults);
                println!("{what}: no start: {:?}", lines.last());
            }
        }
        let trace = fs::read_to_string(&trace).unwrap_or_default();
        if !trace.contains("(INJECTED)") {
            faults.push(format!("{what}: nothing was injected"));
        }
        println!("{what}: {} acknowledged", run.acknowledged() - before);
        run.plan.wrapper.clear();
        let server = run.restart();
        let before = run.acknowledged();
        if !until(|| run.acknowledged() > before + 20) {
            faults.push(format!("{what}: no service after the restart"));
        }
        stop(server, &mut faults);
    }
    let server = run.restart();
    producers.stop(&run.runtime);
    faults.extend(run.close(server).err().unwrap_or_default());
    told(faults)
}

/// Fills a file system until so much is free.
fn fill(filler: &mut File, folder: &Path, leave: u64) {
    let chunk = vec![1; 64 * 1024];
    loop {
        let space = rustix::fs::statvfs(folder).expect("a file system");
        let free = space.f_bavail * space.f_frsize;
        let more = free.saturating_sub(leave).min(chunk.len() as u64);
        let more = usize::try_from(more).expect("a chunk");
        if more == 0
            || filler
                .write_all(chunk.get(..more).unwrap_or(&chunk))
                .is_err()
        {
            return;
        }
    }
}

/// No room: 507, deliveries go on as far as they can, service comes back by itself.
pub(crate) fn full(binary: &Path, work: &Path, disk: &Path, seed: u64) -> Result<(), Vec<String>> {
    const MIB: u64 = 1024 * 1024;
    let (run, mut server) = Run::start(binary, work, disk.join("data"), &WAITS_S, &BEHAVIOURS);
    let producers = run.produce(load(seed));
    let mut faults = Vec::new();
    let refused = || run.ledger.seen().refused.get(&507).copied().unwrap_or(0);
    pause(Duration::from_millis(1_500));

    let filler_path = disk.join("filler");
    let mut filler = File::create(&filler_path).expect("there is room");
    // Below the reserve.
    fill(&mut filler, disk, 14 * MIB);
    if !until(|| refused() > 10) {
        faults.push("no 507 below the reserve".to_owned());
    }
    let before = run.acknowledged();
    if !until(|| run.unended() == 0) {
        faults.push(format!(
            "{} deliveries stand below the reserve",
            run.unended()
        ));
    }
    if run.acknowledged() != before {
        faults.push("202 below the reserve".to_owned());
    }
    println!("below the reserve: {} refused, all delivered", refused());

    fs::remove_file(&filler_path).expect("it is there");
    drop(filler);
    let begin = Instant::now();
    if !until(|| run.acknowledged() > before + 20) {
        faults.push("no service after room came back".to_owned());
    }
    println!("service came back after {:?}", begin.elapsed());

    // To the last byte, at once, under load.
    let mut filler = File::create(&filler_path).expect("there is room");
    fill(&mut filler, disk, 0);
    run.ledger.kill();
    let before = refused();
    if !until(|| refused() > before + 50) {
        faults.push("no 507 on a full disk".to_owned());
    }
    fill(&mut filler, disk, 0);
    pause(Duration::from_secs(3));
    let before = run.acknowledged();
    pause(Duration::from_secs(2));
    if run.acknowledged() != before {
        faults.push("202 on a full disk".to_owned());
    }
    if !server.runs() {
        faults.push("it ended on a full disk".to_owned());
    }
    println!("full: {} refused", refused());
    fs::remove_file(&filler_path).expect("it is there");
    drop(filler);
    let begin = Instant::now();
    if !until(|| run.acknowledged() > before + 20) {
        faults.push("no service after the disk was full".to_owned());
    }
    println!("service came back after {:?}", begin.elapsed());
    pause(Duration::from_millis(500));
    producers.stop(&run.runtime);
    faults.extend(run.close(server).err().unwrap_or_default());
    told(faults)
}

/// A file system that turns read-only: as after an error of a sync.
pub(crate) fn read_only(
    binary: &Path,
    work: &Path,
    disk: &Path,
    (turn, restore): (&str, &str),
    seed: u64,
) -> Result<(), Vec<String>> {
    let (run, server) = Run::start(binary, work, disk.join("data"), &WAITS_S, &BEHAVIOURS);
    let producers = run.produce(load(seed));
    let mut faults = Vec::new();
    pause(Duration::from_millis(1_500));
    run.ledger.fails();
    shell(turn);
    gave_up(&run, server, "read-only", &mut faults);
    // Where it can't write it does not start, and says so.
    match run.plan.start() {
        Ok(server) => {
            faults.push("it starts on a read-only file system".to_owned());
            drop(server);
        }
        Err((code, lines)) => {
            refusal("start on read-only", code, &lines, &mut faults);
            println!("start on read-only: {:?}", lines.last());
        }
    }
    let (code, text) = run.plan.check();
    println!("check on read-only: {code:?}: {}", text.trim());
    if code != Some(1) || !text.starts_with("error: ") || text.trim().contains('\n') {
        faults.push(format!("check on read-only: {code:?}: {text}"));
    }
    shell(restore);
    let server = run.restart();
    let before = run.acknowledged();
    if !until(|| run.acknowledged() > before + 20) {
        faults.push("no service after the restart".to_owned());
    }
    producers.stop(&run.runtime);
    faults.extend(run.close(server).err().unwrap_or_default());
    told(faults)
}

fn shell(command: &str) {
    let status = Command::new("sh").args(["-ec", command]).status();
    assert!(status.expect("a shell is there").success(), "{command}");
}
