//! Bodies that nobody read: whether they came with their heads, so that their connections can go on.

use core::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, header::EXPECT};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::limits;

/// A request whose body, where it is let go before its end, is found again by what is beside it.
pub(super) fn watch(request: Request<Incoming>) -> (Request<Body>, Rest) {
    if request.body().is_end_stream() {
        return (request.map(Body::new), Rest(None));
    }
    let left = Arc::new(Mutex::new(Left {
        body: None,
        // Who is asked to go on sends all of it, wanted or not.
        is_asked_for: request.headers().contains_key(EXPECT),
    }));
    let rest = Rest(Some(Arc::clone(&left)));
    let watched = |body| {
        Body::new(WatchedBody {
            body: Some(body),
            left,
        })
    };
    (request.map(watched), rest)
}

/// What was left of a body.
struct Left {
    body: Option<Incoming>,
    is_asked_for: bool,
}

/// Where the rest of a request's body is found; nowhere if it had none.
pub(super) struct Rest(Option<Arc<Mutex<Left>>>);

impl Rest {
    /// Whether the body was read to its end, or is now, because all of it is here. To be asked when the
    /// answer is ready. Of a connection for many requests at once nothing is read.
    pub(super) async fn ended(self, is_http_1: bool) -> bool {
        let Some(left) = self.0 else {
            return true;
        };
        let (body, may_read) = {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            (left.body.take(), is_http_1 && !left.is_asked_for)
        };
        match body {
            None => true,
            Some(body) => may_read && is_here(body).await,
        }
    }
}

/// Reads to the end what is here, without waiting for anything to come.
async fn is_here(mut body: Incoming) -> bool {
    let mut left = limits::UNWANTED_BODY_BYTES_MAX;
    let mut looks = limits::UNWANTED_BODY_LOOKS;
    loop {
        let declared = body.size_hint().lower();
        if usize::try_from(declared).map_or(true, |declared| declared > left) {
            return false;
        }
        match poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await {
            Poll::Ready(None) => return true,
            Poll::Ready(Some(Err(_))) => return false,
            Poll::Ready(Some(Ok(frame))) => {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    return body.is_end_stream();
                }
            }
            Poll::Pending if looks > 0 => {
                looks -= 1;
                tokio::task::yield_now().await;
            }
            Poll::Pending => return false,
        }
    }
}

/// A request's body that leaves what was not read of it.
struct WatchedBody {
    body: Option<Incoming>,
    left: Arc<Mutex<Left>>,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(Incoming::size_hint);
        hint.unwrap_or_default()
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        self.left
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .body = body;
    }
}
