//! What is known from outside: what was sent and acknowledged, what was received, when the server
//! was killed. Both are logged to files as they happen; acknowledged ids are synced.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use xxhash_rust::xxh3::xxh3_64;

/// One request that a receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    /// When, in milliseconds after the start.
    pub(crate) at_ms: u64,
    /// What it was answered; `None` if it never was.
    pub(crate) answer: Option<u16>,
    /// Hash of its body.
    pub(crate) hash: u64,
    /// The event that its body names.
    pub(crate) event: String,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Hashes of the payloads of all events that were sent.
    pub(crate) sent: BTreeMap<String, u64>,
    /// Acknowledged messages and their events.
    pub(crate) acknowledged: BTreeMap<String, String>,
    /// Answers other than 202, by status; 0 where none came.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Receipts by message and endpoint.
    pub(crate) receipts: BTreeMap<(String, usize), Vec<Receipt>>,
    /// When the server was killed.
    pub(crate) kills: Vec<u64>,
    /// Since when it could not write any more, before some of these.
    pub(crate) failing: Vec<u64>,
    /// What went wrong at once.
    pub(crate) faults: Vec<String>,
}

/// The one place where it is kept.
#[derive(Debug)]
pub(crate) struct Ledger {
    start: Instant,
    seen: Mutex<Seen>,
    sent_log: File,
    received_log: File,
}

/// The hash that payloads are compared by.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

impl Ledger {
    /// A ledger whose logs are in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let log = |name: &str| File::create(folder.join(name)).expect("a writable folder");
        Self {
            start: Instant::now(),
            seen: Mutex::default(),
            sent_log: log("acknowledged.log"),
            received_log: log("received.log"),
        }
    }

    /// What was seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since the start.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).expect("a short run")
    }

    /// An event is about to be sent.
    pub(crate) fn sending(&self, event: &str, payload: &[u8]) {
        let hash = hash_of(payload);
        self.seen().sent.insert(event.to_owned(), hash);
    }

    /// A message was acknowledged: it is in the log, synced, when this returns.
    pub(crate) fn acknowledge(&self, message: &str, event: &str) {
        let line = format!("{message} {event}\n");
        (&self.sent_log)
            .write_all(line.as_bytes())
            .and_then(|()| self.sent_log.sync_data())
            .expect("the log can be written");
        let before = self
            .seen()
            .acknowledged
            .insert(message.to_owned(), event.to_owned());
        if before.is_some() {
            self.fault(format!("{message} was given out twice"));
        }
    }

    /// An event got another answer or none.
    pub(crate) fn refuse(&self, status: u16) {
        *self.seen().refused.entry(status).or_default() += 1;
    }

    /// A request came; gives which one of its message at this endpoint it is, from 0.
    pub(crate) fn receive(
        &self,
        message: &str,
        endpoint: usize,
        event: &str,
        body: &[u8],
    ) -> usize {
        let hash = hash_of(body);
        let at_ms = self.now_ms();
        let line = format!("{at_ms} {message} {endpoint} {event} {hash:016x}\n");
        (&self.received_log)
            .write_all(line.as_bytes())
            .expect("the log can be written");
        let receipt = Receipt {
            at_ms,
            answer: None,
            hash,
            event: event.to_owned(),
        };
        let mut seen = self.seen();
        let key = (message.to_owned(), endpoint);
        let receipts = seen.receipts.entry(key).or_default();
        receipts.push(receipt);
        receipts.len() - 1
    }

    /// A request is about to be answered.
    pub(crate) fn answer(&self, message: &str, endpoint: usize, number: usize, status: u16) {
        let mut seen = self.seen();
        let receipts = seen.receipts.get_mut(&(message.to_owned(), endpoint));
        if let Some(receipt) = receipts.and_then(|receipts| receipts.get_mut(number)) {
            receipt.answer = Some(status);
        }
    }

    /// The server can't write any more, from now on until it is killed or ends.
    pub(crate) fn fails(&self) {
        let now = self.now_ms();
        self.seen().failing.push(now);
    }

    /// The server was killed just now.
    pub(crate) fn kill(&self) {
        let now = self.now_ms();
        self.seen().kills.push(now);
    }

    /// Something is wrong.
    pub(crate) fn fault(&self, what: String) {
        self.seen().faults.push(what);
    }
}
