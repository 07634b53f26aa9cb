//! The stream with which a guest writes the body of a request. A write never waits: nothing reads the body before the
//! guest waits for the answer, so a full buffer would never become empty.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::limits;

/// Bytes of a part of a body that the HTTP library keeps, and how many parts it keeps: one more than the largest body
/// has, because the last part may be short.
pub(in crate::wasi) const CHUNK: usize = 16 << 10;
pub(in crate::wasi) const CHUNKS: usize = limits::RESPONSE / CHUNK + 1;

/// How many bytes the guest may still write into all bodies of the run. Clones share one count, and bytes that were
/// written stay counted, so that the limit does not depend on when a body is dropped.
#[derive(Clone)]
pub(in crate::wasi) struct Budget(Arc<AtomicUsize>);

impl Budget {
    pub(in crate::wasi) fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts these bytes; returns whether the guest may write them. One guest writes, so no other writer interferes.
    fn spend(&self, bytes: usize) -> bool {
        let Some(left) = self.left().checked_sub(bytes) else { return false };
        self.0.store(left, Ordering::Relaxed);
        true
    }
}

/// Collects the small writes of a guest into whole parts, and passes these on.
pub(in crate::wasi) struct BodyWriter {
    inner: DynOutputStream,
    part: Vec<u8>,
    /// Bytes that the body may still have.
    left: usize,
    /// Bytes that all bodies of the run may still have.
    all: Budget,
}

impl BodyWriter {
    pub(in crate::wasi) fn new(inner: DynOutputStream, all: Budget) -> Self {
        Self { inner, part: Vec::new(), left: limits::RESPONSE, all }
    }

    fn pass_on(&mut self) -> StreamResult<()> {
        self.inner.write(Bytes::from(std::mem::take(&mut self.part)))
    }
}

#[async_trait]
impl OutputStream for BodyWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let left = self.left.checked_sub(bytes.len()).ok_or_else(too_large)?;
        if !self.all.spend(bytes.len()) {
            return Err(too_many());
        }
        self.left = left;
        for piece in bytes.chunks(CHUNK) {
            let room = CHUNK.saturating_sub(self.part.len()).min(piece.len());
            let (now, later) = piece.split_at(room);
            self.part.extend_from_slice(now);
            if self.part.len() == CHUNK {
                self.pass_on()?;
            }
            self.part.extend_from_slice(later);
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match (self.left, self.all.left()) {
            (0, _) => Err(too_large()),
            (_, 0) => Err(too_many()),
            (body, all) => Ok(body.min(all)),
        }
    }
}

#[async_trait]
impl Pollable for BodyWriter {
    async fn ready(&mut self) {}
}

/// The guest drops the stream before it finishes the body.
impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.part.is_empty() {
            self.pass_on().ok();
        }
    }
}

fn too_large() -> StreamError {
    let most = limits::RESPONSE;
    StreamError::LastOperationFailed(wasmtime::format_err!(
        "the body of a request has at most {most} bytes"
    ))
}

fn too_many() -> StreamError {
    let most = limits::WASI_BODIES;
    StreamError::LastOperationFailed(wasmtime::format_err!(
        "the bodies of all requests of a run have at most {most} bytes together"
    ))
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::p2::pipe::SinkOutputStream;

    use super::*;

    fn body(all: &Budget) -> BodyWriter {
        BodyWriter::new(Box::new(SinkOutputStream), all.clone())
    }

    #[test]
    fn the_bodies_of_a_run_are_bounded_together() {
        let all = Budget::new(100);
        let mut one = body(&all);
        assert_eq!(one.check_write().unwrap(), 100);
        one.write(vec![0_u8; 60].into()).unwrap();
        drop(one);
        let mut other = body(&all);
        assert_eq!(other.check_write().unwrap(), 40, "a body that was dropped stays counted");
        assert!(matches!(
            other.write(vec![0_u8; 41].into()),
            Err(StreamError::LastOperationFailed(_))
        ));
        other.write(vec![0_u8; 40].into()).unwrap();
        assert!(matches!(other.check_write(), Err(StreamError::LastOperationFailed(_))));
        assert!(body(&Budget::new(1)).check_write().is_ok());
    }

    #[test]
    fn each_body_is_bounded() {
        let mut body = body(&Budget::new(usize::MAX));
        assert_eq!(body.check_write().unwrap(), limits::RESPONSE);
        assert!(body.write(vec![0_u8; limits::RESPONSE + 1].into()).is_err());
        body.write(vec![0_u8; limits::RESPONSE].into()).unwrap();
        assert!(body.check_write().is_err() && body.write(vec![0_u8].into()).is_err());
    }
}
