//! I24 and L5: a process that is told to end does so within its grace; then nothing is in flight, and all
//! that it was told of is durable: the next one makes no attempt again but those that were called off.

use crate::{
    sim::{seen::Moment, whole::Whole, witness::Witness},
    time::{Span, Timestamp},
};

impl Witness {
    /// How long after its grace a process may take to write what it knows.
    pub(in crate::sim) const fn written_within(&self) -> Span {
        Span::from_micros(self.window.as_micros() + 1_000_000)
    }

    /// Judges what was still to be written when a process said that it had ended. What a shard had asked for
    /// before it was lost is not the process's any more.
    pub(in crate::sim) fn judge_left_behind(&mut self, batches: usize) {
        if batches > 0 {
            self.object(Whole::LeftBehind(batches).into());
        }
    }

    /// Judges a process that says that it has ended, and that was to end at `deadline`, in steady time.
    pub(in crate::sim) fn judge_stopped(&mut self, deadline: Timestamp, now: Moment) {
        self.happened.shut_downs += 1;
        self.orderly.insert(self.breaks.len());
        self.judge_in_flight();
        let late = self.late_by(deadline, now);
        if late > self.written_within() {
            self.object(Whole::StoppedLate(Some(late)).into());
        }
    }

    /// How long a process that was to end at `deadline` has worked since; while it stands still it does not.
    pub(in crate::sim) fn late_by(&self, deadline: Timestamp, now: Moment) -> Span {
        let late = now.steady.since(deadline).max(Span::ZERO);
        let since = now.real.plus(Span::from_micros(-late.as_micros()));
        self.at_work(since, now.real)
    }

    /// Judges a process that goes on long after it was to end. One whose disk is full can't write what it
    /// knows, and is killed.
    pub(in crate::sim) fn judge_never_stopped(&mut self, is_disk_full: bool) {
        if !is_disk_full {
            self.object(Whole::StoppedLate(None).into());
        }
    }
}
