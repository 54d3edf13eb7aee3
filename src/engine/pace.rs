//! The pace of applications: how many attempts a second go out over all endpoints of one, if its owner said
//! so. An application that may send nothing now has no turns until it may again; its lanes keep theirs.

use super::{Engine, registry::ApplicationEntry};
use crate::{
    domain::{application::ApplicationKey, attempt::Holder},
    policy::rate_limit::RateLimit,
    time::{Now, Timestamp},
};

impl ApplicationEntry {
    /// Keeps to the rate of its application from now on, as if an attempt had just gone out: whoever
    /// acquires its shard does so, too, so that the rate holds over a restart.
    pub(super) fn take_pace(&mut self, now: Timestamp) {
        let rate = self.application.registration.throttle_rate;
        self.pace = rate.map(|rate| RateLimit::paced(rate, now));
    }

    /// An attempt goes out.
    pub(super) fn sent(&mut self, now: Timestamp) {
        self.in_flight += 1;
        if let Some(pace) = &mut self.pace {
            // Whether it may start was asked before.
            _ = pace.take(now);
        }
    }
}

impl Engine {
    /// The application whose turn it is, if a slot is free for it. One whose rate is used up sleeps.
    pub(super) fn next_application(&mut self, now: Now) -> Option<usize> {
        if self.flights.len() >= self.options.send_slots || self.has_postponed_enough() {
            return None;
        }
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::ServesOneApplicationFirst) {
            let ready = self.ready.make_contiguous();
            ready.sort_unstable_by(|one, other| other.cmp(one));
        }
        while let Some(application) = self.ready.pop_front() {
            let until = self.paced_until(application, now);
            let Some(entry) = self.registry.applications.get_mut(application) else {
                continue;
            };
            entry.queued = false;
            let Some(until) = until else {
                return Some(application);
            };
            entry.held_at = now.steady;
            self.applications_asleep.insert((until, application));
        }
        None
    }

    /// When an application may send something again, if not now.
    pub(super) fn paced_until(&self, application: usize, now: Now) -> Option<Timestamp> {
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::IgnoresTheRateOfApplications) {
            return None;
        }
        let entry = self.registry.applications.get(application)?;
        entry.pace.as_ref()?.opens_at(now.steady)
    }

    /// Wakes the applications that may send again.
    pub(super) fn wake_applications(&mut self, now: Now) {
        while let Some((at, application)) = self.applications_asleep.first().copied() {
            if at > now.steady {
                return;
            }
            self.applications_asleep.pop_first();
            self.queue_application(application);
        }
    }

    /// An application is as it is known now: a rate that it has since then counts at once.
    pub(super) fn keep_pace(&mut self, key: ApplicationKey, before: Option<u16>, now: Now) {
        if let Some(application) = self.registry.application(key)
            && let Some(entry) = self.registry.applications.get_mut(application)
            && entry.application.registration.throttle_rate != before
        {
            entry.take_pace(now.steady);
            self.queue_application(application);
        }
    }

    /// What kept a lane that was ready for longer than a moment from its turn.
    pub(super) fn turn_holder(&self, application: usize, queued_at: Timestamp) -> Holder {
        let entry = self.registry.applications.get(application);
        match entry {
            Some(entry) if entry.held_at >= queued_at => Holder::ApplicationRate,
            _ => Holder::Slots,
        }
    }
}
