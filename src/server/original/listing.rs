//! The list of all registrations, as one JSON array in the order they came.
//!
//! A list that fits a page goes out whole, with its length. A longer one is read page by page as
//! the client takes it, so that ten thousand long registrations never stand in memory at once.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use crate::{
    domain::{application::ApplicationKey, endpoint::Endpoint},
    limits,
    server::backend::Backend,
    store::ReadError,
};

/// Where in the list the reading stands.
struct Reader<B> {
    backend: B,
    application: ApplicationKey,
    /// The ordinal of the next endpoint; `None` at the end.
    next: Option<u32>,
    is_first: bool,
}

/// The answer's body.
///
/// # Errors
/// [`ReadError`] if its first page can't be read; where a later one can't, the body breaks off.
pub(super) fn body<B: Backend>(backend: B, application: ApplicationKey) -> Result<Body, ReadError> {
    let mut reader = Reader {
        backend,
        application,
        next: Some(0),
        is_first: true,
    };
    let Some(first) = reader.piece().transpose()? else {
        return Ok(Body::empty());
    };
    if reader.next.is_none() {
        return Ok(first.into());
    }
    let rest = stream::unfold((Some(first), reader), |(held, mut reader)| async move {
        let piece = held.map(Ok).or_else(|| reader.piece())?;
        Some((piece, (None, reader)))
    });
    Ok(Body::from_stream(rest))
}

impl<B: Backend> Reader<B> {
    /// The next page as a piece of the array; `None` after its end.
    fn piece(&mut self) -> Option<Result<Bytes, ReadError>> {
        let from = self.next?;
        let most = limits::ORIGINAL_LIST_PAGE;
        let read = self.backend.reads().endpoints(self.application, from, most);
        let page = match read {
            Ok(page) => page,
            Err(error) => {
                self.next = None;
                return Some(Err(error));
            }
        };
        self.next = page
            .last()
            .filter(|_| page.len() >= most)
            .and_then(|last| last.key.ordinal.checked_add(1));
        let piece = joined(&page, self.is_first, self.next.is_none());
        self.is_first = false;
        Some(Ok(piece))
    }
}

/// A page's registrations with commas between and before them, as they were sent.
fn joined(page: &[Arc<Endpoint>], is_first: bool, is_last: bool) -> Bytes {
    let length: usize = page.iter().map(|row| row.registration.len() + 1).sum();
    let mut piece = Vec::with_capacity(length + 2);
    if is_first {
        piece.push(b'[');
    }
    // Endpoints that were made elsewhere, deleted or sent somewhere else are no registrations of these
    // routes.
    let rows = page
        .iter()
        .filter(|row| row.original_url_sha256.is_some() && !row.is_deleted());
    let mut needs_comma = !is_first;
    for row in rows {
        if needs_comma {
            piece.push(b',');
        }
        piece.extend_from_slice(&row.registration);
        needs_comma = true;
    }
    if is_last {
        piece.push(b']');
    }
    piece.into()
}
