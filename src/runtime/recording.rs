//! A journal on the disk. The loop puts contents into a bounded queue and goes on; a thread of its
//! own frames them and writes them, a few times a second, into one file after another.
//!
//! Recording never holds deliveries up: if the disk is slower than the queue is long, is full or
//! fails, recording stops with a line in the log, and the journal is good up to there.

mod files;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use thiserror::Error;

use self::files::Files;
pub use self::files::parts;
use crate::{
    engine::options::Options,
    journal::frame::{FaultAt, Opening},
    limits,
    time::Now,
};

/// What is recorded, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingOptions {
    /// The file; older parts stand beside it.
    pub path: PathBuf,
    /// Whether the bytes of payloads and replies are recorded.
    pub with_bodies: bool,
    /// How large the file and its older parts may be together, in bytes.
    pub bytes_max: u64,
}

/// Why nothing can be recorded; the operator's to mend.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file can't be opened, read or written.
    #[error("the journal {} can't be written: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process records into it.
    #[error("the journal {} is in use by another process: record into another file", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is no journal, so nothing is recorded into it ({fault}): name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is not.
        fault: FaultAt,
    },
    /// The system gives no thread.
    #[error("no thread for the journal: {0}")]
    Thread(#[source] io::Error),
}

/// A running recording; it ends, with all that was put in on the disk, when it is dropped.
pub struct Recording {
    shared: Arc<Shared>,
    opening: Opening,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Contents, the length of each before it (four bytes).
    bytes: Vec<u8>,
    /// Nothing more comes.
    closed: bool,
    /// Nothing more is taken.
    stopped: bool,
}

impl Recording {
    /// Opens the journal and begins a life in it: a new file, or behind what an earlier life wrote.
    ///
    /// # Errors
    /// [`RecordingError`]
    pub fn start(
        recording: &RecordingOptions,
        engine: Options,
        now: Now,
    ) -> Result<Self, RecordingError> {
        let (mut files, last) = Files::open(recording)?;
        let opening = Opening {
            life: last.life + 1,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            options: engine,
            begun: now,
            has_bodies: recording.with_bodies,
            turns_before: 0,
            records_before: 0,
            hash_before: last.hash,
        };
        files.begin(&opening)?;
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                if let Err(error) = write_all(&mut files, &inside) {
                    lock(&inside).stopped = true;
                    tracing::warn!("recording stopped: {error}; deliveries go on");
                }
            })
            .map_err(RecordingError::Thread)?;
        Ok(Self {
            shared,
            opening,
            thread: Some(thread),
        })
    }

    /// What the life began with.
    #[must_use]
    pub const fn begun(&self) -> &Opening {
        &self.opening
    }

    /// Puts a content in; false if it is not taken, and nothing after it is. Never waits for a disk.
    pub(super) fn put(&self, content: &[u8]) -> bool {
        let mut queue = lock(&self.shared);
        if queue.stopped {
            return false;
        }
        let room = limits::JOURNAL_QUEUE_BYTES_MAX.saturating_sub(queue.bytes.len());
        // A single one that is larger than the queue is taken where nothing else waits.
        let length = u32::try_from(content.len());
        let (Ok(length), true) = (length, content.len() <= room || queue.bytes.is_empty()) else {
            queue.stopped = true;
            drop(queue);
            tracing::warn!("recording stopped: the disk is too slow for it; deliveries go on");
            return false;
        };
        let is_first = queue.bytes.is_empty();
        let was_short = queue.bytes.len() < limits::JOURNAL_WRITE_BYTES;
        queue.bytes.extend_from_slice(&length.to_le_bytes());
        queue.bytes.extend_from_slice(content);
        let is_long = queue.bytes.len() >= limits::JOURNAL_WRITE_BYTES;
        drop(queue);
        if is_first || (was_short && is_long) {
            self.shared.filled.notify_one();
        }
        true
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        lock(&self.shared).closed = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // Its panic was told where it happened.
            drop(thread.join());
        }
    }
}

/// The thread: writes what has gathered, until nothing more comes.
fn write_all(files: &mut Files, shared: &Shared) -> Result<(), RecordingError> {
    let mut bytes = Vec::new();
    while next_bytes(shared, &mut bytes) {
        let mut left = bytes.as_slice();
        while let Some((length, rest)) = left.split_first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let Some((content, rest)) = rest.split_at_checked(length) else {
                break;
            };
            files.put(content)?;
            left = rest;
        }
        files.write()?;
        bytes.clear();
        bytes.shrink_to(4 * limits::JOURNAL_WRITE_BYTES);
    }
    files.finish()
}

/// Waits until there is something and takes it; false when there will be nothing more.
///
/// What comes first is given a moment to gather company, so that a turn costs no write of its own.
fn next_bytes(shared: &Shared, bytes: &mut Vec<u8>) -> bool {
    let waiting = |queue: &mut Queue| queue.bytes.is_empty() && !queue.closed;
    let queue = shared.filled.wait_while(lock(shared), waiting);
    let queue = queue.unwrap_or_else(PoisonError::into_inner);
    let pause = Duration::from_millis(limits::JOURNAL_GATHER_MS);
    let gathering =
        |queue: &mut Queue| queue.bytes.len() < limits::JOURNAL_WRITE_BYTES && !queue.closed;
    let gathered = shared.filled.wait_timeout_while(queue, pause, gathering);
    let mut queue = gathered.unwrap_or_else(PoisonError::into_inner).0;
    core::mem::swap(&mut queue.bytes, bytes);
    !(bytes.is_empty() && queue.closed)
}

fn lock(shared: &Shared) -> MutexGuard<'_, Queue> {
    shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A failure of the file at `path`.
fn failed(path: &Path) -> impl Fn(io::Error) -> RecordingError + '_ {
    move |error| RecordingError::File {
        path: path.to_owned(),
        error,
    }
}
