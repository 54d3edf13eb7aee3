//! Pages of older events, for lanes that lag behind the ring; shared by those that stand close.

use std::{collections::BTreeMap, sync::Arc};

use super::audit::Miscount;
use crate::domain::{
    event::{Event, EventPosition},
    page::LoadHandle,
};

/// The pages of one application, by their number: place divided by rows of a page.
#[derive(Debug, Default)]
pub(super) struct Pages(BTreeMap<u64, PageEntry>);

#[derive(Debug)]
struct PageEntry {
    events: Vec<Arc<Event>>,
    bytes: usize,
    /// Places before it were looked at and are durable.
    until: EventPosition,
    load: Option<LoadHandle>,
    /// Places that became gaps while the load was under way.
    gone: Vec<EventPosition>,
    /// Lanes that wait for it.
    waiting: Vec<usize>,
    /// The last use, for letting the oldest go.
    used: u64,
}

/// What stands at a place.
#[derive(Debug)]
pub(super) enum Held<'page> {
    /// The event.
    Event(&'page Arc<Event>),
    /// Nothing any more, or nothing ever.
    Gap,
    /// Unknown: the page must be loaded.
    Unknown,
}

impl Pages {
    /// What stands at `position`; `turn` counts uses.
    pub(super) fn at(&mut self, position: EventPosition, rows: usize, turn: u64) -> Held<'_> {
        let Some(entry) = self.0.get_mut(&page_of(position, rows)) else {
            return Held::Unknown;
        };
        if position >= entry.until {
            return Held::Unknown;
        }
        entry.used = turn;
        match entry
            .events
            .binary_search_by_key(&position, |event| event.position)
        {
            Ok(index) => entry.events.get(index).map_or(Held::Gap, Held::Event),
            Err(_) => Held::Gap,
        }
    }

    /// The lane waits for the page of `position`. Gives the first place to load if a load must be
    /// asked for, under the handle given to [`Pages::load_started`].
    pub(super) fn wait(
        &mut self,
        position: EventPosition,
        rows: usize,
        lane: usize,
    ) -> Option<EventPosition> {
        let number = page_of(position, rows);
        let start = EventPosition::new(number.saturating_mul(rows.max(1) as u64));
        let entry = self.0.entry(number).or_insert_with(|| PageEntry {
            events: Vec::new(),
            bytes: 0,
            until: start,
            load: None,
            gone: Vec::new(),
            waiting: Vec::new(),
            used: 0,
        });
        if !entry.waiting.contains(&lane) {
            entry.waiting.push(lane);
        }
        entry.load.is_none().then_some(start)
    }

    /// A load of the page that holds `start` was asked for.
    pub(super) fn load_started(&mut self, start: EventPosition, rows: usize, load: LoadHandle) {
        if let Some(entry) = self.0.get_mut(&page_of(start, rows)) {
            entry.load = Some(load);
        }
    }

    /// The page has come; gives the lanes that waited for it.
    pub(super) fn loaded(
        &mut self,
        load: LoadHandle,
        events: Vec<Arc<Event>>,
        until: EventPosition,
    ) -> Vec<usize> {
        let Some(entry) = self.0.values_mut().find(|entry| entry.load == Some(load)) else {
            return Vec::new();
        };
        entry.load = None;
        let mut events = events;
        let gone = core::mem::take(&mut entry.gone);
        events.retain(|event| !gone.contains(&event.position));
        let bytes = events.iter().map(|event| event.payload.bytes.len());
        entry.bytes = bytes.sum();
        entry.events = events;
        entry.until = until;
        core::mem::take(&mut entry.waiting)
    }

    /// The event at `position` is none any more.
    pub(super) fn forget(&mut self, position: EventPosition) {
        for entry in self.0.values_mut() {
            let is_of = |event: &Arc<Event>| event.position == position;
            if let Some(place) = entry.events.iter().position(is_of) {
                entry.bytes -= entry.events.remove(place).payload.bytes.len();
            }
            if entry.load.is_some() {
                entry.gone.push(position);
            }
        }
    }

    /// The page could not be read; gives the lanes that waited for it.
    pub(super) fn load_failed(&mut self, load: LoadHandle) -> Vec<usize> {
        let Some(number) = self
            .0
            .iter()
            .find(|(_, e)| e.load == Some(load))
            .map(|(n, _)| *n)
        else {
            return Vec::new();
        };
        self.0
            .remove(&number)
            .map(|entry| entry.waiting)
            .unwrap_or_default()
    }

    /// The first event that is held, of those at `position` and behind it.
    pub(super) fn first_from(&self, position: EventPosition) -> Option<&Event> {
        let mut events = self.0.values().flat_map(|entry| &entry.events);
        events
            .find(|event| event.position >= position)
            .map(|event| &**event)
    }

    /// Bytes of the payloads that are held.
    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(|entry| entry.bytes).sum()
    }

    /// Whether what is counted is what there is.
    pub(super) fn audit(&self) -> Option<Miscount> {
        let each = self.0.values().flat_map(|entry| &entry.events);
        let there = each.map(|event| event.payload.bytes.len()).sum();
        Miscount::of("bytes of pages", self.bytes(), there)
    }

    /// How many pages are held.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The last use of the page that was longest without one, of those nobody waits for.
    pub(super) fn oldest_use(&self) -> Option<u64> {
        self.idle().map(|(_, entry)| entry.used).min()
    }

    /// Lets the page go that was longest without use.
    pub(super) fn drop_oldest(&mut self) {
        if let Some(number) = self
            .idle()
            .min_by_key(|(_, entry)| entry.used)
            .map(|(n, _)| *n)
        {
            self.0.remove(&number);
        }
    }

    fn idle(&self) -> impl Iterator<Item = (&u64, &PageEntry)> {
        self.0.iter().filter(|(_, entry)| entry.load.is_none())
    }
}

/// The number of the page that holds a place.
fn page_of(position: EventPosition, rows: usize) -> u64 {
    position.number() / rows.max(1) as u64
}
