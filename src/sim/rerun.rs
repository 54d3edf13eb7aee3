//! I25: what an engine was told, written down as `serve --record` writes it and read back, gives the
//! same effects again, without a store and without a network. Lives of some seeds are judged so.

use super::violation::Violation;
use crate::{
    engine::{
        io::{Effect, Input},
        options::Options,
    },
    journal::{
        frame::{Content, Opening, read_content},
        lives::Lives,
        steps::StepWriter,
    },
    time::Now,
};

/// One seed of so many is judged: it costs as much as the engine does.
const SEEDS_PER_SAMPLE: u64 = 8;
/// Most bytes of one life that are held; of a longer one the beginning is judged.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// A life that is written down.
pub(super) struct Rerun {
    opening: Opening,
    writer: StepWriter,
    contents: Vec<Vec<u8>>,
    bytes: usize,
}

impl Rerun {
    /// Begins a life, if those of this seed are judged.
    pub(super) fn begin(seed: u64, options: &Options, now: Now) -> Option<Self> {
        // An engine that makes a mistake on purpose can't be told so by a journal.
        #[cfg(feature = "mutants")]
        if options.mutant.is_some() {
            return None;
        }
        if !seed.is_multiple_of(SEEDS_PER_SAMPLE) {
            return None;
        }
        let opening = Opening {
            life: 1,
            program: String::new(),
            options: options.clone(),
            begun: now,
            has_bodies: false,
            turns_before: 0,
            records_before: 0,
            hash_before: 0,
        };
        Some(Self {
            writer: StepWriter::new(1, 0, now, false),
            opening,
            contents: Vec::new(),
            bytes: 0,
        })
    }

    /// The engine is about to be told `input`.
    pub(super) fn input(&mut self, now: Now, input: &Input) {
        if self.bytes < BYTES_MAX {
            self.writer.input(now, input);
            self.keep();
        }
    }

    /// A turn is over, with these effects.
    pub(super) fn turn_ended(&mut self, now: Now, effects: &[Effect]) {
        if self.bytes < BYTES_MAX {
            self.writer.turn_ended(now, effects);
            self.keep();
        }
    }

    fn keep(&mut self) {
        let (contents, bytes) = (&mut self.contents, &mut self.bytes);
        self.writer.take_content(|content| {
            *bytes += content.len();
            contents.push(content.to_vec());
        });
    }

    /// Runs the life again.
    pub(super) fn judge(self) -> Option<Violation> {
        let mut lives = Lives::default();
        let differs = |what: String| Some(Violation::RunsOtherwise(what));
        if lives
            .take(Content::Opening(Box::new(self.opening)))
            .is_err()
        {
            return differs("it does not begin".to_owned());
        }
        for (index, content) in self.contents.iter().enumerate() {
            let read = match read_content(content) {
                Ok(read) => read,
                Err(error) => return differs(format!("record {index}: {error}")),
            };
            if let Err(difference) = lives.take(read) {
                return differs(difference.to_string());
            }
        }
        None
    }
}
