//! One seed after another on every core, whatever is done with each.

use std::{
    io::IsTerminal as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;

/// Whether there are so many seeds from this one on.
pub(super) fn check(first: u64, count: u64) -> Result<(), Failure> {
    if first.checked_add(count.saturating_sub(1)).is_some() {
        return Ok(());
    }
    let most = u64::MAX;
    Err(Failure::Usage(format!(
        "there are no {count} seeds from {first} on, for the largest is {most}: choose a smaller --seed or \
         fewer --seeds"
    )))
}

/// Does something with each of `count` numbers from `first` on; gives what came of them in their order.
/// A bar shows how far it is, on a terminal.
pub(super) fn each<T: Send>(first: u64, count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let done = Mutex::new(Vec::new());
    let bar = progress(count);
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(seed) = first.checked_add(index).filter(|_| index < count) else {
                return;
            };
            let came = work(seed);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((index, came));
            bar.inc(1);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if count == 1 {
        run();
    } else {
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(run);
            }
        });
    }
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, came)| came).collect()
}

/// A bar on standard error if that is a terminal, of more than one seed.
pub(super) fn progress(count: u64) -> ProgressBar {
    if count == 1 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} seeds, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_each_stands_in_their_order() {
        let came = each(5, 100, |seed| seed * 2);
        let expected: Vec<u64> = (5..105).map(|seed| seed * 2).collect();
        assert_eq!(came, expected);
        assert_eq!(each(u64::MAX, 3, |seed| seed), [u64::MAX]);
    }
}
