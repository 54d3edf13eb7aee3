//! The events of one application by position, each with what hangs on it: attempts, expiry facts,
//! the number of its open rows.
//!
//! Events stand in chunks of neighbours. Results come mostly in runs of neighbouring positions, so
//! one search in the map serves a run; and where most of a span is forgotten, its chunks are gone.

use std::{collections::BTreeMap, sync::Arc};

use super::Volume;
use crate::domain::{
    attempt::AttemptRecord,
    audit::AuditEntry,
    change::UniqueKey,
    delivery::OtherEnd,
    event::{Event, EventPosition},
    id::Id,
};

/// Events of a chunk: enough for a window's run, few enough that one old event pins little.
const CHUNK_EVENTS: u64 = 16;
/// Emptied attempt lists that are kept to be filled again.
const SPARE_LISTS_MAX: usize = 1_024;
/// Attempts of one event that room is made for before they come.
const ROOM_MAX: usize = 16;

/// The events of one application.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    chunks: BTreeMap<u64, Chunk>,
    spare: Vec<Vec<AttemptRecord>>,
    /// How many attempts the event had that ended last.
    usual_attempts: usize,
}

/// Up to [`CHUNK_EVENTS`] neighbours.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    rows: Vec<Option<EventRow>>,
}

/// One event and what hangs on it.
#[derive(Debug)]
pub(super) struct EventRow {
    /// The event.
    pub(super) event: Arc<Event>,
    /// Its attempts, in the order of their ids.
    pub(super) attempts: Vec<AttemptRecord>,
    /// Endpoints whose delivery of it ended otherwise than by an attempt, by ordinal, and how.
    pub(super) other_ends: Vec<(u32, OtherEnd)>,
    /// What was done by hand with its deliveries.
    pub(super) audit: Vec<Arc<AuditEntry>>,
    /// How many open rows refer to it.
    pub(super) open_rows: usize,
    /// Whether its payload was taken away.
    pub(super) expunged: bool,
    /// Bytes of reply bodies in `attempts`.
    pub(super) body_bytes: usize,
    /// When it ended, as a number that grows; `None` while it is open.
    pub(super) ended: Option<u64>,
}

impl EventRow {
    /// How its delivery to an endpoint ended otherwise than by an attempt.
    pub(super) fn other_end(&self, ordinal: u32) -> Option<OtherEnd> {
        let mut ends = self.other_ends.iter();
        ends.find(|(of, _)| *of == ordinal).map(|(_, end)| *end)
    }

    /// Its delivery to an endpoint ended so.
    pub(super) fn ends_so(&mut self, ordinal: u32, end: OtherEnd) {
        self.other_ends.retain(|(of, _)| *of != ordinal);
        self.other_ends.push((ordinal, end));
    }

    /// What it adds to the store.
    pub(super) fn volume(&self) -> Volume {
        Volume {
            events: 1,
            attempts: self.attempts.len(),
            bytes: self.event.payload.bytes.len() + self.body_bytes,
        }
    }
}

impl Chunk {
    /// Whether `position` belongs to the same chunk as `other`.
    pub(super) const fn is_shared(position: EventPosition, other: EventPosition) -> bool {
        position.number() / CHUNK_EVENTS == other.number() / CHUNK_EVENTS
    }

    /// The event at `position`, which must lie in this chunk.
    pub(super) fn get_mut(&mut self, position: EventPosition) -> Option<&mut EventRow> {
        self.rows.get_mut(place(position))?.as_mut()
    }
}

/// Where a position stands in its chunk.
fn place(position: EventPosition) -> usize {
    usize::try_from(position.number() % CHUNK_EVENTS).unwrap_or(usize::MAX)
}

impl EventLog {
    /// For how many attempts of a new event there should be room: as many as the last one that ended had, and a
    /// quarter more, lest most lists are moved as they grow.
    pub(super) fn room(&self) -> usize {
        let usual = self.usual_attempts;
        (usual + usual / 4).min(ROOM_MAX)
    }

    /// An event ended that had so many attempts.
    pub(super) const fn ended_after(&mut self, attempts: usize) {
        self.usual_attempts = attempts;
    }

    /// Writes an event at its position.
    pub(super) fn insert(&mut self, event: Arc<Event>) {
        let position = event.position;
        let row = EventRow {
            event,
            attempts: self.spare.pop().unwrap_or_default(),
            other_ends: Vec::new(),
            audit: Vec::new(),
            open_rows: 0,
            expunged: false,
            body_bytes: 0,
            ended: None,
        };
        let chunk = self.chunks.entry(position.number() / CHUNK_EVENTS);
        let rows = &mut chunk.or_default().rows;
        let place = place(position);
        if rows.len() <= place {
            rows.resize_with(place + 1, || None);
        }
        if let Some(slot) = rows.get_mut(place) {
            *slot = Some(row);
        }
    }

    /// The event at `position`.
    pub(super) fn get(&self, position: EventPosition) -> Option<&EventRow> {
        let chunk = self.chunks.get(&(position.number() / CHUNK_EVENTS))?;
        chunk.rows.get(place(position))?.as_ref()
    }

    /// The event at `position`, to be changed.
    pub(super) fn get_mut(&mut self, position: EventPosition) -> Option<&mut EventRow> {
        self.chunk_mut(position)?.get_mut(position)
    }

    /// The chunk that `position` belongs to, if it has events.
    pub(super) fn chunk_mut(&mut self, position: EventPosition) -> Option<&mut Chunk> {
        self.chunks.get_mut(&(position.number() / CHUNK_EVENTS))
    }

    /// Forgets the event at `position` and all that hangs on it.
    pub(super) fn remove(&mut self, position: EventPosition) {
        let number = position.number() / CHUNK_EVENTS;
        let Some(chunk) = self.chunks.get_mut(&number) else {
            return;
        };
        let removed = chunk.rows.get_mut(place(position)).and_then(Option::take);
        if chunk.rows.iter().all(Option::is_none) {
            self.chunks.remove(&number);
        }
        if let Some(mut row) = removed
            && self.spare.len() < SPARE_LISTS_MAX
        {
            row.attempts.clear();
            self.spare.push(row.attempts);
        }
    }

    /// The events from `from` on, in order.
    pub(super) fn from(&self, from: EventPosition) -> impl Iterator<Item = &EventRow> + '_ {
        self.chunks
            .range(from.number() / CHUNK_EVENTS..)
            .flat_map(|(_, chunk)| chunk.rows.iter().flatten())
            .skip_while(move |row| row.event.position < from)
    }

    /// The events with ids above this one, in order. Ids grow with places.
    pub(super) fn above(&self, above: Option<Id>) -> impl Iterator<Item = &EventRow> + '_ {
        let is_before =
            move |row: &&EventRow| above.is_some_and(|above| row.event.id.id() <= above);
        let first = above.map_or(0, |above| self.chunk_around(above));
        self.chunks
            .range(first..)
            .flat_map(|(_, chunk)| chunk.rows.iter().flatten())
            .skip_while(is_before)
    }

    /// The number of the last chunk that begins with this id or a smaller one; 0 if none does. Found by halving.
    fn chunk_around(&self, id: Id) -> u64 {
        let first = self.chunks.first_key_value().map(|(number, _)| *number);
        let last = self.chunks.last_key_value().map(|(number, _)| *number);
        let (mut found, mut low) = (0, first.unwrap_or(0));
        let mut high = last.map_or(0, |last| last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = self.chunks.range(middle..).next();
            let begins = next.and_then(|(number, chunk)| {
                let row = chunk.rows.iter().flatten().next()?;
                (row.event.id.id() <= id).then_some(*number)
            });
            if let Some(number) = begins {
                found = number;
                low = number + 1;
            } else {
                high = middle;
            }
        }
        found
    }

    /// The events from `from` to before `until`, in order.
    pub(super) fn span(
        &self,
        from: EventPosition,
        until: EventPosition,
    ) -> impl Iterator<Item = &EventRow> + '_ {
        self.from(from)
            .take_while(move |row| row.event.position < until)
    }
}

/// What an event is unique by, if it has a name.
pub(super) fn event_key(event: &Event) -> Option<UniqueKey> {
    let uid = event.uid.clone()?;
    Some(UniqueKey::EventUid {
        application: event.application,
        uid,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        domain::{
            event::{JSON, ORDER_RECEIVED, Payload},
            id::EventId,
        },
        time::Timestamp,
    };

    /// The event of a place; there is room for an id between its own and that of the next one.
    fn event(place: u64) -> Arc<Event> {
        Arc::new(Event {
            id: EventId::new(Id::from_value(u128::from(place) * 2)),
            application: Default::default(),
            position: EventPosition::new(place),
            uid: None,
            event_type: ORDER_RECEIVED.into(),
            channels: Vec::new(),
            payload: Payload {
                content_type: JSON.into(),
                bytes: Bytes::from_static(b"[]"),
            },
            accepted_at: Timestamp::ZERO,
            accepted_wall: Timestamp::ZERO,
            expires_at: Timestamp::MAX,
            besides: None,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn events_above_an_id_are_those_that_a_look_at_all_of_them_finds(
            places in prop::collection::btree_set(prop_oneof![0..40_u64, 0..2_000_u64], 0..60),
            gone in prop::collection::vec(0..2_000_u64, 0..40),
            above in prop::option::of(0..4_100_u128),
        ) {
            let mut log = EventLog::default();
            for place in &places {
                log.insert(event(*place));
            }
            for place in &gone {
                log.remove(EventPosition::new(*place));
            }
            let above = above.map(Id::from_value);
            let place = |row: &EventRow| row.event.position.number();
            let found: Vec<u64> = log.above(above).map(place).collect();
            let is_above = |row: &&EventRow| above.is_none_or(|above| row.event.id.id() > above);
            let all = log.from(EventPosition::default());
            prop_assert_eq!(found, all.filter(is_above).map(place).collect::<Vec<_>>());
        }
    }
}
