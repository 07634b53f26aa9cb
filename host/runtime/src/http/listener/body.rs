//! The bodies of a request and of its answer, which tell the connection what they wait for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::capacity::connection_slots::ConnectionSlot;

/// Whether a part of a request's body has not been read.
#[derive(Debug, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn is_empty(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }
}

/// The body of a request. The connection waits for it until the handler drops it, after reading it or because it is not
/// needed.
pub(super) fn arriving(
    body: Incoming,
    seat: &Arc<ConnectionSlot>,
    unread: &Unread,
) -> Watched<Counted> {
    let unread = Arc::clone(&unread.0);
    unread.store(!body.is_end_stream(), Ordering::Release);
    let body = Counted { body, unread };
    Watched { body, seat: Arc::clone(seat), then: ConnectionSlot::serving }
}

/// The body of an answer. Once it is written, the connection waits for the next request.
pub(super) fn leaving<B>(body: B, seat: Arc<ConnectionSlot>) -> Watched<B> {
    Watched { body, seat, then: ConnectionSlot::awaiting }
}

/// A body that records whether all of it was read. Its length is known, because chunked bodies are refused.
#[derive(Debug)]
pub(super) struct Counted {
    body: Incoming,
    unread: Arc<AtomicBool>,
}

/// A body that notifies the connection's slot when it is dropped, which is when it was read, written out or abandoned.
#[derive(Debug)]
pub(super) struct Watched<B> {
    body: B,
    seat: Arc<ConnectionSlot>,
    then: fn(&ConnectionSlot),
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        (self.then)(&self.seat);
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.unread.store(!self.body.is_end_stream(), Ordering::Release);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
