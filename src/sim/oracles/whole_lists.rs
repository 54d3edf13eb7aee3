//! I32: every list shows each durable entry once, in pages of any size and in both directions, and
//! nothing else (I2).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    domain::{
        attempt::AttemptRecord,
        event::EventPosition,
        history::{AttemptEntry, EventEntry, Name},
        id::Id,
    },
    random::Stream,
    sim::{
        inspection::Inspection, paging::pages, seen::SeenRecord, stretch::Stretch,
        violation::Violation, whole::Whole,
    },
    store::ReadError,
    time::Timestamp,
};

impl Inspection<'_> {
    /// The application and its endpoints.
    pub(in crate::sim) fn look_at_registrations(
        &self,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let mut wrong = |list, what: String| found.push(Whole::List { list, what }.into());
        if let Some(id) = self.witness.application {
            let known = self.store.application(&Name::Id(id.id()))?;
            if known.is_none_or(|known| known.id != id) {
                wrong("applications", format!("{id} is missing"));
            }
        }
        let listed = self.store.endpoints(self.application, 0, usize::MAX)?;
        let listed: Vec<_> = listed
            .into_iter()
            .filter(|known| !known.is_deleted())
            .collect();
        self.look_at_owned(&listed, found);
        let mut wrong = |list, what: String| found.push(Whole::List { list, what }.into());
        let listed: Vec<_> = listed
            .iter()
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

    /// The list of events.
    pub(in crate::sim) fn look_at_events(
        &self,
        stretch: &Stretch<'_>,
        random: &mut Stream,
        gone: &BTreeSet<EventPosition>,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let read = |query| self.store.events(self.application, query);
        let expected = stretch.events.len();
        let mut listed = pages(
            random,
            stretch.ends,
            expected,
            read,
            |entry: &EventEntry| entry.event.id.id(),
        )?;
        let expected = stretch.events.iter();
        let mut expected: Vec<Id> = expected
            .filter(|seen| !gone.contains(&seen.event.position))
            .map(|seen| seen.event.id.id())
            .collect();
        expected.sort_unstable();
        for event in listed.iter().map(|entry| entry.event.id) {
            if !self.witness.positions.contains_key(&event) {
                found.push(Violation::Unknown { event });
            }
        }
        listed.retain(|entry| stretch.has(entry.event.position));
        let listed: Vec<Id> = listed.iter().map(|entry| entry.event.id.id()).collect();
        if listed != expected {
            let what = format!("{} of {} events", listed.len(), expected.len());
            found.push(
                Whole::List {
                    list: "events",
                    what,
                }
                .into(),
            );
        }
        Ok(())
    }

    /// The lists of attempts, by endpoint and by event.
    pub(in crate::sim) fn look_at_attempts(
        &self,
        stretch: &Stretch<'_>,
        random: &mut Stream,
        gone: &BTreeSet<EventPosition>,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        let id = |entry: &AttemptEntry| entry.record.id.id();
        let (mut by_endpoint, mut by_event) = (BTreeMap::new(), BTreeMap::new());
        for recorded in self.witness.records.values() {
            let (record, _) = recorded;
            if !stretch.has(record.position) {
                continue;
            }
            if stretch.lists(record.id) {
                let of_endpoint: &mut Recorded<'_> =
                    by_endpoint.entry(record.endpoint.ordinal).or_default();
                of_endpoint.push(recorded);
            }
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
            let listed = pages(random, stretch.attempts, expected.len(), read, id)?;
            let is_of = |record: &SeenRecord| record.endpoint.ordinal == *ordinal;
            let listed = ("attempts of an endpoint", listed.as_slice());
            self.compare(listed, (expected, is_of), gone, true, found);
        }
        for seen in &stretch.events {
            let position = &seen.event.position;
            if gone.contains(position) {
                continue;
            }
            let read = |query| {
                self.store
                    .attempts_of_event(self.application, *position, query)
            };
            let expected = by_event.get(position).unwrap_or(&nothing);
            let listed = pages(random, (None, None), expected.len(), read, id)?;
            let is_of = |record: &SeenRecord| record.position == seen.event.position;
            let listed = ("attempts of an event", listed.as_slice());
            self.compare(listed, (expected, is_of), gone, false, found);
        }
        Ok(())
    }

    /// Compares a list of attempts with those that are durable.
    fn compare(
        &self,
        (list, listed): (&'static str, &[AttemptEntry]),
        (expected, is_of): (&Recorded<'_>, impl Fn(&SeenRecord) -> bool),
        gone: &BTreeSet<EventPosition>,
        may_be_old: bool,
        found: &mut Vec<Violation>,
    ) {
        let mut wrong = |what: String| found.push(Whole::List { list, what }.into());
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
type Recorded<'look> = Vec<&'look (SeenRecord, Timestamp)>;

fn is_same(one: &SeenRecord, other: &AttemptRecord) -> bool {
    one.endpoint == other.endpoint
        && one.position == other.position
        && one.number == other.number
        && one.started_at == other.started_at
        && one.duration == other.duration
        && one.outcome == other.outcome
        && one.result == other.result
        && one.step == other.timing.step
        && one.due == other.timing.due
        && one.held_by == other.timing.held_by
}
