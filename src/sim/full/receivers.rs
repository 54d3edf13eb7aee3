//! The receivers: hyper's server behind each wire, with the behaviour that the seed gives it. Each
//! request is judged as a careful receiver would: by its signature, its id and its exact bytes. What
//! it answered is kept, so that a delivery counts as one only if a receiver says so.

use core::{cell::Cell, convert::Infallible, time::Duration};
use std::{io, rc::Rc, str::FromStr as _};

use axum::body::Body;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{LOCATION, RETRY_AFTER},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

use super::{
    conduct::{Conduct, conduct},
    stage::Stage,
    stream::{LeavingStream, PiecesStream},
};
use crate::{
    domain::id::{EndpointId, EventId},
    random::Stream,
    sim::{
        network::OutageKind,
        odd_waits,
        oracles::{
            as_owned,
            genuine::{self, Signed},
            own_start, same_bytes,
        },
        violation::Violation,
        ways,
    },
    time::{Span, Timestamp},
};

/// The whole of a share, in parts of ten thousand.
pub(super) const WHOLE: u64 = 10_000;
/// How long it takes to be refused.
const REFUSAL: Duration = Duration::from_millis(1);
/// How much longer than its deadline an attempt may be on its way where the process stands still.
pub(super) const STALLS: Span = Span::from_seconds(3_600);
/// Bytes of a reply that is larger than anybody reads.
const LARGE_REPLY_BYTES: usize = 200_000;

/// The host of a receiver's URL.
pub(super) fn host(number: u32) -> String {
    format!("receiver-{number}.example")
}

/// The number of the receiver with this host.
pub(super) fn number_of(host: &str) -> Option<u32> {
    let rest = host.strip_prefix("receiver-")?;
    rest.strip_suffix(".example")?.parse().ok()
}

/// How a receiver treats a connection.
pub(super) enum Greeting {
    /// It serves it.
    Serves,
    /// It says something that is no HTTP.
    Babbles,
    /// It ends it at once.
    Ends,
}

/// What is wrong with the name of a receiver when it is asked for, if anything is.
pub(super) fn way_of_name(stage: &Stage, number: u32) -> Option<OutageKind> {
    let question = stage.receipts.borrow_mut().next_question(number);
    let place = (u64::from(number) << 32) | question;
    let mut random = Stream::new(stage.scenario.seed, "names", 0, place);
    let percent = stage.faults().map_or(0, |faults| faults.unreached_percent);
    let drawn = ways::drawn_of_name(&mut random, percent);
    let receiver = stage.receiver(number);
    let outage = receiver.and_then(|receiver| receiver.outage_at(stage.elapsed()));
    outage.filter(|outage| outage.is_of_name()).or(drawn)
}

/// A receiver is dialled.
pub(super) async fn greet(stage: &Stage, number: u32) -> io::Result<Greeting> {
    let dial = stage.receipts.borrow_mut().next_dial(number);
    let mut random = Stream::new(
        stage.scenario.seed,
        "dial",
        0,
        (u64::from(number) << 32) | dial,
    );
    let receiver = stage.receiver(number);
    let refusals = receiver.map_or(0, |receiver| u64::from(receiver.refusals));
    let outage = receiver.and_then(|receiver| receiver.outage_at(stage.elapsed()));
    if random.below(WHOLE) < refusals || outage == Some(OutageKind::Refuses) {
        stage.receipts.borrow_mut().spoil(number);
        tokio::time::sleep(REFUSAL).await;
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    if let Some(OutageKind::Certificate | OutageKind::Handshake) = outage {
        stage.receipts.borrow_mut().spoil(number);
        return Ok(Greeting::Ends);
    }
    let odd = stage.faults().map_or(0, |faults| faults.odd_percent.into());
    if random.below(100) < odd {
        match random.below(3) {
            // Nobody answers the dial; who dials gives up.
            0 => {
                stage.receipts.borrow_mut().spoil(number);
                core::future::pending::<()>().await;
            }
            1 => {
                stage.receipts.borrow_mut().spoil(number);
                return Ok(Greeting::Babbles);
            }
            _ => {}
        }
    }
    Ok(Greeting::Serves)
}

/// A receiver talks over a connection until its end.
pub(super) async fn converse(
    stage: Rc<Stage>,
    number: u32,
    greeting: Greeting,
    mut stream: PiecesStream,
) {
    match greeting {
        Greeting::Serves => {}
        Greeting::Ends => return,
        Greeting::Babbles => {
            // Who dialled reads it, or is gone.
            drop(stream.write_all(b"220 mail.example ESMTP\r\n").await);
            return;
        }
    }
    let leaves = Rc::new(Cell::new(false));
    let stream = LeavingStream::new(stream, Rc::clone(&leaves));
    let service = service_fn(|request: Request<Incoming>| {
        let (stage, leaves) = (Rc::clone(&stage), Rc::clone(&leaves));
        async move { answer(&stage, (number, &leaves), request).await }
    });
    let mut builder = http1::Builder::new();
    builder.auto_date_header(false);
    // That the process is gone, or that we close, is no news here.
    drop(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
    if leaves.get() {
        stage.receipts.borrow_mut().spoil(number);
    }
}

/// What ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the receiver closes the connection")]
struct Closed;

async fn answer(
    stage: &Stage,
    (number, leaves): (u32, &Cell<bool>),
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(Body::new(request.into_body()), usize::MAX).await;
    // Who sends is gone before its end.
    let body = body.map_err(|_| Closed)?;
    let (event, signed_at) = judge(stage, number, &headers, &body);
    let (count, endpoint) = {
        let mut receipts = stage.receipts.borrow_mut();
        (receipts.next_request(number), receipts.endpoint(number))
    };
    let delivery = (event, endpoint);
    stage.tell(|trace| trace.receipt(number, count, event));
    leaves.set(ends_under_the_next(stage, number, count));
    let conduct = conduct(stage, number, count, signed_at);
    if conduct.may_spoil(stage.scenario.attempt_timeout) {
        stage.receipts.borrow_mut().spoil(number);
    }
    let status = match conduct {
        Conduct::Answers(status, retry_after_s, after) => {
            tokio::time::sleep(after).await;
            if !status.is_success() {
                let answer = (status, retry_after_s);
                return Ok(reply(
                    stage,
                    (number, count),
                    delivery,
                    answer,
                    Body::empty(),
                ));
            }
            Some((status, Body::empty()))
        }
        Conduct::Redirects(location, after) => {
            tokio::time::sleep(after).await;
            let status = (StatusCode::FOUND, None);
            let mut response = reply(stage, (number, count), delivery, status, Body::empty());
            let location = location.and_then(|to| HeaderValue::try_from(to).ok());
            response
                .headers_mut()
                .extend(location.map(|to| (LOCATION, to)));
            return Ok(response);
        }
        Conduct::Silent => core::future::pending().await,
        Conduct::TooLate => {
            let late = stage.scenario.attempt_timeout.as_duration() + Duration::from_secs(1);
            // Its answer may not be read any more, but what was asked is done.
            stage.witness.borrow_mut().happened.late_successes += 1;
            tokio::time::sleep(late).await;
            Some((StatusCode::OK, Body::empty()))
        }
        Conduct::Closes => None,
        Conduct::Floods => Some((StatusCode::OK, Body::from(vec![b'a'; LARGE_REPLY_BYTES]))),
        Conduct::Drips => Some((StatusCode::OK, drips())),
    };
    let (status, body) = status.ok_or(Closed)?;
    {
        let delivered = &mut stage.receipts.borrow_mut().delivered;
        *delivered.entry((event, endpoint)).or_default() += 1;
    }
    Ok(reply(
        stage,
        (number, count),
        delivery,
        (status, None),
        body,
    ))
}

/// Whether a receiver keeps the connection after its request of this count, and ends it as soon as the next
/// one comes.
fn ends_under_the_next(stage: &Stage, number: u32, count: u64) -> bool {
    let place = (u64::from(number) << 32) | count;
    let mut random = Stream::new(stage.scenario.seed, "endings", 0, place);
    random.below(200) < stage.faults().map_or(0, |faults| faults.odd_percent.into())
}

fn reply(
    stage: &Stage,
    (number, count): (u32, u64),
    (event, endpoint): (EventId, EndpointId),
    (status, retry_after_s): (StatusCode, Option<u64>),
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let has_failed = status.as_u16() >= 300;
    let waits = if stage.scenario.faults.odd_waits && has_failed {
        let place = (u64::from(number) << 32) | count;
        let mut random = Stream::new(stage.scenario.seed, "odd waits", 0, place);
        odd_waits::drawn(&mut random, stage.real())
    } else {
        let seconds = retry_after_s.map(|seconds| seconds.to_string());
        seconds.into_iter().collect()
    };
    for wait in &waits {
        let value = HeaderValue::try_from(wait.as_str()).ok();
        let fields = response.headers_mut();
        value.map(|value| fields.append(RETRY_AFTER, value));
    }
    let mut receipts = stage.receipts.borrow_mut();
    receipts.statuses.insert((number, status.as_u16()));
    if has_failed {
        // The first one counts.
        let wait = waits.into_iter().next();
        receipts.waits.insert((event, endpoint, wait));
    }
    response
}

/// A byte a second, for ever.
fn drips() -> Body {
    let bytes = futures::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b".")), ()))
    });
    Body::from_stream(Box::pin(bytes))
}

/// Judges a request by what a receiver can know; gives the event that it carries, and when it says that
/// it was signed.
fn judge(stage: &Stage, number: u32, headers: &HeaderMap, body: &[u8]) -> (EventId, Timestamp) {
    let signed = Signed::of(headers);
    let event = EventId::from_str(signed.id).unwrap_or_default();
    match stage.payload_of(event) {
        None => stage.object(Violation::NotDurable { event }),
        Some(payload) => {
            if let Some(found) = same_bytes::judge_received(event, &payload, body) {
                stage.object(found);
            }
        }
    }
    let secrets = stage.producers.secrets(number);
    if let Some(found) = genuine::judge(event, secrets, &signed, body) {
        stage.object(found);
    }
    let signed_at = Timestamp::from_millis(signed.timestamp.saturating_mul(1_000));
    let longest = stage.scenario.attempt_timeout.as_micros() + STALLS.as_micros();
    let since = stage.real().plus(Span::from_micros(-longest));
    let receipts = stage.receipts.borrow();
    let endpoint = receipts.endpoint(number);
    let found = own_start::judge(
        (event, endpoint),
        signed_at,
        receipts.starts((event, endpoint), since),
    );
    let targets = receipts.targets((event, endpoint), since);
    let other = as_owned::judge_fields((event, endpoint), headers, targets);
    drop(receipts);
    for found in found.into_iter().chain(other) {
        stage.object(found);
    }
    (event, signed_at)
}
