//! What lists are made of, and reading them where a disk may be waited for.

use core::future::Future;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    domain::{
        application::Application,
        attempt::AttemptRecord,
        endpoint::Endpoint,
        history::{AttemptEntry, EventEntry},
        id::Id,
        task::Task,
    },
    limits,
    server::problem::{Code, Problem},
    time::Timestamp,
};

/// What a list is made of.
pub(super) trait Entry {
    /// Where it stands.
    fn id(&self) -> Id;
    /// The wall time it shows.
    fn wall(&self) -> Timestamp;
    /// How many bytes of it are unbounded but by its request or reply.
    fn bytes(&self) -> usize;
}

impl Entry for EventEntry {
    fn id(&self) -> Id {
        self.event.id.id()
    }

    fn wall(&self) -> Timestamp {
        self.event.accepted_wall
    }

    fn bytes(&self) -> usize {
        self.event.payload.bytes.len() + self.event.details().len()
    }
}

impl Entry for Arc<Application> {
    fn id(&self) -> Id {
        self.id.id()
    }

    fn wall(&self) -> Timestamp {
        self.created_at.wall
    }

    fn bytes(&self) -> usize {
        self.registration.said.len()
    }
}

impl Entry for Arc<Endpoint> {
    fn id(&self) -> Id {
        self.id.id()
    }

    fn wall(&self) -> Timestamp {
        self.created_at.wall
    }

    fn bytes(&self) -> usize {
        self.details.len()
    }
}

impl Entry for Arc<Task> {
    fn id(&self) -> Id {
        self.id.id()
    }

    fn wall(&self) -> Timestamp {
        self.created_at.wall
    }

    fn bytes(&self) -> usize {
        0
    }
}

impl Entry for AttemptEntry {
    fn id(&self) -> Id {
        self.record.id.id()
    }

    fn wall(&self) -> Timestamp {
        recorded_wall(&self.record)
    }

    fn bytes(&self) -> usize {
        self.record.body.len()
    }
}

/// When an attempt's result was recorded, as the wall clock had it: lists run in this order.
///
/// Its id tells the millisecond. Of an attempt that started within it the start is shown, so that
/// none seems older than the event it carried.
pub(super) fn recorded_wall(record: &AttemptRecord) -> Timestamp {
    let started_at = record.started_at;
    let recorded = started_at.wall_at(record.id.id().made_at());
    recorded.max(started_at.wall)
}

tokio::task_local! {
    /// That what is asked for is read where it is asked.
    static IN_PLACE: ();
}

/// Serves so that whatever is read is read in place: for a host of one thread that says itself what comes
/// when, over a store that never waits.
pub async fn in_place<T>(serving: impl Future<Output = T>) -> T {
    IN_PLACE.scope((), serving).await
}

/// Reads a page on a thread that may wait for a disk, if not [`in_place`]; few at a time, since each holds
/// its entries in memory.
///
/// # Errors
/// What the reading fails with, or [`Code::Internal`] if it panicked.
pub(in crate::server) async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    static PLACES: Semaphore = Semaphore::const_new(limits::PAGE_READS_MAX);
    if IN_PLACE.try_with(|()| ()).is_ok() {
        return read();
    }
    // It is never closed; if it were, reading without a place would do no harm.
    let place = PLACES.acquire().await.ok();
    let read = tokio::task::spawn_blocking(move || {
        let _place = place;
        read()
    });
    read.await.unwrap_or_else(|error| {
        tracing::error!(%error, "the reading of a list ended early");
        let message = "a fault of the server; its log has more";
        Err(Problem::new(Code::Internal, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_read_in_place_is_read_by_who_asks() {
        let reader = || async { off_thread(|| Ok(std::thread::current().id())).await };
        let here = std::thread::current().id();
        let elsewhere = reader().await.expect("it is read");
        assert_ne!(elsewhere, here);
        let in_place = in_place(reader()).await.expect("it is read");
        assert_eq!(in_place, here);
    }
}
