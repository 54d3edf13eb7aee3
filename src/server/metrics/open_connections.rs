//! How many connections are open.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Counts open connections; cheap to clone, and clones count together.
#[derive(Clone, Debug, Default)]
pub struct OpenConnections(Arc<AtomicU64>);

impl OpenConnections {
    /// A connection was opened; it is open as long as this is held.
    pub(in crate::server) fn opened(&self) -> Open {
        self.0.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.0))
    }

    /// How many are open.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An open connection.
pub(in crate::server) struct Open(Arc<AtomicU64>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
