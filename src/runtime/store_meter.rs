//! What a store on a thread of its own has done, for operators: counted once per group of batches.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    domain::histogram::{COMMIT_BOUNDS, Histogram},
    time::Span,
};

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFigures {
    /// How long groups of batches took to become durable.
    pub commits: Histogram,
    /// Batches in these groups.
    pub batches: u64,
}

impl Default for StoreFigures {
    fn default() -> Self {
        Self {
            commits: Histogram::new(COMMIT_BOUNDS),
            batches: 0,
        }
    }
}

/// Counts; cheap to clone, and clones count together. One that no store counts on stays at nothing.
#[derive(Clone, Debug, Default)]
pub struct StoreMeter(Arc<Mutex<StoreFigures>>);

impl StoreMeter {
    /// A group of so many batches became durable in this time.
    pub(super) fn committed(&self, batches: u64, took: Span) {
        let mut figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        figures.commits.count(took);
        figures.batches += batches;
    }

    /// What was counted so far.
    #[must_use]
    pub fn figures(&self) -> StoreFigures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
