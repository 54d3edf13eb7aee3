//! The stage: what the process, the receivers and the producers of a run share, and who watches.

use core::cell::{Cell, RefCell};
use std::{
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use super::{hub::Hub, producers::Producers, receipts::Receipts};
use crate::{
    domain::{application::ApplicationKey, id::EventId},
    random::Stream,
    runtime::handle::Handle,
    sim::{
        faults::{Faults, Life},
        life::Clocks,
        network::{Network, Receiver},
        report::Report,
        run::SimulationError,
        scenario::Scenario,
        seen::Moment,
        simulated_disk::{DiskFaults, SimulatedDisk},
        store_host::StoreHost,
        stretch::Extent,
        trace::{Listener, Trace},
        violation::Violation,
        witness::Witness,
        world::BEGINNING,
    },
    store::Reads,
    time::{Now, Span, Timestamp},
};

/// Everything that outlives a process.
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) witness: RefCell<Witness>,
    pub(super) trace: RefCell<Trace>,
    clocks: Arc<Mutex<Clocks>>,
    pub(super) disk: SimulatedDisk,
    pub(super) host: RefCell<StoreHost>,
    pub(super) hub: Hub,
    network: Network,
    /// The receivers once all is well.
    network_healed: Network,
    pub(super) producers: Producers,
    pub(super) receipts: RefCell<Receipts>,
    pub(super) application: Cell<ApplicationKey>,
    /// The process dies at the next moment.
    pub(super) crash: Crash,
    /// Until when the process stands still, if it does.
    pub(super) stalled_until: Cell<Timestamp>,
    /// The process as its hosts reach it, while there is one.
    pub(super) handle: RefCell<Option<Handle>>,
    /// When it was to end at the latest, in steady time, if it was told to.
    pub(super) stopping: Cell<Option<Timestamp>>,
    inspections: RefCell<Stream>,
    began: Instant,
}

/// The end of the process of the present life: no other one hears of it.
#[derive(Default)]
pub(super) struct Crash(RefCell<Rc<Notify>>);

impl Crash {
    /// The process dies at the next moment.
    pub(super) fn notify_one(&self) {
        self.0.borrow().notify_one();
    }

    /// What a life that begins now waits for.
    pub(super) fn of_new_life(&self) -> Rc<Notify> {
        self.0.replace(Rc::default());
        Rc::clone(&self.0.borrow())
    }
}

impl Stage {
    /// A stage on which nothing has happened.
    pub(super) fn new(
        scenario: &Scenario,
        listener: Option<Listener>,
    ) -> Result<Self, SimulationError> {
        let seed = scenario.seed;
        let mut trace = Trace::default();
        if let Some(listener) = listener {
            trace.listen(listener);
        }
        Ok(Self {
            scenario: scenario.clone(),
            witness: RefCell::new(Witness::new(scenario)),
            trace: RefCell::new(trace),
            clocks: Arc::new(Mutex::new(Clocks::starting_at(BEGINNING))),
            disk: SimulatedDisk::new(seed),
            host: RefCell::new(StoreHost::new(seed, scenario.faults.clone())),
            hub: Hub::new(seed, scenario.faults.partial_streams),
            network: Network::of(scenario),
            network_healed: Network::healed(scenario),
            producers: Producers::new(scenario)?,
            receipts: RefCell::default(),
            application: Cell::default(),
            crash: Crash::default(),
            stalled_until: Cell::new(BEGINNING),
            handle: RefCell::new(None),
            stopping: Cell::new(None),
            inspections: RefCell::new(Stream::new(seed, "inspections", 0, 0)),
            began: Instant::now(),
        })
    }

    /// The receiver with this number.
    pub(super) fn receiver(&self, number: u32) -> Option<&Receiver> {
        if self.is_healed() {
            self.network_healed.receiver(number)
        } else {
            self.network.receiver(number)
        }
    }

    /// What goes wrong beside them, if not all is well.
    pub(super) fn faults(&self) -> Option<&Faults> {
        (!self.is_healed()).then_some(&self.scenario.faults)
    }

    /// Whether nothing goes wrong any more.
    pub(super) fn is_healed(&self) -> bool {
        self.witness.borrow().healed_at.is_some()
    }

    /// The life of the process with this number, as it is drawn; where all is well it has no end.
    pub(super) fn life(&self, number: usize) -> Option<&Life> {
        self.faults()?.lives.get(number)
    }

    /// Nothing goes wrong any more, but with the receivers beside the core.
    pub(super) fn heal(&self) {
        let moment = self.moment();
        self.witness.borrow_mut().healed(moment);
        self.host.borrow_mut().heal();
        self.disk.set_faults(DiskFaults::default());
    }

    /// Real time in the simulated world.
    pub(super) fn real(&self) -> Timestamp {
        since(self.began)
    }

    /// How long the run has gone on.
    pub(super) fn elapsed(&self) -> Span {
        self.real().since(BEGINNING)
    }

    /// What the clocks of the process go by.
    pub(super) fn clocks(&self) -> MutexGuard<'_, Clocks> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clocks of the process, for who must be able to look at them from anywhere.
    pub(super) fn clock(&self) -> impl Fn() -> Now + Send + Sync + 'static {
        let (clocks, began) = (Arc::clone(&self.clocks), self.began);
        move || {
            let clocks = clocks.lock().unwrap_or_else(PoisonError::into_inner);
            clocks.now(since(began))
        }
    }

    /// The present moment.
    pub(super) fn moment(&self) -> Moment {
        let real = self.real();
        Moment {
            real,
            steady: self.clocks().now(real).steady,
        }
    }

    /// Writes to the trace at the present time.
    pub(super) fn tell(&self, write: impl FnOnce(&mut Trace)) {
        let mut trace = self.trace.borrow_mut();
        trace.set_now(self.real());
        write(&mut trace);
    }

    pub(super) fn object(&self, violation: Violation) {
        self.witness.borrow_mut().object(violation);
    }

    /// What was violated ends the run.
    pub(super) fn go_on(&self) -> Result<(), SimulationError> {
        let witness = self.witness.borrow();
        match witness.violations() {
            [] => Ok(()),
            violations => Err(self.violated(violations)),
        }
    }

    /// The end of a run in which something did not hold.
    pub(super) fn violated(&self, violations: &[Violation]) -> SimulationError {
        let witness = self.witness.borrow();
        let report = witness.so_far(self.summary(&witness));
        SimulationError::violated(violations, report)
    }

    /// Whether every producer has its answers, every delivery its end, and all is made that was asked for by
    /// hand.
    pub(super) fn has_ended(&self, store: &dyn Reads) -> bool {
        if !self.producers.are_done() || self.is_at_work() {
            return false;
        }
        let endpoints = store.endpoints(self.application.get(), 0, usize::MAX);
        endpoints.is_ok_and(|endpoints| self.witness.borrow().has_ended(&endpoints))
    }

    /// Whether something that was asked for by hand is still to be done.
    fn is_at_work(&self) -> bool {
        let witness = self.witness.borrow();
        let is_owed = witness.owed_by_hand(self.moment()).next().is_some();
        is_owed || witness.tasks_at_work().next().is_some()
    }

    /// How far the run has come.
    pub(super) fn summary(&self, witness: &Witness) -> Report {
        let elapsed = self.real().since(BEGINNING).as_millis();
        let report = Report {
            layer: self.scenario.layer.name(),
            seed: self.scenario.seed,
            seeds: 1,
            events: u64::try_from(witness.answers.len()).unwrap_or(u64::MAX),
            attempts: witness.attempts,
            virtual_ms: u64::try_from(elapsed).unwrap_or(0),
            trace_hash: self.trace.borrow().hash(),
            records: self.trace.borrow().records(),
            ..Report::default()
        };
        report.having_met(witness.happened)
    }

    /// The event of an id that a receiver was told, as it was accepted.
    pub(super) fn payload_of(&self, id: EventId) -> Option<bytes::Bytes> {
        let witness = self.witness.borrow();
        let position = witness.positions.get(&id)?;
        let seen = witness.events.get(position)?;
        Some(seen.event.payload.bytes.clone())
    }

    /// Reads the lists of a store, as much of them as the extent says, and compares them with what is durable.
    pub(super) fn inspect(&self, store: &dyn Reads, extent: Extent) {
        let Some(options) = self.scenario.embedded() else {
            return;
        };
        let kept = (options.payload_age, options.row_age, extent);
        let mut witness = self.witness.borrow_mut();
        witness.happened.inspections += 1;
        let mut random = self.inspections.borrow_mut();
        let moment = self.moment();
        witness.inspect(store, self.application.get(), kept, moment, &mut random);
    }
}

/// Real time in the simulated world, so long after its beginning.
fn since(began: Instant) -> Timestamp {
    let elapsed = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
    BEGINNING.plus(Span::from_micros(elapsed))
}
