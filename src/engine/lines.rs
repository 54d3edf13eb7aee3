//! Lines: who of a lane's deliveries stands behind whom.
//!
//! The **head** of a line is the one delivery of it that was begun and has not ended. What is **held**
//! stands behind a head in a row of its own. After a restart a line may have held ones and no head: that is
//! on the walk then, unless the walk has passed the first of them.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    domain::{
        event::EventPosition,
        ordering::{Ordering, OrderingKey},
        page::Ordered,
        present::{Head, InLine},
    },
    limits,
};

/// The lines of one lane in which somebody stands.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<OrderingKey, Line>,
    /// In which line each delivery stands that does.
    places: BTreeMap<EventPosition, OrderingKey>,
    /// Heads that are held and may be begun, in the order in which they became heads.
    ready: VecDeque<EventPosition>,
    /// The first of each line without a head.
    headless: BTreeSet<(EventPosition, OrderingKey)>,
    /// Those that have ended, which is not durable yet: they keep their places and are not begun.
    ending: BTreeSet<EventPosition>,
    /// How many are held.
    held: usize,
    /// Whether the walk had its turn last.
    is_their_turn: bool,
}

/// A line.
#[derive(Debug, Default)]
struct Line {
    head: Option<EventPosition>,
    behind: BTreeSet<EventPosition>,
}

impl Lines {
    /// The lines of rows that were found at a restart.
    pub(super) fn restored(rows: &[Ordered]) -> Self {
        let mut lines = Self::default();
        for row in rows {
            let line = lines.lines.entry(row.order).or_default();
            lines.places.insert(row.position, row.order);
            if !row.is_held && line.head.is_none() {
                line.head = Some(row.position);
            } else {
                line.behind.insert(row.position);
                lines.held += 1;
            }
        }
        for (order, line) in &lines.lines {
            if let (None, Some(first)) = (line.head, line.behind.first()) {
                lines.headless.insert((*first, *order));
            }
        }
        lines
    }

    /// Whether a delivery of this line has to wait, in a lane that keeps such an order.
    pub(super) fn holds(&self, order: OrderingKey, kept: Ordering) -> bool {
        match kept {
            Ordering::Whole => self.lines.values().any(|line| line.head.is_some()),
            Ordering::ByKey | Ordering::Free => {
                self.has_head(order) || self.has_head(OrderingKey::WHOLE)
            }
        }
    }

    /// Whether somebody is the head of this line. Only behind one may others be held: its end is what lets
    /// them go on.
    pub(super) fn has_head(&self, order: OrderingKey) -> bool {
        let line = self.lines.get(&order);
        line.is_some_and(|line| line.head.is_some())
    }

    /// The line in which a delivery stands.
    pub(super) fn of(&self, position: EventPosition) -> Option<OrderingKey> {
        self.places.get(&position).copied()
    }

    /// Whether somebody stands behind the head of a line.
    pub(super) fn is_awaited(&self, order: OrderingKey) -> bool {
        let line = self.lines.get(&order);
        line.is_some_and(|line| !line.behind.is_empty())
    }

    /// Where a delivery stands in its line, if it stands in one.
    pub(super) fn place(&self, position: EventPosition) -> Option<InLine> {
        let line = self.lines.get(&self.of(position)?)?;
        if line.head == Some(position) {
            let behind = line.behind.len();
            return Some(InLine::Head { behind });
        }
        let before = line.behind.range(..position).count();
        // Whoever has no head in sight has one on the walk.
        Some(InLine::Behind { ahead: before + 1 })
    }

    /// The heads that wait for their next attempt while others wait behind them, those with most first;
    /// of `flying` attempts are in flight.
    pub(super) fn heads(&self, kept: Ordering, flying: &[EventPosition]) -> Vec<Head> {
        let waits = |head: &EventPosition| {
            !flying.contains(head) && !self.ready.contains(head) && !self.ending.contains(head)
        };
        let heads = self.lines.values().filter_map(|line| {
            let position = line.head.filter(waits)?;
            let behind = (kept != Ordering::Whole).then_some(line.behind.len());
            (behind != Some(0)).then_some(Head { position, behind })
        });
        let mut heads: Vec<Head> = heads.collect();
        heads.sort_unstable_by_key(|head| (Reverse(head.behind), head.position));
        heads.truncate(limits::HEADS_TOLD_MAX);
        heads
    }

    /// How many are held.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// How many are held, counted again.
    pub(super) fn recounted(&self) -> usize {
        self.lines.values().map(|line| line.behind.len()).sum()
    }

    /// Whether nobody stands in line.
    pub(super) fn are_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether those that are held come before the walk this time.
    pub(super) const fn is_their_turn(&mut self) -> bool {
        self.is_their_turn = !self.is_their_turn;
        self.is_their_turn
    }

    /// The head that is to be begun first, of those that are held.
    pub(super) fn first_ready(&self) -> Option<EventPosition> {
        self.ready.front().copied()
    }

    /// That one is begun.
    pub(super) fn take_ready(&mut self) {
        self.ready.pop_front();
    }

    /// Whether a head may be begun.
    pub(super) fn are_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A delivery of the walk is begun: it is the head.
    pub(super) fn begin(&mut self, order: OrderingKey, position: EventPosition) {
        let line = self.lines.entry(order).or_default();
        if let Some(first) = line.behind.first() {
            self.headless.remove(&(*first, order));
        }
        line.head = Some(position);
        self.places.insert(position, order);
    }

    /// A delivery of the walk waits behind the head.
    pub(super) fn hold(&mut self, order: OrderingKey, position: EventPosition) {
        self.lines.entry(order).or_default().behind.insert(position);
        self.places.insert(position, order);
        self.held += 1;
    }

    /// A delivery that the walk has not come to ended by hand: until that is durable it has its place.
    pub(super) fn ends_ahead(&mut self, order: OrderingKey, position: EventPosition) {
        let line = self.lines.get(&order);
        if line.is_none_or(|line| line.head.is_none()) {
            self.begin(order, position);
        } else {
            self.hold(order, position);
        }
    }

    /// A delivery has ended, and that is on its way to the store.
    pub(super) fn ends(&mut self, position: EventPosition) {
        self.ending.insert(position);
        self.ready.retain(|ready| *ready != position);
    }

    /// A delivery has ended, and that is durable: if it was a head the next of its line is.
    pub(super) fn pass(&mut self, position: EventPosition) {
        let Some(order) = self.places.remove(&position) else {
            return;
        };
        self.ending.remove(&position);
        let Some(line) = self.lines.get_mut(&order) else {
            return;
        };
        if line.head == Some(position) {
            line.head = None;
            self.ready.retain(|ready| *ready != position);
            self.advance(order);
            return;
        }
        self.held -= usize::from(line.behind.remove(&position));
        if self.headless.remove(&(position, order))
            && let Some(next) = line.behind.first()
        {
            self.headless.insert((*next, order));
        }
        if line.head.is_none() && line.behind.is_empty() {
            self.lines.remove(&order);
        }
    }

    /// The first that is held of a line without a head becomes its head.
    fn advance(&mut self, order: OrderingKey) {
        let Some(line) = self.lines.get_mut(&order) else {
            return;
        };
        let Some(next) = line.behind.pop_first() else {
            self.lines.remove(&order);
            return;
        };
        line.head = Some(next);
        self.held -= 1;
        if !self.ending.contains(&next) {
            self.ready.push_back(next);
        }
    }

    /// Forgets who may begin.
    #[cfg(feature = "mutants")]
    pub(super) fn forget_ready(&mut self) {
        self.ready.clear();
    }

    /// Lines without a head whose first was passed by the walk, which stands at `next`, go on.
    pub(super) fn walked(&mut self, next: EventPosition) {
        while let Some((first, order)) = self.headless.first().copied()
            && first < next
        {
            self.headless.remove(&(first, order));
            self.advance(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: OrderingKey = OrderingKey::new(7);

    fn at(number: u64) -> EventPosition {
        EventPosition::new(number)
    }

    fn row(position: u64, is_held: bool) -> Ordered {
        Ordered {
            position: at(position),
            order: KEY,
            is_held,
        }
    }

    #[test]
    fn the_next_is_ready_once_the_head_has_passed() {
        let mut lines = Lines::default();
        lines.begin(KEY, at(1));
        lines.hold(KEY, at(2));
        lines.hold(KEY, at(4));
        assert!(lines.holds(KEY, Ordering::ByKey));
        assert!(!lines.holds(OrderingKey::new(8), Ordering::ByKey));
        assert!(lines.holds(OrderingKey::WHOLE, Ordering::Whole));
        lines.ends(at(1));
        assert_eq!(lines.first_ready(), None);
        lines.pass(at(1));
        assert_eq!((lines.first_ready(), lines.held()), (Some(at(2)), 1));
        lines.take_ready();
        lines.pass(at(2));
        lines.pass(at(2));
        assert_eq!((lines.first_ready(), lines.held()), (Some(at(4)), 0));
        lines.pass(at(4));
        assert!(!lines.holds(KEY, Ordering::ByKey) && !lines.are_ready());
    }

    #[test]
    fn heads_that_hold_others_up_are_told_those_with_most_behind_them_first() {
        let mut lines = Lines::default();
        let key = |number| OrderingKey::new(number);
        for (number, head, behind) in [(1, 1, 1), (2, 2, 3), (3, 3, 0), (4, 4, 2), (5, 5, 9)] {
            lines.begin(key(number), at(head));
            for position in 0..behind {
                lines.hold(key(number), at(10 * number + 100 * position + 10));
            }
        }
        let told = lines.heads(Ordering::ByKey, &[at(5)]);
        let told: Vec<_> = told
            .iter()
            .map(|head| (head.position.number(), head.behind))
            .collect();
        assert_eq!(told, [(2, Some(3)), (4, Some(2)), (1, Some(1))]);
        // One that is about to begin, or has ended, holds nobody up.
        lines.ends(at(4));
        lines.pass(at(2));
        let told = lines.heads(Ordering::ByKey, &[at(5)]);
        assert_eq!(told.len(), 1);

        let mut lines = Lines::default();
        lines.begin(OrderingKey::WHOLE, at(7));
        let told = lines.heads(Ordering::Whole, &[]);
        let whole = Head {
            position: at(7),
            behind: None,
        };
        assert_eq!(told, [whole]);
        assert!(lines.heads(Ordering::Whole, &[at(7)]).is_empty());
    }

    #[test]
    fn rows_of_a_restart_have_a_head_or_wait_until_the_walk_has_passed_them() {
        let rows = [row(3, false), row(5, true)];
        let mut lines = Lines::restored(&rows);
        lines.walked(at(9));
        assert!(lines.holds(KEY, Ordering::ByKey) && !lines.are_ready());
        lines.pass(at(3));
        assert_eq!(lines.first_ready(), Some(at(5)));

        let mut lines = Lines::restored(&[row(5, true), row(6, true)]);
        lines.walked(at(5));
        assert!(!lines.are_ready(), "the head may stand before it");
        lines.begin(KEY, at(4));
        lines.walked(at(9));
        assert!(!lines.are_ready(), "it does");
        lines.pass(at(4));
        assert_eq!(lines.first_ready(), Some(at(5)));

        let mut lines = Lines::restored(&[row(5, true), row(6, true)]);
        lines.walked(at(6));
        assert_eq!(lines.first_ready(), Some(at(5)));
    }

    #[test]
    fn what_is_held_may_end_before_its_turn() {
        let mut lines = Lines::default();
        lines.begin(KEY, at(1));
        for position in 2..6 {
            lines.hold(KEY, at(position));
        }
        lines.pass(at(3));
        lines.ends(at(2));
        lines.pass(at(1));
        assert_eq!(lines.first_ready(), None, "its end is not durable yet");
        lines.pass(at(2));
        assert_eq!((lines.first_ready(), lines.held()), (Some(at(4)), 1));

        // Without a head, too, and ahead of the walk.
        let mut lines = Lines::restored(&[row(5, true), row(6, true)]);
        lines.pass(at(5));
        lines.ends_ahead(KEY, at(4));
        lines.walked(at(9));
        assert!(!lines.are_ready());
        lines.pass(at(4));
        assert_eq!(lines.first_ready(), Some(at(6)));
    }
}
