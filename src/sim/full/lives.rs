//! The lives of the process: each opens the store, runs until something ends it, and is dropped with all
//! of its tasks.

use std::{rc::Rc, sync::Arc};

use tokio::task::{LocalSet, spawn_local};

use super::{operators, process, producers, stage::Stage, standing_still::StandingStill};
use crate::{
    runtime::{drive::DriveError, port::SharedStore},
    sim::{
        faults::{Life, LifeEnd, Trouble},
        life::arm,
        report::Report,
        run::SimulationError,
        simulated_disk::DiskFaults,
        stretch::Extent,
        violation::Violation,
    },
    store::embedded::{EmbeddedOptions, EmbeddedStore},
    time::{Anchor, Span},
};

/// How long until a process that can't be told to end yet is told.
const TOLD_AGAIN_AFTER: Span = Span::from_millis(1);

/// How a life ended.
enum End {
    /// Everything was delivered, or given up.
    Done,
    /// The process is gone.
    Died,
    /// It was told to end, and did.
    Stopped,
    /// The store could not be opened as long as the disk is full.
    NoRoom,
}

/// Plays a whole scenario.
pub(super) async fn play(
    stage: &Rc<Stage>,
    options: &EmbeddedOptions,
) -> Result<Report, SimulationError> {
    operators::begin(stage);
    spawn_local(producers::ask_all(Rc::clone(stage)));
    for (after, trouble) in stage.scenario.faults.troubles.clone() {
        spawn_local(cause(Rc::clone(stage), after, trouble));
    }
    if let Some(healing) = stage.scenario.healing {
        let stage = Rc::clone(stage);
        spawn_local(async move {
            tokio::time::sleep(healing.at.as_duration()).await;
            stage.heal();
        });
    }
    loop {
        let ended = live(stage, options).await?;
        stage.go_on()?;
        let down_for = match ended {
            End::Done => break,
            End::NoRoom => Span::from_millis(1_000),
            End::Died => die(stage),
            End::Stopped => rest(stage),
        };
        tokio::time::sleep(down_for.as_duration()).await;
    }
    close(stage, options)
}

/// Something goes wrong at its time.
async fn cause(stage: Rc<Stage>, after: Span, trouble: Trouble) {
    tokio::time::sleep(after.as_duration()).await;
    if stage.is_healed() {
        return;
    }
    match trouble {
        Trouble::DiskFull(room, span) => {
            stage.disk.limit(Some(room));
            tokio::time::sleep(span.as_duration()).await;
            stage.disk.limit(None);
        }
        Trouble::WallStep(span) => {
            stage.witness.borrow_mut().happened.wall_steps += 1;
            let mut clocks = stage.clocks();
            let ahead = clocks.wall_ahead.as_micros();
            clocks.wall_ahead = Span::from_micros(ahead + span.as_micros());
        }
        Trouble::Stall(span) => {
            let (from, until) = (stage.real(), stage.real().plus(span));
            stage
                .stalled_until
                .set(stage.stalled_until.get().max(until));
            stage.witness.borrow_mut().stood_still(from, until);
        }
        // Receivers look whether it is so when they are asked.
        Trouble::ReceiverClock(..) => {}
        Trouble::Outage(..) => stage.witness.borrow_mut().happened.outages += 1,
        // Nobody else is there to take a shard, and what reads lists is the inspection of a start.
        Trouble::ShardLost | Trouble::Inspection => {}
    }
}

/// One life, from the opening of the store to its end.
async fn live(stage: &Rc<Stage>, options: &EmbeddedOptions) -> Result<End, SimulationError> {
    let number = stage.witness.borrow().life;
    let life = stage.life(number);
    let Some(store) = open(stage, options, life, Extent::Part)? else {
        return Ok(if stage.disk.is_dead() || stage.disk.has_failed_sync() {
            End::Died
        } else {
            End::NoRoom
        });
    };
    let crash = stage.crash.of_new_life();
    let tasks = LocalSet::new();
    let running = tasks.run_until(process::run(Rc::clone(stage), store));
    let running = StandingStill::at_times(Rc::clone(stage), running);
    let killed = async {
        match life.map(|life| life.end) {
            Some(LifeEnd::After(span)) => tokio::time::sleep(span.as_duration()).await,
            _ => core::future::pending().await,
        }
        if stage.is_healed() {
            core::future::pending::<()>().await;
        }
    };
    let at_last = shut_down(stage, life.map(|life| life.end));
    let ended = tokio::select! {
        biased;
        () = crash.notified() => End::Died,
        () = killed => End::Died,
        ended = running => judge_end(stage, life, ended)?,
        () = at_last => End::Died,
    };
    // All tasks of the process end here, in the middle of whatever they do.
    drop(tasks);
    stage.hub.close();
    stage.stopping.set(None);
    *stage.handle.borrow_mut() = None;
    Ok(ended)
}

/// Tells the process to end, if this life ends so, and waits until it should have long ago.
async fn shut_down(stage: &Stage, end: Option<LifeEnd>) {
    let Some(LifeEnd::InOrder(after, grace)) = end else {
        return core::future::pending().await;
    };
    tokio::time::sleep(after.as_duration()).await;
    if stage.is_healed() {
        return core::future::pending().await;
    }
    let slack = stage.witness.borrow().written_within();
    // A process that stands still from its beginning on has not got as far as to be told.
    while stage.handle.borrow().is_none() {
        tokio::time::sleep(TOLD_AGAIN_AFTER.as_duration()).await;
    }
    let deadline = stage.moment().steady.plus(grace);
    if let Some(handle) = stage.handle.borrow().as_ref() {
        stage.stopping.set(Some(deadline));
        handle.shut_down(grace.as_millis().unsigned_abs());
    }
    let mut pause = Span::from_micros(grace.as_micros() + 2 * slack.as_micros());
    loop {
        tokio::time::sleep(pause.as_duration()).await;
        let stands_still = stage
            .stalled_until
            .get()
            .since(stage.real())
            .max(Span::ZERO);
        let late = stage.witness.borrow().late_by(deadline, stage.moment());
        if stands_still == Span::ZERO && late > slack {
            break;
        }
        pause = Span::from_micros(stands_still.as_micros() + 2 * slack.as_micros());
    }
    let is_full = stage.disk.faults().capacity.is_some();
    stage.witness.borrow_mut().judge_never_stopped(is_full);
}

/// Opens the store and inspects it unless it is new; nothing if the process died over it or there is no room.
fn open(
    stage: &Stage,
    options: &EmbeddedOptions,
    life: Option<&Life>,
    extent: Extent,
) -> Result<Option<EmbeddedStore>, SimulationError> {
    let (disk, end) = (&stage.disk, life.map(|life| life.end));
    arm(disk, end);
    let store = match EmbeddedStore::open(Arc::new(disk.clone()), options.clone()) {
        Ok(store) => store,
        Err(error) => {
            if disk.is_dead() || disk.has_failed_sync() {
                stage.witness.borrow_mut().happened.died_opening += 1;
            } else if disk.faults().capacity.is_none() {
                let reason = error.to_string();
                stage.object(Violation::StoreFails { reason });
            }
            return stage.go_on().map(|()| None);
        }
    };
    let real = stage.real();
    let mut clocks = stage.clocks();
    let wall = real.plus(clocks.wall_ahead);
    clocks.started_at = real;
    clocks.anchor = match store.last_clock() {
        None => Anchor::fresh(wall),
        Some(last) => Anchor::resumed(last, wall, None)?,
    };
    drop(clocks);
    let (moment, shared) = (stage.moment(), SharedStore::new(store));
    stage.witness.borrow_mut().reconcile(&shared, moment);
    if stage.witness.borrow().life > 0 {
        stage.inspect(&shared, extent);
        mark(stage, 1);
        stage.go_on()?;
    }
    Ok(shared.into_inner())
}

/// What it means that the loop has ended by itself.
fn judge_end(
    stage: &Stage,
    life: Option<&Life>,
    ended: Result<(), DriveError>,
) -> Result<End, SimulationError> {
    let reason = match ended {
        Ok(()) => {
            let Some(deadline) = stage.stopping.take() else {
                // What has not ended by then is named at the close.
                return Ok(End::Done);
            };
            let moment = stage.moment();
            stage.witness.borrow_mut().judge_stopped(deadline, moment);
            stage.go_on()?;
            return Ok(End::Stopped);
        }
        Err(error) => error.to_string(),
    };
    stage.witness.borrow_mut().failure = None;
    let is_meant = matches!(life.map(|life| life.end), Some(LifeEnd::FailingSync(_)));
    if is_meant && stage.disk.has_failed_sync() {
        stage.witness.borrow_mut().happened.failed_syncs += 1;
    } else if !stage.disk.is_dead() {
        stage.object(Violation::StoreFails { reason });
        stage.go_on()?;
    }
    Ok(End::Died)
}

/// The process is gone; gives how long until the next one begins.
fn die(stage: &Stage) -> Span {
    let number = stage.witness.borrow().life;
    let life = stage.life(number);
    let disk = &stage.disk;
    disk.kill();
    let mut witness = stage.witness.borrow_mut();
    if life.is_some_and(|life| life.is_power_lost) {
        witness.happened.power_losses += 1;
        disk.restart();
    } else {
        witness.happened.kills += 1;
        disk.restart_warm();
    }
    drop(witness);
    mark(stage, 0);
    stage.witness.borrow_mut().died(stage.moment());
    life.map_or(Span::from_millis(1_000), |life| life.down_for)
}

/// The process has ended in order; power may fail then, too. Gives how long until the next one begins.
fn rest(stage: &Stage) -> Span {
    let number = stage.witness.borrow().life;
    let life = stage.life(number);
    stage.disk.kill();
    if life.is_some_and(|life| life.is_power_lost) {
        stage.disk.restart();
    } else {
        stage.disk.restart_warm();
    }
    mark(stage, 0);
    stage.witness.borrow_mut().died(stage.moment());
    life.map_or(Span::from_millis(1_000), |life| life.down_for)
}

/// Tells the trace how far the disk had come.
fn mark(stage: &Stage, kind: u64) {
    let life = u64::try_from(stage.witness.borrow().life).unwrap_or(u64::MAX);
    let (operations, syncs) = (stage.disk.operations(), stage.disk.syncs());
    stage.tell(|trace| trace.event_of_life(kind, life, operations, syncs));
}

/// Opens the store once more, judges the end of the run and sums it up.
fn close(stage: &Stage, options: &EmbeddedOptions) -> Result<Report, SimulationError> {
    if stage.disk.is_dead() {
        // It died while it closed what it had open.
        die(stage);
    }
    stage.disk.set_faults(DiskFaults::default());
    let Some(store) = open(stage, options, None, Extent::Whole)? else {
        let reason = "it does not open on a disk that is well".to_owned();
        return Err(stage.violated(&[Violation::StoreFails { reason }]));
    };
    let store = SharedStore::new(store);
    if stage.witness.borrow().life == 0 {
        stage.inspect(&store, Extent::Whole);
    }
    let report = {
        let witness = stage.witness.borrow();
        stage.summary(&witness)
    };
    let application = stage.application.get();
    let report = stage
        .witness
        .borrow_mut()
        .close(application, &store, stage.moment(), report);
    if !stage.has_ended(&store) {
        stage.object(Violation::Endless);
    }
    stage.go_on()?;
    Ok(report)
}
