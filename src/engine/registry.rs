//! The registry: the applications and lanes in force now.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use slab::Slab;

use super::{
    lane::Lane, pages::Pages, postpone::Oncoming, ring::Ring, share::Wanting,
    slow::SlowOfApplication,
};
use crate::{
    domain::{
        application::{Application, ApplicationKey},
        event::EventPosition,
        id::{EndpointId, ShardId},
    },
    policy::rate_limit::RateLimit,
    time::Timestamp,
};

/// All applications and lanes, by numbers that mean nothing outside this process.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Applications by number.
    pub(super) applications: Slab<ApplicationEntry>,
    /// Lanes by number.
    pub(super) lanes: Slab<Lane>,
    by_key: BTreeMap<ApplicationKey, usize>,
    by_uid: BTreeMap<Arc<str>, usize>,
    endpoints: BTreeMap<EndpointId, usize>,
    by_shard: BTreeMap<ShardId, Vec<usize>>,
}

/// What the engine holds of one application.
#[derive(Debug)]
pub(super) struct ApplicationEntry {
    /// The application.
    pub(super) application: Arc<Application>,
    /// Whether its shard is ours, so that commands for it are taken.
    pub(super) acquired: bool,
    /// The place that the next accepted event gets.
    pub(super) next_position: EventPosition,
    /// The number that the next endpoint gets.
    pub(super) next_endpoint: u32,
    /// Its newest events.
    pub(super) ring: Ring,
    /// Older events that lagging lanes walk.
    pub(super) pages: Pages,
    /// The last watermark that was written.
    pub(super) watermark: EventPosition,
    /// Its lanes in the order of their registration.
    pub(super) lanes: Vec<usize>,
    /// How many of them are of deleted endpoints; they leave with the process.
    pub(super) deleted: usize,
    /// Those of them that an event wakes.
    pub(super) idle: Vec<usize>,
    /// Lanes that are not idle, have room and wait for the next event.
    pub(super) awaiting: Vec<usize>,
    /// Lanes that have something to start.
    pub(super) ready: VecDeque<usize>,
    /// Rows of its open deliveries.
    pub(super) open_rows: u64,
    /// Rows that its events for later are about to add to these.
    pub(super) oncoming: Oncoming,
    /// Attempts that were asked for and are not made yet.
    pub(super) resends: usize,
    /// Lanes that wait at their cursors until there are fewer.
    pub(super) crowded: Vec<usize>,
    /// Whether it stands in the queue of ready applications.
    pub(super) queued: bool,
    /// Its attempts in flight.
    pub(super) in_flight: usize,
    /// How often attempts may start over all of its lanes, if its owner said so.
    pub(super) pace: Option<RateLimit>,
    /// When it last had no turn since that was used up, in steady time.
    pub(super) held_at: Timestamp,
    /// Its lanes that would start more attempts if there were slots.
    pub(super) wanting: Wanting,
    /// What goes to its receivers that are not prompt.
    pub(super) slow: SlowOfApplication,
}

impl Registry {
    /// Adds an application that the directory knows.
    pub(super) fn add_application(
        &mut self,
        application: Arc<Application>,
        acquired: bool,
    ) -> usize {
        let key = application.key;
        let uid = application.uid.clone();
        let (rate, made_at) = (
            application.registration.throttle_rate,
            application.created_at.steady,
        );
        let pace = rate.map(|rate| RateLimit::paced(rate, made_at));
        let index = self.applications.insert(ApplicationEntry {
            application,
            acquired,
            next_position: EventPosition::default(),
            next_endpoint: 0,
            ring: Ring::default(),
            pages: Pages::default(),
            watermark: EventPosition::default(),
            lanes: Vec::new(),
            deleted: 0,
            idle: Vec::new(),
            awaiting: Vec::new(),
            ready: VecDeque::new(),
            open_rows: 0,
            oncoming: Oncoming::default(),
            resends: 0,
            crowded: Vec::new(),
            queued: false,
            in_flight: 0,
            pace,
            held_at: Timestamp::ZERO,
            wanting: Wanting::default(),
            slow: SlowOfApplication::default(),
        });
        self.by_key.insert(key, index);
        self.by_shard.entry(key.shard).or_default().push(index);
        self.by_uid.extend(uid.map(|uid| (uid, index)));
        index
    }

    /// Puts an application as it is now in the place of what it was.
    pub(super) fn replace_application(&mut self, application: Arc<Application>) {
        let index = self.by_key.get(&application.key).copied();
        let Some(index) = index else {
            return;
        };
        let Some(entry) = self.applications.get_mut(index) else {
            return;
        };
        // Names that went over from one application to another in one batch came in this order.
        let before = entry.application.uid.clone();
        if let Some(uid) = before.filter(|uid| self.by_uid.get(uid) == Some(&index)) {
            self.by_uid.remove(&uid);
        }
        let uid = application.uid.clone();
        self.by_uid.extend(uid.map(|uid| (uid, index)));
        entry.application = application;
    }

    /// The number of the application with this key.
    pub(super) fn application(&self, key: ApplicationKey) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    /// The number of the application with this `uid`.
    pub(super) fn application_by_uid(&self, uid: &str) -> Option<usize> {
        self.by_uid.get(uid).copied()
    }

    /// The numbers of all applications of a shard.
    pub(super) fn applications_of(&self, shard: ShardId) -> Vec<usize> {
        self.by_shard.get(&shard).cloned().unwrap_or_default()
    }

    /// Shows each application of a shard, to be changed.
    pub(super) fn each_of(&mut self, shard: ShardId, mut look: impl FnMut(&mut ApplicationEntry)) {
        for index in self.by_shard.get(&shard).into_iter().flatten() {
            if let Some(entry) = self.applications.get_mut(*index) {
                look(entry);
            }
        }
    }

    /// Adds a lane at the end of its application's list.
    pub(super) fn add_lane(&mut self, lane: Lane) -> usize {
        let (id, application) = (lane.endpoint.id, lane.application);
        let ordinal = lane.endpoint.key.ordinal;
        let index = self.lanes.insert(lane);
        self.endpoints.insert(id, index);
        if let Some(entry) = self.applications.get_mut(application) {
            entry.lanes.push(index);
            entry.next_endpoint = entry.next_endpoint.max(ordinal.saturating_add(1));
        }
        index
    }

    /// The lanes of an application.
    pub(super) fn lanes_of(&self, application: usize) -> impl Iterator<Item = &Lane> + '_ {
        let entry = self.applications.get(application);
        let lanes = entry.into_iter().flat_map(|entry| &entry.lanes);
        lanes.filter_map(|index| self.lanes.get(*index))
    }

    /// The number of the lane of this endpoint.
    pub(super) fn lane(&self, endpoint: EndpointId) -> Option<usize> {
        self.endpoints.get(&endpoint).copied()
    }

    /// Forgets the lanes and events of an application whose shard was lost; it stays known.
    /// Gives the numbers of the forgotten lanes.
    pub(super) fn forget(&mut self, application: usize) -> Vec<usize> {
        let Some(entry) = self.applications.get_mut(application) else {
            return Vec::new();
        };
        let lanes = core::mem::take(&mut entry.lanes);
        entry.acquired = false;
        entry.next_position = EventPosition::default();
        entry.next_endpoint = 0;
        entry.ring = Ring::default();
        entry.pages = Pages::default();
        entry.watermark = EventPosition::default();
        entry.deleted = 0;
        entry.idle.clear();
        entry.awaiting.clear();
        entry.ready.clear();
        entry.open_rows = 0;
        entry.oncoming = Oncoming::default();
        entry.resends = 0;
        entry.crowded.clear();
        entry.in_flight = 0;
        entry.wanting = Wanting::default();
        for lane in &lanes {
            if let Some(lane) = self.lanes.try_remove(*lane) {
                self.endpoints.remove(&lane.endpoint.id);
            }
        }
        lanes
    }
}
