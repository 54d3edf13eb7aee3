//! Audit: what the engine counts is what there is.
//!
//! It counts so that it need not look: attempts in flight to a host, rows in memory, lanes that wait. A count
//! that is off by one is seen by nobody until, long after, nothing is sent any more, or too much. A simulation
//! looks, at the end of each turn.

use std::collections::BTreeMap;

use super::{
    Engine,
    flight::{Flight, Source},
    lane::{Lane, Place},
    open_rows::Held,
};

/// A count that is not right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miscount {
    /// What is counted.
    pub what: &'static str,
    /// How many the engine believes that there are.
    pub counted: usize,
    /// How many there are.
    pub there: usize,
}

impl Miscount {
    /// The two where they differ.
    pub(super) fn of(what: &'static str, counted: usize, there: usize) -> Option<Self> {
        (counted != there).then_some(Self {
            what,
            counted,
            there,
        })
    }

    /// One where lists and flags that must agree do not.
    pub(super) fn unless(what: &'static str, agrees: bool) -> Option<Self> {
        Self::of(what, 1, usize::from(agrees))
    }
}

impl Engine {
    /// The first count that is not right, at the end of a turn; looks at everything that stands in memory.
    #[must_use]
    pub fn audit(&self) -> Option<Miscount> {
        self.audit_flights()
            .or_else(|| self.audit_rows())
            .or_else(|| self.audit_applications())
            .or_else(|| self.audit_queues())
            .or_else(|| self.audit_hosts())
            .or_else(|| self.audit_slow())
    }

    fn lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        self.registry.lanes.iter()
    }

    /// Attempts in flight, over all and by lane, and circuits that are not closed.
    fn audit_flights(&self) -> Option<Miscount> {
        let flights = || self.flights.iter().map(|(_, flight)| flight);
        let retries = flights().filter(|flight| flight.source == Source::Open);
        let mut by_lane: BTreeMap<usize, usize> = BTreeMap::new();
        for flight in flights() {
            *by_lane.entry(flight.lane).or_default() += 1;
        }
        let of_lane = |index| by_lane.get(&index).copied().unwrap_or(0);
        let mut lanes = self.lanes().filter_map(|(index, lane)| {
            let counted = usize::from(lane.in_flight);
            Miscount::of("attempts in flight to an endpoint", counted, of_lane(index))
        });
        let open = self.lanes().filter(|(_, lane)| lane.is_counted_open);
        let is_owed = |flight: &Flight| flight.source != Source::Orphan;
        let strays = flights()
            .filter(|flight| is_owed(flight) && !self.registry.lanes.contains(flight.lane));
        Miscount::of("retries in flight", self.retries_in_flight, retries.count())
            .or_else(|| lanes.next())
            .or_else(|| Miscount::of("circuits that are open", self.circuits_open, open.count()))
            .or_else(|| Miscount::of("attempts of lanes that are gone", 0, strays.count()))
    }

    /// Rows of open deliveries that stand in memory, and what stands in line.
    fn audit_rows(&self) -> Option<Miscount> {
        let mut there = Held::default();
        for (_, lane) in self.lanes() {
            let recounted = lane.open.recounted();
            there.rows += recounted.rows;
            there.bytes += recounted.bytes;
        }
        let mut lines = self.lanes().filter_map(|(_, lane)| {
            let held = lane.lines.recounted();
            Miscount::of("deliveries held in lines", lane.lines.held(), held)
        });
        Miscount::of("open rows", self.open_held.rows, there.rows)
            .or_else(|| Miscount::of("bytes of open rows", self.open_held.bytes, there.bytes))
            .or_else(|| lines.next())
    }

    /// What each application counts over its lanes.
    fn audit_applications(&self) -> Option<Miscount> {
        let audit = |(number, entry): (usize, &super::registry::ApplicationEntry)| {
            let lanes = || self.registry.lanes_of(number);
            let in_flight = lanes().map(|lane| usize::from(lane.in_flight)).sum();
            let deleted = lanes().filter(|lane| lane.endpoint.is_deleted()).count();
            let resends = lanes().map(|lane| lane.resends.count()).sum();
            let wanting = || lanes().filter_map(|lane| lane.wanting);
            let wanted = wanting().map(usize::from).sum();
            let rows: usize = lanes().map(|lane| lane.open.known()).sum();
            let counted = usize::try_from(entry.open_rows).unwrap_or(usize::MAX);
            let cursors = lanes().filter(|lane| lane.place == Place::Ring);
            let cursors = cursors.map(|lane| lane.done.cursor());
            Miscount::of(
                "attempts in flight of an application",
                entry.in_flight,
                in_flight,
            )
            .or_else(|| Miscount::of("endpoints that are deleted", entry.deleted, deleted))
            .or_else(|| Miscount::of("attempts asked for", entry.resends, resends))
            .or_else(|| {
                Miscount::of(
                    "lanes that want more",
                    entry.wanting.lanes,
                    wanting().count(),
                )
            })
            .or_else(|| {
                Miscount::of(
                    "attempts of lanes that want more",
                    entry.wanting.in_flight,
                    wanted,
                )
            })
            .or_else(|| {
                Miscount::unless(
                    "open rows of an application are those here at least",
                    counted >= rows,
                )
            })
            .or_else(|| entry.oncoming.audit())
            .or_else(|| entry.pages.audit())
            .or_else(|| entry.ring.audit(cursors.collect()))
        };
        self.registry.applications.iter().find_map(audit)
    }

    /// Who stands in a queue knows it, and nobody else does.
    fn audit_queues(&self) -> Option<Miscount> {
        let mut entries = self.registry.applications.iter();
        let ready = entries.find_map(|(number, entry)| {
            let stands = self.ready.iter().filter(|ready| **ready == number).count();
            Miscount::of("turns of an application", usize::from(entry.queued), stands)
        });
        let mut lanes = self.lanes().filter_map(|(index, lane)| {
            let entry = self.registry.applications.get(lane.application)?;
            let among = |list: &[usize]| list.iter().filter(|other| **other == index).count();
            let queued = entry.ready.iter().filter(|other| **other == index).count();
            let asleep = lane
                .wake_at
                .is_some_and(|at| self.asleep.contains(&(at, index)));
            Miscount::of(
                "places in the queue of an application",
                usize::from(lane.queued),
                queued,
            )
            .or_else(|| {
                Miscount::of(
                    "places among the crowded",
                    usize::from(lane.is_crowded),
                    among(&entry.crowded),
                )
            })
            .or_else(|| {
                Miscount::of(
                    "places among those an event wakes",
                    usize::from(lane.awaits_events),
                    among(&entry.awaiting),
                )
            })
            .or_else(|| Miscount::unless("who sleeps is woken", lane.wake_at.is_none() || asleep))
        });
        let sleeping = self.lanes().filter(|(_, lane)| lane.wake_at.is_some());
        let alarms = || Miscount::of("alarms", self.asleep.len(), sleeping.count());
        ready.or_else(|| lanes.next()).or_else(alarms)
    }
}
