//! Takes a request's body off the wire: whole, in time, within its limit and uncompressed.

#![expect(
    clippy::disallowed_methods,
    reason = "a slow client is a matter of real time"
)]

use core::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
    request::Parts,
};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::{
    held::Share,
    problem::{Code, Problem},
};
use crate::{domain::command::Refusal, limits, runtime::handle::Work};

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

/// The whole body. One whose declared length is over the limit, or over what there is room for, is not read
/// at all. What was read counts as held until the request is answered.
///
/// # Errors
/// A [`Problem`] if it is too large, too slow or cut short, the client's fault; or if too much is held.
pub(super) async fn collect(head: &Parts, mut body: Body) -> Result<Bytes, Problem> {
    let length = declared_length(&head.headers);
    if length.is_some_and(|length| length > limits::REQUEST_BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let share = head.extensions.get::<Share>();
    let refusal = share.and_then(|share| share.refusal(Work::New, length.unwrap_or(0)));
    if let Some(refusal) = refusal {
        return Err(refusal.into());
    }
    let begin = Instant::now();
    let mut whole = BytesMut::new();
    loop {
        let next = tokio::time::timeout_at(begin + patience(whole.len()), body.frame());
        let frame = match next.await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(_))) => {
                let message = "the body ended early: send all of it";
                return Err(Problem::new(Code::InvalidBody, message));
            }
            Err(_) => return Err(too_slow()),
        };
        // What else a body can have is trailers; nobody asked for them.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len().saturating_add(data.len()) > limits::REQUEST_BODY_BYTES_MAX {
            return Err(too_large());
        }
        if share.is_some_and(|share| !share.grow(data.len())) {
            return Err(Refusal::Overloaded.into());
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        whole.extend_from_slice(&data);
    }
}

/// How long after its begin the next part of a body is waited for, where so much of it came.
fn patience(bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let earned_ms = bytes.saturating_mul(1_000) / limits::REQUEST_BODY_BYTES_PER_S_MIN;
    let ms = limits::REQUEST_BODY_GRACE_MS.saturating_add(earned_ms);
    Duration::from_millis(ms.min(limits::REQUEST_BODY_TIMEOUT_MS))
}

fn too_slow() -> Problem {
    let message = format!(
        "the body must arrive within {} s, and at {} bytes a second after the first {} s",
        limits::REQUEST_BODY_TIMEOUT_MS / 1_000,
        limits::REQUEST_BODY_BYTES_PER_S_MIN,
        limits::REQUEST_BODY_GRACE_MS / 1_000,
    );
    Problem::new(Code::RequestTimeout, message)
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> Problem {
    let most = limits::REQUEST_BODY_BYTES_MAX;
    let message = format!("the body is larger than {most} bytes, the most that is taken");
    Problem::new(Code::PayloadTooLarge, message)
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;
    use std::collections::VecDeque;

    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    /// A head that says nothing.
    fn bare() -> Parts {
        http::Request::new(()).into_parts().0
    }

    /// A body whose parts come one by one, each so many milliseconds after the one before; with `None`
    /// at its end it never ends.
    fn dripping(parts: Vec<(u64, usize)>, ends: bool) -> Body {
        let parts: VecDeque<_> = parts.into();
        Body::new(StreamBody::new(futures::stream::unfold(
            parts,
            move |mut parts| async move {
                let Some((wait_ms, bytes)) = parts.pop_front() else {
                    if !ends {
                        core::future::pending::<()>().await;
                    }
                    return None;
                };
                let nothing = core::future::pending::<()>();
                drop(tokio::time::timeout(Duration::from_millis(wait_ms), nothing).await);
                let data = Bytes::from(vec![b' '; bytes]);
                Some((Ok::<_, Infallible>(Frame::data(data)), parts))
            },
        )))
    }

    async fn judged(parts: Vec<(u64, usize)>, ends: bool) -> (Result<usize, Code>, u64) {
        let begin = Instant::now();
        let collected = collect(&bare(), dripping(parts, ends)).await;
        let result = collected
            .map(|body| body.len())
            .map_err(|error| error.code());
        let took = begin.elapsed().as_millis();
        (result, u64::try_from(took).expect("short"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_five_seconds_and_then_comes_at_a_kibibyte_a_second_for_thirty_at_most() {
        let slow = Err(Code::RequestTimeout);
        // Nothing, one byte a second, and one that stops.
        assert_eq!(judged(vec![], false).await, (slow, 5_000));
        assert_eq!(judged(vec![(1_000, 1); 60], true).await.0, slow);
        let stops = vec![(100, 10 * 1024)];
        assert_eq!(judged(stops, false).await, (slow, 15_000));
        // Fast enough, but for too long.
        let long = judged(vec![(1_000, 1_100); 60], true).await;
        assert_eq!(long.0, slow);
        assert!((30_000..=31_000).contains(&long.1), "{long:?}");
        // In time.
        let steady = judged(vec![(1_000, 1_100); 29], true).await;
        assert_eq!(steady, (Ok(29 * 1_100), 29_000));
        let late = judged(vec![(4_900, 10)], true).await;
        assert_eq!(late, (Ok(10), 4_900));
    }

    #[tokio::test]
    async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_not_however_it_is_cut() {
        let most = limits::REQUEST_BODY_BYTES_MAX;
        for piece in [most, most / 2] {
            let mut parts = vec![(0, piece); most / piece];
            let taken = Body::new(StreamBody::new(futures::stream::iter(
                parts.clone().into_iter().map(|(_, bytes)| {
                    Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b' '; bytes])))
                }),
            )));
            let taken = collect(&bare(), taken).await.expect("it fits");
            assert_eq!(taken.len(), most);
            parts.push((0, 1));
            let refused = Body::new(StreamBody::new(futures::stream::iter(
                parts.into_iter().map(|(_, bytes)| {
                    Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b' '; bytes])))
                }),
            )));
            let refused = collect(&bare(), refused).await.expect_err("too much");
            assert_eq!(refused.code(), Code::PayloadTooLarge);
        }
    }
}
