//! What an inspection looks at: everything, or of what is much two stretches.
//!
//! A process that lives long beside many events would be looked through as often as it dies, and each time
//! there were more of them. Only the last inspection reads all then; those before read the newest events, which the
//! end of a process may have cost, and a run of older ones that is drawn.

use std::collections::BTreeSet;

use super::{paging::Ends, seen::SeenEvent, witness::Witness};
use crate::{
    domain::{
        event::EventPosition,
        id::{AttemptId, Id},
    },
    random::Stream,
};

/// Up to so many events are read whole by each inspection.
const EVENTS_WHOLE_MAX: usize = 1_000;
/// Events of a stretch.
const EVENTS: usize = 128;
/// Attempts that are looked at by endpoint, of those that were made since the first of a stretch.
const ATTEMPTS: usize = 2_048;

/// How much an inspection looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All there is.
    Whole,
    /// Of what is much a part.
    Part,
}

/// Events beside each other, and what was recorded of them.
#[derive(Debug)]
pub(super) struct Stretch<'look> {
    /// In their order.
    pub(super) events: Vec<&'look SeenEvent>,
    /// Around their ids.
    pub(super) ends: Ends,
    /// Around the ids of attempts that are looked at by endpoint.
    pub(super) attempts: Ends,
    /// Where it is not all there is: what it has.
    positions: Option<BTreeSet<EventPosition>>,
}

impl Stretch<'_> {
    /// Whether it has the event at a position.
    pub(super) fn has(&self, position: EventPosition) -> bool {
        let positions = self.positions.as_ref();
        positions.is_none_or(|positions| positions.contains(&position))
    }

    /// Whether an attempt to one of its events is looked at by endpoint, too.
    pub(super) fn lists(&self, attempt: AttemptId) -> bool {
        let (above, below) = self.attempts;
        above.is_none_or(|above| attempt.id() > above)
            && below.is_none_or(|below| attempt.id() < below)
    }
}

impl Witness {
    /// What is looked at.
    pub(super) fn stretches(&self, extent: Extent, random: &mut Stream) -> Vec<Stretch<'_>> {
        let events: Vec<&SeenEvent> = self.events.values().collect();
        let Some(starts) = starts(extent, events.len(), random) else {
            return vec![Stretch {
                events,
                ends: (None, None),
                attempts: (None, None),
                positions: None,
            }];
        };
        let parts = starts.iter().filter_map(|start| {
            let part = events.get(*start..)?;
            part.get(..EVENTS)
        });
        parts.map(|part| self.stretch(part)).collect()
    }

    fn stretch<'look>(&'look self, events: &[&'look SeenEvent]) -> Stretch<'look> {
        let positions: BTreeSet<_> = events.iter().map(|seen| seen.event.position).collect();
        let of_it = |(record, _): &&(_, _)| {
            let record: &super::seen::SeenRecord = record;
            positions.contains(&record.position)
        };
        let first = self
            .records
            .values()
            .find(of_it)
            .map(|(record, _)| record.id);
        let since = first
            .into_iter()
            .flat_map(|first| self.records.range(first..));
        let last = since.map(|(id, _)| *id).nth(ATTEMPTS);
        let before = |id: AttemptId| Id::from_value(id.id().value().saturating_sub(1));
        Stretch {
            events: events.to_vec(),
            ends: around(events).unwrap_or_default(),
            attempts: (first.map(before), last.map(AttemptId::id)),
            positions: Some(positions),
        }
    }
}

/// Where the stretches of so many events begin: a drawn one and the newest; `None` if all of them are looked at.
fn starts(extent: Extent, events: usize, random: &mut Stream) -> Option<[usize; 2]> {
    if extent == Extent::Whole || events <= EVENTS_WHOLE_MAX {
        return None;
    }
    let newest = events - EVENTS;
    let last = u64::try_from(newest - EVENTS).unwrap_or(u64::MAX);
    let drawn = usize::try_from(random.between(0, last)).unwrap_or(0);
    Some([drawn, newest])
}

/// What lies next to the ids of some events, which need not come in their order.
pub(super) fn around(events: &[&SeenEvent]) -> Option<Ends> {
    let ids = || events.iter().map(|seen| seen.event.id.id().value());
    let (first, last) = (ids().min()?, ids().max()?);
    let ends = (first.checked_sub(1), last.checked_add(1));
    Some((ends.0.map(Id::from_value), ends.1.map(Id::from_value)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn stream(seed: u64) -> Stream {
        Stream::new(seed, "inspections", 0, 0)
    }

    #[test]
    fn a_thousand_events_are_read_whole_and_draw_nothing() {
        let (mut one, mut other) = (stream(1), stream(1));
        assert_eq!(starts(Extent::Part, 1_000, &mut one), None);
        assert_eq!(starts(Extent::Whole, 1_000_000, &mut one), None);
        assert_eq!(one.below(1 << 40), other.below(1 << 40));
    }

    #[test]
    fn of_more_the_newest_are_read_and_a_run_of_those_before_that_is_drawn() {
        let mut drawn = BTreeSet::new();
        for seed in 0..2_000 {
            let starts = starts(Extent::Part, 1_001, &mut stream(seed)).expect("a part");
            assert_eq!(starts[1] + EVENTS, 1_001);
            assert!(starts[0] + EVENTS <= starts[1], "they do not overlap");
            drawn.insert(starts[0]);
        }
        assert!(drawn.contains(&0), "the oldest are among them");
        assert!(drawn.len() > 500, "{}", drawn.len());
    }
}
