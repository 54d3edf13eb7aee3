//! Bytes of bodies in memory at once: what was read of requests that are not answered yet, and answers that
//! wait for their clients to take them. Each of the two has a bound over all connections of the process.

use core::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, ready},
};
use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::problem::Problem;
use crate::{domain::command::Refusal, engine::pressure::Pressure, limits, runtime::handle::Work};

/// How many bytes may be held, and how many are; all clones count together.
#[derive(Clone, Debug)]
pub struct HeldBytes(Arc<Count>);

#[derive(Debug)]
struct Count {
    held: AtomicUsize,
    most: usize,
}

impl HeldBytes {
    /// At most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Count {
            held: AtomicUsize::new(0),
            most,
        }))
    }

    /// How many are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// A part of them for one request, which has none yet.
    pub(super) fn share(&self) -> Share {
        Share(Arc::new(Part {
            of: self.clone(),
            bytes: AtomicUsize::new(0),
        }))
    }
}

/// The bound of production.
impl Default for HeldBytes {
    fn default() -> Self {
        Self::new(limits::BODIES_HELD_BYTES_MAX)
    }
}

/// What one request holds; given back when its last clone goes.
#[derive(Clone, Debug)]
pub(super) struct Share(Arc<Part>);

#[derive(Debug)]
struct Part {
    of: HeldBytes,
    bytes: AtomicUsize,
}

impl Share {
    /// Takes so many bytes more; false, and nothing taken, where there is no room for all of them.
    pub(super) fn grow(&self, bytes: usize) -> bool {
        let count = &self.0.of.0;
        let within = |held: usize| {
            let after = held.checked_add(bytes);
            after.filter(|after| *after <= count.most)
        };
        // The count orders nothing else, so the weakest ordering is enough.
        let taken = count
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        if taken.is_ok() {
            self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Takes so many bytes more though there may be no room: it is too late to refuse them.
    fn grow_beyond(&self, bytes: usize) {
        self.0.of.0.held.fetch_add(bytes, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What a request is refused with whose body has so many bytes, before any of them is read: where
    /// half of what may be is held what can wait is, where there is no room for it all is.
    pub(super) fn refusal(&self, work: Work, bytes: usize) -> Option<Refusal> {
        let (held, most) = (self.0.of.held(), self.0.of.0.most);
        let has_room = held < most && bytes <= most.saturating_sub(held);
        let must_wait = work == Work::Again && Pressure::of(held, most) > Pressure::Low;
        (must_wait || !has_room).then_some(Refusal::Overloaded)
    }

    /// An answer whose body counts as held until its client took it or gave it up; 503 in its place where
    /// there is no room for it and `is_refusable`.
    fn hold(self, answer: Response, is_refusable: bool) -> Response {
        let bytes = usize::try_from(answer.body().size_hint().lower()).unwrap_or(usize::MAX);
        if bytes <= limits::ANSWER_UNCOUNTED_BYTES_MAX {
            return answer;
        }
        if !is_refusable {
            self.grow_beyond(bytes);
        } else if !self.grow(bytes) {
            return Problem::from(Refusal::Overloaded).into_response();
        }
        answer.map(|body| {
            Body::new(HeldBody {
                body,
                piece: Bytes::new(),
                _share: self,
            })
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        self.of.0.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The two bounds of a server; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Of bodies of requests, from their first byte until the answer is ready.
    pub requests: HeldBytes,
    /// Of bodies of answers, until all but the last piece was taken off our hands.
    pub answers: HeldBytes,
}

impl Held {
    /// Begins to count a request, whose share is found among its extensions by whoever reads its body.
    pub(super) fn count(&self, request: &mut Request<Body>) -> Counted {
        let share = self.requests.share();
        request.extensions_mut().insert(share.clone());
        Counted {
            request: share,
            answer: self.answers.share(),
            is_refusable: request.method().is_safe(),
        }
    }
}

/// What is counted of a request and of its answer.
pub(super) struct Counted {
    request: Share,
    answer: Share,
    /// Nothing was changed by it: it can be refused though it was carried out.
    is_refusable: bool,
}

impl Counted {
    /// Counts the answer instead of the request; 503 in its place where there is no room for it.
    pub(super) fn answered(self, answer: Response) -> Response {
        drop(self.request);
        self.answer.hold(answer, self.is_refusable)
    }
}

/// The body of an answer with its share, given out in pieces: what is handed over whole is let go by us while
/// it still waits for its client.
struct HeldBody {
    body: Body,
    /// What came of it and is still to be given out.
    piece: Bytes,
    _share: Share,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.piece.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.piece = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let most = self.piece.len().min(limits::ANSWER_UNCOUNTED_BYTES_MAX);
        let piece = self.piece.split_to(most);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let piece = u64::try_from(self.piece.len()).unwrap_or(u64::MAX);
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(piece));
        }
        hint.set_lower(rest.lower().saturating_add(piece));
        hint
    }
}

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use http::StatusCode;

    use super::*;

    /// What is held while the pieces of an answer are taken, one after the other.
    fn taken(held: &HeldBytes, answer: Response) -> Vec<(usize, usize)> {
        let mut body = Some(answer.into_body());
        let mut steps = Vec::new();
        while let Some(mut open) = body.take() {
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut open).poll_frame(&mut context) else {
                panic!("there is more");
            };
            let bytes = frame.into_data().expect("data").len();
            if open.is_end_stream() {
                // As a connection does with it.
                drop(open);
            } else {
                body = Some(open);
            }
            steps.push((bytes, held.held()));
        }
        steps
    }

    fn answer(bytes: usize) -> Response {
        Response::new(Body::from(vec![b'x'; bytes]))
    }

    #[test]
    fn shares_have_one_bound_and_what_one_lets_go_another_may_take() {
        let held = HeldBytes::new(100);
        let (one, other) = (held.share(), held.share());
        assert!(one.grow(60) && other.grow(40));
        assert!(!other.grow(1) && !one.grow(usize::MAX));
        let clone = one.clone();
        drop(one);
        assert_eq!(held.held(), 100);
        drop(clone);
        assert_eq!(held.held(), 40);
        assert!(other.grow(60));
        drop(other);
        assert_eq!(held.held(), 0);
    }

    #[test]
    fn what_can_wait_is_refused_from_half_of_the_bound_on_and_a_body_that_does_not_fit_always() {
        let held = HeldBytes::new(100);
        let share = held.share();
        let refused = |work, bytes| share.refusal(work, bytes).is_some();
        assert!(!refused(Work::Again, 100) && !refused(Work::New, 100));
        assert!(refused(Work::New, 101));
        assert!(share.grow(49));
        assert!(!refused(Work::Again, 0));
        assert!(share.grow(1));
        assert!(refused(Work::Again, 0));
        assert!(!refused(Work::New, 50) && refused(Work::New, 51));
        assert!(share.grow(50));
        assert!(refused(Work::New, 0));
    }

    #[test]
    fn an_answer_counts_until_its_last_piece_was_taken() {
        let most = limits::ANSWER_UNCOUNTED_BYTES_MAX;
        let held = HeldBytes::new(3 * most);
        let answer = held.share().hold(answer(2 * most + 1), true);
        assert_eq!(answer.body().size_hint().exact(), Some(2 * most as u64 + 1));
        let all = 2 * most + 1;
        let expected = [(most, all), (most, all), (1, 0)];
        assert_eq!(taken(&held, answer), expected);
    }

    #[test]
    fn an_answer_without_room_is_503_unless_something_was_changed_and_a_short_one_needs_none() {
        let most = limits::ANSWER_UNCOUNTED_BYTES_MAX;
        let held = HeldBytes::new(0);
        let status = |bytes, is_refusable| {
            let answer = held.share().hold(answer(bytes), is_refusable);
            (answer.status(), held.held())
        };
        let (fine, refused) = (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(most, true), (fine, 0));
        assert_eq!(status(most + 1, true), (refused, 0));
        assert_eq!(status(most + 1, false), (fine, most + 1));
        assert_eq!(held.held(), 0);
    }
}
