//! The judgement: what was acknowledged, what was received and what the API lists must agree.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    api::Api,
    ledger::{Receipt, Seen, hash_of},
};

/// How long before a kill an outcome may still have been unrecorded, in milliseconds: the 20 of the
/// promise, and what a busy disk takes for a sync.
const UNRECORDED_MS: u64 = 1_000;
/// How long after the death of the process a receiver may still take in what it had sent, in milliseconds.
const ON_ITS_WAY_MS: u64 = 50;
/// Messages that are also asked for one by one.
const ASKED_MAX: usize = 1_000;

/// What a judgement counted.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) acknowledged: usize,
    /// Events without an answer that are there whole.
    pub(crate) unanswered_there: usize,
    /// Events without an answer that left nothing.
    pub(crate) unanswered_absent: usize,
    /// Deliveries that succeeded.
    pub(crate) delivered: usize,
    /// Deliveries whose attempts all failed.
    pub(crate) exhausted: usize,
    /// Requests beyond the recorded attempts.
    pub(crate) duplicates: usize,
    /// The longest time from such a request to the kill behind it, in milliseconds.
    pub(crate) unrecorded_ms: u64,
    pub(crate) faults: Vec<String>,
}

/// What is judged.
pub(crate) struct Case<'a> {
    pub(crate) api: &'a Api,
    pub(crate) address: SocketAddr,
    pub(crate) seen: &'a Seen,
    /// The endpoints' ids.
    pub(crate) endpoints: &'a [String],
    /// Attempts after which a delivery is given up.
    pub(crate) attempts_max: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedMessage {
    id: String,
    event_id: Option<String>,
    payload: Box<RawValue>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct ListedAttempt {
    id: String,
    msg_id: String,
    endpoint_id: String,
    status: u8,
    response_status_code: u16,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    iterator: Option<String>,
    done: bool,
}

/// Judges.
pub(crate) async fn judge(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict {
        acknowledged: case.seen.acknowledged.len(),
        faults: case.seen.faults.clone(),
        ..Verdict::default()
    };
    let messages: Vec<ListedMessage> = case.list("/app/acme/msg", &mut verdict).await;
    let there = case.messages(&messages, &mut verdict);
    let mut attempts: BTreeMap<(String, usize), Vec<ListedAttempt>> = BTreeMap::new();
    for (number, endpoint) in case.endpoints.iter().enumerate() {
        let path = format!("/app/acme/attempt/endpoint/{endpoint}");
        let listed: Vec<ListedAttempt> = case.list(&path, &mut verdict).await;
        let ids: BTreeSet<&str> = listed.iter().map(|attempt| attempt.id.as_str()).collect();
        if ids.len() != listed.len() || !listed.is_sorted_by(|a, b| a.id > b.id) {
            verdict.fault(format!("{path}: twice or out of order"));
        }
        for attempt in listed {
            if attempt.endpoint_id != *endpoint || !there.contains(attempt.msg_id.as_str()) {
                verdict.fault(format!("{path}: {attempt:?} does not belong there"));
            }
            let key = (attempt.msg_id.clone(), number);
            attempts.entry(key).or_default().push(attempt);
        }
    }
    for message in &there {
        for endpoint in 0..case.endpoints.len() {
            let key = ((*message).to_owned(), endpoint);
            let recorded = attempts.get(&key).map_or(&[][..], Vec::as_slice);
            case.delivery(&key, recorded, &mut verdict);
        }
    }
    case.one_by_one(&messages, &attempts, &mut verdict).await;
    verdict
}

impl Verdict {
    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }
}

impl Case<'_> {
    /// All pages of a list.
    pub(crate) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        verdict: &mut Verdict,
    ) -> Vec<T> {
        let mut all = Vec::new();
        let mut at = String::new();
        loop {
            let page = format!("{path}?limit=250{at}");
            let answer = self.api.get(self.address, &page).await;
            let page: Option<Page<T>> = answer
                .as_ref()
                .filter(|answer| answer.status == 200)
                .and_then(|answer| serde_json::from_slice(&answer.body).ok());
            let Some(page) = page else {
                verdict.fault(format!("{path}: no page but {answer:?}"));
                return all;
            };
            all.extend(page.data);
            match page.iterator {
                Some(iterator) if !page.done => at = format!("&iterator={iterator}"),
                _ => return all,
            }
        }
    }

    /// Compares the list of messages with what was sent; gives the ids of those that are there.
    fn messages<'list>(
        &self,
        listed: &'list [ListedMessage],
        verdict: &mut Verdict,
    ) -> BTreeSet<&'list str> {
        let mut there = BTreeSet::new();
        let mut events = BTreeSet::new();
        for message in listed {
            let event = message.event_id.as_deref().unwrap_or_default();
            if !there.insert(message.id.as_str()) || !events.insert(event) {
                verdict.fault(format!("{} ({event}) is listed twice", message.id));
            }
            if self.seen.sent.get(event) != Some(&hash_of(message.payload.get().as_bytes())) {
                verdict.fault(format!("{} ({event}) has other bytes", message.id));
            }
            match self.seen.acknowledged.get(&message.id) {
                Some(acknowledged) if acknowledged == event => {}
                Some(other) => verdict.fault(format!("{}: {event} is {other}", message.id)),
                None => verdict.unanswered_there += 1,
            }
        }
        for (message, event) in &self.seen.acknowledged {
            if !there.contains(message.as_str()) {
                verdict.fault(format!("LOST: {message} ({event}) is not listed"));
            }
        }
        let absent = self
            .seen
            .sent
            .keys()
            .filter(|it| !events.contains(it.as_str()));
        verdict.unanswered_absent = absent.count();
        for ((message, endpoint), receipts) in &self.seen.receipts {
            if !there.contains(message.as_str()) {
                verdict.fault(format!("endpoint {endpoint} got an unknown {message}"));
            }
            for receipt in receipts {
                if self.seen.sent.get(&receipt.event) != Some(&receipt.hash) {
                    verdict.fault(format!("endpoint {endpoint} got other bytes of {message}"));
                }
            }
        }
        there
    }

    /// Compares what is recorded of a delivery, newest first, with what its endpoint got.
    fn delivery(&self, key: &(String, usize), recorded: &[ListedAttempt], verdict: &mut Verdict) {
        let what = format!("{} to endpoint {}", key.0, key.1);
        let receipts = self.seen.receipts.get(key).map_or(&[][..], Vec::as_slice);
        let answered = |status: u16| {
            let fits = |receipt: &&Receipt| receipt.answer == Some(status);
            receipts.iter().filter(fits).count()
        };
        let told = |status: u16| {
            let fits = |attempt: &&ListedAttempt| attempt.response_status_code == status;
            recorded.iter().filter(fits).count()
        };
        match recorded.first() {
            None => {
                let got = receipts.len();
                verdict.fault(format!("HALF THERE: {what}: no attempt, {got} receipts"));
            }
            Some(last) if last.status == 0 => verdict.delivered += 1,
            Some(_) if recorded.len() == self.attempts_max && answered(200) == 0 => {
                verdict.exhausted += 1;
            }
            Some(last) => {
                let (count, got) = (recorded.len(), answered(200));
                verdict.fault(format!(
                    "HALF THERE: {what}: {count} attempts, {got} received, last {last:?}"
                ));
            }
        }
        if told(200) > answered(200) || told(500) > answered(500) || told(200) > 1 {
            verdict.fault(format!("{what}: {recorded:?} does not fit {receipts:?}"));
        }
        let extra = receipts.len().saturating_sub(recorded.len());
        verdict.duplicates += extra;
        // How long after each request a kill came.
        let mut until_kill: Vec<u64> = receipts
            .iter()
            .filter_map(|receipt| {
                // What was on its way when the process died is received a moment later.
                let mut kills = self.seen.kills.iter();
                let behind = kills.find(|kill| **kill + ON_ITS_WAY_MS >= receipt.at_ms);
                // From when on it could not write it is as if it had been killed then.
                let begins = self.seen.failing.iter().rev();
                let since = begins
                    .copied()
                    .find(|begin| *begin <= receipt.at_ms + UNRECORDED_MS);
                behind.map(|kill| {
                    let was_failing = since.is_some_and(|begin| {
                        let mut kills = self.seen.kills.iter();
                        kills.find(|kill| **kill >= begin) == Some(kill)
                    });
                    if was_failing {
                        since.unwrap_or_default().saturating_sub(receipt.at_ms)
                    } else {
                        kill.saturating_sub(receipt.at_ms)
                    }
                })
            })
            .collect();
        until_kill.sort_unstable();
        for one in 0..extra {
            match until_kill.get(one) {
                Some(ms) if *ms <= UNRECORDED_MS => {
                    verdict.unrecorded_ms = verdict.unrecorded_ms.max(*ms);
                }
                _ => verdict.fault(format!(
                    "DOUBLED: {what}: {recorded:?} for {receipts:?} and no kill near"
                )),
            }
        }
    }

    /// Asks for single messages and their attempts, which must say what the lists say.
    async fn one_by_one(
        &self,
        messages: &[ListedMessage],
        attempts: &BTreeMap<(String, usize), Vec<ListedAttempt>>,
        verdict: &mut Verdict,
    ) {
        let step = messages.len().div_ceil(ASKED_MAX).max(1);
        for message in messages.iter().step_by(step) {
            let path = format!("/app/acme/msg/{}", message.id);
            let answer = self.api.get(self.address, &path).await;
            let single: Option<ListedMessage> = answer
                .as_ref()
                .and_then(|answer| serde_json::from_slice(&answer.body).ok());
            if single.is_none_or(|single| {
                single.id != message.id || single.payload.get() != message.payload.get()
            }) {
                verdict.fault(format!("{path}: {answer:?}"));
            }
            let path = format!("/app/acme/attempt/msg/{}", message.id);
            let mut listed: Vec<ListedAttempt> = self.list(&path, verdict).await;
            let mut expected: Vec<ListedAttempt> = (0..self.endpoints.len())
                .filter_map(|endpoint| attempts.get(&(message.id.clone(), endpoint)))
                .flatten()
                .cloned()
                .collect();
            listed.sort_by(|a, b| a.id.cmp(&b.id));
            expected.sort_by(|a, b| a.id.cmp(&b.id));
            if listed != expected {
                verdict.fault(format!("{path}: {listed:?} is not {expected:?}"));
            }
        }
    }
}
