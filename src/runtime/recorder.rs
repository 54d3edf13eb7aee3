//! The seam: every input of a live engine passes here, and all that it does at the end of a turn.

use std::sync::Arc;

use super::recording::Recording;
use crate::{
    domain::{change::StoreMode, id::ShardId},
    engine::{
        Engine, Figures, Stats,
        io::{Effect, Input},
        pressure::Pressure,
    },
    journal::{frame::closing_content, steps::StepWriter},
    time::{Now, Timestamp},
};

/// Traces and records what an engine is told; on the thread of its loop.
pub struct Recorder {
    writer: StepWriter,
    recording: Recording,
    /// False once recording has stopped. The thread is left to itself then: to wait for it here would
    /// hold deliveries up.
    is_on: bool,
}

impl Recorder {
    /// Records into `recording`.
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        let begun = recording.begun();
        Self {
            writer: StepWriter::new(begun.life, begun.hash_before, begun.begun, begun.has_bodies),
            recording,
            is_on: true,
        }
    }

    fn input(&mut self, now: Now, input: &Input) {
        if self.is_on {
            self.writer.input(now, input);
            self.hand_over();
        }
    }

    fn turn_ended(&mut self, now: Now, effects: &[Effect]) {
        if self.is_on {
            self.writer.turn_ended(now, effects);
            self.hand_over();
        }
    }

    /// Hands a whole content over; if it is not taken, nothing more is recorded.
    fn hand_over(&mut self) {
        let (recording, is_on) = (&self.recording, &mut self.is_on);
        self.writer
            .take_content(|content| *is_on = recording.put(content));
    }

    /// The life is over and nothing is in flight: the journal is closed, and on the disk when this
    /// returns.
    fn close(self) {
        if self.is_on {
            self.recording.put(&closing_content(self.writer.so_far()));
        }
    }
}

/// An engine whose inputs may be recorded.
pub(super) struct RecordedEngine {
    engine: Engine,
    recorder: Option<Recorder>,
}

impl RecordedEngine {
    pub(super) const fn new(engine: Engine) -> Self {
        Self {
            engine,
            recorder: None,
        }
    }

    /// Records from now on; before the first step.
    pub(super) fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// [`Engine::step`]. The inputs come from the host alone, so this is all there is to record.
    pub(super) fn step(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let Some(recorder) = &mut self.recorder else {
            self.engine.step(now, input, effects);
            return;
        };
        if matches!(input, Input::TurnEnd) {
            self.engine.step(now, input, effects);
            recorder.turn_ended(now, effects);
        } else {
            recorder.input(now, &input);
            self.engine.step(now, input, effects);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.engine.next_deadline()
    }

    pub(super) fn stats(&self) -> Stats {
        self.engine.stats()
    }

    pub(super) fn figures(&self, now: Now) -> Figures {
        self.engine.figures(now)
    }

    pub(super) fn pressed(&self, pressed: &mut Vec<(ShardId, Pressure)>) -> StoreMode {
        self.engine.pressed(pressed);
        self.engine.store_mode()
    }

    pub(super) fn operational_application(&self) -> Option<Arc<str>> {
        self.engine.operational_application()
    }

    /// Closes the journal, if there is one: the engine has stopped.
    pub(super) fn close(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            recorder.close();
        }
    }
}
