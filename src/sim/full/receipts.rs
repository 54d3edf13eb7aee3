//! What receivers got and answered, so that the witness need not believe the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::receivers::host;
use crate::{
    domain::{
        endpoint::Target,
        id::{EndpointId, EventId},
    },
    sim::ways,
    time::{Span, Timestamp},
};

/// When an attempt began, in real time and by the process's wall clock, and what it went to.
type Start = (Timestamp, Timestamp, Arc<Target>);

/// What receivers got and answered.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Which endpoint stands behind a host.
    endpoints: BTreeMap<String, EndpointId>,
    /// Requests of each receiver so far; and dials.
    requests: BTreeMap<u32, u64>,
    dials: BTreeMap<u32, u64>,
    /// How often a delivery was answered with 2xx.
    pub(super) delivered: BTreeMap<(EventId, EndpointId), u64>,
    /// How often each receiver did what an attempt may fail over without an answer.
    spoilt: BTreeMap<u32, u64>,
    /// Questions for the name of each receiver so far, and those whose name led to where nothing is sent.
    questions: BTreeMap<u32, u64>,
    astray: BTreeSet<u32>,
    /// When the name of a receiver was last told to lead to a stranger, in real time.
    elsewhere: BTreeMap<u32, Timestamp>,
    /// The statuses that each receiver answered with.
    pub(super) statuses: BTreeSet<(u32, u16)>,
    /// What each delivery was told to wait, when it failed.
    pub(super) waits: BTreeSet<(EventId, EndpointId, Option<String>)>,
    /// When each attempt of a delivery began, in real time and by the process's wall clock, and what it went to.
    starts: BTreeMap<(EventId, EndpointId), Vec<Start>>,
}

impl Receipts {
    /// An attempt goes to a host, for an endpoint.
    pub(super) fn expect(&mut self, host: &str, endpoint: EndpointId) {
        if !self.endpoints.contains_key(host) {
            self.endpoints.insert(host.to_owned(), endpoint);
        }
    }

    /// Whether a receiver ever answered a delivery with 2xx.
    pub(super) fn is_delivered(&self, event: EventId, endpoint: EndpointId) -> bool {
        self.delivered.contains_key(&(event, endpoint))
    }

    /// How often a receiver did what an attempt may fail over without an answer.
    pub(super) fn spoilt(&self, number: u32) -> u64 {
        self.spoilt.get(&number).copied().unwrap_or_default()
    }

    /// Whether a receiver ever answered with this status.
    pub(super) fn has_answered(&self, number: u32, status: u16) -> bool {
        self.statuses.contains(&(number, status))
    }

    /// Whether a delivery was ever told to wait so, or not at all, when it failed.
    pub(super) fn has_asked(
        &self,
        event: EventId,
        endpoint: EndpointId,
        wait: Option<&str>,
    ) -> bool {
        let wait = wait.map(str::to_owned);
        self.waits.contains(&(event, endpoint, wait))
    }

    /// An attempt begins.
    pub(super) fn started(&mut self, delivery: (EventId, EndpointId), start: Start) {
        let starts = self.starts.entry(delivery).or_default();
        starts.push(start);
    }

    /// When those attempts of a delivery began that can be on their way, by the process's wall clock.
    pub(super) fn starts(
        &self,
        delivery: (EventId, EndpointId),
        since: Timestamp,
    ) -> impl Iterator<Item = Timestamp> {
        let starts = self.starts.get(&delivery).into_iter().flatten();
        let current = starts.filter(move |(real, ..)| *real >= since);
        current.map(|(_, wall, _)| *wall)
    }

    /// What those attempts of a delivery went to that can be on their way.
    pub(super) fn targets(
        &self,
        delivery: (EventId, EndpointId),
        since: Timestamp,
    ) -> impl Iterator<Item = &Target> {
        let starts = self.starts.get(&delivery).into_iter().flatten();
        let current = starts.filter(move |(real, ..)| *real >= since);
        current.map(|(.., target)| &**target)
    }

    /// A receiver does what an attempt may fail over.
    pub(super) fn spoil(&mut self, number: u32) {
        *self.spoilt.entry(number).or_default() += 1;
    }

    pub(super) fn endpoint(&self, number: u32) -> EndpointId {
        let endpoint = self.endpoints.get(&host(number));
        endpoint.copied().unwrap_or_default()
    }

    /// The name of a receiver leads to where nothing is sent; that answer serves for a while.
    pub(super) fn lead_astray(&mut self, number: u32) {
        self.astray.insert(number);
    }

    /// Whether the name of a receiver ever led to where nothing is sent.
    pub(super) fn was_astray(&self, number: u32) -> bool {
        self.astray.contains(&number)
    }

    /// The name of a receiver is told to lead to a stranger.
    pub(super) fn lead_elsewhere(&mut self, number: u32, now: Timestamp) {
        self.elsewhere.insert(number, now);
    }

    /// When the name of a receiver was last told to lead to a stranger, if it ever was.
    pub(super) fn led_elsewhere(&self, number: u32) -> Option<Timestamp> {
        self.elsewhere.get(&number).copied()
    }

    /// A stranger answers a delivery that was meant for a receiver.
    pub(super) fn turned_away(&mut self, number: u32, delivery: (EventId, EndpointId)) {
        self.statuses.insert((number, ways::STRANGE));
        self.waits.insert((delivery.0, delivery.1, None));
    }

    /// When the first of those attempts of a delivery began, in real time, that can be on their way and bear this
    /// time.
    pub(super) fn began(
        &self,
        delivery: (EventId, EndpointId),
        (since, signed_at): (Timestamp, Timestamp),
    ) -> Option<Timestamp> {
        let starts = self.starts.get(&delivery).into_iter().flatten();
        let bears_it = |wall: &Timestamp| {
            let off = signed_at.since(*wall).as_micros();
            off.abs() <= Span::from_seconds(1).as_micros()
        };
        let found = starts.filter(|(real, wall, _)| *real >= since && bears_it(wall));
        found.map(|(real, ..)| *real).min()
    }

    pub(super) fn next_question(&mut self, number: u32) -> u64 {
        let count = self.questions.entry(number).or_default();
        *count += 1;
        *count
    }

    pub(super) fn next_dial(&mut self, number: u32) -> u64 {
        let count = self.dials.entry(number).or_default();
        *count += 1;
        *count
    }

    pub(super) fn next_request(&mut self, number: u32) -> u64 {
        let count = self.requests.entry(number).or_default();
        *count += 1;
        *count
    }
}
