//! The engine against a plain model, over random histories.
//!
//! The model is a list of deliveries with their attempt counts, the bounds between which each may be
//! tried again, and their ends. It knows nothing of lanes, rings, pages, windows' sizes or batches.
//! A history registers, accepts, answers, lets time pass, holds commits back and lets commits fail;
//! after each step every attempt that was sent must be one the model allows, and what the model
//! says must be under way must be. At the end of all, the store must tell the same ends.

#![expect(
    clippy::indexing_slicing,
    reason = "a place that is not there is a fault of the model, and fails the test"
)]

use std::{collections::BTreeMap, ops::Range};

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptHandle, AttemptRequest},
        command::{Answer, Refusal, Reply},
        delivery::DeliveryState,
        event::EventPosition,
        id::EventId,
        outcome::{Outcome, OutcomeKind},
    },
    engine::{io::Input, options::Options},
    policy::retry::RetryPolicy,
    time::{Span, Timestamp},
};
use proptest::prelude::*;

use crate::support::rig::{Rig, new_endpoint, new_event, path, undaunted};

const NAMES: [&str; 3] = ["a", "b", "c"];
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const EXPIRES_AFTER_MS: i64 = 14 * DAY;
/// The waits after the first, second and third failed attempt, in milliseconds.
const WAITS: [i64; 3] = [5 * SECOND, 300 * SECOND, 2 * HOUR];
/// Attempts that fill no slot limit, so that nothing but its own endpoint holds an attempt back.
const PLENTY: usize = 200;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Register(usize),
    Accept(usize),
    /// Answers one of the attempts in flight.
    Answer(usize, OutcomeKind, Option<u32>),
    Pass(i64),
    /// The next batch fails.
    FailCommit,
    /// The store says nothing of what it commits, until the next one of these.
    HoldOrRelease,
}

fn step() -> impl Strategy<Value = Step> {
    // Seconds that a receiver asks to wait: below and above each of the schedule's, and a day.
    let asked = prop_oneof![0_u32..10, 0_u32..400, 0_u32..10_000, 0_u32..200_000];
    let kind = prop_oneof![
        4 => Just((OutcomeKind::Status(200), None)),
        4 => Just((OutcomeKind::Status(500), None)),
        2 => Just((OutcomeKind::Timeout { after_ms: 30_000 }, None)),
        1 => Just((OutcomeKind::Refused, None)),
        1 => Just((OutcomeKind::Status(410), None)),
        3 => asked.prop_map(|asked| (OutcomeKind::Status(503), Some(asked))),
    ];
    prop_oneof![
        3 => (0..NAMES.len()).prop_map(Step::Register),
        6 => (1_usize..6).prop_map(Step::Accept),
        14 => (any::<prop::sample::Index>(), kind)
            .prop_map(|(index, (kind, asked))| Step::Answer(index.index(1_000), kind, asked)),
        3 => (0_i64..40).prop_map(Step::Pass),
        3 => (SECOND..20 * SECOND).prop_map(Step::Pass),
        3 => (60 * SECOND..4 * HOUR).prop_map(Step::Pass),
        1 => (DAY..6 * DAY).prop_map(Step::Pass),
        1 => Just(Step::FailCommit),
        1 => Just(Step::HoldOrRelease),
    ]
}

/// Limits that make histories meet them: rings and pages of a few rows, narrow windows, few slots.
fn options() -> impl Strategy<Value = Options> {
    let ring = prop_oneof![Just((4, 1)), Just((8, 3)), Just((65_536, 256))];
    let slots = prop_oneof![3 => Just(PLENTY), 1 => Just(4)];
    (any::<u64>(), ring, 1_u16..5, slots).prop_map(|(seed, ring, window_max, send_slots)| Options {
        seed,
        retry: RetryPolicy {
            waits: WAITS.map(Span::from_millis).to_vec(),
            ..RetryPolicy::default()
        },
        send_slots,
        window_max,
        ring_events_max: ring.0,
        page_rows: ring.1,
        expires_after: Span::from_millis(EXPIRES_AFTER_MS),
        ..undaunted()
    })
}

/// What the model knows of a delivery.
#[derive(Clone, Debug)]
struct Delivery {
    event: EventId,
    endpoint: usize,
    /// Attempts that have an outcome.
    made: u16,
    is_flying: bool,
    /// The next attempt comes not before the start, and is due at the end.
    due: Range<Timestamp>,
    end: Option<DeliveryState>,
    expires_at: Timestamp,
}

/// What must be forgotten when a batch fails: all that was not durable.
#[derive(Clone, Debug, Default)]
struct Facts {
    deliveries: Vec<Delivery>,
    /// By endpoint: `None` if it is not registered, else whether it is enabled.
    endpoints: [Option<bool>; 3],
}

/// An attempt in flight; an orphan's outcome means nothing, but its place is taken.
#[derive(Clone, Copy, Debug)]
struct Flight {
    endpoint: usize,
    /// How often its endpoint had been enabled again by then.
    enabled: u32,
    delivery: Option<usize>,
}

/// The model, and beside it the engine.
struct Compared {
    rig: Rig,
    application: ApplicationKey,
    send_slots: usize,
    window_max: usize,
    now: Facts,
    durable: Facts,
    flights: BTreeMap<AttemptHandle, Flight>,
    /// How often each endpoint was enabled again.
    enabled: [u32; 3],
    /// Commands that have no answer yet: those that accept, with who will get the event.
    unanswered: BTreeMap<u64, (Timestamp, Vec<usize>)>,
    seen: usize,
    failures_seen: usize,
    commits_seen: u64,
}

impl Compared {
    fn new(options: Options) -> Self {
        let (send_slots, window_max) = (options.send_slots, usize::from(options.window_max));
        let mut rig = Rig::new(options);
        let application = rig.application(DEFAULT_APPLICATION_UID);
        Self {
            rig,
            application,
            send_slots,
            window_max,
            now: Facts::default(),
            durable: Facts::default(),
            flights: BTreeMap::new(),
            enabled: [0; 3],
            unanswered: BTreeMap::new(),
            seen: 0,
            failures_seen: 0,
            commits_seen: 0,
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Register(endpoint) => self.register(*endpoint)?,
            Step::Accept(count) => {
                for _ in 0..*count {
                    self.accept();
                    self.compare()?;
                }
            }
            Step::Answer(index, kind, asked) => self.answer(*index, *kind, *asked),
            Step::Pass(ms) => self.rig.advance(Span::from_millis(*ms)),
            Step::FailCommit if !self.rig.hold_completions => {
                self.rig.fail_commit_in = Some(0);
            }
            Step::HoldOrRelease if self.rig.hold_completions => self.release(),
            Step::HoldOrRelease if self.rig.fail_commit_in.is_none() => {
                // What is durable by then must be known to be so.
                self.rig.advance(Span::from_millis(40));
                self.compare()?;
                self.rig.hold_completions = true;
            }
            Step::FailCommit | Step::HoldOrRelease => {}
        }
        self.compare()
    }

    fn release(&mut self) {
        self.rig.hold_completions = false;
        self.rig.complete();
        self.rig.advance(Span::from_millis(40));
    }

    /// Registering enables again. Held commits would leave open from which event on.
    fn register(&mut self, endpoint: usize) -> Result<(), TestCaseError> {
        if self.rig.hold_completions {
            return Ok(());
        }
        let command = new_endpoint(self.application, NAMES[endpoint]);
        let request = self.rig.command(command);
        let known = self.now.endpoints[endpoint].is_some();
        match self.rig.replies.get(&request) {
            Some(Ok(Answer::Endpoint { fresh, .. })) => {
                prop_assert_eq!(*fresh, !known);
                let before = self.now.endpoints[endpoint].replace(true);
                self.enabled[endpoint] += u32::from(before == Some(false));
            }
            Some(Err(Refusal::Unknown)) => prop_assert!(self.failed(), "only a failure is unknown"),
            other => prop_assert!(false, "{:?}", other),
        }
        Ok(())
    }

    fn failed(&self) -> bool {
        self.rig.failed_after.len() > self.failures_seen
    }

    fn accept(&mut self) {
        let enabled = (0..NAMES.len()).filter(|e| self.now.endpoints[*e] == Some(true));
        let receivers = enabled.collect();
        let at = self.rig.now.steady;
        let request = self.rig.command(new_event(self.application));
        self.unanswered.insert(request, (at, receivers));
    }

    fn answer(&mut self, index: usize, kind: OutcomeKind, asked: Option<u32>) {
        let Some(index) = index.checked_rem(self.rig.sent.len()) else {
            return;
        };
        let request = self.rig.sent.remove(index).expect("in flight");
        let outcome = Outcome {
            retry_after: asked.map(|seconds| seconds.to_string().into()),
            ..Outcome::without_reply(kind, Span::from_millis(1))
        };
        self.judge(&request, kind, asked);
        let done = Input::AttemptDone(request.attempt, outcome);
        self.rig.turn(vec![done]);
    }

    /// What an outcome means.
    fn judge(&mut self, request: &AttemptRequest, kind: OutcomeKind, asked: Option<u32>) {
        let flight = self.flights.remove(&request.attempt).expect("it was sent");
        let Some(delivery) = flight.delivery else {
            return;
        };
        let delivery = &mut self.now.deliveries[delivery];
        delivery.is_flying = false;
        delivery.made += 1;
        let now = self.rig.now.steady;
        if matches!(kind, OutcomeKind::Status(200..=299)) {
            delivery.end = Some(DeliveryState::Succeeded);
        } else if let Some(wait) = WAITS.get(usize::from(delivery.made) - 1) {
            let asked = asked
                .map_or(0, |seconds| i64::from(seconds) * SECOND)
                .min(DAY);
            let after = |ms: i64| now.plus(Span::from_millis(ms.max(asked)));
            delivery.due = after(wait * 4 / 5)..after(wait * 6 / 5);
        } else {
            delivery.end = Some(DeliveryState::Exhausted);
        }
        // Somebody who enabled it since knows better.
        let is_of_now = flight.enabled == self.enabled[flight.endpoint];
        if kind == OutcomeKind::Status(410) && is_of_now {
            self.now.endpoints[flight.endpoint] = Some(false);
        }
    }

    /// Takes in what the engine did in this step, and holds it against the model.
    fn compare(&mut self) -> Result<(), TestCaseError> {
        self.take_replies()?;
        let failed_after = self.rig.failed_after.get(self.failures_seen).copied();
        self.failures_seen = self.rig.failed_after.len();
        let new = self.rig.sent_count - self.seen;
        let new: Vec<AttemptRequest> = self
            .rig
            .sent
            .iter()
            .skip(self.rig.sent.len() - new)
            .cloned()
            .collect();
        for request in new {
            if failed_after == Some(self.seen) {
                self.lose();
            }
            self.seen += 1;
            self.sent(&request)?;
        }
        if failed_after == Some(self.seen) {
            self.lose();
        }
        let commits = self.rig.engine.stats().commits;
        if commits > self.commits_seen && failed_after.is_none() {
            self.durable = self.now.clone();
        }
        self.commits_seen = commits;
        self.nothing_rests()
    }

    /// An event is a duty once its producer is told so.
    fn take_replies(&mut self) -> Result<(), TestCaseError> {
        let answered: Vec<u64> = self
            .unanswered
            .keys()
            .copied()
            .filter(|request| self.rig.replies.contains_key(request))
            .collect();
        for request in answered {
            let (at, receivers) = self.unanswered.remove(&request).expect("it is there");
            match self.rig.replies.get(&request) {
                Some(Reply::Ok(Answer::Event { id, .. })) => {
                    self.now
                        .deliveries
                        .extend(receivers.into_iter().map(|endpoint| Delivery {
                            event: *id,
                            endpoint,
                            made: 0,
                            is_flying: false,
                            due: at..at,
                            end: None,
                            expires_at: at.plus(Span::from_millis(EXPIRES_AFTER_MS)),
                        }));
                }
                Some(Reply::Err(Refusal::Unknown)) => {
                    prop_assert!(self.failed(), "only a failure is unknown");
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        Ok(())
    }

    /// A batch failed: the shard was built again from what is durable.
    fn lose(&mut self) {
        self.now = self.durable.clone();
        for delivery in &mut self.now.deliveries {
            delivery.is_flying = false;
        }
        for flight in self.flights.values_mut() {
            flight.delivery = None;
        }
    }

    /// Whether this attempt may go out.
    fn sent(&mut self, request: &AttemptRequest) -> Result<(), TestCaseError> {
        let name = path(request);
        let endpoint = NAMES
            .iter()
            .position(|known| *known == name)
            .expect("known");
        let index = self.now.deliveries.iter().position(|delivery| {
            delivery.event == request.event.id && delivery.endpoint == endpoint
        });
        let Some(index) = index else {
            return Err(TestCaseError::fail(format!("no duty: {request:?}")));
        };
        prop_assert_eq!(
            self.now.endpoints[endpoint],
            Some(true),
            "sent while disabled"
        );
        let delivery = &mut self.now.deliveries[index];
        prop_assert!(!delivery.is_flying, "sent twice: {:?}", delivery);
        prop_assert_eq!(delivery.end, None, "sent after its end");
        prop_assert_eq!(request.number, delivery.made + 1, "{:?}", delivery);
        prop_assert!(
            request.stamp >= delivery.due.start,
            "too early: {:?}",
            delivery
        );
        prop_assert!(
            request.stamp < delivery.expires_at,
            "too late: {:?}",
            delivery
        );
        delivery.is_flying = true;
        let flight = Flight {
            endpoint,
            enabled: self.enabled[endpoint],
            delivery: Some(index),
        };
        self.flights.insert(request.attempt, flight);
        prop_assert!(self.flying(endpoint) <= self.window_max, "over its window");
        prop_assert!(self.flights.len() <= self.send_slots, "over the slots");
        Ok(())
    }

    fn flying(&self, endpoint: usize) -> usize {
        self.flights
            .values()
            .filter(|flight| flight.endpoint == endpoint)
            .count()
    }

    /// An endpoint with a due delivery and nothing in flight is one that was forgotten.
    fn nothing_rests(&self) -> Result<(), TestCaseError> {
        if self.rig.hold_completions || self.send_slots < PLENTY {
            return Ok(());
        }
        let now = self.rig.now.steady;
        for delivery in &self.now.deliveries {
            let may_go = delivery.end.is_none()
                && delivery.due.end <= now
                && now < delivery.expires_at
                && self.now.endpoints[delivery.endpoint] == Some(true);
            let rests = may_go && self.flying(delivery.endpoint) == 0;
            prop_assert!(!rests, "due, and nothing is sent: {:?}", delivery);
        }
        Ok(())
    }

    /// Enables all, answers everything with success and waits until nothing more can happen; then
    /// the store must say what the model says.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        self.rig.fail_commit_in = None;
        if self.rig.hold_completions {
            self.release();
            self.compare()?;
        }
        for endpoint in 0..NAMES.len() {
            self.register(endpoint)?;
            self.compare()?;
        }
        let waits = [0, DAY + HOUR, DAY + HOUR, 15 * DAY, SECOND];
        for wait in waits {
            self.rig.advance(Span::from_millis(wait));
            self.compare()?;
            while !self.rig.sent.is_empty() {
                self.answer(0, OutcomeKind::Status(200), None);
                self.compare()?;
            }
        }
        self.rig.advance(Span::from_millis(15 * DAY));
        self.compare()?;
        prop_assert!(self.rig.sent.is_empty(), "all have ended");
        self.ends_agree()
    }

    fn ends_agree(&self) -> Result<(), TestCaseError> {
        let store = &self.rig.store;
        let endpoints = store_endpoints(&self.rig, self.application);
        let mut found = 0;
        for number in 0..10_000 {
            let position = EventPosition::new(number);
            let Some(event) = store.event(self.application, position) else {
                continue;
            };
            for (endpoint, name) in NAMES.iter().enumerate() {
                let mut owed = self.now.deliveries.iter();
                let owed = owed.find(|d| d.event == event.id && d.endpoint == endpoint);
                // Success, or the schedule's end, or else its time ran out.
                let expected = owed.map(|d| d.end.unwrap_or(DeliveryState::Expired));
                let told = store.delivery(endpoints[*name], position);
                prop_assert_eq!(told, expected, "{}: {:?}", name, owed);
                found += usize::from(owed.is_some());
            }
        }
        prop_assert_eq!(
            found,
            self.now.deliveries.len(),
            "every accepted event is kept"
        );
        Ok(())
    }
}

fn store_endpoints(
    rig: &Rig,
    application: ApplicationKey,
) -> BTreeMap<String, fanfare::domain::endpoint::EndpointKey> {
    use fanfare::store::Reads as _;
    let rows = rig
        .store
        .endpoints(application, 0, usize::MAX)
        .expect("it never fails");
    let named = rows.iter().map(|row| {
        let name = row.target.url.path_and_query().trim_start_matches('/');
        (name.to_owned(), row.key)
    });
    named.collect()
}

/// A few seconds' worth in a debug build; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.max(1_000),
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_history_goes_as_the_plain_model_says(
        options in options(),
        history in prop::collection::vec(step(), 1..120),
    ) {
        let mut compared = Compared::new(options);
        for step in &history {
            compared.take(step)?;
        }
        compared.finish()?;
    }
}
