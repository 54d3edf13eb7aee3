//! I2 for what an operator is told of a process: the attempts that it started and that are in flight, and the
//! deliveries that it heard to have succeeded, are those that were seen.

use crate::{
    engine::Stats,
    sim::{whole::Whole, witness::Witness},
};

/// What was seen of a process since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sim) struct SeenFigures {
    started: u64,
    succeeded: u64,
    /// Whether a shard was lost: what ends in the very turn in which it is may be nobody's any more.
    is_unsure: bool,
}

impl SeenFigures {
    /// An attempt starts.
    pub(in crate::sim) const fn started(&mut self) {
        self.started += 1;
    }

    /// One ended well, and the process that made it heard of it.
    pub(in crate::sim) const fn succeeded(&mut self) {
        self.succeeded += 1;
    }

    /// A shard was lost.
    pub(in crate::sim) const fn shard_lost(&mut self) {
        self.is_unsure = true;
    }
}

impl Witness {
    /// Judges what a process tells of itself.
    pub(in crate::sim) fn judge_figures(&mut self, told: &Stats) {
        let in_flight = u64::try_from(self.in_flight).unwrap_or(u64::MAX);
        let succeeded = if self.figures.is_unsure {
            told.succeeded
        } else {
            self.figures.succeeded
        };
        let all = [
            ("attempts that started", told.attempts, self.figures.started),
            ("attempts in flight", told.in_flight, in_flight),
            ("successes", told.succeeded, succeeded),
        ];
        for (what, told, counted) in all {
            if told != counted {
                self.object(
                    Whole::Miscounted {
                        what,
                        told,
                        counted,
                    }
                    .into(),
                );
            }
        }
    }
}
