//! What a client does on its connection, and how long that is put up with.
//!
//! Three patiences, none longer than it must be: a head has `head` from its first byte, the first one
//! from the connection's begin; between requests nothing need come for `idle`; while a request is
//! served no byte may move for `idle`. HTTP/2 tells no head from other frames, so between its
//! requests `idle` is all there is, whatever else comes: who only pings is gone, too. And whoever sends
//! much that is no request is not waited for at all.

#![expect(
    clippy::disallowed_methods,
    reason = "a client's patience and ours are a matter of real time"
)]

use core::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::task::AtomicWaker;
use tokio::time::{Instant, Sleep};

use crate::limits;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a head.
    pub(super) head: Duration,
    /// For nothing at all.
    pub(super) idle: Duration,
}

/// The record of one connection; cheap to clone, and all clones are one.
#[derive(Clone, Debug)]
pub(super) struct Conduct(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    inside: Mutex<Inside>,
    /// Wakes who watches over the connection.
    watcher: AtomicWaker,
}

#[derive(Clone, Copy, Debug)]
struct Inside {
    /// Requests that are being answered.
    working: u32,
    /// A whole head came.
    has_asked: bool,
    is_http_2: bool,
    /// A request was answered before its body was read to the end.
    left_unread: bool,
    /// Its place is wanted for somebody else.
    is_wanted: bool,
    /// It ends with its next answer, so that somebody else has its place.
    leaves: bool,
    /// When the connection began, or the last answer was ready.
    quiet_since: Instant,
    /// When the first byte of the next head came.
    head_since: Option<Instant>,
    last_read: Instant,
    last_sent: Instant,
    /// What goes out has no room, for the client reads nothing.
    is_stuck: bool,
    /// Bytes that came since a request was answered last.
    unasked: usize,
}

/// Why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its client takes too long.
    TooSlow,
    /// Its client sends much and asks nothing.
    TooMuch,
    /// It waits for a request while somebody else waits for its place.
    PlaceWanted,
}

/// What a connection waits for that can make room; who loses least by that comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// Its next request, of which no byte came.
    Next,
    /// Its first request, of which no byte came though there was time for it.
    First,
    /// The rest of a head that is slow.
    Head,
    /// That its client reads the answer, of which it takes nothing.
    Reader,
}

impl Conduct {
    /// Of a connection that begins now.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Arc::new(Shared {
            inside: Mutex::new(Inside {
                working: 0,
                has_asked: false,
                is_http_2: false,
                left_unread: false,
                is_wanted: false,
                leaves: false,
                quiet_since: now,
                head_since: None,
                last_read: now,
                last_sent: now,
                is_stuck: false,
                unasked: 0,
            }),
            watcher: AtomicWaker::new(),
        }))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many bytes came.
    pub(super) fn read(&self, bytes: usize) {
        let now = Instant::now();
        let mut inside = self.inside();
        inside.last_read = now;
        if inside.working > 0 {
            return;
        }
        inside.unasked = inside.unasked.saturating_add(bytes);
        if !inside.is_http_2 {
            inside.head_since.get_or_insert(now);
        }
    }

    /// So many bytes went out at once.
    pub(super) fn sent(&self, bytes: usize) {
        let mut inside = self.inside();
        inside.is_stuck = false;
        // An HTTP/2 client can draw as many short frames as it likes; they are no answer.
        if !inside.is_http_2 || bytes >= limits::SERVER_FRAME_BYTES_MIN {
            inside.last_sent = Instant::now();
        }
    }

    /// Something was to go out, and there was no room for it.
    pub(super) fn stuck(&self) {
        self.inside().is_stuck = true;
    }

    /// A whole head came; the request is being answered until what this gives is let go.
    pub(super) fn asked(&self, is_http_2: bool) -> Working {
        let mut inside = self.inside();
        inside.working = inside.working.saturating_add(1);
        inside.has_asked = true;
        inside.is_http_2 = is_http_2;
        inside.head_since = None;
        inside.unasked = 0;
        Working(self.clone())
    }

    /// A request was answered before its body was read to the end.
    pub(super) fn leave_unread(&self) {
        self.inside().left_unread = true;
    }

    /// Whether some body was not read to its end.
    pub(super) fn has_left_unread(&self) -> bool {
        self.inside().left_unread
    }

    /// What the connection waits for, and since when, if it can make room: no request is being answered,
    /// and a head had time to come, or an answer to be read.
    pub(super) fn wait(&self) -> Option<(Wait, Instant)> {
        let inside = *self.inside();
        if inside.working > 0 || inside.is_wanted {
            return None;
        }
        inside.wait()
    }

    /// Asks for the place of the connection; a request that comes in time keeps it.
    pub(super) fn want_place(&self) {
        self.inside().is_wanted = true;
        self.0.watcher.wake();
    }

    /// Asks that the connection ends with its next answer; false where that can't be said, or was asked
    /// before.
    pub(super) fn want_end(&self) -> bool {
        let mut inside = self.inside();
        let is_new = !inside.leaves && !inside.is_http_2;
        inside.leaves |= is_new;
        is_new
    }

    /// Whether the connection ends with the answer that is ready now.
    pub(super) fn leaves(&self) -> bool {
        self.inside().leaves
    }

    /// Until when its client has time, as things are.
    fn deadline(&self, patience: Patience) -> Instant {
        let inside = *self.inside();
        if inside.working > 0 {
            inside.last_read.max(inside.last_sent) + patience.idle
        } else if !inside.has_asked {
            inside.quiet_since + patience.head
        } else if let Some(begin) = inside.head_since {
            begin + patience.head
        } else {
            inside.quiet_since.max(inside.last_sent) + patience.idle
        }
    }

    /// Whether too much came that is no request.
    fn is_flooded(&self) -> bool {
        self.inside().unasked > limits::SERVER_UNASKED_BYTES_MAX
    }

    /// Whether the place is still wanted; a request, or a head's first byte, that came in time keeps it.
    pub(super) fn must_go(&self) -> bool {
        let mut inside = self.inside();
        inside.is_wanted &= inside.working == 0 && inside.wait().is_some();
        inside.is_wanted
    }

    /// Waits until the connection must be given up. What this looks at changes while its connection
    /// is polled, so the two belong in one task, the connection first.
    pub(super) async fn given_up(&self, patience: Patience) -> Ending {
        let mut sleep = core::pin::pin!(tokio::time::sleep_until(self.deadline(patience)));
        core::future::poll_fn(|context| self.poll_given_up(context, sleep.as_mut(), patience)).await
    }

    fn poll_given_up(
        &self,
        context: &mut Context<'_>,
        mut sleep: Pin<&mut Sleep>,
        patience: Patience,
    ) -> Poll<Ending> {
        self.0.watcher.register(context.waker());
        if self.must_go() {
            return Poll::Ready(Ending::PlaceWanted);
        }
        if self.is_flooded() {
            return Poll::Ready(Ending::TooMuch);
        }
        let deadline = self.deadline(patience);
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            let deadline = self.deadline(patience);
            if deadline <= Instant::now() {
                return Poll::Ready(Ending::TooSlow);
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

impl Inside {
    /// What is waited for without a request that is being answered, if there was time for it.
    fn wait(&self) -> Option<(Wait, Instant)> {
        let (wait, since, ms) = match (self.head_since, self.has_asked) {
            _ if self.is_stuck => (Wait::Reader, self.last_sent, limits::SERVER_GRACE_MS),
            (Some(begin), _) => (Wait::Head, begin, limits::SERVER_GRACE_MS),
            (None, false) => (Wait::First, self.quiet_since, limits::SERVER_GRACE_MS),
            (None, true) => {
                let since = self.quiet_since.max(self.last_sent);
                (Wait::Next, since, limits::SERVER_REST_MS)
            }
        };
        let had_time = since + Duration::from_millis(ms) <= Instant::now();
        had_time.then_some((wait, since))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Working(Conduct);

impl Drop for Working {
    fn drop(&mut self) {
        let mut inside = self.0.inside();
        inside.working = inside.working.saturating_sub(1);
        inside.quiet_since = Instant::now();
        inside.head_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
    };

    /// What happens at which second.
    type Happening = (u64, fn(&Conduct, &mut Option<Working>));

    /// At which second it is given up, where this happens meanwhile.
    async fn given_up(meanwhile: &[Happening]) -> u64 {
        let begin = Instant::now();
        let conduct = Conduct::new();
        let mut working = None;
        let happens = async {
            for (second, what) in meanwhile {
                tokio::time::sleep_until(begin + Duration::from_secs(*second)).await;
                what(&conduct, &mut working);
            }
            core::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = happens => {}
            ending = conduct.given_up(PATIENCE) => assert_eq!(ending, Ending::TooSlow),
        }
        begin.elapsed().as_secs()
    }

    fn reads(conduct: &Conduct, _: &mut Option<Working>) {
        conduct.read(1);
    }

    fn asks(conduct: &Conduct, working: &mut Option<Working>) {
        *working = Some(conduct.asked(false));
    }

    fn asks_by_http_2(conduct: &Conduct, working: &mut Option<Working>) {
        *working = Some(conduct.asked(true));
    }

    fn is_answered(_: &Conduct, working: &mut Option<Working>) {
        working.take();
    }

    #[tokio::test(start_paused = true)]
    async fn a10_a_head_has_ten_seconds_however_many_bytes_of_it_come() {
        assert_eq!(given_up(&[]).await, 10);
        assert_eq!(given_up(&[(1, reads), (5, reads), (9, reads)]).await, 10);
        // The next one as well, from its first byte on.
        let asked: [Happening; 2] = [(1, asks as _), (2, is_answered)];
        let next = [&asked[..], &[(20, reads), (25, reads)]].concat();
        assert_eq!(given_up(&next).await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a12_a_connection_without_a_request_has_sixty_seconds() {
        assert_eq!(given_up(&[(1, asks), (2, is_answered)]).await, 62);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_answered_has_sixty_seconds_from_its_last_byte() {
        assert_eq!(given_up(&[(1, asks), (30, reads)]).await, 90);
    }

    #[tokio::test(start_paused = true)]
    async fn a23_pings_do_not_keep_an_http_2_connection() {
        let pings = |conduct: &Conduct, _: &mut Option<Working>| {
            conduct.read(1);
            conduct.sent(17);
        };
        let asked: [Happening; 2] = [(1, asks_by_http_2 as _), (2, is_answered)];
        let pinged = [&asked[..], &[(30, pings), (61, pings)]].concat();
        assert_eq!(given_up(&pinged).await, 62);
        // An answer that is still on its way does.
        let answers = |conduct: &Conduct, _: &mut Option<Working>| conduct.sent(16_384);
        let sent = [&asked[..], &[(30, answers)]].concat();
        assert_eq!(given_up(&sent).await, 90);
    }

    #[tokio::test(start_paused = true)]
    async fn a23_a_mebibyte_without_a_request_is_too_much() {
        let conduct = Conduct::new();
        let half = limits::SERVER_UNASKED_BYTES_MAX / 2;
        for _ in 0..3 {
            conduct.read(half);
            conduct.read(half);
            assert!(!conduct.is_flooded());
            // The body of a request may be as long as it may.
            let working = conduct.asked(true);
            conduct.read(10 * half);
            drop(working);
        }
        conduct.read(2 * half + 1);
        assert_eq!(conduct.given_up(PATIENCE).await, Ending::TooMuch);
    }
}
