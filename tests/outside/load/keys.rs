//! Idempotency keys over SIGKILL: whoever got no answer asks again under the same key, and there is
//! one event a key.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fanfare::random::Stream;
use serde::Deserialize;
use tokio::sync::watch;

use crate::{
    api::{Answer, Api},
    judge::{Case, Verdict},
    kills::told,
    ledger::Seen,
    producer::id_of,
    run::{Run, pause, stop},
};

/// How many ask at the same time, each for one event after another.
const ASKERS: u16 = 16;
/// Keys that are asked for once more at the end.
const ASKED_AGAIN: usize = 500;
const PATH: &str = "/app/acme/msg?with_content=false";

/// What was asked for and told.
#[derive(Debug, Default)]
struct Asked {
    /// The id that was told under each key, with the body that asked for it.
    events: BTreeMap<String, (String, String)>,
    /// Requests without an answer whose event was there when they were asked again.
    there: u64,
    /// Requests without an answer whose event was not.
    absent: u64,
    /// Requests that were answered and asked again.
    again: u64,
    faults: Vec<String>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    event: String,
}

/// SIGKILL at random moments, `kills` times.
pub(crate) fn keys(binary: &Path, work: &Path, seed: u64, kills: u32) -> Result<(), Vec<String>> {
    let (run, mut server) = Run::start(binary, work, work.join("data"), &[1], &[]);
    let asked: Arc<Mutex<Asked>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    let askers = (0..ASKERS).map(|number| {
        let asker = Asker {
            number,
            seed,
            api: Api::new(),
            address: run.plan.address.subscribe(),
            asked: Arc::clone(&asked),
            over: Arc::clone(&over),
            random: Stream::new(seed, "asker", number, 0),
        };
        run.runtime.spawn(asker.work())
    });
    let askers: Vec<_> = askers.collect();
    let mut random = Stream::new(seed, "kills", 0, 0);
    let mut faults = Vec::new();
    for number in 1..=kills {
        let most = if number % 4 == 0 { 50 } else { 1_000 };
        pause(Duration::from_millis(random.between(1, most)));
        if !server.runs() {
            faults.push(format!("it ended by itself before kill {number}"));
        }
        server.kill();
        server = run.restart();
    }
    over.store(true, Ordering::Relaxed);
    for asker in askers {
        run.runtime.block_on(asker).expect("nobody panics");
    }
    stop(server, &mut faults);
    let (code, text) = run.plan.check();
    if code != Some(0) {
        faults.push(format!("the check says {code:?}: {text}"));
    }
    let server = run.restart();
    let mut asked = core::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
    faults.append(&mut asked.faults);
    run.runtime
        .block_on(judge(&run.api, server.at, &asked, &mut faults));
    stop(server, &mut faults);
    println!(
        "acknowledged {} keys, one event each; of the unanswered {} were there and {} not; {} kills, \
         {} answered ones asked again",
        asked.events.len(),
        asked.there,
        asked.absent,
        kills,
        asked.again
    );
    // Whether a kill fell between a commit and its answers is luck; the simulator makes it happen.
    if asked.there + asked.absent == 0 || asked.again == 0 {
        faults.push("nothing was tested".to_owned());
    }
    told(faults)
}

/// Compares what the API lists, and what it says under the keys, with what it said before.
async fn judge(api: &Api, address: SocketAddr, asked: &Asked, faults: &mut Vec<String>) {
    let case = Case {
        api,
        address,
        seen: &Seen::default(),
        endpoints: &[],
        attempts_max: 0,
    };
    let mut verdict = Verdict::default();
    let listed: Vec<Listed> = case.list("/app/acme/msg", &mut verdict).await;
    faults.append(&mut verdict.faults);
    let mut there: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for message in &listed {
        let ids = there.entry(&message.payload.event).or_default();
        ids.push(&message.id);
    }
    for (key, (id, _)) in &asked.events {
        match there.remove(key.as_str()).as_deref() {
            Some([only]) if only == id => {}
            other => faults.push(format!("{key}: {id} was told, {other:?} is there")),
        }
    }
    // Everybody asked until there was an answer.
    faults.extend(
        there
            .iter()
            .map(|other| format!("nobody was told of {other:?}")),
    );
    let step = asked.events.len().div_ceil(ASKED_AGAIN).max(1);
    for (key, (id, body)) in asked.events.iter().step_by(step) {
        let answer = api.post_once(address, PATH, key, body.clone()).await;
        let answer = answer.map(|answer| (is_replayed(&answer), id_of(&answer.body)));
        if answer != Some((true, Some(id.clone()))) {
            faults.push(format!("{key}: {id}, and after the restart {answer:?}"));
        }
    }
}

fn is_replayed(answer: &Answer) -> bool {
    let replayed = answer.headers.get("idempotency-replayed");
    answer.status == 202 && replayed.is_some_and(|value| value == "true")
}

struct Asker {
    number: u16,
    seed: u64,
    api: Api,
    address: watch::Receiver<Option<SocketAddr>>,
    asked: Arc<Mutex<Asked>>,
    over: Arc<AtomicBool>,
    random: Stream,
}

impl Asker {
    async fn work(mut self) {
        let mut count = 0_u64;
        while !self.over.load(Ordering::Relaxed) {
            let key = format!("{}-{}-{count}", self.seed, self.number);
            count += 1;
            // No name of its own: only the key tells it from its repetitions.
            let body = format!(r#"{{"eventType":"load.test","payload":{{"event":"{key}"}}}}"#);
            self.ask(&key, &body).await;
            if self.random.between(0, 3) == 0 {
                self.ask_again(&key, &body).await;
            }
        }
    }

    /// Asks until there is an answer.
    async fn ask(&mut self, key: &str, body: &str) {
        let mut tries = 0;
        loop {
            let answer = self.send(key, body).await;
            let Some(answer) = answer.filter(|answer| answer.status < 500) else {
                tries += 1;
                continue;
            };
            let (id, is_replayed) = (id_of(&answer.body), is_replayed(&answer));
            self.note(|asked| match id {
                Some(id) if answer.status == 202 && (tries > 0 || !is_replayed) => {
                    asked.there += u64::from(is_replayed);
                    asked.absent += u64::from(tries > 0 && !is_replayed);
                    asked.events.insert(key.to_owned(), (id, body.to_owned()));
                }
                _ => asked.faults.push(format!("{key}, try {tries}: {answer:?}")),
            });
            return;
        }
    }

    /// Asks for what was told once more, and for something else under the same key.
    async fn ask_again(&mut self, key: &str, body: &str) {
        if let Some(answer) = self.send(key, body).await {
            self.note(|asked| {
                let known = asked.events.get(key).map(|(id, _)| id.clone());
                asked.again += 1;
                if answer.status < 500 && (!is_replayed(&answer) || id_of(&answer.body) != known) {
                    asked
                        .faults
                        .push(format!("{key} was {known:?}: {answer:?}"));
                }
            });
        }
        if let Some(answer) = self.send(key, &body.replace("load", "other")).await
            && answer.status < 500
            && answer.status != 422
        {
            self.note(|asked| asked.faults.push(format!("another {key}: {answer:?}")));
        }
    }

    /// Sends it to the server, as soon as there is one.
    async fn send(&mut self, key: &str, body: &str) -> Option<Answer> {
        let address = {
            let known = self.address.wait_for(Option::is_some).await;
            (*known.ok()?)?
        };
        let answer = self.api.post_once(address, PATH, key, body.to_owned());
        let answer = answer.await;
        if answer.is_none() {
            // It was killed: the next one listens elsewhere.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answer
    }

    fn note(&self, note: impl FnOnce(&mut Asked)) {
        note(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
