//! What is kept of replies, and how much of all of them at once.
//!
//! A kept body is for people to read; it decides nothing. It stays in memory until the result of its
//! attempt is written, so that where many large ones come in, or a slow disk lets them pile up, the
//! bodies give way and not the deliveries: beyond a bound over all of them, those that come meanwhile
//! are kept no longer than a moment's reading of them needs.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body::Frame;

use super::mask::mask;
use crate::limits;

/// How much is kept over all replies of a transport, beyond the beginning that each may have.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    held: AtomicUsize,
}

/// A part of what may be kept; given back when it is let go, on whatever thread that is.
#[derive(Debug)]
struct Share {
    keeping: Arc<Keeping>,
    bytes: usize,
}

impl Share {
    /// Takes so many bytes more; false, and nothing taken, if there is no room for all of them.
    fn grow(&mut self, bytes: usize) -> bool {
        let most = limits::REPLY_BODIES_HELD_BYTES_MAX;
        let within = |held: usize| held.checked_add(bytes).filter(|after| *after <= most);
        // The count orders nothing else, so the weakest ordering is enough.
        let held = &self.keeping.held;
        let has_room = held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .is_ok();
        if has_room {
            self.bytes += bytes;
        }
        has_room
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.keeping.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What is kept of a reply's body.
#[derive(Debug)]
pub(super) struct ReplyBody {
    kept: Vec<u8>,
    share: Share,
    /// Nothing more is kept: what is must be a beginning.
    is_cut: bool,
    read_bytes: usize,
}

impl ReplyBody {
    /// Of a reply whose body begins now.
    pub(super) const fn new(keeping: Arc<Keeping>) -> Self {
        Self {
            kept: Vec::new(),
            share: Share { keeping, bytes: 0 },
            is_cut: false,
            read_bytes: 0,
        }
    }

    /// Takes what may be kept of a frame; false once more was read than may be.
    pub(super) fn take(&mut self, frame: Frame<Bytes>) -> bool {
        let Ok(data) = frame.into_data() else {
            return true;
        };
        if !self.is_cut {
            self.keep(&data);
        }
        self.read_bytes = self.read_bytes.saturating_add(data.len());
        self.read_bytes <= limits::REPLY_BODY_READ_BYTES_MAX
    }

    fn keep(&mut self, data: &[u8]) {
        let room = limits::REPLY_BODY_KEPT_BYTES_MAX.saturating_sub(self.kept.len());
        let free = limits::REPLY_BODY_KEPT_BYTES_MIN.saturating_sub(self.kept.len());
        let mut length = data.len().min(room);
        if length > free && !self.share.grow(length - free) {
            length = free;
        }
        self.is_cut = length < data.len();
        let fitting = data.get(..length).unwrap_or_default();
        self.kept.extend_from_slice(fitting);
    }

    /// What was kept, without the values of these fields. It counts as kept until it is let go.
    pub(super) fn into_bytes(mut self, fields: &[(HeaderName, HeaderValue)]) -> Bytes {
        mask(&mut self.kept, fields);
        let bytes = self.kept.into_boxed_slice();
        if self.share.bytes == 0 {
            return Bytes::from(bytes);
        }
        Bytes::from_owner(Kept {
            bytes,
            _share: self.share,
        })
    }
}

/// A kept body with its part of what may be kept.
struct Kept {
    bytes: Box<[u8]>,
    _share: Share,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn chunk(bytes: usize) -> Frame<Bytes> {
        Frame::data(Bytes::from(vec![b'x'; bytes]))
    }

    fn kept(keeping: &Arc<Keeping>, bytes: usize) -> Bytes {
        let mut body = ReplyBody::new(Arc::clone(keeping));
        assert!(body.take(chunk(bytes)));
        body.into_bytes(&[])
    }

    #[test]
    fn a_body_is_kept_up_to_one_bound_and_read_up_to_another() {
        let mut body = ReplyBody::new(Arc::default());
        let taken = (0..10).take_while(|_| body.take(chunk(10_000))).count();
        assert_eq!(taken, limits::REPLY_BODY_READ_BYTES_MAX / 10_000);
        assert_eq!(
            body.into_bytes(&[]).len(),
            limits::REPLY_BODY_KEPT_BYTES_MAX
        );
    }

    #[test]
    fn trailers_are_no_body() {
        let mut body = ReplyBody::new(Arc::default());
        assert!(body.take(Frame::trailers(HeaderMap::new())));
        assert!(body.into_bytes(&[]).is_empty());
    }

    #[test]
    fn all_bodies_that_wait_share_one_bound_and_beyond_it_each_keeps_its_beginning() {
        let keeping = Arc::default();
        let (least, most) = (
            limits::REPLY_BODY_KEPT_BYTES_MIN,
            limits::REPLY_BODY_KEPT_BYTES_MAX,
        );
        let whole = limits::REPLY_BODIES_HELD_BYTES_MAX / (most - least);
        let mut waiting: Vec<_> = (0..whole).map(|_| kept(&keeping, most)).collect();
        assert!(waiting.iter().all(|body| body.len() == most));
        // There is no room for another whole one, and always for a beginning.
        for _ in 0..100 {
            assert_eq!(kept(&keeping, most).len(), least);
            waiting.push(kept(&keeping, least));
        }
        assert!(waiting.iter().skip(whole).all(|body| body.len() == least));
        // Whoever writes it lets go of it, on another thread.
        let written = waiting.pop().into_iter().chain(waiting.drain(..1));
        let written: Vec<_> = written.collect();
        let written = std::thread::spawn(|| drop(written));
        written.join().expect("no panic");
        assert_eq!(kept(&keeping, most).len(), most);
        drop(waiting);
        assert_eq!(keeping.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_body_that_was_cut_stays_a_beginning_though_there_is_room_again() {
        let keeping = Arc::default();
        let most = limits::REPLY_BODY_KEPT_BYTES_MAX;
        let count = limits::REPLY_BODIES_HELD_BYTES_MAX / most + 1;
        let mut waiting: Vec<_> = (0..count * 2).map(|_| kept(&keeping, most)).collect();
        let mut body = ReplyBody::new(Arc::clone(&keeping));
        assert!(body.take(chunk(most)));
        waiting.clear();
        assert!(body.take(Frame::data(Bytes::from_static(b"later"))));
        let body = body.into_bytes(&[]);
        assert_eq!(body.len(), limits::REPLY_BODY_KEPT_BYTES_MIN);
        assert!(body.iter().all(|byte| *byte == b'x'));
    }
}
