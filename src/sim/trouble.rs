//! Troubles that come at their time, whatever the process is at.

use super::{
    besides::LATER_MAX,
    faults::{Faults, LifeEnd, Trouble},
    scenario::Scenario,
    simulated_disk::DiskFaults,
    stretch::Extent,
    world::{Arrival, BEGINNING, Due, World},
};
use crate::{
    domain::id::ShardId,
    engine::io::Input,
    time::{Span, Timestamp},
};

/// After every so many turns the figures of the process are looked at.
const TURNS_PER_LOOK: u64 = 16;

impl Scenario {
    /// When a run of it goes on for ever: everything has expired by then, twice over, whatever went
    /// wrong between.
    pub(super) fn end(&self) -> Timestamp {
        BEGINNING
            .plus(self.traffic_lasts())
            .plus(LATER_MAX)
            .plus(self.longest_wait())
            .plus(self.by_hand_until())
            .plus(self.healing.map_or(Span::ZERO, |healing| healing.at))
            .plus(self.engine.expires_after)
            .plus(self.faults.time_lost())
            .plus(self.news_last())
            .plus(Span::from_seconds(86_400))
    }
}

impl Scenario {
    /// How long it goes on to be told what happened at last, where somebody hears it.
    fn news_last(&self) -> Span {
        let spans = [self.longest_wait(), self.engine.expires_after];
        let lasts = spans
            .map(Span::as_micros)
            .into_iter()
            .fold(0, i64::saturating_add);
        let is_heard = self.hears_news().is_some();
        Span::from_micros(if is_heard { lasts } else { 0 })
    }
}

impl Faults {
    /// How long steady time may stand still where the clock was set back.
    pub(super) fn clock_lost(&self) -> Span {
        let steps = self.troubles.iter().map(|(_, trouble)| match trouble {
            Trouble::WallStep(span) => span.as_micros().abs(),
            _ => 0,
        });
        Span::from_micros(steps.sum())
    }

    /// For how long producers may ask in vain, each again and again: while the process is down, stands still or has no
    /// room on its disk.
    pub(super) fn asked_in_vain(&self) -> Span {
        let down = self.lives.iter().map(|life| life.down_for);
        let troubles = self.troubles.iter().map(|(_, trouble)| match trouble {
            Trouble::DiskFull(_, lasts) | Trouble::Stall(lasts) => *lasts,
            Trouble::WallStep(_)
            | Trouble::ShardLost
            | Trouble::Inspection
            | Trouble::ReceiverClock(..)
            | Trouble::Outage(..) => Span::ZERO,
        });
        let all = down.chain(troubles).map(Span::as_micros);
        Span::from_micros(all.fold(0, i64::saturating_add))
    }

    /// How much longer a run may take for what goes wrong in it: the process is down, and steady
    /// time stands still where a clock was set back.
    fn time_lost(&self) -> Span {
        let lives = self.lives.iter().map(|life| {
            let longest = match life.end {
                LifeEnd::After(span) => span.as_micros(),
                LifeEnd::InOrder(after, grace) => after.as_micros() + grace.as_micros(),
                LifeEnd::AtOperation(_) | LifeEnd::Untold(_) | LifeEnd::FailingSync(_) => 0,
            };
            // What waits longest waits a day; so long nothing may be written.
            longest + life.down_for.as_micros() + 2 * 86_400_000_000
        });
        let troubles = self.troubles.iter().map(|(after, trouble)| match trouble {
            Trouble::DiskFull(_, span) => after.as_micros() + span.as_micros(),
            Trouble::WallStep(span) => after.as_micros() + span.as_micros().abs(),
            Trouble::Stall(span)
            | Trouble::ReceiverClock(_, _, span)
            | Trouble::Outage(_, _, span) => after.as_micros() + span.as_micros(),
            Trouble::ShardLost | Trouble::Inspection => after.as_micros(),
        });
        Span::from_micros(lives.chain(troubles).sum())
    }
}

impl World<'_> {
    /// Whether nothing goes wrong any more.
    pub(super) const fn is_healed(&self) -> bool {
        self.witness.healed_at.is_some()
    }

    /// Nothing goes wrong any more, but with the receivers beside the core.
    pub(super) fn heal(&mut self) {
        let Some(healing) = self.scenario.healing else {
            return;
        };
        let moment = self.moment();
        self.witness.healed(moment);
        self.network.heal(healing.core);
        self.host.heal();
        if let Some(disk) = &self.disk {
            disk.set_faults(DiskFaults::default());
        }
    }

    /// Something goes wrong.
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        if self.is_healed() {
            return;
        }
        match trouble {
            Trouble::DiskFull(room, span) => {
                if let Some(disk) = &self.disk {
                    disk.limit(Some(room));
                    self.plan(span, Due::RoomAgain);
                }
            }
            Trouble::WallStep(span) => {
                self.witness.happened.wall_steps += 1;
                let ahead = self.clocks.wall_ahead.as_micros();
                self.clocks.wall_ahead = Span::from_micros(ahead + span.as_micros());
            }
            Trouble::ShardLost => self.plan(Span::ZERO, Due::Engine(Arrival::LoseShard)),
            Trouble::Inspection => self.inspect(Extent::Part),
            Trouble::Stall(span) => self.stand_still(span),
            // Receivers of this layer look at no time.
            Trouble::ReceiverClock(..) => {}
            // They know when.
            Trouble::Outage(..) => self.witness.happened.outages += 1,
        }
    }

    /// The process stands still for so long: what comes to it meanwhile waits until it goes on.
    fn stand_still(&mut self, span: Span) {
        let until = self.now.plus(span);
        if self.engine.is_none() || until <= self.stalled_until {
            return;
        }
        self.stalled_until = until;
        self.witness.stood_still(self.now, until);
        // Later than now, if not at all.
        self.dues.put_off(until, Due::is_of_process);
    }

    /// The disk has room again.
    pub(super) fn room_again(&mut self) {
        if let Some(disk) = &self.disk {
            disk.limit(None);
        }
    }

    /// The shard of the events goes to somebody else for a moment, if it is ours.
    pub(super) fn lose_shard(&mut self) {
        let shard = self.application.shard;
        if shard == ShardId::DIRECTORY || self.engine.is_none() || !self.acquiring.insert(shard) {
            return;
        }
        self.host.release(shard);
        self.witness.lost_shard(shard, self.moment());
        self.step(Input::ShardLost(shard));
        self.plan(Span::ZERO, Due::Engine(Arrival::Acquire(shard)));
    }

    /// Looks now and then at what the process tells of itself.
    pub(super) fn look_at_figures(&mut self) {
        let is_time = self.turns.is_multiple_of(TURNS_PER_LOOK);
        if let Some(engine) = self.engine.as_ref().filter(|_| is_time)
            && self.witness.is_watching
        {
            self.witness.judge_figures(&engine.stats());
        }
    }

    /// Reads the lists, as much of them as the extent says, and compares them with what is durable.
    pub(super) fn inspect(&mut self, extent: Extent) {
        let now = self.moment();
        if let (Some(store), Some(options)) = (self.host.store(), self.scenario.embedded()) {
            let kept = (options.payload_age, options.row_age, extent);
            self.witness.happened.inspections += 1;
            self.witness
                .inspect(store, self.application, kept, now, &mut self.inspections);
        }
    }
}
