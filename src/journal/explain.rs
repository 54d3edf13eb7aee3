//! Why a delivery went as it did: what a journal tells of one event and one endpoint, in order.
//!
//! Nothing is run again: the recorded effects say what was done, the inputs what it was done upon, and
//! the options how long the waits were. So it works on a journal whose beginning is gone.

mod fact;
mod reasons;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use self::waiting::Address;
pub use self::{
    fact::{Fact, Held, Moment, Wait, Why},
    waiting::Waits,
};
use super::{
    frame::{Content, Opening},
    steps::{Step, Turn},
    trace::{Record, endpoint_value},
};
use crate::{
    domain::{
        attempt::AttemptHandle,
        audit::Act,
        command::Command,
        endpoint::EndpointState,
        event::{Event, EventPosition},
        id::{EndpointId, EventId},
        outcome::Outcome,
        page::{EndpointRecovery, Page, ShardState},
    },
    engine::{io::Input, options::Options},
    policy::classify::classify,
    time::{Now, Span, Timestamp},
};

/// Gathers what a journal tells of one delivery.
pub struct Explanation {
    event: EventId,
    endpoint: EndpointId,
    facts: Vec<(Moment, Fact)>,
    life: u64,
    options: Options,
    began: Now,
    /// The endpoint's place, once it is known.
    key: Option<u128>,
    position: Option<EventPosition>,
    /// Producers that wait for an answer: since when, and for how long their event is to wait.
    asking: BTreeMap<u64, (Now, Option<Span>)>,
    /// Attempts in flight of the whole engine, with their endpoints.
    flying: BTreeMap<AttemptHandle, EndpointId>,
    /// Endpoints of attempts that ended in this turn: what they held is free for others.
    landed: Vec<EndpointId>,
    /// The batch that holds the event, until it is durable.
    batch: Option<u64>,
    own: Own,
    address: Address,
    /// The last time that the journal has.
    last: Now,
}

/// How the delivery stands.
#[derive(Default)]
struct Own {
    /// From when on it may be sent.
    ready: Option<Timestamp>,
    /// When its next attempt is due, as its row says.
    due: Option<Timestamp>,
    deliver_after: Option<Span>,
    /// The attempt in flight, and what came of the last one.
    flight: Option<(AttemptHandle, u16)>,
    outcome: Option<(Outcome, Now)>,
    /// What was asked to be set aside of it last, by the name of what is noted.
    set_aside: Option<(u128, Act)>,
    /// Its attempt was in flight when the process ended.
    is_lost: bool,
    is_asked_by_hand: bool,
    has_ended: bool,
    attempts: u16,
    /// Until when its endpoint's circuit was open, half-open or recovering, as far as that is known.
    circuit_until: Option<Timestamp>,
    /// Since when its endpoint is disabled, or when it was enabled last.
    disabled: Option<Timestamp>,
    enabled: Option<Timestamp>,
}

impl Explanation {
    /// Nothing is known of the delivery yet.
    #[must_use]
    pub fn new(event: EventId, endpoint: EndpointId) -> Self {
        Self {
            event,
            endpoint,
            facts: Vec::new(),
            life: 0,
            options: Options::default(),
            began: Now::default(),
            key: None,
            position: None,
            asking: BTreeMap::new(),
            flying: BTreeMap::new(),
            landed: Vec::new(),
            batch: None,
            own: Own::default(),
            address: Address::default(),
            last: Now::default(),
        }
    }

    /// What is known, in order; empty if the journal tells nothing of the delivery.
    #[must_use]
    pub fn finish(mut self) -> Vec<(Moment, Fact)> {
        let is_about_both = self
            .facts
            .iter()
            .any(|(_, fact)| fact.is_about_the_delivery());
        if self.key.is_none() || self.position.is_none() {
            return Vec::new();
        }
        if !is_about_both && !self.is_delivery() {
            return Vec::new();
        }
        self.tell_what_keeps_it();
        self.facts
            .sort_by_key(|(moment, _)| (moment.life, moment.now.steady));
        self.facts
    }

    /// Takes the next content.
    pub fn take(&mut self, content: Content) {
        match content {
            Content::Opening(opening) => self.open(&opening),
            Content::Steps(steps) => {
                for step in steps {
                    match step {
                        Step::Input(now, input) => self.input(now, &input),
                        Step::Turn(now, turn) => self.turn(now, &turn),
                    }
                }
            }
            Content::Closing(_) => {}
        }
    }

    fn tell(&mut self, now: Now, fact: Fact) {
        let life = self.life;
        self.facts.push((Moment { life, now }, fact));
    }

    fn open(&mut self, opening: &Opening) {
        self.options = opening.options.clone();
        if !opening.is_beginning() && opening.life == self.life {
            return;
        }
        self.life = opening.life;
        self.began = opening.begun;
        self.flying.clear();
        self.asking.clear();
        self.address.process_began();
        self.batch = None;
        if self.own.flight.take().is_some() {
            self.own.is_lost = true;
        }
        if !self.facts.is_empty() {
            self.tell(opening.begun, Fact::ProcessBegan);
        }
    }

    fn input(&mut self, now: Now, input: &Input) {
        self.last = now;
        match input {
            Input::Command(request, command) => self.command(now, request.number(), command),
            Input::ShardAcquired(_, _, state) => self.acquired(now, state),
            Input::Committed(batch) if self.batch == Some(batch.handle.number()) => {
                self.batch = None;
                let first = now.steady;
                let wait = self.own.deliver_after.unwrap_or_default();
                self.own.ready = Some(first.plus(wait));
                self.tell(now, Fact::Durable);
            }
            Input::CommitFailed(_, batch) if self.batch == Some(batch.number()) => {
                self.batch = None;
                self.address.event_lost();
                self.tell(now, Fact::CommitFailed);
            }
            Input::Loaded(_, page) => self.loaded(page),
            Input::AttemptDone(attempt, outcome) => self.answered(now, *attempt, outcome),
            Input::ShardLost(_)
            | Input::Committed(_)
            | Input::CommitFailed(..)
            | Input::LoadFailed(_)
            | Input::StoreMode(_)
            | Input::DeadlineReached
            | Input::TurnEnd
            | Input::Shutdown(_) => {}
        }
    }

    fn command(&mut self, now: Now, request: u64, command: &Command) {
        match command {
            Command::Once(_, command) => self.command(now, request, command),
            Command::AcceptEvent(new) => {
                let asked = (now, new.besides.deliver_after);
                self.asking.insert(request, asked);
                self.address.event_asked(request, new);
            }
            Command::CreateEndpoint(new) => self.address.endpoint_asked(request, new),
            Command::UpdateEndpoint(update) if update.endpoint == self.endpoint => {
                self.address.change_asked(update);
            }
            Command::Resend { event, .. } => self.see_event(event),
            _ => {}
        }
    }

    fn acquired(&mut self, now: Now, state: &ShardState) {
        let ShardState::Data { applications, .. } = state else {
            return;
        };
        for application in applications {
            for known in &application.endpoints {
                self.see_endpoint(known, now);
            }
            for event in &application.events {
                self.see_event(event);
            }
        }
    }

    fn loaded(&mut self, page: &Page) {
        match page {
            Page::Events { events, .. } => {
                for event in events {
                    self.see_event(event);
                }
            }
            Page::Open { rows, .. } => {
                for (row, event) in rows {
                    self.see_event(event);
                    if event.id == self.event && Some(endpoint_value(row.endpoint)) == self.key {
                        self.own.due = Some(row.due);
                    }
                }
            }
            Page::Candidates(found) => {
                for candidate in &found.found {
                    self.see_event(&candidate.event);
                }
            }
        }
    }

    fn see_event(&mut self, event: &Event) {
        if event.id == self.event {
            self.position = Some(event.position);
            self.own.ready.get_or_insert_with(|| event.not_before());
            self.address.seen(event);
        }
    }

    fn see_endpoint(&mut self, known: &EndpointRecovery, now: Now) {
        let endpoint = &known.endpoint;
        if endpoint.id == self.endpoint {
            self.key = Some(endpoint_value(endpoint.key));
            if endpoint.state != EndpointState::Enabled {
                self.own.disabled.get_or_insert(now.steady);
            }
            self.address.recovered(known);
        }
    }

    fn answered(&mut self, now: Now, attempt: AttemptHandle, outcome: &Outcome) {
        self.landed.extend(self.flying.remove(&attempt));
        let Some((_, number)) = self.own.flight.take_if(|(handle, _)| *handle == attempt) else {
            return;
        };
        self.own.outcome = Some((outcome.clone(), now));
        let verdict = classify(outcome, now.wall);
        let (kind, duration) = (outcome.kind, outcome.duration);
        self.tell(
            now,
            Fact::Outcome {
                number,
                kind,
                duration,
                verdict,
            },
        );
    }

    fn turn(&mut self, now: Now, turn: &Turn) {
        self.last = now;
        let mut batch = None;
        let mut rows = BTreeSet::new();
        for record in &turn.effects {
            match record.kind {
                100 => batch = u64::try_from(record.first).ok(),
                120 => self.sent(now, record),
                130 => self.replied(now, record),
                201 | 216 if record.first == self.endpoint.id().value() => {
                    self.key = Some(record.second);
                    self.endpoint_made(now, record.kind == 201);
                }
                203 if record.first == self.event.id().value() => {
                    self.position = Some(EventPosition::new(record.value));
                    self.batch = batch;
                    self.address.event_made(record.second);
                }
                202 | 204..=206 | 217 | 221..=224 | 230..=233 | 239 | 241 => {
                    self.changed(now, record, &mut rows);
                }
                _ => {}
            }
        }
        self.landed.clear();
    }

    fn replied(&mut self, now: Now, record: &Record) {
        let request = u64::try_from(record.first).unwrap_or(u64::MAX);
        let asked = self.asking.remove(&request);
        let is_event = (4..=5).contains(&record.value) && record.second == self.event.id().value();
        let is_endpoint =
            (2..=3).contains(&record.value) && record.second == self.endpoint.id().value();
        self.address.answered(request, is_event, is_endpoint);
        // One that had ended before is refused.
        let set_aside = self.own.set_aside;
        if record.value == 12
            && let Some((_, act)) = set_aside.filter(|(id, _)| *id == record.second)
        {
            self.own.has_ended = true;
            self.tell(now, Fact::SetAside(act));
        }
        if !is_event {
            return;
        }
        if let Some((since, deliver_after)) = asked {
            self.own.deliver_after = deliver_after;
            if let (Some(wait), Some(ready)) = (deliver_after, self.own.ready) {
                self.own.ready = Some(ready.plus(wait));
            }
            self.tell(since, Fact::Asked { deliver_after });
        }
        self.tell(now, Fact::Acknowledged);
    }

    /// A fact of a batch, if it is about the delivery or its endpoint.
    fn changed(&mut self, now: Now, record: &Record, rows: &mut BTreeSet<u64>) {
        let Some(key) = self.key else {
            return;
        };
        let is_attempt = (221..=224).contains(&record.kind);
        let about = if is_attempt {
            record.second
        } else {
            record.first
        };
        let is_of_endpoint = about & ((1 << 80) - 1) == key;
        let due = Timestamp::from_micros(record.value.cast_signed());
        if is_of_endpoint && matches!(record.kind, 202 | 217 | 239) {
            return self.endpoint_changed(now, record, due);
        }
        let Some(position) = self.position else {
            return;
        };
        let delivery = (u128::from(position.number()) << 80) | key;
        match record.kind {
            232 if record.value == position.number() && self.address.is_in(record.first) => {
                self.address.payload_gone();
                self.tell(now, Fact::PayloadGone);
            }
            _ if about != delivery => {}
            204 => {
                rows.insert(record.kind);
                self.own.due = Some(due);
                if self.own.outcome.is_none() {
                    self.own.ready = Some(due);
                    self.tell(now, Fact::RowMade { due });
                }
            }
            206 => {
                self.own.has_ended = true;
                self.tell(now, Fact::Expired);
            }
            241 => {
                let act = u8::try_from(record.value).ok().and_then(Act::from_number);
                self.own.set_aside = act.map(|act| (record.second, act));
            }
            221..=224 => self.resulted(now, record.kind, due),
            230 => {
                self.own.is_asked_by_hand = true;
                self.tell(now, Fact::AskedByHand);
            }
            _ => {}
        }
    }
}
