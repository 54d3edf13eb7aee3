//! Inspections: what a reader of lists and history sees, compared with the ledger. Every list is
//! read page by page, in both directions, with pages of drawn sizes; each durable entry must be in
//! it once, and nothing else. Only what retention may have let go may be missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    oracle::Violation,
    paging::pages,
    seen::{Moment, Seen, SeenEvent},
    witness::Witness,
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptRecord,
        delivery::DeliveryState,
        endpoint::EndpointKey,
        event::EventPosition,
        history::{AttemptEntry, EventEntry, Name},
        id::{EventId, Id},
    },
    random::Stream,
    store::{ReadError, Reads},
    time::{Span, Timestamp},
};

impl Witness {
    /// Compares everything that the store shows with the ledger; payloads and rows of ended work may
    /// go at the ages given.
    pub(super) fn inspect(
        &mut self,
        store: &dyn Reads,
        application: ApplicationKey,
        (payload_age, row_age): (Span, Span),
        now: Moment,
        random: &mut Stream,
    ) {
        let mut found = Vec::new();
        let inspection = Inspection {
            witness: self,
            store,
            application,
            payload_age,
            row_age,
            now,
        };
        let retained = match inspection.look(random, &mut found) {
            Ok(retained) => retained,
            Err(ReadError { reason }) => {
                found.push(Violation::StoreFails { reason });
                0
            }
        };
        self.happened.retained += retained;
        for violation in found {
            self.object(violation);
        }
    }
}

/// One look at everything.
struct Inspection<'look> {
    witness: &'look Witness,
    store: &'look dyn Reads,
    application: ApplicationKey,
    payload_age: Span,
    row_age: Span,
    now: Moment,
}

impl Inspection<'_> {
    /// Looks at everything; gives how many events had gone.
    fn look(&self, random: &mut Stream, found: &mut Vec<Violation>) -> Result<u64, ReadError> {
        let mut gone = BTreeSet::new();
        for seen in self.witness.events.values() {
            let is_there = self.look_at_event(seen, found)?;
            if !is_there {
                gone.insert(seen.event.position);
            } else {
                self.look_at_states(seen, found)?;
            }
        }
        self.look_at_registrations(found)?;
        self.look_at_events(random, &gone, found)?;
        self.look_at_attempts(random, &gone, found)?;
        Ok(u64::try_from(gone.len()).unwrap_or(u64::MAX))
    }

    /// The application and its endpoints.
    fn look_at_registrations(&self, found: &mut Vec<Violation>) -> Result<(), ReadError> {
        let mut wrong = |list, what: String| found.push(Violation::List { list, what });
        if let Some(id) = self.witness.application {
            let known = self.store.application(&Name::Id(id.id()))?;
            if known.is_none_or(|known| known.id != id) {
                wrong("applications", format!("{id} is missing"));
            }
        }
        let listed = self.store.endpoints(self.application, 0, usize::MAX)?;
        let listed: Vec<_> = listed
            .iter()
            .filter(|known| !known.is_deleted())
            .map(|known| (known.key.ordinal, known.id))
            .collect();
        let expected = self.witness.endpoints.iter();
        let expected: Vec<_> = expected
            .filter(|(_, seen)| seen.deleted_at.is_none())
            .map(|(ordinal, seen)| (*ordinal, seen.id))
            .collect();
        if listed != expected {
            let what = format!("{} of {} endpoints", listed.len(), expected.len());
            wrong("endpoints", what);
        }
        Ok(())
    }

    /// One event, by its id and by its name; false if retention let it go.
    fn look_at_event(
        &self,
        seen: &SeenEvent,
        found: &mut Vec<Violation>,
    ) -> Result<bool, ReadError> {
        let event = seen.event.id;
        let mut lost = |what| found.push(Violation::Lost { event, what });
        let by_id = self.store.event(self.application, &Name::Id(event.id()))?;
        let Some(entry) = by_id else {
            if !self.may_go(seen, self.row_age) {
                lost("it is gone");
            }
            return Ok(false);
        };
        let same = entry.event.position == seen.event.position
            && entry.event.accepted_at == seen.event.accepted_at
            && entry.event.uid == seen.event.uid
            && entry.event.event_type == seen.event.event_type;
        if !same {
            lost("it is another one");
        }
        if entry.has_payload && seen.expunged_at.is_some() {
            lost("its payload was taken away, and is there");
        }
        if entry.has_payload {
            if entry.event.payload != seen.event.payload {
                lost("its bytes are others");
            }
        } else if seen.expunged_at.is_none() && !self.may_go(seen, self.payload_age) {
            lost("its bytes are gone");
        }
        if let Some(uid) = &seen.event.uid {
            let by_name = self
                .store
                .event(self.application, &Name::Uid(Arc::clone(uid)))?;
            if by_name.is_none_or(|entry| entry.event.id != event) {
                lost("its name does not lead to it");
            }
        }
        Ok(true)
    }

    /// Whether retention may have let go what is kept so long.
    fn may_go(&self, seen: &SeenEvent, age: Span) -> bool {
        let is_old = self.now.steady.since(seen.touched_at) >= age;
        let mut deliveries = (0_u32..).zip(&seen.deliveries);
        is_old
            && deliveries.all(|(ordinal, delivery)| {
                delivery.end.is_some()
                    || delivery.sent == 0
                    || self.witness.is_called_off(seen, ordinal)
            })
    }

    /// The state of each delivery of an event.
    fn look_at_states(
        &self,
        seen: &SeenEvent,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let event = seen.event.id;
        for (ordinal, endpoint) in &self.witness.endpoints {
            let is_called_off = self.witness.is_called_off(seen, *ordinal);
            let is_asked = self.witness.is_asked_by_hand(seen.event.position, *ordinal);
            let key = self.endpoint(*ordinal);
            let state = self.store.delivery_state(key, seen.event.position)?;
            let delivery = seen.seen(*ordinal);
            let agrees = match (delivery.end, state) {
                (None, Some(DeliveryState::Cancelled)) => is_called_off,
                (None, None) if is_called_off => true,
                // An attempt by hand is still to come.
                (_, Some(DeliveryState::Pending)) if is_asked => !is_called_off,
                (Some(end), Some(state)) => end.agrees_with(state),
                (Some(_), None) => false,
                (None, Some(DeliveryState::Waiting { due })) => {
                    self.waits_rightly(seen, delivery, due)
                }
                (None, Some(DeliveryState::Pending)) => delivery.recorded == 0,
                (None, Some(_)) => false,
                (None, None) => delivery.recorded == 0,
            };
            if !agrees {
                let (endpoint, recorded) = (endpoint.id, delivery.end);
                found.push(Violation::StateDiffers {
                    event,
                    endpoint,
                    recorded,
                    state,
                });
            }
        }
        Ok(())
    }

    /// Whether a delivery may wait until this time, in steady time.
    fn waits_rightly(&self, seen: &SeenEvent, delivery: Seen, due: Timestamp) -> bool {
        if delivery.recorded > 0 {
            return due == delivery.due;
        }
        let later = seen.event.not_before();
        let waits_to_begin = later > seen.event.accepted_at && due == later;
        // Events far behind it went by while its first attempt was in flight.
        let is_overtaken = delivery.sent > 0 && due <= self.now.steady;
        waits_to_begin || is_overtaken
    }

    const fn endpoint(&self, ordinal: u32) -> EndpointKey {
        EndpointKey {
            application: self.application,
            ordinal,
        }
    }

    /// The list of events.
    fn look_at_events(
        &self,
        random: &mut Stream,
        gone: &BTreeSet<EventPosition>,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let read = |query| self.store.events(self.application, query);
        let expected = self.witness.events.len();
        let listed = pages(random, expected, read, |entry: &EventEntry| {
            entry.event.id.id()
        })?;
        let expected = self.witness.events.values();
        let mut expected: Vec<Id> = expected
            .filter(|seen| !gone.contains(&seen.event.position))
            .map(|seen| seen.event.id.id())
            .collect();
        expected.sort_unstable();
        let listed: Vec<Id> = listed.iter().map(|entry| entry.event.id.id()).collect();
        for id in &listed {
            let event = EventId::new(*id);
            if !self.witness.positions.contains_key(&event) {
                found.push(Violation::Unknown { event });
            }
        }
        if listed != expected {
            let what = format!("{} of {} events", listed.len(), expected.len());
            found.push(Violation::List {
                list: "events",
                what,
            });
        }
        Ok(())
    }

    /// The lists of attempts, by endpoint and by event.
    fn look_at_attempts(
        &self,
        random: &mut Stream,
        gone: &BTreeSet<EventPosition>,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let id = |entry: &AttemptEntry| entry.record.id.id();
        let (mut by_endpoint, mut by_event) = (BTreeMap::new(), BTreeMap::new());
        for recorded in self.witness.records.values() {
            let (record, _) = recorded;
            let of_endpoint: &mut Recorded<'_> =
                by_endpoint.entry(record.endpoint.ordinal).or_default();
            of_endpoint.push(recorded);
            let of_event: &mut Recorded<'_> = by_event.entry(record.position).or_default();
            of_event.push(recorded);
        }
        let nothing = Recorded::new();
        for ordinal in self.witness.endpoints.keys() {
            let read = |query| {
                self.store
                    .attempts_of_endpoint(self.endpoint(*ordinal), query)
            };
            let expected = by_endpoint.get(ordinal).unwrap_or(&nothing);
            let listed = pages(random, expected.len(), read, id)?;
            let is_of = |record: &AttemptRecord| record.endpoint.ordinal == *ordinal;
            let listed = ("attempts of an endpoint", listed.as_slice());
            self.compare(listed, (expected, is_of), gone, true, found);
        }
        for (position, seen) in &self.witness.events {
            if gone.contains(position) {
                continue;
            }
            let read = |query| {
                self.store
                    .attempts_of_event(self.application, *position, query)
            };
            let expected = by_event.get(position).unwrap_or(&nothing);
            let listed = pages(random, expected.len(), read, id)?;
            let is_of = |record: &AttemptRecord| record.position == seen.event.position;
            let listed = ("attempts of an event", listed.as_slice());
            self.compare(listed, (expected, is_of), gone, false, found);
        }
        Ok(())
    }

    /// Compares a list of attempts with those that are durable.
    fn compare(
        &self,
        (list, listed): (&'static str, &[AttemptEntry]),
        (expected, is_of): (&Recorded<'_>, impl Fn(&AttemptRecord) -> bool),
        gone: &BTreeSet<EventPosition>,
        may_be_old: bool,
        found: &mut Vec<Violation>,
    ) {
        let mut wrong = |what: String| found.push(Violation::List { list, what });
        let mut shown = BTreeSet::new();
        for entry in listed {
            let id = entry.record.id;
            if !shown.insert(id) {
                wrong(format!("{id} is shown twice"));
            }
            match self.witness.records.get(&id) {
                Some((record, _)) if is_same(record, &entry.record) && is_of(record) => {}
                Some(_) => wrong(format!("{id} is shown other than it was recorded")),
                None => wrong(format!("{id} is shown and was never recorded")),
            }
        }
        for (record, submitted_at) in expected {
            let may_miss = gone.contains(&record.position)
                || (may_be_old && self.now.steady.since(*submitted_at) >= self.row_age);
            if !may_miss && !shown.contains(&record.id) {
                wrong(format!("{} is missing", record.id));
            }
        }
    }
}

/// Attempts that are durable, in the order of their ids, and when each was submitted.
type Recorded<'look> = Vec<&'look (AttemptRecord, Timestamp)>;

fn is_same(one: &AttemptRecord, other: &AttemptRecord) -> bool {
    one.endpoint == other.endpoint
        && one.position == other.position
        && one.number == other.number
        && one.started_at == other.started_at
        && one.duration == other.duration
        && one.outcome == other.outcome
        && one.result == other.result
}
