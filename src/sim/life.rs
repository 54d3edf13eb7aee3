//! The lives of the process: how one begins, and how it ends. When it ends, engine and store are
//! dropped and nobody hears of anything any more; the disk, the receivers and the producers go on.

use super::{
    faults::{Life, LifeEnd},
    logbook::Sighting,
    oracle::Violation,
    rerun::Rerun,
    run::SimulationError,
    scenario::Layer,
    simulated_disk::{DiskFaults, SimulatedDisk},
    stretch::Extent,
    world::{Arrival, Due, World},
};
use crate::{
    domain::id::ShardId,
    engine::Engine,
    store::embedded::EmbeddedOptions,
    time::{Anchor, Now, Span, Timestamp},
};

/// The clocks of the process, and how they hang together with real time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) anchor: Anchor,
    /// When the process began its life.
    pub(super) started_at: Timestamp,
    /// How far the wall clock was set forward.
    pub(super) wall_ahead: Span,
}

impl Clocks {
    /// Clocks that show real time.
    pub(super) const fn starting_at(real: Timestamp) -> Self {
        Self {
            anchor: Anchor::fresh(real),
            started_at: real,
            wall_ahead: Span::ZERO,
        }
    }

    /// What the clocks show.
    pub(super) const fn now(&self, real: Timestamp) -> Now {
        let wall = real.plus(self.wall_ahead);
        self.anchor.now(real.since(self.started_at), wall)
    }

    /// When the steady clock shows this time.
    pub(super) const fn real_of(&self, steady: Timestamp) -> Timestamp {
        let began = self.now(self.started_at).steady;
        self.started_at.plus(steady.since(began))
    }
}

/// Tells a disk how the life that begins on it ends; what room it has stays as it is.
pub(super) fn arm(disk: &SimulatedDisk, end: Option<LifeEnd>) {
    disk.set_faults(DiskFaults {
        crash_at: match end {
            Some(LifeEnd::AtOperation(number)) => Some(disk.operations() + number),
            _ => None,
        },
        failing_sync: match end {
            Some(LifeEnd::FailingSync(number)) => Some(disk.syncs() + number),
            _ => None,
        },
        capacity: disk.faults().capacity,
    });
}

impl World<'_> {
    fn this_life(&self) -> Option<&Life> {
        let life = self.scenario.faults.lives.get(self.witness.life);
        life.filter(|_| !self.is_healed())
    }

    /// The process begins: the store is opened and all shards are acquired.
    pub(super) fn start(&mut self) -> Result<(), SimulationError> {
        let life = self.witness.life;
        if let (Layer::Store(options), Some(disk)) = (&self.scenario.layer, self.disk.clone()) {
            let before = self.disk_before(&disk);
            let Some(last) = self.open(&disk, options)? else {
                return Ok(());
            };
            let wall = self.now.plus(self.clocks.wall_ahead);
            self.clocks.started_at = self.now;
            self.clocks.anchor = match last {
                None => Anchor::fresh(wall),
                Some(last) => Anchor::resumed(last, wall, None)?,
            };
            if let Some(before) = before {
                self.judge_opened_twice(&before, options);
            }
            let moment = self.moment();
            if let Some(store) = self.host.store() {
                self.witness.reconcile(store, moment);
            }
            if life > 0 {
                self.inspect(Extent::Part);
                self.mark(&disk, 1);
                self.go_on()?;
            }
            if let Some(LifeEnd::After(span)) = self.this_life().map(|life| life.end) {
                self.plan(span, Due::Die(life));
            }
        }
        self.stopping = None;
        if let Some(LifeEnd::InOrder(after, grace)) = self.this_life().map(|life| life.end) {
            self.plan(after, Due::ShutDown(life, grace));
        }
        self.witness.log(self.now, Sighting::Started);
        self.witness.begins_life(self.scenario.engine_options(life));
        self.judge_rerun();
        let options = self.scenario.engine_options(life);
        self.rerun = Rerun::begin(self.scenario.seed, &options, self.clocks.now(self.now));
        self.engine = Some(Engine::new(options));
        for number in 0..=self.host.data_shards() {
            let shard = ShardId::new(number);
            self.acquiring.insert(shard);
            self.plan(Span::ZERO, Due::Engine(Arrival::Acquire(shard)));
        }
        Ok(())
    }

    /// Judges the life that is over by running it again.
    pub(super) fn judge_rerun(&mut self) {
        if let Some(violation) = self.rerun.take().and_then(Rerun::judge) {
            self.witness.object(violation);
        }
    }

    /// Opens the store; nothing if the process died over it or must try again.
    fn open(
        &mut self,
        disk: &SimulatedDisk,
        options: &EmbeddedOptions,
    ) -> Result<Option<Option<Now>>, SimulationError> {
        let end = self.this_life().map(|life| life.end);
        arm(disk, end);
        let reason = match self.host.open(disk, options) {
            Ok(last) => return Ok(Some(last)),
            Err(error) => error.to_string(),
        };
        if disk.is_dead() || disk.has_failed_sync() {
            self.witness.happened.died_opening += 1;
            self.die();
            return Ok(None);
        }
        if disk.faults().capacity.is_some() {
            self.plan(Span::from_millis(1_000), Due::Start);
            return Ok(None);
        }
        self.witness.object(Violation::StoreFails { reason });
        self.go_on()?;
        Ok(None)
    }

    /// What was violated ends the run: what follows from it tells nothing more.
    pub(super) fn go_on(&self) -> Result<(), SimulationError> {
        match self.witness.violations() {
            [] => Ok(()),
            violations => Err(self.violated(violations)),
        }
    }

    /// The end of a run in which something did not hold.
    pub(super) fn violated(&self, violations: &[Violation]) -> SimulationError {
        let report = self.witness.so_far(self.summary());
        SimulationError::violated(violations, report)
    }

    /// The store, or the power, is gone in the middle of a group.
    pub(super) fn ended(&mut self) -> Result<(), SimulationError> {
        let Some(disk) = self.disk.clone() else {
            return Ok(());
        };
        let is_told = self.witness.failure.take();
        match (is_told, self.this_life().map(|life| life.end)) {
            (Some(_), Some(LifeEnd::FailingSync(_))) if disk.has_failed_sync() => {
                self.witness.happened.failed_syncs += 1;
                // It says so and ends by itself, so it closes what it has open.
                self.engine = None;
                self.host.close();
            }
            (None, Some(LifeEnd::Untold(_))) => self.witness.happened.died_untold += 1,
            _ if disk.is_dead() => {}
            (reason, _) => {
                let reason = reason.unwrap_or_default();
                self.witness.object(Violation::StoreFails { reason });
                return self.go_on();
            }
        }
        self.die();
        Ok(())
    }

    /// The process is gone, and begins again later.
    pub(super) fn die(&mut self) {
        let Some(disk) = self.disk.clone() else {
            return;
        };
        let life = self.this_life();
        let is_power_lost = life.is_some_and(|life| life.is_power_lost);
        disk.kill();
        self.engine = None;
        self.host.close();
        if is_power_lost {
            self.witness.happened.power_losses += 1;
            disk.restart();
        } else {
            self.witness.happened.kills += 1;
            disk.restart_warm();
        }
        self.mark(&disk, 0);
        self.leave();
    }

    /// The process has ended in order, and begins again later. Power may fail then, too.
    pub(super) fn end_in_order(&mut self) {
        self.engine = None;
        if let Some(disk) = self.disk.clone() {
            // What it has open is closed, as by any program that ends.
            self.host.close();
            disk.kill();
            if self.this_life().is_some_and(|life| life.is_power_lost) {
                disk.restart();
            } else {
                disk.restart_warm();
            }
            self.mark(&disk, 0);
        } else {
            self.host.outlive();
        }
        self.leave();
    }

    /// Nobody hears of anything any more, until the next life begins.
    fn leave(&mut self) {
        let down_for = self.this_life().map(|life| life.down_for);
        self.stopping = None;
        self.witness.died(self.moment());
        self.dues.retain(|due| {
            matches!(
                due,
                Due::Engine(
                    Arrival::Answer(..)
                        | Arrival::Ask(_)
                        | Arrival::Waiting(_)
                        | Arrival::LoseShard
                ) | Due::Trouble(_)
                    | Due::RoomAgain
                    | Due::Heal
            )
        });
        self.stalled_until = self.now;
        self.acquiring.clear();
        self.acts.clear();
        for ask in self.workload.cut_off() {
            self.plan_ask(ask);
        }
        let down_for = down_for.unwrap_or(Span::from_millis(1_000));
        self.plan(down_for, Due::Start);
    }

    /// Tells the trace how far the disk had come.
    fn mark(&mut self, disk: &SimulatedDisk, kind: u64) {
        let life = u64::try_from(self.witness.life).unwrap_or(u64::MAX);
        let (operations, syncs) = (disk.operations(), disk.syncs());
        self.trace.event_of_life(kind, life, operations, syncs);
    }
}
