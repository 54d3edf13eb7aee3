//! How far long work is, as a bar on a terminal; nothing where standard error is none.

use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::store::embedded::offline::{Progress, Step};

/// A bar on standard error.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    shown: Mutex<Option<Step>>,
}

impl Bar {
    /// A bar that shows once there is something to show.
    pub(super) fn new() -> Arc<Self> {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        Arc::new(Self {
            bar,
            shown: Mutex::new(None),
        })
    }

    /// Takes it away, so that what is told next stands alone.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn at(&self, step: Step, done: u64, of: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown == Some(Step::Rows) && step == Step::Pages {
            // Rows are read from pages, too.
            return;
        }
        if shown.replace(step) != Some(step) {
            let template = match step {
                Step::Pages => "comparing pages {bar:30} {bytes}/{total_bytes}",
                Step::Rows => "comparing rows  {bar:30} {human_pos}/{human_len}",
                Step::Copy => "copying         {bar:30} {bytes}/{total_bytes}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
    }
}
