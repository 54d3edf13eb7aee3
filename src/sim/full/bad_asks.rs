//! Asks that must be refused: events that are too large or not valid, and something else under a key
//! that belongs to an event. Each must get the status that says so, and leave nothing behind.

use std::rc::Rc;

use http::StatusCode;

use super::{
    exchange::{Answer, post},
    producers::ASK_AGAIN_AFTER,
    stage::Stage,
};
use crate::{
    domain::event::ORDER_RECEIVED,
    limits,
    sim::{otherwise::REFUSED, violation::Violation},
    time::Span,
};

/// Asks for an event in a way that is not valid, until that is refused for what it is.
pub(super) async fn ask(stage: &Stage, number: u32) {
    let (body, expected) = bad(number);
    if refused(stage, number, (body, None), expected).await {
        stage.witness.borrow_mut().happened.bad_asks += 1;
    }
}

/// Asks for something else under the key of an event, after a while, as long as the key is kept for
/// certain.
pub(super) async fn ask_otherwise(stage: Rc<Stage>, number: u32, after: Span) {
    tokio::time::sleep(after.as_duration()).await;
    let key = stage.producers.workload.borrow().key(number);
    let is_kept = key.is_some_and(|key| {
        let moment = stage.moment();
        stage.witness.borrow().is_key_kept(key, moment)
    });
    let body = format!(r#"{{"eventType":"{ORDER_RECEIVED}","payload":{REFUSED}{number}}}}}"#);
    let key = format!("key-{number}");
    let expected = (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    if is_kept && refused(&stage, number, (body, Some(&key)), expected).await {
        stage.witness.borrow_mut().happened.other_bodies += 1;
    }
    let waiting = &stage.producers.waiting;
    waiting.set(waiting.get() - 1);
}

/// The body of a bad ask, and the status and the code that it must be refused with.
fn bad(number: u32) -> (String, (StatusCode, &'static str)) {
    let payload = format!("{REFUSED}{number}}}");
    let (bad, invalid) = (StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY);
    match number % 5 {
        0 => {
            let filler = "a".repeat(limits::REQUEST_BODY_BYTES_MAX);
            let body =
                format!(r#"{{"eventType":"{ORDER_RECEIVED}","payload":{REFUSED}"{filler}"}}}}"#);
            (body, (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"))
        }
        1 => {
            let body = format!(r#"{{"eventType":"{ORDER_RECEIVED}","payload":{payload}"#);
            (body, (bad, "invalid_body"))
        }
        2 => {
            let body = format!(
                r#"{{"eventType":"{ORDER_RECEIVED}","eventType":"again","payload":{payload}}}"#
            );
            (body, (bad, "invalid_body"))
        }
        3 => (
            format!(r#"{{"payload":{payload}}}"#),
            (invalid, "validation_error"),
        ),
        _ => {
            let body =
                format!(r#"{{"eventType":"{ORDER_RECEIVED}","unheard":1,"payload":{payload}}}"#);
            (body, (invalid, "validation_error"))
        }
    }
}

/// Asks until there is an answer that does not tell to come again; whether that is the one that must
/// be.
async fn refused(
    stage: &Stage,
    number: u32,
    (body, key): (String, Option<&str>),
    (expected, code): (StatusCode, &str),
) -> bool {
    loop {
        let answer = post(stage, "msg", body.clone(), key).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
        stage.tell(|trace| trace.producer_answered(number, status));
        match answer {
            Some(Answer { status, body, .. })
                if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                let body = String::from_utf8_lossy(&body).into_owned();
                let is_right = status == expected && body.contains(code);
                if !is_right {
                    let status = status.as_u16();
                    stage.object(Violation::NotRefused { status, body });
                }
                return is_right;
            }
            _ => tokio::time::sleep(ASK_AGAIN_AFTER).await,
        }
    }
}
