//! What an engine was told and what it did, step by step, as the content of frames.

use super::{
    form::{Form, Malformed, Reader, Writer},
    frame::{Closing, STEPS, TURN},
    trace::{Record, Trace},
};
use crate::{
    engine::io::{Effect, Input},
    limits,
    time::{Now, Span, Timestamp},
};

/// One step.
#[derive(Debug)]
pub enum Step {
    /// The engine was told something at this moment.
    Input(Now, Box<Input>),
    /// It was told at this moment that the turn is over, and did what follows.
    Turn(Now, Turn),
}

/// What an engine did at the end of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The records of its effects; without their time, which is that of the turn, and their place.
    pub effects: Vec<Record>,
    /// How many records its trace had then.
    pub records: u64,
    /// The hash of its trace then.
    pub hash: u64,
}

/// The first byte of each part of a content.
const MOMENT: u8 = 1;
const INPUT: u8 = 2;
const TURN_END: u8 = 3;

/// Traces a run and writes it down: the same for live runs and simulated ones.
///
/// The content of a frame is gathered here; [`StepWriter::take_content`] gives it out where there
/// is a whole one.
pub struct StepWriter {
    trace: Trace,
    out: Writer,
    /// The last moment that was written into the content; `None` while it is empty.
    now: Option<Now>,
    turns: u64,
    /// Records and hash of the trace at the end of the last turn.
    records: u64,
    hash: u64,
    is_turn_over: bool,
}

impl StepWriter {
    /// Begins a life with this number, after one whose trace had the hash `hash_before`.
    #[must_use]
    pub fn new(life: u64, hash_before: u64, begun: Now, with_bodies: bool) -> Self {
        let mut trace = Trace::default();
        trace.set_now(begun.steady);
        trace.event_of_life(1, life, hash_before, 0);
        trace.keep_effects();
        Self {
            trace,
            out: Writer {
                bytes: Vec::new(),
                with_bodies,
            },
            now: None,
            turns: 0,
            records: 0,
            hash: hash_before,
            is_turn_over: false,
        }
    }

    /// The engine is about to be told `input`.
    pub fn input(&mut self, now: Now, input: &Input) {
        self.trace.set_now(now.steady);
        self.trace.input(input);
        self.moment(now);
        self.out.bytes.push(INPUT);
        input.put(&mut self.out);
    }

    /// The engine was told that the turn is over, and answered with all of `effects`.
    pub fn turn_ended(&mut self, now: Now, effects: &[Effect]) {
        self.trace.set_now(now.steady);
        for effect in effects {
            self.trace.effect(effect);
        }
        self.moment(now);
        self.out.bytes.push(TURN_END);
        put_effects(self.trace.kept(), &mut self.out);
        self.trace.forget_kept();
        self.turns += 1;
        self.records = self.trace.records();
        self.hash = self.trace.digest();
        // At the very end and of fixed size: whoever writes parts reads them there.
        let tail = [self.records, self.hash].map(u64::to_le_bytes);
        self.out.bytes.extend(tail.as_flattened());
        self.is_turn_over = true;
    }

    /// How far the life is, as of its last turn.
    #[must_use]
    pub const fn so_far(&self) -> Closing {
        Closing {
            hash: self.hash,
            turns: self.turns,
            records: self.records,
        }
    }

    /// Gives a content to `put`, if there is a whole one: a turn is over, or much was told in it.
    pub fn take_content(&mut self, put: impl FnOnce(&[u8])) {
        let is_large = self.out.bytes.len() >= limits::JOURNAL_FRAME_BYTES;
        if !self.is_turn_over && !is_large {
            return;
        }
        if let Some(kind) = self.out.bytes.first_mut() {
            *kind = if self.is_turn_over { TURN } else { STEPS };
            put(&self.out.bytes);
        }
        self.is_turn_over = false;
        self.now = None;
        self.out.bytes.clear();
        // A great page of once does not hold its memory for good.
        self.out.bytes.shrink_to(4 * limits::JOURNAL_FRAME_BYTES);
    }

    fn moment(&mut self, now: Now) {
        let Some(last) = self.now.replace(now) else {
            // The kind of the content is set when it is whole.
            self.out.bytes.extend([STEPS, MOMENT]);
            now.put(&mut self.out);
            return;
        };
        if last != now {
            self.out.bytes.push(MOMENT);
            now.steady.since(last.steady).put(&mut self.out);
            now.wall.since(last.wall).put(&mut self.out);
        }
    }
}

/// Effects one behind the other: an id is told by how it differs from the one before it.
fn put_effects(effects: &[Record], out: &mut Writer) {
    effects.len().put(out);
    let mut last = (0, 0);
    for record in effects {
        record.kind.put(out);
        record.value.put(out);
        put_id(record.first, last.0, out);
        put_id(record.second, last.1, out);
        last = (record.first, record.second);
    }
}

/// An id whose upper half is that of the one before: its lower half alone. Neighbours are of the same
/// millisecond and shard, or of the same event.
const NEAR: u8 = 0;
/// Any other id, in full.
const FULL: u8 = 1;

fn put_id(id: u128, last: u128, out: &mut Writer) {
    if let Ok(differs) = u64::try_from(id ^ last) {
        out.bytes.push(NEAR);
        differs.put(out);
    } else {
        out.bytes.push(FULL);
        out.bytes.extend_from_slice(&id.to_le_bytes());
    }
}

fn take_id(last: u128, from: &mut Reader<'_>) -> Result<u128, Malformed> {
    match from.byte()? {
        NEAR => Ok(u128::from(u64::take(from)?) ^ last),
        FULL => {
            let mut id = [0; 16];
            id.copy_from_slice(from.bytes(16)?);
            Ok(u128::from_le_bytes(id))
        }
        _ => Err(Malformed { wanted: "id" }),
    }
}

fn take_effects(from: &mut Reader<'_>) -> Result<Vec<Record>, Malformed> {
    let count = usize::take(from)?;
    let mut effects = Vec::new();
    let mut last = (0, 0);
    for _ in 0..count {
        let (kind, value) = (u64::take(from)?, u64::take(from)?);
        let first = take_id(last.0, from)?;
        let second = take_id(last.1, from)?;
        last = (first, second);
        effects.push(Record {
            time: Timestamp::ZERO,
            sequence: 0,
            kind,
            value,
            first,
            second,
        });
    }
    Ok(effects)
}

fn take_fixed(from: &mut Reader<'_>) -> Result<u64, Malformed> {
    let mut value = [0; 8];
    value.copy_from_slice(from.bytes(8)?);
    Ok(u64::from_le_bytes(value))
}

/// Reads the steps of a content, behind its first byte.
pub(super) fn take_steps(from: &mut Reader<'_>) -> Result<Vec<Step>, Malformed> {
    let mut steps = Vec::new();
    let mut now: Option<Now> = None;
    while !from.is_at_end() {
        let part = from.byte()?;
        let moment = match (part, now) {
            (MOMENT, None) => Now::take(from)?,
            (MOMENT, Some(last)) => Now {
                steady: last.steady.plus(Span::take(from)?),
                wall: last.wall.plus(Span::take(from)?),
            },
            (_, None) => return Err(Malformed { wanted: "moment" }),
            (INPUT, Some(moment)) => {
                steps.push(Step::Input(moment, Form::take(from)?));
                moment
            }
            (TURN_END, Some(moment)) => {
                let effects = take_effects(from)?;
                let [records, hash] = [take_fixed(from)?, take_fixed(from)?];
                steps.push(Step::Turn(
                    moment,
                    Turn {
                        effects,
                        records,
                        hash,
                    },
                ));
                moment
            }
            _ => return Err(Malformed { wanted: "step" }),
        };
        now = Some(moment);
    }
    Ok(steps)
}
