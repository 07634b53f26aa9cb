//! Standard output and standard error of a guest. After the run, their lines become lines of the adapter's log.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncWrite, sink};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamResult};

use crate::limits;

/// The bytes that a guest wrote to both streams, in order. Clones share the bytes.
#[derive(Clone, Default)]
pub(in crate::wasi) struct Output(Arc<Mutex<Vec<Part>>>);

/// Bytes that were written to one stream, until the other one was written to.
type Part = (Stream, Vec<u8>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Error,
}

/// One of the two streams.
#[derive(Clone)]
pub(in crate::wasi) struct Writer {
    output: Output,
    stream: Stream,
}

impl Output {
    pub(in crate::wasi) fn stdout(&self) -> Writer {
        Writer { output: self.clone(), stream: Stream::Out }
    }

    pub(in crate::wasi) fn stderr(&self) -> Writer {
        Writer { output: self.clone(), stream: Stream::Error }
    }

    /// Keeps the first bytes, up to the limit, and drops the rest, so that a guest that prints much goes on as usual.
    fn keep(&self, stream: Stream, bytes: &[u8]) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = parts.iter().map(|(_, part)| part.len()).sum();
        let room = limits::OUTPUT.saturating_sub(kept);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        match parts.last_mut() {
            _ if bytes.is_empty() => {}
            Some((last, part)) if *last == stream => part.extend_from_slice(bytes),
            _ => parts.push((stream, bytes.to_vec())),
        }
    }

    /// The lines in the order in which they were written, each with whether it was written to standard error.
    pub(in crate::wasi) fn lines(&self) -> Vec<(bool, String)> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = parts.iter().flat_map(|(stream, part)| {
            let text = String::from_utf8_lossy(part);
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines.map(|line| (*stream == Stream::Error, line.to_owned())).collect::<Vec<_>>()
        });
        lines.collect()
    }
}

impl IsTerminal for Writer {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Writer {
    fn p2_stream(&self) -> DynOutputStream {
        Box::new(self.clone())
    }

    /// Used by later versions of WASI only, which the host does not link.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(sink())
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: hyper::body::Bytes) -> StreamResult<()> {
        self.output.keep(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(limits::OUTPUT)
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_order_and_their_stream() {
        let output = Output::default();
        let (mut out, mut error) = (output.stdout(), output.stderr());
        for (writer, text) in [(0, "a"), (0, "b\nc\n"), (1, "Traceback\n\n  x"), (0, "d")] {
            let writer = if writer == 0 { &mut out } else { &mut error };
            writer.write(text.as_bytes().to_vec().into()).unwrap();
        }
        let lines = output.lines();
        let lines: Vec<_> = lines.iter().map(|(error, line)| (*error, line.as_str())).collect();
        assert_eq!(
            lines,
            [(false, "ab"), (false, "c"), (true, "Traceback"), (true, "  x"), (false, "d")]
        );
    }

    #[test]
    fn output_without_end_is_cut_off() {
        let output = Output::default();
        for _ in 0..100 {
            output.stdout().write(vec![b'x'; limits::OUTPUT / 10].into()).unwrap();
        }
        let lines = output.lines();
        assert_eq!(lines.iter().map(|(_, line)| line.len()).sum::<usize>(), limits::OUTPUT);
    }
}
