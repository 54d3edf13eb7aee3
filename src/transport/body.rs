//! The body of a delivery: up to three slices that are never joined by us.

use core::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A request body of known length made of a head, the payload and a tail; the outer two may be
/// empty.
#[derive(Clone, Debug)]
pub(super) struct DeliveryBody {
    /// In a box: hyper's connections set room aside for many requests, whose size this is part of.
    slices: Box<[Bytes; 3]>,
    /// The next slice to be given out.
    next: usize,
}

impl DeliveryBody {
    /// A body of the three slices, one after the other.
    pub(super) fn new(head: Bytes, payload: Bytes, tail: Bytes) -> Self {
        Self {
            slices: Box::new([head, payload, tail]),
            next: 0,
        }
    }

    /// The slices as they are signed.
    pub(super) fn slices(&self) -> [&[u8]; 3] {
        self.slices.each_ref().map(AsRef::as_ref)
    }

    /// The slices that are still to be given out.
    fn rest(&self) -> &[Bytes] {
        self.slices.get(self.next..).unwrap_or_default()
    }
}

impl Body for DeliveryBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let next = self.next;
            let Some(slice) = self.slices.get_mut(next) else {
                return Poll::Ready(None);
            };
            let slice = core::mem::take(slice);
            self.next = next + 1;
            if !slice.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(slice))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest().iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        let bytes: usize = self.rest().iter().map(Bytes::len).sum();
        SizeHint::with_exact(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use super::*;

    fn frames(mut body: DeliveryBody) -> Vec<Bytes> {
        let mut context = Context::from_waker(Waker::noop());
        let mut frames = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            frames.push(frame.into_data().expect("data"));
        }
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        frames
    }

    #[test]
    fn slices_go_out_in_order_and_uncopied() {
        let payload = Bytes::from(vec![b'x'; 100]);
        let body = DeliveryBody::new(
            Bytes::from_static(b"{\"payload\":"),
            payload.clone(),
            Bytes::from_static(b"}"),
        );
        assert_eq!(body.size_hint().exact(), Some(112));
        let frames = frames(body);
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[1].as_ptr(), payload.as_ptr());
    }

    #[test]
    fn empty_slices_make_no_frames() {
        let body = DeliveryBody::new(Bytes::new(), Bytes::from_static(b"{}"), Bytes::new());
        assert!(!body.is_end_stream());
        assert_eq!(frames(body), [Bytes::from_static(b"{}")]);
        let body = DeliveryBody::new(Bytes::new(), Bytes::new(), Bytes::new());
        assert!(body.is_end_stream());
        assert!(frames(body).is_empty());
    }
}
