//! The lives of a journal, run again one after the other.

use super::{
    frame::{Closing, Content, Opening},
    replay::{Difference, Replay},
    steps::Step,
};
use crate::{engine::Stats, time::Timestamp};

/// Where to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Before what came after this wall time.
    Time(Timestamp),
    /// Behind the turn in which the trace of this life has so many records.
    Record {
        /// The life, by its number in the journal; 0 for the first that is run.
        life: u64,
        /// The number of the record, from 0.
        record: u64,
    },
}

/// What a life came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// What it began with.
    pub opening: Opening,
    /// How far it was run.
    pub replayed: Closing,
    /// The hash of the recorded trace at that place.
    pub recorded_hash: u64,
    /// How it ended.
    pub end: LifeEnd,
    /// What the engine had done by then.
    pub stats: Stats,
}

/// How a life, or its replay, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeEnd {
    /// It was shut down, with nothing in flight.
    Closed,
    /// Its process was killed, or recording stopped, or it goes on still.
    Unclosed,
    /// The replay stopped where it was asked to.
    Until,
    /// The replay did something else than the life.
    Differs,
}

/// What can't be run, because its beginning is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The life.
    pub life: u64,
    /// How many of its turns are not there.
    pub turns_before: u64,
}

/// Runs the contents of a journal.
#[derive(Default)]
pub struct Lives {
    until: Option<Until>,
    current: Option<(Opening, Replay, u64)>,
    ended: Vec<Life>,
    skipped: Option<Skipped>,
    is_stopped: bool,
}

impl Lives {
    /// Runs everything, or up to a place.
    #[must_use]
    pub fn new(until: Option<Until>) -> Self {
        Self {
            until,
            ..Self::default()
        }
    }

    /// Whether the place where to stop was reached.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Takes the next content.
    ///
    /// # Errors
    /// The first [`Difference`]; nothing more is to be taken then.
    pub fn take(&mut self, content: Content) -> Result<(), Box<Difference>> {
        match content {
            Content::Opening(opening) => self.open(*opening),
            Content::Steps(steps) => {
                for step in steps {
                    self.step(step)?;
                }
            }
            Content::Closing(_) => self.end(LifeEnd::Closed),
        }
        Ok(())
    }

    fn open(&mut self, opening: Opening) {
        let goes_on = self.current.as_ref().is_some_and(|(current, replay, _)| {
            current.life == opening.life && replay.so_far().turns == opening.turns_before
        });
        if goes_on && !opening.is_beginning() {
            return;
        }
        self.end(LifeEnd::Unclosed);
        if !opening.is_beginning() {
            self.skipped.get_or_insert(Skipped {
                life: opening.life,
                turns_before: opening.turns_before,
            });
            return;
        }
        let before = self.ended.last();
        let before = before.filter(|before| before.opening.life + 1 == opening.life);
        let hash = before.map_or(opening.hash_before, |before| before.replayed.hash);
        let replay = Replay::begin(&opening, hash);
        let recorded = opening.hash_before;
        self.current = Some((opening, replay, recorded));
    }

    fn step(&mut self, step: Step) -> Result<(), Box<Difference>> {
        let first_life = self.ended.first().map(|life| life.opening.life);
        let Some((opening, replay, recorded)) = &mut self.current else {
            return Ok(());
        };
        if self.is_stopped {
            return Ok(());
        }
        let life = opening.life;
        let is_turn = matches!(step, Step::Turn(..));
        let (now, hash) = match &step {
            Step::Input(now, _) => (*now, *recorded),
            Step::Turn(now, turn) => (*now, turn.hash),
        };
        if let Some(Until::Time(time)) = self.until
            && now.wall > time
        {
            self.stop();
            return Ok(());
        }
        *recorded = hash;
        if let Err(difference) = replay.step(step) {
            self.end(LifeEnd::Differs);
            return Err(difference);
        }
        let records = replay.so_far().records;
        if let Some(Until::Record {
            life: asked,
            record,
        }) = self.until
            && is_turn
            && (asked == life || (asked == 0 && first_life.is_none()))
            && records > record
        {
            self.stop();
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.is_stopped = true;
        self.end(LifeEnd::Until);
    }

    /// The life that is run ends here.
    fn end(&mut self, end: LifeEnd) {
        if let Some((opening, replay, recorded_hash)) = self.current.take() {
            self.ended.push(Life {
                opening,
                replayed: replay.so_far(),
                recorded_hash,
                end,
                stats: replay.stats(),
            });
        }
    }

    /// All lives that were run, and what of the journal could not be run.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Life>, Option<Skipped>) {
        self.end(LifeEnd::Unclosed);
        (self.ended, self.skipped)
    }
}
