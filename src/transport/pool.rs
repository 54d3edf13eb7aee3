//! Who has a connection to which endpoint, and which of them are idle.
//!
//! Connections are never shared between endpoints. Maps are ordered, so that nothing here depends
//! on hashes. An endpoint's entry lives as long as a connection task of it.

use core::{
    cell::{Cell, OnceCell},
    future::poll_fn,
    task::{Poll, Waker},
};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::{
    outcomes::Slot,
    target::{DeriveError, DerivedTarget},
};
use crate::domain::{
    attempt::{AttemptHandle, AttemptRequest},
    endpoint::{EndpointKey, Target},
};

/// An attempt on its way to a connection task.
pub(super) struct Job {
    /// The duty to report it; if the job is lost, so is told.
    pub(super) slot: Slot,
    /// What to send.
    pub(super) request: AttemptRequest,
    /// Where to send it.
    pub(super) derived: Rc<DerivedTarget>,
}

/// Where a connection task is handed its jobs; one for each task.
pub(super) struct Seat {
    number: u64,
    endpoint: EndpointKey,
    job: Cell<Option<Job>>,
    /// The attempt that was handed over last, until it ends.
    attempt: Cell<Option<AttemptHandle>>,
    /// Its place among those that are parked.
    parked: Cell<Option<u64>>,
    is_cancelled: Cell<bool>,
    is_closing: Cell<bool>,
    /// Wakes the task; set when it first runs.
    waker: OnceCell<Waker>,
}

impl Seat {
    /// Hands a job to the task and wakes it.
    pub(super) fn hand_over(&self, job: Job) {
        self.attempt.set(Some(job.slot.attempt()));
        self.is_cancelled.set(false);
        self.job.set(Some(job));
        self.wake();
    }

    /// The job that was handed over, once.
    pub(super) fn take_job(&self) -> Option<Job> {
        self.job.take()
    }

    /// Whether the attempt that was handed over last was called off.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.get()
    }

    /// Whether the task is to end rather than wait for another job.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    /// Learns how to wake the task; called by the task itself.
    pub(super) async fn learn_waker(&self) {
        poll_fn(|context| {
            self.waker.get_or_init(|| context.waker().clone());
            Poll::Ready(())
        })
        .await;
    }

    fn close(&self) {
        self.is_closing.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// Where an attempt was placed.
pub(super) struct Placement {
    /// The task to hand it to.
    pub(super) seat: Rc<Seat>,
    /// Whether that task has yet to be spawned.
    pub(super) is_new: bool,
    /// What is derived of its target.
    pub(super) derived: Rc<DerivedTarget>,
}

/// All seats of a transport.
pub(super) struct Pool {
    entries: BTreeMap<EndpointKey, Entry>,
    seats: BTreeMap<u64, Rc<Seat>>,
    next_number: u64,
    /// Seats whose connections wait for a job, in the order in which they fell idle.
    parked: BTreeMap<u64, Rc<Seat>>,
    next_parked: u64,
    connections_max: usize,
    /// Whether it makes the mistake that concerns changes.
    #[cfg(feature = "mutants")]
    keeps_derived: bool,
}

/// What is known of one endpoint.
struct Entry {
    derived: Rc<DerivedTarget>,
    /// Seats whose connections wait for a job, the newest last.
    idle: Vec<Rc<Seat>>,
    /// All seats of the endpoint, idle or not.
    seats: usize,
}

impl Pool {
    /// With at most so many connections, if no more attempts are in flight.
    pub(super) const fn new(connections_max: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            seats: BTreeMap::new(),
            next_number: 0,
            parked: BTreeMap::new(),
            next_parked: 0,
            connections_max,
            #[cfg(feature = "mutants")]
            keeps_derived: false,
        }
    }

    /// The same, with the mistake that concerns changes.
    #[cfg(feature = "mutants")]
    pub(super) fn making(self, mutant: Option<super::mutant::Mutant>) -> Self {
        let keeps_derived = mutant == Some(super::mutant::Mutant::KeepsDerivedTargets);
        Self {
            keeps_derived,
            ..self
        }
    }

    /// Finds the task for an attempt: the one that fell idle last, else a new one.
    ///
    /// A target of a newer revision than before replaces the older one, and closes what is idle.
    pub(super) fn place(&mut self, target: &Arc<Target>) -> Result<Placement, DeriveError> {
        let endpoint = target.endpoint;
        #[cfg(feature = "mutants")]
        let keeps = self.keeps_derived;
        #[cfg(not(feature = "mutants"))]
        let keeps = false;
        let derived = match self.entries.get_mut(&endpoint) {
            Some(entry) if keeps || entry.derived.target.revision == target.revision => {
                if let Some(seat) = entry.idle.pop() {
                    unpark(&mut self.parked, &seat);
                    return Ok(Placement {
                        seat,
                        is_new: false,
                        derived: Rc::clone(&entry.derived),
                    });
                }
                entry.seats += 1;
                Rc::clone(&entry.derived)
            }
            Some(entry) => {
                let derived = Rc::new(DerivedTarget::derive(Arc::clone(target))?);
                if entry.derived.target.revision < target.revision {
                    entry.derived = Rc::clone(&derived);
                    for seat in entry.idle.drain(..) {
                        unpark(&mut self.parked, &seat);
                        seat.close();
                    }
                }
                entry.seats += 1;
                derived
            }
            None => {
                let derived = Rc::new(DerivedTarget::derive(Arc::clone(target))?);
                let entry = Entry {
                    derived: Rc::clone(&derived),
                    idle: Vec::new(),
                    seats: 1,
                };
                self.entries.insert(endpoint, entry);
                derived
            }
        };
        Ok(Placement {
            seat: self.new_seat(endpoint),
            is_new: true,
            derived,
        })
    }

    fn new_seat(&mut self, endpoint: EndpointKey) -> Rc<Seat> {
        self.make_room();
        let number = self.next_number;
        self.next_number += 1;
        let seat = Rc::new(Seat {
            number,
            endpoint,
            job: Cell::new(None),
            attempt: Cell::new(None),
            parked: Cell::new(None),
            is_cancelled: Cell::new(false),
            is_closing: Cell::new(false),
            waker: OnceCell::new(),
        });
        self.seats.insert(number, Rc::clone(&seat));
        seat
    }

    /// Closes the connection that is idle for longest, if there is one, where there are as many as may be.
    fn make_room(&mut self) {
        if self.seats.len() < self.connections_max {
            return;
        }
        let Some((_, seat)) = self.parked.pop_first() else {
            return;
        };
        seat.parked.set(None);
        if let Some(entry) = self.entries.get_mut(&seat.endpoint) {
            entry.idle.retain(|idle| idle.number != seat.number);
        }
        seat.close();
    }

    /// Lets a task wait for its next job with a connection opened for `revision`; false if it is
    /// to close the connection instead.
    pub(super) fn park(&mut self, seat: &Rc<Seat>, revision: u32) -> bool {
        seat.attempt.set(None);
        if seat.is_closing() || self.seats.len() > self.connections_max {
            return false;
        }
        match self.entries.get_mut(&seat.endpoint) {
            Some(entry) if entry.derived.target.revision == revision => {
                entry.idle.push(Rc::clone(seat));
                let number = self.next_parked;
                self.next_parked += 1;
                seat.parked.set(Some(number));
                self.parked.insert(number, Rc::clone(seat));
                true
            }
            Some(_) | None => false,
        }
    }

    /// Forgets a task that ends.
    pub(super) fn leave(&mut self, seat: &Seat) {
        if self.seats.remove(&seat.number).is_none() {
            return;
        }
        unpark(&mut self.parked, seat);
        if let Some(entry) = self.entries.get_mut(&seat.endpoint) {
            entry.idle.retain(|idle| idle.number != seat.number);
            entry.seats -= 1;
            if entry.seats == 0 {
                self.entries.remove(&seat.endpoint);
            }
        }
    }

    /// Calls an attempt off. Rare, so it looks through all seats instead of keeping an index.
    pub(super) fn cancel(&self, attempt: AttemptHandle) {
        let seat = self
            .seats
            .values()
            .find(|seat| seat.attempt.get() == Some(attempt));
        if let Some(seat) = seat {
            seat.is_cancelled.set(true);
            seat.wake();
        }
    }

    /// Closes all connections: the idle ones now, the others after their attempts.
    pub(super) fn close(&mut self) {
        for entry in self.entries.values_mut() {
            entry.idle.clear();
        }
        self.parked.clear();
        self.seats.values().for_each(|seat| seat.close());
    }

    /// How many connection tasks there are.
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }
}

/// A seat waits for no job any more.
fn unpark(parked: &mut BTreeMap<u64, Rc<Seat>>, seat: &Seat) {
    if let Some(number) = seat.parked.take() {
        parked.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        application::ApplicationKey,
        endpoint::BodyFormat,
        endpoint_url::EndpointUrl,
        id::{EndpointId, ShardId},
        secret::Secret,
    };
    use crate::limits;

    fn pool() -> Pool {
        Pool::new(limits::CONNECTIONS_KEPT_MAX)
    }

    fn target(ordinal: u32, revision: u32) -> Arc<Target> {
        Arc::new(Target {
            endpoint: EndpointKey {
                application: ApplicationKey {
                    shard: ShardId::new(1),
                    ordinal: 0,
                },
                ordinal,
            },
            id: EndpointId::default(),
            revision,
            url: EndpointUrl::parse("http://127.0.0.1/").expect("valid"),
            secret: Secret::new(vec![7; 32]).expect("valid"),
            older_secrets: Vec::new(),
            headers: Vec::new(),
            body_format: BodyFormat::Payload,
        })
    }

    fn place(pool: &mut Pool, ordinal: u32, revision: u32) -> Placement {
        pool.place(&target(ordinal, revision)).expect("valid")
    }

    #[test]
    fn the_newest_idle_connection_is_used_first() {
        let mut pool = pool();
        let first = place(&mut pool, 1, 1);
        let second = place(&mut pool, 1, 1);
        assert!(first.is_new && second.is_new);
        assert!(pool.park(&first.seat, 1));
        assert!(pool.park(&second.seat, 1));
        let third = place(&mut pool, 1, 1);
        assert!(!third.is_new);
        assert!(Rc::ptr_eq(&third.seat, &second.seat));
        assert!(Rc::ptr_eq(&third.derived, &first.derived));
    }

    #[test]
    fn endpoints_never_share_a_connection() {
        let mut pool = pool();
        let first = place(&mut pool, 1, 1);
        assert!(pool.park(&first.seat, 1));
        assert!(place(&mut pool, 2, 1).is_new);
    }

    #[test]
    fn a_new_revision_closes_what_is_idle_and_keeps_nothing_old() {
        let mut pool = pool();
        let idle = place(&mut pool, 1, 1);
        let busy = place(&mut pool, 1, 1);
        assert!(pool.park(&idle.seat, 1));
        let newer = place(&mut pool, 1, 2);
        assert!(newer.is_new);
        assert!(idle.seat.is_closing());
        assert!(!pool.park(&busy.seat, 1));
        assert!(pool.park(&newer.seat, 2));
        let late = place(&mut pool, 1, 1);
        assert!(late.is_new, "an older target never uses a newer connection");
        assert_eq!(late.derived.target.revision, 1);
        assert!(!newer.seat.is_closing());
    }

    #[test]
    fn an_endpoint_without_connections_is_forgotten() {
        let mut pool = pool();
        let first = place(&mut pool, 1, 1);
        let second = place(&mut pool, 1, 1);
        assert!(pool.park(&first.seat, 1));
        pool.leave(&first.seat);
        pool.leave(&first.seat);
        assert!(place(&mut pool, 1, 1).is_new, "the idle one has left");
        assert_eq!(pool.len(), 2);
        assert_eq!(pool.entries.len(), 1);
        pool.leave(&second.seat);
        let numbers: Vec<u64> = pool.seats.keys().copied().collect();
        for number in numbers {
            let seat = Rc::clone(&pool.seats[&number]);
            pool.leave(&seat);
        }
        assert!(pool.entries.is_empty());
    }

    #[test]
    fn beyond_the_bound_no_connection_is_kept() {
        let mut pool = Pool::new(2);
        let seats: Vec<_> = (0..=2).map(|_| place(&mut pool, 1, 1).seat).collect();
        assert!(!pool.park(&seats[0], 1));
        pool.leave(&seats[0]);
        assert!(pool.park(&seats[1], 1));
    }

    #[test]
    fn at_the_bound_the_connection_that_is_idle_for_longest_makes_room() {
        let mut pool = Pool::new(3);
        let seats: Vec<_> = (1..=3)
            .map(|endpoint| place(&mut pool, endpoint, 1).seat)
            .collect();
        let closing = || {
            seats
                .iter()
                .map(|seat| seat.is_closing())
                .collect::<Vec<_>>()
        };
        for number in [2, 0, 1] {
            assert!(pool.park(&seats[number], 1));
        }
        // What is used again is the youngest afterwards.
        assert!(!place(&mut pool, 3, 1).is_new);
        assert!(pool.park(&seats[2], 1));
        assert!(place(&mut pool, 4, 1).is_new);
        assert_eq!(closing(), [true, false, false]);
        pool.leave(&seats[0]);
        assert!(
            place(&mut pool, 1, 1).is_new,
            "the one that was closed is not used"
        );
        assert_eq!(closing(), [true, true, false]);
        pool.leave(&seats[1]);
        assert!(!place(&mut pool, 3, 1).is_new);
        // None is idle, so none makes room.
        assert!(place(&mut pool, 5, 1).is_new);
        assert_eq!(closing(), [true, true, false]);
        assert!(pool.parked.is_empty());
    }
}
