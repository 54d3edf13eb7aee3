//! A closed file that is damaged: it is refused in one plain line, or everything in it is as it was.

use std::{fs, path::Path, time::Duration};

use fanfare::random::Stream;

use crate::{
    kills::{load, told},
    producer::Load,
    receiver::Behaviour,
    run::{Run, pause, stop},
    server::Server,
};

const PAGE: usize = 4_096;

/// Damages a file; says how.
fn damage(bytes: &mut Vec<u8>, number: u32, random: &mut Stream) -> String {
    let mut below = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap_or(0);
    let pages = bytes.len() / PAGE;
    let used: Vec<usize> = (0..pages)
        .filter(|page| page_of(bytes, *page).iter().any(|byte| *byte != 0))
        .collect();
    let mut some_page = |list: &[usize]| list.get(below(list.len())).copied().unwrap_or(0);
    match number % 8 {
        0 => {
            let length = below(bytes.len());
            bytes.truncate(length);
            format!("cut to {length} bytes")
        }
        1 => {
            let page = some_page(&used);
            page_of_mut(bytes, page).fill(0);
            format!("page {page} zeroed")
        }
        2 => {
            let (one, other) = (some_page(&used), some_page(&used));
            let kept = page_of(bytes, one).to_vec();
            let moved = page_of(bytes, other).to_vec();
            page_of_mut(bytes, one).copy_from_slice(&moved);
            page_of_mut(bytes, other).copy_from_slice(&kept);
            format!("pages {one} and {other} swapped")
        }
        _ => {
            let at = some_page(&used) * PAGE + below(PAGE);
            let bit = below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            format!("bit {bit} of byte {at} flipped")
        }
    }
}

fn page_of(bytes: &[u8], page: usize) -> &[u8] {
    bytes
        .get(page * PAGE..(page + 1) * PAGE)
        .unwrap_or_default()
}

fn page_of_mut(bytes: &mut [u8], page: usize) -> &mut [u8] {
    bytes
        .get_mut(page * PAGE..(page + 1) * PAGE)
        .unwrap_or_default()
}

/// All lists of a server, as text.
fn lists(run: &Run, server: &Server) -> Vec<String> {
    let mut paths = vec!["/app/acme/msg?limit=250".to_owned()];
    for endpoint in run.endpoints() {
        paths.push(format!("/app/acme/attempt/endpoint/{endpoint}?limit=250"));
        paths.push(format!("/app/acme/endpoint/{endpoint}/secret"));
    }
    let get = |path: String| {
        let answer = run.runtime.block_on(run.api.get(server.at, &path));
        let answer = answer.map(|answer| (answer.status, answer.body));
        // Iterators are sealed by chance.
        let text = format!("{answer:?}");
        text.split("\\\"iterator\\\"")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    paths.into_iter().map(get).collect()
}

/// Damages a closed file in so many ways.
pub(crate) fn flips(binary: &Path, work: &Path, seed: u64, count: u32) -> Result<(), Vec<String>> {
    const MESSAGES: usize = 60;
    // Half of the deliveries wait until long after the test, each for its own retry.
    let behaviours = [Behaviour::Accept, Behaviour::RefuseFirst(1)];
    let settings: (&[u64], _) = (&[36_000], "circuit_breaker = false");
    let (run, server) = Run::start_set(binary, work, work.join("data"), settings, &behaviours);
    let producers = run.produce(Load {
        producers: 2,
        ..load(seed)
    });
    while run.acknowledged() < MESSAGES {
        pause(Duration::from_millis(10));
    }
    producers.stop(&run.runtime);
    while run.receipts() < run.acknowledged() * behaviours.len() {
        pause(Duration::from_millis(10));
    }
    let mut faults = Vec::new();
    stop(server, &mut faults);
    let path = run.plan.data.join("fanfare.db");
    let whole = fs::read(&path).expect("it is there");
    let server = run.restart();
    let expected = lists(&run, &server);
    stop(server, &mut faults);

    let mut random = Stream::new(seed, "flips", 0, 0);
    let (mut refused, mut harmless, mut found) = (0, 0, 0);
    for number in 0..count {
        let mut bytes = whole.clone();
        let how = damage(&mut bytes, number, &mut random);
        fs::write(&path, &bytes).expect("there is room");
        let (code, text) = run.plan.check();
        let is_clean = code == Some(0);
        if !matches!(code, Some(0 | 1)) || text.contains("panicked") {
            faults.push(format!("{how}: check: {code:?} {text}"));
        }
        match run.plan.start() {
            Ok(server) => {
                if lists(&run, &server) != expected {
                    faults.push(format!("{how}: WRONG: it starts with other lists"));
                }
                server.kill();
                harmless += u32::from(is_clean);
                found += u32::from(!is_clean);
            }
            Err((code, lines)) => {
                let is_plain = matches!(lines.as_slice(), [line] if line.starts_with("error: "));
                if code != Some(1) || !is_plain || is_clean {
                    faults.push(format!("{how}: {code:?} {lines:?}, check: {text}"));
                }
                refused += 1;
            }
        }
    }
    println!(
        "{count} damaged files: {refused} refused, {found} only found by the check, {harmless} without effect"
    );
    if refused == 0 {
        faults.push("nothing was refused: nothing was tested".to_owned());
    }
    faults.extend(run.ledger.seen().faults.clone());
    told(faults)
}
