//! redb trusts the pages of a file that looks whole, and panics where one of them makes no sense.
//! Such a panic is the world's fault and not ours, so it is caught here and told as a fault.

use core::{any::Any, cell::Cell, panic::AssertUnwindSafe};
use std::panic::catch_unwind;

use redb::Database;

use super::fault::Fault;

/// Longest part of a panic's message that is passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 200;

thread_local! {
    /// How many calls deep this thread is in work whose panics are caught.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic of this thread is going to be told as an ordinary error; whoever reports panics
/// may then be silent.
#[must_use]
pub fn is_caught() -> bool {
    DEPTH.get() > 0
}

/// Counts the depth down again, in a panic too.
struct Depth;

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// Does work on the file; a panic in it is a fault.
///
/// What the work was changing must not be used again after a fault.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    DEPTH.set(DEPTH.get() + 1);
    let depth = Depth;
    let done = catch_unwind(AssertUnwindSafe(work));
    drop(depth);
    done.unwrap_or_else(|panic| Err(Fault::broken(&message(&*panic))))
}

/// What a panic said, on one line.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = match panic.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => panic.downcast_ref::<&str>().copied().unwrap_or("a panic"),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MESSAGE_CHARS_MAX).collect()
}

/// An open database, whose closing reads pages as well.
pub(super) struct Held(Option<Database>);

impl Held {
    pub(super) const fn new(database: Database) -> Self {
        Self(Some(database))
    }

    /// The database.
    pub(super) fn database(&self) -> Result<&Database, Fault> {
        self.0.as_ref().ok_or_else(Fault::closed)
    }

    /// The database, for what nothing else may be done beside.
    pub(super) fn database_mut(&mut self) -> Result<&mut Database, Fault> {
        self.0.as_mut().ok_or_else(Fault::closed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let database = self.0.take();
        // The next opening finds what this closing could not write.
        drop(caught(|| {
            drop(database);
            Ok(())
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_fault_with_its_message_on_one_line() {
        assert!(!is_caught());
        let inside = caught(|| -> Result<(), Fault> {
            assert!(is_caught());
            let deeper = caught(|| Ok(7));
            assert_eq!(deeper.expect("nothing is wrong"), 7);
            assert!(is_caught());
            panic!("page 7\nis {}", "torn")
        });
        assert!(!is_caught());
        let told = crate::store::StoreFailure::from(inside.expect_err("it panicked"));
        assert!(told.reason.contains("page 7 is torn"), "{told}");
        assert!(!told.reason.contains('\n'), "{told}");
    }

    #[test]
    fn what_goes_well_comes_back_and_a_fault_stays_the_same() {
        assert_eq!(caught(|| Ok(1)).expect("nothing is wrong"), 1);
        let fault = caught(|| -> Result<(), Fault> { Err(Fault::damaged("a row")) });
        let told = crate::store::StoreFailure::from(fault.expect_err("a fault"));
        assert!(told.reason.starts_with("a row is damaged"), "{told}");
    }
}
