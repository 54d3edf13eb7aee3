//! I17: an attempt of a delivery that stands in a line starts once all before it in that line have ended, and
//! that is durable. Over restarts and lost shards, too.
//!
//! An endpoint that gets another order keeps it for what is accepted from then on. What was begun by then keeps its
//! place and holds nobody up; what waited goes by the one order or the other, and is not judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use crate::{
    domain::{
        endpoint::Endpoint,
        event::{Event, EventPosition},
        ordering::{Ordering, OrderingKey},
    },
    sim::{
        pace::Pace,
        seen::{FlightFacts, Moment},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// What was seen of the lines of an endpoint.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct SeenLines {
    /// Which order it keeps.
    ordering: Ordering,
    /// When it began to keep this one instead of another, in real time.
    changed_at: Option<Timestamp>,
    /// What may have been begun under another one.
    begun_before: BTreeSet<EventPosition>,
    /// For each line, up to where all have ended, and when the last of these did, in real time.
    passed: BTreeMap<OrderingKey, (EventPosition, Timestamp)>,
}

impl SeenLines {
    /// Whether an event never stood in a line.
    pub(in crate::sim) fn never_had(&self, event: &Event) -> bool {
        self.changed_at.is_none() && self.ordering.line_of(event).is_none()
    }

    /// Whether at this time it may still have kept another order than it does.
    fn is_changing(&self, at: Timestamp, window: Span) -> bool {
        self.changed_at
            .is_some_and(|changed| at <= changed.plus(window))
    }
}

/// How those stand who come before a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Before {
    /// One has not ended.
    NotOver(EventPosition),
    /// All have, the last at this real time; the beginning if there was none.
    Over(Timestamp),
}

impl Witness {
    /// An event that stands in the line of its key.
    pub(in crate::sim) fn stands_in_line(&mut self, event: &Event) {
        if let Some(key) = event.ordering_key() {
            self.keyed.entry(key).or_default().insert(event.position);
        }
    }

    /// An endpoint keeps this order from now on: whether that is another one than before.
    pub(in crate::sim) fn keeps_order(
        &mut self,
        endpoint: &Endpoint,
        is_new: bool,
        now: Moment,
    ) -> bool {
        let ordinal = endpoint.key.ordinal;
        let seen = self.endpoints.entry(ordinal).or_default();
        let changes = !is_new && seen.lines.ordering != endpoint.ordering;
        seen.lines.ordering = endpoint.ordering;
        if !changes {
            return false;
        }
        let events = self.events.iter();
        let begun = events.filter(|(_, event)| event.seen(ordinal).sent > 0);
        let begun: Vec<EventPosition> = begun.map(|(position, _)| *position).collect();
        let seen = self.endpoints.entry(ordinal).or_default();
        seen.lines.changed_at = Some(now.real);
        seen.lines.begun_before.extend(begun);
        seen.lines.passed.clear();
        true
    }

    /// Judges an attempt that goes out by those who stand before it.
    pub(in crate::sim) fn judge_line(&mut self, flight: FlightFacts, now: Moment) {
        if self.may_be_of_before(flight, now) {
            return;
        }
        let seen = self.events.get(&flight.position);
        // What a task sends again stands in no line.
        let is_again = seen.is_some_and(|seen| seen.seen(flight.ordinal).reopened_after.is_some());
        let line = self.line_of(flight.position, flight.ordinal);
        let Some(line) = line.filter(|_| !is_again && !flight.is_by_hand) else {
            return;
        };
        match self.before(line, (flight.position, flight.ordinal), now) {
            Before::NotOver(before) => {
                let before = self.events.get(&before).map(|seen| seen.event.id);
                let (event, endpoint) = (flight.event, flight.endpoint);
                self.object(
                    Pace::OutOfLine {
                        event,
                        endpoint,
                        before: before.unwrap_or_default(),
                    }
                    .into(),
                );
            }
            Before::Over(at) => {
                let seen = self.events.get(&flight.position);
                let has_waited = seen.is_some_and(|seen| seen.durable_at < at);
                self.happened.waited_in_line += u64::from(has_waited && flight.number == 1);
            }
        }
    }

    /// Whether an attempt may be of what was begun, or waited, while its endpoint kept another order; then it is
    /// noted that it was begun.
    fn may_be_of_before(&mut self, flight: FlightFacts, now: Moment) -> bool {
        let window = self.window;
        let accepted = self.events.get(&flight.position);
        let accepted = accepted.map_or(Timestamp::ZERO, |seen| seen.durable_at);
        let lines = &mut self.endpoints.entry(flight.ordinal).or_default().lines;
        if lines.is_changing(now.real, window) {
            lines.begun_before.insert(flight.position);
        }
        lines.is_changing(accepted, window)
    }

    /// Since when a first attempt may go out as far as lines go, in real time; `None` if that can't be told.
    pub(in crate::sim) fn line_open_since(
        &self,
        position: EventPosition,
        ordinal: u32,
        now: Moment,
    ) -> Option<Timestamp> {
        let endpoint = self.endpoints.get(&ordinal)?;
        if endpoint.lines.changed_at.is_some() {
            return None;
        }
        let held_max = self.options.ordered_held_max;
        let ordering = self.endpoints.get(&ordinal)?.lines.ordering;
        // Who may hold no more waits at his place, and so does what comes behind it.
        let is_stopped = ordering == Ordering::Whole || self.positions.len() > held_max;
        let mut since = Timestamp::ZERO;
        let own = self.line_of(position, ordinal);
        let lines: Vec<OrderingKey> = match (own, is_stopped && ordering != Ordering::Free) {
            (_, true) => self
                .keyed
                .keys()
                .copied()
                .chain([OrderingKey::WHOLE])
                .collect(),
            (Some(own), false) => vec![own],
            (None, false) => return Some(since),
        };
        for line in lines
            .into_iter()
            .filter(|line| self.is_line(*line, ordinal))
        {
            let known = endpoint.lines.passed.get(&line).copied();
            let (passed, last) = known.unwrap_or_default();
            since = since.max(last);
            for before in self.places(line, passed, position) {
                match self.over_since(before, ordinal, now) {
                    Some(at) => since = since.max(at),
                    None => return None,
                }
            }
        }
        Some(since)
    }

    /// The line of a delivery, if it stands in one.
    fn line_of(&self, position: EventPosition, ordinal: u32) -> Option<OrderingKey> {
        let ordering = self.endpoints.get(&ordinal)?.lines.ordering;
        ordering.line_of(&self.events.get(&position)?.event)
    }

    /// Whether an endpoint has such a line.
    fn is_line(&self, line: OrderingKey, ordinal: u32) -> bool {
        let endpoint = self.endpoints.get(&ordinal);
        endpoint.is_some_and(|endpoint| match endpoint.lines.ordering {
            Ordering::Whole => line == OrderingKey::WHOLE,
            Ordering::ByKey => line != OrderingKey::WHOLE,
            Ordering::Free => false,
        })
    }

    /// The places of a line from one on and before another.
    fn places(
        &self,
        line: OrderingKey,
        from: EventPosition,
        until: EventPosition,
    ) -> Box<dyn Iterator<Item = EventPosition> + '_> {
        let range = (Bound::Included(from), Bound::Excluded(until));
        if from >= until {
            Box::new(core::iter::empty())
        } else if line == OrderingKey::WHOLE {
            Box::new((from.number()..until.number()).map(EventPosition::new))
        } else {
            let keyed = self.keyed.get(&line).into_iter();
            Box::new(keyed.flat_map(move |places| places.range(range).copied()))
        }
    }

    /// How those stand who come before a delivery in its line.
    fn before(
        &mut self,
        line: OrderingKey,
        (position, ordinal): (EventPosition, u32),
        now: Moment,
    ) -> Before {
        let endpoint = self.endpoints.entry(ordinal).or_default();
        let known = endpoint.lines.passed.get(&line).copied();
        let (mut passed, mut last) = known.unwrap_or_default();
        let mut not_over = None;
        let mut are_over = true;
        for before in self.places(line, passed, position) {
            match self.over_since(before, ordinal, now) {
                Some(at) if are_over => {
                    passed = before.plus(1);
                    last = last.max(at);
                }
                Some(_) => {}
                None if self.is_aside(before, ordinal, now) => are_over = false,
                None => {
                    not_over = Some(before);
                    break;
                }
            }
        }
        let endpoint = self.endpoints.entry(ordinal).or_default();
        endpoint.lines.passed.insert(line, (passed, last));
        not_over.map_or(Before::Over(last), Before::NotOver)
    }

    /// Since when nothing more is to come of a delivery, in real time; `None` if something may.
    fn over_since(&self, position: EventPosition, ordinal: u32, now: Moment) -> Option<Timestamp> {
        let Some(seen) = self.events.get(&position) else {
            return Some(Timestamp::ZERO);
        };
        let is_in_line = self.line_of(position, ordinal).is_some();
        if !is_in_line || !self.is_wanted(seen, ordinal) {
            return Some(Timestamp::ZERO);
        }
        let endpoint = self.endpoints.get(&ordinal);
        if endpoint.is_some_and(|endpoint| endpoint.lines.begun_before.contains(&position)) {
            return Some(Timestamp::ZERO);
        }
        let delivery = seen.seen(ordinal);
        // What is in flight when it is set aside ends first; over a period nobody knows of it any more.
        let is_of_now = delivery.sent > 0 && delivery.period == self.breaks.len();
        if delivery.is_set_aside && is_of_now && delivery.told_at.is_none() {
            return None;
        }
        let ended = delivery.end.map(|_| delivery.ended_at);
        let ends = ended.into_iter().chain(seen.expunged_at);
        // What was on its way to the disk when a period ended may be there though nobody was told.
        let last_break = self.breaks.last().copied();
        let is_there = |at: &Timestamp| {
            let was_on_its_way = last_break.is_some_and(|last| at.since(last) <= self.window);
            *at <= now.real || was_on_its_way
        };
        ends.filter(is_there).map(|at| at.min(now.real)).min()
    }

    /// Whether a delivery that has not ended holds nobody up: its time is over, which is written when its next
    /// attempt would be due; or a task sends it again, which stands in no line.
    fn is_aside(&self, position: EventPosition, ordinal: u32, now: Moment) -> bool {
        let seen = self.events.get(&position);
        seen.is_some_and(|seen| {
            let is_again = seen.seen(ordinal).reopened_after.is_some();
            is_again || seen.event.expires_at <= now.steady
        })
    }
}
