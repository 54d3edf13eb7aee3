//! One run: a server on a fresh data folder, its application and endpoints, receiver, producers and
//! ledger.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{runtime::Runtime, sync::watch};

use crate::{
    api::Api,
    judge::{Case, Verdict, judge},
    ledger::Ledger,
    producer::{Load, Producers, id_of},
    receiver::{self, Behaviour},
    server::{Plan, Server, make},
};

/// Waits after failed attempts, in seconds.
pub(crate) const WAITS_S: [u64; 4] = [1, 1, 1, 2];
/// Longest time until everything that was accepted has come to an end.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// Everything but the server.
pub(crate) struct Run {
    pub(crate) runtime: Runtime,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) plan: Plan,
    pub(crate) api: Api,
    waits: Vec<u64>,
    endpoints: Vec<String>,
}

/// Lets time go by.
pub(crate) fn pause(length: Duration) {
    let (sender, receiver) = mpsc::channel::<()>();
    // Nothing comes: the sender is kept and says nothing.
    assert!(receiver.recv_timeout(length).is_err());
    drop(sender);
}

impl Run {
    /// Starts a server with an application and endpoints that behave so.
    pub(crate) fn start(
        binary: &Path,
        work: &Path,
        data: PathBuf,
        waits: &[u64],
        behaviours: &[Behaviour],
    ) -> (Self, Server) {
        Self::start_set(binary, work, data, (waits, ""), behaviours)
    }

    /// The same with other settings of the engine.
    pub(crate) fn start_set(
        binary: &Path,
        work: &Path,
        data: PathBuf,
        (waits, settings): (&[u64], &str),
        behaviours: &[Behaviour],
    ) -> (Self, Server) {
        make(work);
        let config = work.join("fanfare.toml");
        let text = format!("[engine]\nretry_waits_seconds = {waits:?}\n{settings}\n");
        fs::write(&config, text).expect("a writable folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let ledger = Arc::new(Ledger::new(work));
        let receiver = receiver::start(&runtime, Arc::clone(&ledger), behaviours);
        let plan = Plan {
            binary: binary.to_owned(),
            data,
            config,
            wrapper: Vec::new(),
            address: watch::channel(None).0,
        };
        let mut run = Self {
            runtime,
            ledger,
            plan,
            api: Api::new(),
            waits: waits.to_vec(),
            endpoints: Vec::new(),
        };
        let server = run.plan.start();
        let server = server.unwrap_or_else(|ended| panic!("no start: {ended:?}"));
        run.post(&server, "/app", &json!({"name": "Acme", "uid": "acme"}));
        for number in 0..behaviours.len() {
            let endpoint = json!({
                "url": format!("http://{receiver}/{number}"),
                "secret": receiver::secret(number),
            });
            let id = run.post(&server, "/app/acme/endpoint", &endpoint);
            run.endpoints.push(id);
        }
        (run, server)
    }

    fn post(&self, server: &Server, path: &str, body: &serde_json::Value) -> String {
        let answer = self.api.post(server.at, path, body.to_string());
        let answer = self.runtime.block_on(answer).expect("an answer");
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
        id_of(&answer.body).expect("an id")
    }

    /// Starts it again.
    pub(crate) fn restart(&self) -> Server {
        match self.plan.start() {
            Ok(server) => server,
            Err(ended) => panic!("no restart: {ended:?}"),
        }
    }

    /// Starts producers.
    pub(crate) fn produce(&self, load: Load) -> Producers {
        Producers::start(
            &self.runtime,
            load,
            &self.ledger,
            &self.plan.address.subscribe(),
        )
    }

    /// Deliveries of acknowledged messages that have not come to an end, as far as receivers know.
    pub(crate) fn unended(&self) -> usize {
        let seen = self.ledger.seen();
        let endpoints = 0..self.endpoints.len();
        let mut count = 0;
        for message in seen.acknowledged.keys() {
            for endpoint in endpoints.clone() {
                let receipts = seen.receipts.get(&(message.clone(), endpoint));
                let ended = receipts.is_some_and(|receipts| {
                    receipts.len() > self.waits.len()
                        || receipts.iter().any(|receipt| receipt.answer == Some(200))
                });
                count += usize::from(!ended);
            }
        }
        count
    }

    /// Waits until every acknowledged message has come to an end everywhere and nothing comes any
    /// more; whether that happened in time.
    pub(crate) fn quiet(&self) -> bool {
        let begin = Instant::now();
        // Longer than any wait, with its spread.
        let longest = self.waits.iter().max().copied().unwrap_or(0);
        let silence = Duration::from_secs(longest) * 5 / 4 + Duration::from_secs(1);
        let mut count = self.receipts();
        let mut since = Instant::now();
        while begin.elapsed() < QUIET_MAX {
            pause(Duration::from_millis(100));
            let now = self.receipts();
            if now != count {
                (count, since) = (now, Instant::now());
            } else if since.elapsed() >= silence && self.unended() == 0 {
                return true;
            }
        }
        false
    }

    /// The ids of the endpoints.
    pub(crate) fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// Requests that came so far.
    pub(crate) fn receipts(&self) -> usize {
        let seen = self.ledger.seen();
        seen.receipts.values().map(Vec::len).sum()
    }

    /// Messages that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.ledger.seen().acknowledged.len()
    }

    /// Judges everything by the API of a running server.
    pub(crate) fn judge(&self, server: &Server) -> Verdict {
        let seen = core::mem::take(&mut *self.ledger.seen());
        let case = Case {
            api: &self.api,
            address: server.at,
            seen: &seen,
            endpoints: &self.endpoints,
            attempts_max: self.waits.len() + 1,
        };
        let mut verdict = self.runtime.block_on(judge(&case));
        println!(
            "answers other than 202: {:?} (0: none came); kills: {}",
            seen.refused,
            seen.kills.len()
        );
        *self.ledger.seen() = seen;
        if verdict.acknowledged == 0 || verdict.delivered == 0 {
            verdict.faults.push("nothing was tested".to_owned());
        }
        verdict
    }

    /// The usual end: quiet, an orderly stop, a check of the file, a restart, the judgement.
    pub(crate) fn close(self, server: Server) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        if !self.quiet() {
            let unended = self.unended();
            faults.push(format!("{unended} deliveries did not end in {QUIET_MAX:?}"));
        }
        stop(server, &mut faults);
        let (code, text) = self.plan.check();
        if code != Some(0) {
            faults.push(format!("the check says {code:?}: {text}"));
        }
        let server = self.restart();
        let verdict = self.judge(&server);
        stop(server, &mut faults);
        println!(
            "acknowledged {}, delivered {}, exhausted {}, duplicates {} (of the last {} ms before a \
             kill), unanswered there {} and absent {}",
            verdict.acknowledged,
            verdict.delivered,
            verdict.exhausted,
            verdict.duplicates,
            verdict.unrecorded_ms,
            verdict.unanswered_there,
            verdict.unanswered_absent,
        );
        faults.extend(verdict.faults);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

/// Stops a server in order.
pub(crate) fn stop(server: Server, faults: &mut Vec<String>) {
    server.terminate();
    let (took, code, lines) = server.ended(Duration::from_secs(35));
    if code != Some(0) || took > Duration::from_secs(30) {
        faults.push(format!("SIGTERM: {code:?} after {took:?}: {lines:?}"));
    }
}
