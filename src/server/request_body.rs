//! Takes a request's body off the wire: whole, in time, within its limit and uncompressed.

#![expect(
    clippy::disallowed_methods,
    reason = "a slow client is a matter of real time"
)]

use core::{error::Error, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::problem::{Code, Problem};
use crate::limits;

/// Refuses a compressed body: a small one can inflate to a huge one.
///
/// # Errors
/// [`Code::UnsupportedEncoding`]; the client's fault.
pub(super) fn refuse_compressed(headers: &HeaderMap) -> Result<(), Problem> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message = "compressed bodies are not taken: send it without Content-Encoding";
    Err(Problem::new(Code::UnsupportedEncoding, message))
}

/// The whole body. One whose declared length is over the limit is not read at all.
///
/// # Errors
/// A [`Problem`] if it is too large, too slow or cut short; the client's fault.
pub(super) async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if declared_length(headers).is_some_and(|length| length > limits::REQUEST_BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let body = Limited::new(body, limits::REQUEST_BODY_BYTES_MAX);
    let most = Duration::from_millis(limits::REQUEST_BODY_TIMEOUT_MS);
    match tokio::time::timeout(most, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_over_limit(error.as_ref()) => Err(too_large()),
        Ok(Err(_)) => {
            let message = "the body ended early: send all of it";
            Err(Problem::new(Code::InvalidBody, message))
        }
        Err(_) => {
            let message = format!("the body must arrive within {} s", most.as_secs());
            Err(Problem::new(Code::RequestTimeout, message))
        }
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn is_over_limit(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn too_large() -> Problem {
    let most = limits::REQUEST_BODY_BYTES_MAX;
    let message = format!("the body is larger than {most} bytes, the most that is taken");
    Problem::new(Code::PayloadTooLarge, message)
}
