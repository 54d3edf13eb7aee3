//! The open deliveries of one lane: those that wait for a retry or were overtaken by their lane.
//!
//! Their rows are in the store; the earliest stand here too. What stands here is every row up to a
//! **horizon**; behind it there may be more in the store, which a load brings when the ones here
//! are used up. Rows that change while a load is under way are kept beside it and merged when the
//! page arrives.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{
        delivery::OpenDelivery,
        event::{Event, EventPosition},
        page::LoadHandle,
    },
    time::{Span, Timestamp},
};

/// The order in which open deliveries of a lane are tried.
pub(super) type OpenOrder = (Timestamp, EventPosition);

/// An open delivery and what it carries.
#[derive(Clone, Debug)]
pub(super) struct OpenRow {
    /// The row as it is stored.
    pub(super) delivery: OpenDelivery,
    /// The event to send.
    pub(super) event: Arc<Event>,
}

/// The open deliveries of one lane.
#[derive(Debug, Default)]
pub(super) struct OpenRows {
    rows: BTreeMap<OpenOrder, OpenRow>,
    /// Every stored row up to here stands in `rows`; `None`: all of them do.
    horizon: Option<OpenOrder>,
    /// Deliveries whose row is in the store while their attempt is in flight, and when these were due.
    flying: Vec<(EventPosition, Timestamp)>,
    load: Option<PendingLoad>,
    held: Held,
}

/// How much of open rows stands in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Rows.
    pub(super) rows: usize,
    /// Bytes of the payloads they hold, counted for each of them.
    pub(super) bytes: usize,
}

impl Held {
    fn add(&mut self, row: &OpenRow) {
        self.rows += 1;
        self.bytes += row.event.payload.bytes.len();
    }

    fn subtract(&mut self, row: &OpenRow) {
        self.rows -= 1;
        self.bytes -= row.event.payload.bytes.len();
    }

    /// A part of all has changed.
    pub(super) const fn replace(&mut self, before: Self, after: Self) {
        self.rows = (self.rows + after.rows).saturating_sub(before.rows);
        self.bytes = (self.bytes + after.bytes).saturating_sub(before.bytes);
    }
}

/// A load under way and what happened since it was asked for.
#[derive(Debug)]
struct PendingLoad {
    handle: LoadHandle,
    put: Vec<OpenRow>,
    gone: Vec<EventPosition>,
}

impl OpenRows {
    /// Rows of which nothing is loaded yet; the first of them is due at `first_due`.
    pub(super) fn unloaded(first_due: Timestamp) -> Self {
        let just_before = first_due.plus(Span::from_micros(-1));
        Self {
            horizon: Some((just_before, EventPosition::new(0))),
            ..Self::default()
        }
    }

    /// Whether there is a row, here, in the store or in flight.
    pub(super) fn has_any(&self) -> bool {
        !self.rows.is_empty() || self.horizon.is_some() || !self.flying.is_empty()
    }

    /// When the next row is due, or may be where it is not loaded; what is held in a line is never due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let never = Timestamp::MAX.plus(Span::from_micros(-1));
        let first = self.first().map(|row| row.delivery.due);
        let next = first.or_else(|| self.horizon.map(|(due, _)| due));
        next.filter(|due| *due < never)
    }

    /// What stands here.
    pub(super) const fn held(&self) -> Held {
        self.held
    }

    /// What stands here, counted again.
    pub(super) fn recounted(&self) -> Held {
        let mut held = Held::default();
        for row in self.rows.values() {
            held.add(row);
        }
        held
    }

    /// How many rows are known: those that stand here and those in flight.
    pub(super) fn known(&self) -> usize {
        self.rows.len() + self.flying.len()
    }

    /// The earliest row that stands here.
    pub(super) fn first(&self) -> Option<&OpenRow> {
        self.rows.first_key_value().map(|(_, row)| row)
    }

    /// Where to load from, if rows that may be due by `until` are in the store, none stands here and
    /// no load is under way.
    pub(super) fn wants_load(&self, until: Timestamp) -> Option<OpenOrder> {
        self.horizon
            .filter(|(due, _)| self.rows.is_empty() && self.load.is_none() && *due <= until)
    }

    /// A load from the horizon on was asked for.
    pub(super) fn load_started(&mut self, handle: LoadHandle) {
        self.load = Some(PendingLoad {
            handle,
            put: Vec::new(),
            gone: Vec::new(),
        });
    }

    /// The load failed; it may be asked for again.
    pub(super) fn load_failed(&mut self, handle: LoadHandle) {
        self.load.take_if(|load| load.handle == handle);
    }

    /// Merges a page with what happened since it was asked for; `more` says that rows follow it. At most
    /// `kept_max` rows stay here, twice over, however many came while the page was on its way.
    pub(super) fn loaded(
        &mut self,
        handle: LoadHandle,
        (page, more): (Vec<OpenRow>, bool),
        kept_max: usize,
    ) {
        let Some(load) = self.load.take_if(|load| load.handle == handle) else {
            return;
        };
        let last = page.last().map(|row| order(&row.delivery));
        self.horizon = if more { last.or(self.horizon) } else { None };
        for row in page {
            let position = row.delivery.position;
            if !load.gone.contains(&position) && !self.is_flying(position) {
                self.keep(row);
            }
        }
        for row in load.put {
            if !self.is_flying(row.delivery.position) {
                self.insert(row);
            }
        }
        self.trim(kept_max);
    }

    /// Takes the earliest row out: its attempt flies, its row stays in the store.
    pub(super) fn take_first(&mut self) -> Option<OpenRow> {
        let (_, row) = self.rows.pop_first()?;
        self.held.subtract(&row);
        self.flying.push((row.delivery.position, row.delivery.due));
        Some(row)
    }

    /// Takes the row of a delivery out, if it stands here: its attempt is about to fly.
    pub(super) fn take(&mut self, position: EventPosition) -> Option<OpenRow> {
        let mut rows = self.rows.iter();
        let (order, _) = rows.find(|(_, row)| row.delivery.position == position)?;
        let order = *order;
        let row = self.rows.remove(&order)?;
        self.held.subtract(&row);
        Some(row)
    }

    /// A delivery whose attempt is in flight got a row.
    pub(super) fn overtaken(&mut self, position: EventPosition, due: Timestamp) {
        self.flying.push((position, due));
        self.note_gone(position);
    }

    /// A flying delivery's attempt ended and its row went.
    pub(super) fn ended(&mut self, position: EventPosition) {
        self.flying.retain(|(flying, _)| *flying != position);
        self.note_gone(position);
    }

    /// The row of a delivery goes though its time did not come: whether it stood here, and whether it
    /// may be in the store.
    pub(super) fn withdraw(&mut self, position: EventPosition) -> (bool, bool) {
        let mut rows = self.rows.iter();
        let place = rows.find(|(_, row)| row.delivery.position == position);
        let place = place.map(|(order, _)| *order);
        let row = place.and_then(|order| self.rows.remove(&order));
        if let Some(row) = &row {
            self.held.subtract(row);
        }
        self.note_gone(position);
        (row.is_some(), self.horizon.is_some())
    }

    /// Whether an attempt of a delivery with a row is in flight.
    pub(super) fn is_flying(&self, position: EventPosition) -> bool {
        self.flying.iter().any(|(flying, _)| *flying == position)
    }

    /// Whether everything that was due by `until` was tried and came back.
    pub(super) fn are_tried(&self, until: Timestamp) -> bool {
        let mut flying = self.flying.iter();
        self.next_due().is_none_or(|due| due > until) && flying.all(|(_, due)| *due > until)
    }

    /// Rows that are due at `due` are written, and nothing stands here of those deliveries: they are
    /// found in the store, and so is what comes after them.
    pub(super) fn reopened(&mut self, due: Timestamp) {
        self.load = None;
        let horizon = (
            due.plus(Span::from_micros(-1)),
            EventPosition::new(u64::MAX),
        );
        if self.horizon.is_some_and(|known| known <= horizon) {
            return;
        }
        for row in self.rows.split_off(&horizon).values() {
            self.held.subtract(row);
        }
        self.horizon = Some(horizon);
    }

    /// A delivery waits, flying no more; at most `kept_max` rows stay here, twice over.
    pub(super) fn wait(&mut self, row: OpenRow, kept_max: usize) {
        let position = row.delivery.position;
        self.flying.retain(|(flying, _)| *flying != position);
        if let Some(load) = &mut self.load {
            load.gone.push(position);
            load.put.retain(|put| put.delivery.position != position);
            load.put.push(row.clone());
        }
        self.insert(row);
        self.trim(kept_max);
    }

    /// Lets the last rows go if there are more than twice `kept_max`: they are found in the store.
    fn trim(&mut self, kept_max: usize) {
        if self.rows.len() > kept_max.max(1) * 2 {
            while self.rows.len() > kept_max.max(1) {
                if let Some((_, row)) = self.rows.pop_last() {
                    self.held.subtract(&row);
                }
            }
            self.horizon = self.rows.last_key_value().map(|(order, _)| *order);
        }
    }

    /// Keeps a row here if it lies before the horizon.
    fn insert(&mut self, row: OpenRow) {
        let order = order(&row.delivery);
        if self.horizon.is_none_or(|horizon| order <= horizon) {
            self.keep(row);
        }
    }

    /// Keeps a row here.
    fn keep(&mut self, row: OpenRow) {
        self.held.add(&row);
        if let Some(replaced) = self.rows.insert(order(&row.delivery), row) {
            self.held.subtract(&replaced);
        }
    }

    /// Remembers for a load under way that a row it may still show is gone.
    fn note_gone(&mut self, position: EventPosition) {
        if let Some(load) = &mut self.load {
            load.gone.push(position);
            load.put.retain(|put| put.delivery.position != position);
        }
    }
}

/// The place of a row among those of its lane.
pub(super) const fn order(delivery: &OpenDelivery) -> OpenOrder {
    (delivery.due, delivery.position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests_support::{event_at, open_row};

    fn positions(rows: &mut OpenRows) -> Vec<u64> {
        std::iter::from_fn(|| rows.take_first())
            .map(|r| r.delivery.position.number())
            .collect()
    }

    #[test]
    fn rows_come_back_in_order_of_their_due_time() {
        let mut rows = OpenRows::default();
        for (position, due) in [(1, 30), (2, 10), (3, 20)] {
            rows.wait(open_row(position, due), 10);
        }
        assert_eq!(positions(&mut rows), [2, 3, 1]);
        assert!(rows.wants_load(Timestamp::MAX).is_none());
    }

    #[test]
    fn however_many_rows_come_while_a_page_is_on_its_way_few_stay_here() {
        let mut rows = OpenRows::unloaded(Timestamp::from_micros(1_000));
        rows.load_started(LoadHandle::new(1));
        for position in 0..100 {
            rows.wait(open_row(position, 2_000 + position as i64), 2);
        }
        let page = (100..102)
            .map(|position| open_row(position, 1_000))
            .collect();
        rows.loaded(LoadHandle::new(1), (page, false), 2);
        assert!(rows.held().rows <= 4, "{:?}", rows.held());
        assert_eq!(positions(&mut rows), [100, 101]);
        let from = rows.wants_load(Timestamp::MAX);
        assert!(from.is_some(), "the others are in the store");
    }

    #[test]
    fn what_does_not_fit_stays_in_the_store_and_is_loaded_from_the_horizon() {
        let mut rows = OpenRows::default();
        for position in 0..5 {
            rows.wait(open_row(position, 10 + position as i64), 2);
        }
        // Two were kept at the third overflow; later ones lie behind the horizon.
        let kept = positions(&mut rows);
        assert_eq!(kept, [0, 1]);
        let from = rows
            .wants_load(Timestamp::MAX)
            .expect("rows are left in the store");
        assert_eq!(from.1, EventPosition::new(1));
        rows.load_started(LoadHandle::new(1));
        assert_eq!(rows.wants_load(Timestamp::MAX), None);
        let page = (2..5)
            .map(|position| open_row(position, 10 + position as i64))
            .collect();
        rows.loaded(LoadHandle::new(1), (page, false), 10);
        assert_eq!(positions(&mut rows), [2, 3, 4]);
        assert!(rows.wants_load(Timestamp::MAX).is_none());
    }

    #[test]
    fn a_page_is_merged_with_what_happened_since_it_was_asked_for() {
        let mut rows = OpenRows::unloaded(Timestamp::from_millis(10));
        rows.load_started(LoadHandle::new(7));
        rows.wait(open_row(8, 40), 10); // came after the load was asked for
        rows.overtaken(EventPosition::new(3), Timestamp::ZERO); // in flight: must not be sent twice
        rows.ended(EventPosition::new(2)); // gone since
        rows.loaded(
            LoadHandle::new(7),
            (
                vec![open_row(1, 10), open_row(2, 20), open_row(3, 30)],
                false,
            ),
            10,
        );
        assert_eq!(positions(&mut rows), [1, 8]);
    }

    #[test]
    fn rows_in_the_store_are_asked_for_when_the_first_of_them_is_due() {
        let rows = OpenRows::unloaded(Timestamp::from_millis(10));
        assert!(rows.has_any());
        assert_eq!(rows.next_due(), Some(Timestamp::from_micros(9_999)));
        assert_eq!(rows.wants_load(Timestamp::from_millis(9)), None);
        assert!(rows.wants_load(Timestamp::from_millis(10)).is_some());
    }

    #[test]
    fn what_stands_here_is_weighed() {
        let mut rows = OpenRows::default();
        for position in 0..5 {
            rows.wait(open_row(position, 10), 2);
        }
        let held = rows.held();
        assert_eq!((held.rows, held.bytes), (2, 4));
        rows.take_first();
        assert_eq!(rows.held().rows, 1);
    }

    #[test]
    fn a_page_of_another_load_changes_nothing() {
        let mut rows = OpenRows::unloaded(Timestamp::from_millis(10));
        rows.load_started(LoadHandle::new(1));
        rows.loaded(LoadHandle::new(2), (vec![open_row(1, 10)], false), 10);
        assert!(rows.first().is_none());
        rows.load_failed(LoadHandle::new(1));
        assert!(rows.wants_load(Timestamp::MAX).is_some());
        assert_eq!(event_at(4).position, EventPosition::new(4));
    }
}
