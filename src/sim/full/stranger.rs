//! A stranger: whom the names of receivers lead to for a while. It knows nobody, says so to everything, and keeps its
//! connections. Over a connection to it the attempts go on after the name leads to its receiver again, but not for long.

use core::convert::Infallible;
use std::{net::Ipv4Addr, rc::Rc, str::FromStr as _};

use axum::body::Body;
use http::{HeaderMap, Request, Response, StatusCode, header::HOST};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{
    receivers::{STALLS, number_of},
    stage::Stage,
    stream::PiecesStream,
};
use crate::{
    domain::id::EventId,
    sim::{
        oracles::{genuine::Signed, known_addresses},
        ways,
    },
    time::{Span, Timestamp},
};

/// Where it is: as a public address, to which nothing is dialled here.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 1, 0, 1);

/// It talks over a connection until its end.
pub(super) async fn converse(stage: Rc<Stage>, stream: PiecesStream) {
    let service = service_fn(|request: Request<Incoming>| {
        let stage = Rc::clone(&stage);
        async move { Ok::<_, Infallible>(answer(&stage, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder.auto_date_header(false);
    // That the process is gone is no news here.
    drop(
        builder
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(stage: &Stage, request: Request<Incoming>) -> Response<Body> {
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(Body::new(request.into_body()), usize::MAX).await;
    // Who sends may be gone before its end.
    if body.is_ok() {
        judge(stage, &headers);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(ways::STRANGE).unwrap_or_default();
    response
}

/// Judges that it is asked only as long as the name leads to it, or a connection of then may be used.
fn judge(stage: &Stage, headers: &HeaderMap) {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(number) = host.and_then(number_of) else {
        return;
    };
    let signed = Signed::of(headers);
    let event = EventId::from_str(signed.id).unwrap_or_default();
    let signed_at = Timestamp::from_millis(signed.timestamp.saturating_mul(1_000));
    let timeout = stage.scenario.attempt_timeout;
    let longest = timeout.as_micros() + STALLS.as_micros();
    let since = stage.real().plus(Span::from_micros(-longest));
    let mut receipts = stage.receipts.borrow_mut();
    let delivery = (event, receipts.endpoint(number));
    receipts.turned_away(number, delivery);
    let began = receipts.began(delivery, (since, signed_at));
    let led_at = receipts.led_elsewhere(number);
    drop(receipts);
    let mut witness = stage.witness.borrow_mut();
    witness.happened.names_elsewhere += 1;
    // A process that stood still may have begun before, and went on as if no time had gone.
    let stood_still = led_at.is_some_and(|led_at| {
        let mut stalls = witness.stalls.iter();
        stalls.any(|(_, until)| *until >= led_at)
    });
    if let Some(began) = began.filter(|_| !stood_still)
        && let Some(found) = known_addresses::judge_elsewhere(delivery, led_at, (began, timeout))
    {
        witness.object(found);
    }
}
