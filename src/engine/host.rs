//! Hosts: what all endpoints on one host may have in flight together, of whichever application.
//!
//! The policy tells how many that are ([`HostBudget`]). A lane that has something to send and finds its
//! host full stands in the host's queue, one place a lane, until those before it had their turn. Whoever
//! is let ahead has its room kept until its application visits it; who finds nothing to send, or whose
//! application has no slot for it, leaves the room to the next one.

mod audit;

use std::collections::{BTreeMap, BTreeSet};

use slab::Slab;

use super::{Engine, flight::Flight, lane::Lane};
use crate::{
    domain::{attempt::Holder, endpoint_url::EndpointHost, outcome::OutcomeKind},
    policy::host_budget::{HostAttemptEnd, HostBudget, HostHealth},
    time::Now,
};

/// All hosts that have lanes or attempts in flight.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    entries: Slab<HostEntry>,
    by_name: BTreeMap<EndpointHost, usize>,
    /// Hosts that may have room for lanes that wait.
    with_room: BTreeSet<usize>,
    /// Hosts that let lanes ahead which were not visited yet.
    admitting: BTreeSet<usize>,
    /// The last place that was given in any queue.
    last_place: u64,
    /// Hosts whose budget is used up.
    full: usize,
}

/// What the engine holds of one host.
#[derive(Debug)]
struct HostEntry {
    name: EndpointHost,
    budget: HostBudget,
    /// Lanes of endpoints on it.
    lanes: usize,
    in_flight: usize,
    /// Lanes that wait for room, by their places.
    waiting: BTreeMap<u64, usize>,
    /// Lanes that were let ahead and not visited yet, for each of which room is kept.
    admitted: usize,
    /// Which lanes these are: those that were let ahead in this round.
    round: u64,
    is_counted_full: bool,
}

impl HostEntry {
    fn is_full(&self) -> bool {
        self.in_flight + self.admitted >= usize::from(self.budget.size())
    }
}

/// How a lane stands to its host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HostPlace {
    /// The number of its host; `None` where its endpoint is deleted.
    host: Option<usize>,
    /// Its place in the host's queue, which it keeps until it has sent something.
    place: Option<u64>,
    /// Whether it stands there.
    pub(super) waits: bool,
    /// In which round it was let ahead, if it was not visited since.
    admitted_in: Option<u64>,
}

impl HostPlace {
    /// A lane that neither waits in the queue nor was let ahead has no place there.
    pub(super) const fn forget_place(&mut self) {
        if !self.waits && self.admitted_in.is_none() {
            self.place = None;
        }
    }
}

impl Hosts {
    /// How many have their budget used up.
    pub(super) const fn full(&self) -> usize {
        self.full
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The host with this name, a new one with a budget that grows to `max` if it is not known.
    fn enter(&mut self, name: EndpointHost, max: u16) -> usize {
        let entries = &mut self.entries;
        let index = *self.by_name.entry(name.clone()).or_insert_with(|| {
            entries.insert(HostEntry {
                name,
                budget: HostBudget::new(max),
                lanes: 0,
                in_flight: 0,
                waiting: BTreeMap::new(),
                admitted: 0,
                round: 0,
                is_counted_full: false,
            })
        });
        if let Some(entry) = self.entries.get_mut(index) {
            entry.lanes += 1;
        }
        index
    }

    /// A lane is not on its host any more.
    fn leave(&mut self, place: HostPlace) {
        self.give_way(place);
        let Some((host, entry)) = self.entry(place) else {
            return;
        };
        entry.lanes = entry.lanes.saturating_sub(1);
        self.settle(host);
    }

    /// A lane waits no more, and needs no room.
    fn give_way(&mut self, place: HostPlace) {
        let Some((host, entry)) = self.entry(place) else {
            return;
        };
        if place.waits
            && let Some(place) = place.place
        {
            entry.waiting.remove(&place);
        }
        if place.admitted_in == Some(entry.round) {
            entry.admitted = entry.admitted.saturating_sub(1);
            if !entry.waiting.is_empty() {
                self.with_room.insert(host);
            }
        }
    }

    fn entry(&mut self, place: HostPlace) -> Option<(usize, &mut HostEntry)> {
        let host = place.host?;
        Some((host, self.entries.get_mut(host)?))
    }

    /// Counts whether a host is full, and forgets it where nothing is left of it.
    fn settle(&mut self, host: usize) {
        let Some(entry) = self.entries.get_mut(host) else {
            return;
        };
        let is_full = entry.in_flight >= usize::from(entry.budget.size());
        let was_full = core::mem::replace(&mut entry.is_counted_full, is_full);
        self.full = self.full + usize::from(is_full) - usize::from(was_full);
        if entry.lanes == 0 && entry.in_flight == 0 {
            let entry = self.entries.remove(host);
            self.by_name.remove(&entry.name);
            self.with_room.remove(&host);
            self.admitting.remove(&host);
        }
    }

    /// The lane that is next on a host that has room for it, with its round.
    fn next(&mut self, host: usize) -> Option<(usize, u64)> {
        let entry = self.entries.get_mut(host)?;
        if entry.is_full() {
            return None;
        }
        let (_, lane) = entry.waiting.pop_first()?;
        entry.admitted += 1;
        self.admitting.insert(host);
        Some((lane, entry.round))
    }

    /// Whether a lane that stands so has to wait for others.
    fn is_full_for(&self, place: HostPlace) -> bool {
        let entry = place.host.and_then(|host| self.entries.get(host));
        entry.is_some_and(|entry| {
            if place.admitted_in == Some(entry.round) {
                entry.in_flight + entry.admitted > usize::from(entry.budget.size())
            } else {
                entry.is_full() || !entry.waiting.is_empty()
            }
        })
    }

    /// Who was let ahead and is not visited, since its application has no slot, leaves its room to others.
    fn pass_by(&mut self) {
        while let Some(host) = self.admitting.pop_first() {
            let Some(entry) = self.entries.get_mut(host) else {
                continue;
            };
            if entry.admitted > 0 {
                entry.admitted = 0;
                entry.round += 1;
                self.with_room.insert(host);
            }
        }
    }
}

impl Engine {
    /// Adds a lane at the end of its application's list, on its host.
    pub(super) fn add_lane(&mut self, lane: Lane) -> usize {
        let index = self.registry.add_lane(lane);
        self.enter_host(index);
        index
    }

    /// A lane stands on the host of its endpoint from now on.
    fn enter_host(&mut self, index: usize) {
        let max = self.options.host_window_max;
        #[cfg(feature = "mutants")]
        let is_by_application = self.has(super::mutant::Mutant::CountsHostsByApplication);
        if let Some(lane) = self.registry.lanes.get_mut(index)
            && !lane.endpoint.is_deleted()
        {
            let name = lane.endpoint.target.url.host().canonical();
            #[cfg(feature = "mutants")]
            let name = if is_by_application {
                let application = lane.endpoint.key.application;
                EndpointHost::Name(format!("{application:?}").into())
            } else {
                name
            };
            lane.host = HostPlace {
                host: Some(self.hosts.enter(name, max)),
                ..HostPlace::default()
            };
        }
    }

    /// A lane leaves its host: its endpoint is gone, has another host, or is forgotten here.
    pub(super) fn leave_host(&mut self, index: usize) {
        if let Some(lane) = self.registry.lanes.get_mut(index) {
            self.hosts.leave(core::mem::take(&mut lane.host));
        }
    }

    /// The endpoint of a lane has another host, perhaps.
    pub(super) fn change_host(&mut self, index: usize, before: &EndpointHost) {
        let lane = self.registry.lanes.get(index);
        if lane.is_some_and(|lane| lane.endpoint.target.url.host() != before) {
            self.leave_host(index);
            self.enter_host(index);
        }
    }

    /// All lanes of an application are forgotten.
    pub(super) fn leave_hosts_of(&mut self, application: usize) {
        let entry = self.registry.applications.get(application);
        let lanes = entry.map(|entry| entry.lanes.clone());
        for index in lanes.unwrap_or_default() {
            self.leave_host(index);
        }
    }

    /// A lane that starts nothing leaves the queue of its host.
    pub(super) fn give_way(&mut self, index: usize) {
        if let Some(lane) = self.registry.lanes.get_mut(index)
            && lane.host.waits
        {
            self.hosts.give_way(lane.host);
            lane.host = HostPlace {
                host: lane.host.host,
                ..HostPlace::default()
            };
        }
    }

    /// Whether a lane that has something to send must wait for others on its host.
    pub(super) fn is_host_full(&self, index: usize) -> bool {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::IgnoresTheHostBudget) {
            return false;
        }
        let lane = self.registry.lanes.get(index);
        lane.is_some_and(|lane| self.hosts.is_full_for(lane.host))
    }

    /// Whether a lane that has something to send waits for others on its host from now on.
    pub(super) fn waits_for_host(&mut self, index: usize) -> bool {
        let is_full = self.is_host_full(index);
        if is_full {
            self.wait_for_host(index);
        }
        is_full
    }

    /// A lane that has something to send stands in the queue of its host, at the place that it had.
    pub(super) fn wait_for_host(&mut self, index: usize) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if core::mem::replace(&mut lane.host.waits, true) {
            return;
        }
        lane.held_by = Some(Holder::Host);
        let place = lane.host.place.unwrap_or(self.hosts.last_place + 1);
        self.hosts.last_place = self.hosts.last_place.max(place);
        let admitted_in = lane.host.admitted_in.take();
        lane.host.place = Some(place);
        if let Some((_, entry)) = self.hosts.entry(lane.host) {
            if admitted_in == Some(entry.round) {
                entry.admitted = entry.admitted.saturating_sub(1);
            }
            entry.waiting.insert(place, index);
        }
    }

    /// An attempt of a lane goes out: it is one in flight to this host.
    pub(super) fn host_sent(&mut self, index: usize) -> Option<usize> {
        let lane = self.registry.lanes.get_mut(index)?;
        let before = lane.host;
        lane.host = HostPlace {
            host: before.host,
            ..HostPlace::default()
        };
        let (host, entry) = self.hosts.entry(before)?;
        entry.in_flight += 1;
        if before.admitted_in == Some(entry.round) {
            entry.admitted = entry.admitted.saturating_sub(1);
        }
        self.hosts.settle(host);
        Some(host)
    }

    /// An attempt ended, of a lane or of none any more: its host has room again.
    pub(super) fn host_answered(&mut self, flight: &Flight, outcome: OutcomeKind, now: Now) {
        let Some(host) = flight.host else {
            return;
        };
        let Some(entry) = self.hosts.entries.get_mut(host) else {
            return;
        };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        let end = HostAttemptEnd {
            health: HostHealth::of(outcome),
            started_at: flight.started_at.steady,
            work_waited: !entry.waiting.is_empty() || entry.admitted > 0,
        };
        entry.budget.ended(end, now.steady);
        if !entry.waiting.is_empty() {
            self.hosts.with_room.insert(host);
        }
        self.hosts.settle(host);
    }

    /// The turn of a lane is over: if it was let ahead and sent nothing, others have the room. One whose
    /// events are loaded keeps its place.
    pub(super) fn host_visited(&mut self, index: usize) {
        let Some(lane) = self.registry.lanes.get_mut(index) else {
            return;
        };
        if lane.host.waits || (lane.host.admitted_in.is_none() && lane.host.place.is_none()) {
            return;
        }
        self.hosts.give_way(lane.host);
        lane.host.admitted_in = None;
        if lane.held_by != Some(Holder::Loading) && !lane.slow.waits {
            lane.host.place = None;
        }
    }

    /// Lets as many lanes ahead as their hosts have room for.
    pub(super) fn admit_to_hosts(&mut self, now: Now) {
        while let Some(host) = self.hosts.with_room.pop_first() {
            #[cfg(feature = "mutants")]
            if self.has(super::mutant::Mutant::ForgetsWhoWaitsForAHost) {
                continue;
            }
            while let Some((index, round)) = self.hosts.next(host) {
                if let Some(lane) = self.registry.lanes.get_mut(index) {
                    lane.host.waits = false;
                    lane.host.admitted_in = Some(round);
                }
                self.reconsider(index, now);
                // What it waited with may have gone meanwhile.
                let lane = self.registry.lanes.get(index);
                if lane.is_none_or(|lane| !lane.queued) {
                    self.host_visited(index);
                }
            }
        }
    }

    /// Whether more lanes are let ahead, after all that can be visited were.
    pub(super) fn admits_more(&mut self) -> bool {
        if !self.ready.is_empty() {
            return false;
        }
        self.hosts.pass_by();
        let has_room = |host: &usize| {
            let entry = self.hosts.entries.get(*host);
            entry.is_some_and(|entry| !entry.is_full() && !entry.waiting.is_empty())
        };
        self.hosts.with_room.iter().any(has_room) || self.admits_more_slow()
    }
}
