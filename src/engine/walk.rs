//! The walk: what a lane finds at its next place.

use std::sync::Arc;

use super::{
    lane::{Lane, Place},
    pages::Held,
    registry::ApplicationEntry,
};
use crate::domain::event::{Event, EventPosition};

/// What a lane finds ahead on its walk.
pub(super) enum Ahead {
    /// The end of the events.
    Nothing,
    /// Its done map is full: the cursor must move first.
    Blocked,
    /// An event that was settled before the lane came here (after a recovery).
    Settled(EventPosition),
    /// A place that is not for the lane.
    Skip(EventPosition),
    /// A place whose page must be loaded.
    Unknown(EventPosition),
    /// An event to deliver.
    Event(Arc<Event>),
}

/// Looks at the next place of a lane's walk.
pub(super) fn look(
    lane: &Lane,
    entry: &mut ApplicationEntry,
    page_rows: usize,
    turn: u64,
) -> Ahead {
    let position = lane.next;
    if lane.place == Place::Idle || position >= entry.ring.end() {
        return Ahead::Nothing;
    }
    if lane.done.is_done(position) {
        return Ahead::Settled(position);
    }
    if position >= lane.done.limit() {
        return Ahead::Blocked;
    }
    if !lane.endpoint.takes(position) {
        return Ahead::Skip(position);
    }
    match entry.ring.at(position) {
        Some(Some(event)) => found(lane, event),
        Some(None) => Ahead::Skip(position),
        None => match entry.pages.at(position, page_rows, turn) {
            Held::Event(event) => found(lane, event),
            Held::Gap => Ahead::Skip(position),
            Held::Unknown => Ahead::Unknown(position),
        },
    }
}

/// An event that stands at the lane's place, if it fits the lane's filter.
fn found(lane: &Lane, event: &Arc<Event>) -> Ahead {
    if lane.endpoint.takes_event(event) {
        Ahead::Event(Arc::clone(event))
    } else {
        Ahead::Skip(event.position)
    }
}
