//! The task of one connection: it serves one attempt after the other and waits idle in between.
//!
//! | it | and then |
//! |---|---|
//! | takes a job with no connection | dials; sends; a failure ends the attempt and the task |
//! | takes a job with a kept connection | sends; if that connection had died before any byte of a reply came, dials and sends once more |
//! | has read a reply whole | falls idle, if the connection stands and its target is still current |
//! | is idle | ends after its idle time, when the receiver closes or speaks, or when told to |
//!
//! Whatever ends the task, a panic too, reports its attempt (`Slot`) and frees its seat
//! ([`Occupied`]).

use core::{
    cell::RefCell,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use std::{rc::Rc, sync::Arc};

use http::{HeaderMap, header::RETRY_AFTER};
use hyper::client::conn::http1::Builder;
use tokio::time::Instant;

use super::{
    classify_error::ExchangeFailure,
    deadline::Deadline,
    dial::{Dialer, Passage, Route},
    exchange::{HttpConnection, is_ambiguous},
    outcomes::Outcomes,
    pool::{Job, Pool, Seat},
    reply_body::{Keeping, ReplyBody},
    request::RequestBuilder,
    resolver::Resolver,
};
use crate::{
    domain::outcome::{Outcome, OutcomeKind},
    limits,
    time::Span,
};

/// What all connection tasks of a transport share.
pub(super) struct Shared<R, D> {
    pub(super) route: Route<R, D>,
    pub(super) requests: RequestBuilder,
    pub(super) http: Builder,
    pub(super) pool: RefCell<Pool>,
    pub(super) outcomes: Rc<Outcomes>,
    pub(super) keeping: Arc<Keeping>,
    pub(super) attempt_timeout_ms: u32,
    pub(super) idle_ms: u64,
    /// The mistake that it makes.
    #[cfg(feature = "mutants")]
    pub(super) mutant: Option<super::mutant::Mutant>,
}

/// A seat that is left when the task ends, however it ends.
pub(super) struct Occupied<R, D> {
    shared: Rc<Shared<R, D>>,
    seat: Rc<Seat>,
}

impl<R, D> Occupied<R, D> {
    /// Takes a seat for a task that is about to be spawned.
    pub(super) const fn new(shared: Rc<Shared<R, D>>, seat: Rc<Seat>) -> Self {
        Self { shared, seat }
    }
}

impl<R, D> Drop for Occupied<R, D> {
    fn drop(&mut self) {
        // First the seat, then the job that nobody took: its slot reports it.
        if let Ok(mut pool) = self.shared.pool.try_borrow_mut() {
            pool.leave(&self.seat);
        }
        drop(self.seat.take_job());
    }
}

/// Runs the task of a seat to which the first job was handed.
pub(super) async fn run<R: Resolver, D: Dialer>(occupied: Occupied<R, D>) {
    let shared = Rc::clone(&occupied.shared);
    let seat = Rc::clone(&occupied.seat);
    seat.learn_waker().await;
    let Some(mut job) = seat.take_job() else {
        return;
    };
    let mut worker = Worker {
        deadline: Deadline::new(job.slot.started()),
        connection: None,
        seat: &seat,
        shared: &shared,
    };
    loop {
        let revision = job.derived.target.revision;
        let ended_at = worker.attempt(job).await;
        let Some(next) = worker.next_job(revision, ended_at).await else {
            return;
        };
        job = next;
    }
}

struct Worker<'task, R, D: Dialer> {
    deadline: Deadline,
    /// Kept for the next attempt.
    connection: Option<(HttpConnection<D::Stream>, Passage)>,
    seat: &'task Rc<Seat>,
    shared: &'task Shared<R, D>,
}

impl<R: Resolver, D: Dialer> Worker<'_, R, D> {
    /// Carries an attempt out and reports it; says when it ended.
    async fn attempt(&mut self, job: Job) -> Instant {
        let timeout = Duration::from_millis(self.shared.attempt_timeout_ms.into());
        self.deadline.set(job.slot.started() + timeout);
        if self.seat.is_cancelled() {
            return job.slot.settle_without_reply(OutcomeKind::Cancelled, false);
        }
        let mut resent = false;
        let kept = self.connection.take();
        if let Some(kept) = kept.filter(|(_, passage)| self.shared.route.still_leads(passage)) {
            match self.exchange(kept, &job).await {
                Ok(reply) => return job.slot.settle(reply),
                Err(failure) if failure.may_send_again => resent = failure.was_sent,
                Err(failure) => return job.slot.settle_without_reply(failure.kind, false),
            }
        }
        let result = match self.connect(&job).await {
            Ok(connection) => self.exchange(connection, &job).await.map_err(|f| f.kind),
            Err(kind) => Err(kind),
        };
        match result {
            Ok(reply) => job.slot.settle(Outcome { resent, ..reply }),
            Err(kind) => job.slot.settle_without_reply(kind, resent),
        }
    }

    /// Opens a fresh connection.
    async fn connect(
        &mut self,
        job: &Job,
    ) -> Result<(HttpConnection<D::Stream>, Passage), OutcomeKind> {
        let shared = self.shared;
        let mut open = pin!(async {
            let (wire, passage) = shared.route.open(&job.derived).await?;
            let connection = HttpConnection::open(&shared.http, wire).await;
            #[cfg(feature = "mutants")]
            if shared.mutant == Some(super::mutant::Mutant::TakesShortWritesForWhole)
                && let Ok(connection) = &connection
            {
                connection.take_short_writes();
            }
            Ok((connection?, passage))
        });
        self.unless_interrupted(open.as_mut()).await?
    }

    /// Sends an attempt once more to where a redirect leads; that is how the attempt ends.
    #[cfg(feature = "mutants")]
    async fn follow(
        &mut self,
        job: &Job,
        derived: super::target::DerivedTarget,
    ) -> Result<Outcome, SendFailure> {
        let shared = self.shared;
        let request = shared.requests.build(&job.request, &derived);
        let request = request.map_err(|_| SendFailure::last(OutcomeKind::Internal))?;
        let mut exchange = Box::pin(async {
            let (wire, _) = shared.route.open(&derived).await?;
            let mut connection = HttpConnection::open(&shared.http, wire).await?;
            connection
                .send(request)
                .await
                .map_err(|failure| failure.kind)
        });
        match self.unless_interrupted(exchange.as_mut()).await {
            Ok(Ok(head)) => Ok(reply(head.status().as_u16(), head.headers())),
            Ok(Err(kind)) | Err(kind) => Err(SendFailure::last(kind)),
        }
    }

    /// Sends the request and reads the reply; keeps the connection if it may serve again.
    async fn exchange(
        &mut self,
        (mut connection, passage): (HttpConnection<D::Stream>, Passage),
        job: &Job,
    ) -> Result<Outcome, SendFailure> {
        let request = self.shared.requests.build(&job.request, &job.derived);
        let request = request.map_err(|_| SendFailure::last(OutcomeKind::Internal))?;
        let head = {
            let sending = pin!(connection.send(request));
            self.unless_interrupted(sending).await
        };
        let head = match head {
            Ok(Ok(head)) => head,
            Ok(Err(failure)) => {
                return Err(SendFailure::new(failure, connection.saw_reply_bytes()));
            }
            Err(kind) => return Err(SendFailure::last(kind)),
        };
        // From here on the status stands, whatever becomes of the body.
        let (head, mut incoming) = head.into_parts();
        #[cfg(feature = "mutants")]
        let redirected = super::mutant::redirected(&job.request, &head.headers);
        let is_ambiguous = is_ambiguous(&head.headers);
        let outcome = reply(head.status.as_u16(), &head.headers);
        // Its fields lie in the buffer that the body is read into, which would need another one.
        drop(head);
        let mut body = ReplyBody::new(Arc::clone(&self.shared.keeping));
        let is_whole = {
            let reading = pin!(connection.read_body(&mut incoming, &mut body));
            self.unless_interrupted(reading).await.unwrap_or(false)
        };
        drop(incoming);
        #[cfg(feature = "mutants")]
        if self.shared.mutant == Some(super::mutant::Mutant::FollowsRedirects)
            && let Some(to) = redirected
        {
            return self.follow(job, to).await;
        }
        if is_whole && !is_ambiguous && connection.is_reusable().await {
            self.connection = Some((connection, passage));
        } else {
            #[cfg(feature = "mutants")]
            if self.shared.mutant == Some(super::mutant::Mutant::KeepsUnreadConnections) {
                let anew = connection.begun_anew(&self.shared.http).await;
                self.connection = anew.map(|connection| (connection, passage));
            }
        }
        Ok(Outcome {
            body: body.into_bytes(&job.derived.headers),
            ..outcome
        })
    }

    /// Waits for `future`, but not beyond the deadline, nor once the attempt is called off.
    ///
    /// It takes the future by its place: handed over it would stand in the task twice.
    async fn unless_interrupted<F: Future>(
        &mut self,
        mut future: Pin<&mut F>,
    ) -> Result<F::Output, OutcomeKind> {
        let after_ms = self.shared.attempt_timeout_ms;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if self.seat.is_cancelled() {
                return Poll::Ready(Err(OutcomeKind::Cancelled));
            }
            self.deadline
                .poll_passed(context)
                .map(|()| Err(OutcomeKind::Timeout { after_ms }))
        })
        .await
    }

    /// Waits idle for the next job; `None` when the task is to end.
    async fn next_job(&mut self, revision: u32, idle_since: Instant) -> Option<Job> {
        if self.connection.is_none() || !self.shared.pool.borrow_mut().park(self.seat, revision) {
            return None;
        }
        let idle = Duration::from_millis(self.shared.idle_ms);
        self.deadline.set(idle_since + idle);
        poll_fn(|context| self.poll_next_job(context)).await
    }

    fn poll_next_job(&mut self, context: &mut Context<'_>) -> Poll<Option<Job>> {
        if let Some(job) = self.seat.take_job() {
            return Poll::Ready(Some(job));
        }
        let has_ended = self
            .connection
            .as_mut()
            .is_none_or(|(connection, _)| connection.poll_ended(context).is_ready());
        if has_ended || self.seat.is_closing() || self.deadline.poll_passed(context).is_ready() {
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

/// Why a request brought no reply, and whether it may be sent on a fresh connection.
struct SendFailure {
    kind: OutcomeKind,
    was_sent: bool,
    /// Whether it failed as a connection does that had died while it was kept.
    may_send_again: bool,
}

impl SendFailure {
    fn new(failure: ExchangeFailure, saw_reply_bytes: bool) -> Self {
        let has_died = matches!(failure.kind, OutcomeKind::Closed | OutcomeKind::Reset);
        Self {
            kind: failure.kind,
            was_sent: failure.was_sent,
            may_send_again: !failure.was_sent || (has_died && !saw_reply_bytes),
        }
    }

    /// A failure that ends the attempt.
    const fn last(kind: OutcomeKind) -> Self {
        Self {
            kind,
            was_sent: true,
            may_send_again: false,
        }
    }
}

/// The outcome of a reply without its body; its duration is filled in when it is reported.
fn reply(status: u16, headers: &HeaderMap) -> Outcome {
    let retry_after = headers
        .get(RETRY_AFTER)
        .filter(|value| value.len() <= limits::RETRY_AFTER_BYTES_MAX)
        .and_then(|value| value.to_str().ok())
        .map(Box::from);
    Outcome {
        retry_after,
        ..Outcome::without_reply(OutcomeKind::Status(status), Span::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::transport::{dial::TcpDialer, resolver::SystemResolver};

    /// There are as many of them as attempts in flight.
    #[test]
    fn the_task_of_a_connection_is_small() {
        fn bytes_of<A, F>(_: fn(A) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = bytes_of(run::<SystemResolver, TcpDialer>);
        assert!(bytes <= 2_560, "{bytes}");
    }

    #[test]
    fn a_retry_after_is_kept_as_text_unless_it_is_junk() {
        let kept = |value: HeaderValue| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
            reply(503, &headers).retry_after
        };
        assert_eq!(
            kept(HeaderValue::from_static("120")).as_deref(),
            Some("120")
        );
        assert_eq!(kept(HeaderValue::from_bytes(b"\xff").expect("valid")), None);
        let long = "9".repeat(limits::RETRY_AFTER_BYTES_MAX + 1);
        assert_eq!(kept(HeaderValue::try_from(long).expect("valid")), None);
    }

    #[test]
    fn only_a_connection_that_died_in_silence_is_replaced() {
        let failure = |kind, was_sent| ExchangeFailure { kind, was_sent };
        let again = |failure, saw| SendFailure::new(failure, saw).may_send_again;
        assert!(again(failure(OutcomeKind::Closed, true), false));
        assert!(again(failure(OutcomeKind::Reset, true), false));
        assert!(!again(failure(OutcomeKind::Closed, true), true));
        assert!(!again(failure(OutcomeKind::ProtocolError, true), false));
        assert!(again(failure(OutcomeKind::Closed, false), true));
    }
}
