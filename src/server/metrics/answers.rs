//! What the server answered, counted for operators.

use core::sync::atomic::{AtomicU64, Ordering};
use std::{sync::Arc, thread};

use axum::response::Response;

use crate::server::problem::Code;

/// The classes of statuses that answers have.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Counts answers; cheap to clone, and clones count together.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct Answers(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    classes: [AtomicU64; CLASSES.len()],
    refused: [AtomicU64; Code::ALL.len()],
    in_flight: AtomicU64,
}

impl Answers {
    /// A request came; whoever holds this owes its answer.
    pub(in crate::server) fn begin(&self) -> Owed {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        Owed(Arc::clone(&self.0))
    }

    /// How many answers had a status of which class.
    pub(super) fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.classes.iter().map(read);
        CLASSES.into_iter().zip(counts)
    }

    /// How many requests were refused for which reason.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.refused.iter().map(read);
        Code::ALL.into_iter().map(Code::text).zip(counts)
    }

    /// Requests that have no answer yet.
    pub(super) fn in_flight(&self) -> u64 {
        read(&self.0.in_flight)
    }
}

/// The answer that a request is owed. Dropped without one the request is broken off, or by a panic
/// answered as a fault of ours.
pub(in crate::server) struct Owed(Arc<Counts>);

impl Owed {
    /// It was given.
    pub(in crate::server) fn given(self, response: &Response) {
        let class = match response.status().as_u16() {
            ..=299 => 0,
            300..=399 => 1,
            400..=499 => 2,
            500.. => 3,
        };
        self.0.count(class, response.extensions().get().copied());
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        if thread::panicking() {
            self.0.count(3, Some(Code::Internal));
        }
    }
}

impl Counts {
    fn count(&self, class: usize, refused: Option<Code>) {
        let place = refused.and_then(|code| Code::ALL.iter().position(|known| *known == code));
        let refused = place.and_then(|place| self.refused.get(place));
        for count in self.classes.get(class).into_iter().chain(refused) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
