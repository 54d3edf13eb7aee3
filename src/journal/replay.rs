//! Runs a recorded life again: a fresh engine is told what the old one was told, and must do the
//! same. No store and no network are asked; what they said stands in the journal.

use super::{
    frame::{Closing, Opening},
    steps::{Step, Turn},
    trace::{Record, Trace},
};
use crate::{
    engine::{Engine, Stats, io::Effect, io::Input},
    time::{Now, Timestamp},
};

/// Where a replay did something else than the recorded run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The turn of the life, from 1.
    pub turn: u64,
    /// What the recorded engine did there; `None` if it did nothing more in that turn.
    pub recorded: Option<Record>,
    /// What this one did; `None` if it did nothing more in that turn. If both are `None`, the effects
    /// are equal and what the engine was told is traced otherwise than it was.
    pub replayed: Option<Record>,
}

/// Both ways, in one line.
impl core::fmt::Display for Difference {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let told = |record: &Option<Record>| {
            let line = record.as_ref().map(ToString::to_string);
            line.unwrap_or_else(|| "nothing more".to_owned())
        };
        let (recorded, replayed) = (told(&self.recorded), told(&self.replayed));
        write!(
            out,
            "turn {}: recorded {recorded}, replayed {replayed}",
            self.turn
        )
    }
}

/// A life that is run again.
pub struct Replay {
    engine: Engine,
    trace: Trace,
    effects: Vec<Effect>,
    /// How far it is, as of the last turn.
    so_far: Closing,
    now: Now,
}

impl Replay {
    /// Begins a life, after one whose replay ended with the hash `hash_before`.
    #[must_use]
    pub fn begin(opening: &Opening, hash_before: u64) -> Self {
        let mut trace = Trace::default();
        trace.set_now(opening.begun.steady);
        trace.event_of_life(1, opening.life, hash_before, 0);
        trace.keep_effects();
        Self {
            engine: Engine::new(opening.options.clone()),
            trace,
            effects: Vec::new(),
            so_far: Closing {
                hash: hash_before,
                turns: 0,
                records: 0,
            },
            now: opening.begun,
        }
    }

    /// Takes the next step.
    ///
    /// # Errors
    /// The first [`Difference`]; nothing that follows tells anything.
    pub fn step(&mut self, step: Step) -> Result<(), Box<Difference>> {
        match step {
            Step::Input(now, input) => {
                self.now = now;
                self.trace.set_now(now.steady);
                self.trace.input(&input);
                self.engine.step(now, *input, &mut self.effects);
                Ok(())
            }
            Step::Turn(now, turn) => self.end_turn(now, &turn),
        }
    }

    fn end_turn(&mut self, now: Now, turn: &Turn) -> Result<(), Box<Difference>> {
        self.now = now;
        self.so_far.turns += 1;
        self.trace.set_now(now.steady);
        self.engine.step(now, Input::TurnEnd, &mut self.effects);
        for effect in self.effects.drain(..) {
            self.trace.effect(&effect);
        }
        self.so_far.records = self.trace.records();
        self.so_far.hash = self.trace.digest();
        let compared = self.compared(turn, now.steady);
        self.trace.forget_kept();
        compared.map_or(Ok(()), |difference| Err(Box::new(difference)))
    }

    /// The first difference of a turn that is over.
    fn compared(&self, turn: &Turn, time: Timestamp) -> Option<Difference> {
        let replayed = self.trace.kept();
        let count = replayed.len().max(turn.effects.len());
        let first = self.trace.records().saturating_sub(length(replayed));
        for index in 0..count {
            let (ours, theirs) = (replayed.get(index), turn.effects.get(index));
            if ours.map(content) != theirs.map(content) {
                let place = u64::try_from(index).unwrap_or(u64::MAX);
                return Some(Difference {
                    turn: self.so_far.turns,
                    recorded: theirs.map(|record| Record {
                        time,
                        sequence: first + place,
                        ..*record
                    }),
                    replayed: ours.copied(),
                });
            }
        }
        let is_same = (self.so_far.hash, self.so_far.records) == (turn.hash, turn.records);
        (!is_same).then_some(Difference {
            turn: self.so_far.turns,
            recorded: None,
            replayed: None,
        })
    }

    /// How far the life is, as of its last turn: turns, and records and hash of its trace.
    #[must_use]
    pub const fn so_far(&self) -> Closing {
        self.so_far
    }

    /// The moment of the last step.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// What the engine has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }
}

/// What is compared of a record: all but its time and place, which follow from the turn.
const fn content(record: &Record) -> (u64, u64, u128, u128) {
    (record.kind, record.value, record.first, record.second)
}

fn length(records: &[Record]) -> u64 {
    u64::try_from(records.len()).unwrap_or(u64::MAX)
}
