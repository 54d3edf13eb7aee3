//! What goes wrong in a simulation beside the receivers: how each life of the process ends, and
//! troubles that come at their time.

use super::network::{Outage, OutageKind};
use crate::{engine::options::Options, time::Span};

/// What goes wrong beside the receivers; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Batches that fail, counted from 1 over all shards; in the layer `core` only.
    pub failing_commits: Vec<FailingCommit>,
    /// Turns take a random few of the inputs that are there.
    pub split_turns: bool,
    /// Pages come late and in any order.
    pub late_loads: bool,
    /// One load in ten fails.
    pub failing_loads: bool,
    /// The first receiver says that it is gone (410) at its third event or later.
    pub gone_receiver: bool,
    /// Each error status of a receiver asks to wait in an odd way: by a date, for less than nothing,
    /// for longer than anybody waits, in words that mean nothing, or twice.
    pub odd_waits: bool,
    /// The shortest and the longest time for one group or page, in microseconds; `None` for a quick
    /// disk.
    pub latency_us: Option<(u64, u64)>,
    /// How many in a hundred requests a receiver treats in an odd way: too late, too much, for ever,
    /// not at all; in the layer `full` only.
    pub odd_percent: u32,
    /// How many in a hundred attempts end on their way to a receiver: its name is not known, or not told, or
    /// leads to where nothing is sent, or TLS fails. In the layer `full` of the questions for a name, by as
    /// many of these as it can be.
    pub unreached_percent: u32,
    /// Bytes come in pieces; in the layer `full` only.
    pub partial_streams: bool,
    /// The lives of the process one after another; the one behind the last has no end. In the layer `core`
    /// only such that end in order.
    pub lives: Vec<Life>,
    /// What comes at its time, counted from the beginning; in the layer `store` only.
    pub troubles: Vec<(Span, Trouble)>,
}

impl Faults {
    /// When the receiver of an endpoint is out of order, in the order in which they are told.
    pub(super) fn outages(&self) -> impl Iterator<Item = (u32, Outage)> + '_ {
        let outage = |(from, trouble): &(Span, Trouble)| match *trouble {
            Trouble::Outage(endpoint, kind, lasts) => {
                let from = *from;
                Some((endpoint, Outage { from, lasts, kind }))
            }
            _ => None,
        };
        self.troubles.iter().filter_map(outage)
    }

    /// How many pairs of receivers are out of order together, and how many of these are back in another
    /// order than they went.
    pub(super) fn outages_together(&self) -> (u64, u64) {
        let outages: Vec<(u32, Outage)> = self.outages().collect();
        let (mut together, mut crossed) = (0, 0);
        for (place, (endpoint, one)) in outages.iter().enumerate() {
            for (other_endpoint, other) in outages.iter().skip(place + 1) {
                let overlap = one.from < other.until() && other.from < one.until();
                if endpoint != other_endpoint && overlap {
                    together += 1;
                    let went_first = one.from.cmp(&other.from);
                    crossed += u64::from(went_first == other.until().cmp(&one.until()));
                }
            }
        }
        (together, crossed)
    }

    /// How far the clock of the receiver with this number is ahead at this time of the run, where
    /// something is wrong with it.
    pub(super) fn clock_ahead(&self, number: u32, now: Span) -> Option<Span> {
        self.troubles
            .iter()
            .find_map(|(from, trouble)| match *trouble {
                Trouble::ReceiverClock(of, ahead, lasts) => {
                    let since = now.as_micros() - from.as_micros();
                    let is_so = of == number && (0..lasts.as_micros()).contains(&since);
                    is_so.then_some(ahead)
                }
                _ => None,
            })
    }
}

/// A batch that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailingCommit {
    /// Which batch, from 1.
    pub number: u64,
    /// Whether it becomes durable all the same, and only its answer is lost.
    pub is_durable: bool,
}

/// One life of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// How it ends.
    pub end: LifeEnd,
    /// Whether the power goes with it: what was not synced may be lost or torn.
    pub is_power_lost: bool,
    /// How long it takes until the next life begins.
    pub down_for: Span,
    /// The engine's settings in this life; its seed is replaced by the scenario's.
    pub engine: Options,
}

/// How a life of the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeEnd {
    /// At this operation of the disk, counted from the beginning of the life; in recovery and in
    /// the first creation, too.
    AtOperation(u64),
    /// This long after its beginning.
    After(Span),
    /// When the group with this number (from 1) is durable and nobody has heard of it.
    Untold(u64),
    /// When the sync with this number (from 0) fails, and the store with it.
    FailingSync(u64),
    /// In order: so long after its beginning it is told to end, and has so much time until it calls off
    /// what is in flight. In the layer `core`, too.
    InOrder(Span, Span),
}

/// Something that comes at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk has only this much room left, in bytes, for so long.
    DiskFull(u64, Span),
    /// The wall clock is set forward, or back.
    WallStep(Span),
    /// The shard of the events is lost to the process, which acquires it again.
    ShardLost,
    /// Lists and history are read, page by page, while everything goes on.
    Inspection,
    /// The process stands still for so long, while everything else goes on; then all is due at once.
    Stall(Span),
    /// The clock of the receiver with this number is ahead by so much, for so long; it refuses what
    /// seems too old or too new to it. In the layer `full` only.
    ReceiverClock(u32, Span, Span),
    /// The receiver of the endpoint with this number is out of order, in this way and for so long.
    Outage(u32, OutageKind, Span),
}
