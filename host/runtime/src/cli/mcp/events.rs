//! The data of the events in an event stream (`text/event-stream`).

use std::io::{self, BufRead as _, BufReader, Read};

/// Reads the data of each event as soon as the event has arrived. An event without data, such as a comment that keeps
/// the connection open, is skipped.
pub(super) struct Events<R>(BufReader<R>);

impl<R: Read> Events<R> {
    pub(super) fn of(body: R) -> Self {
        Self(BufReader::new(body))
    }

    /// The data of the next event; `None` at the end of the stream. An event that the stream does not finish is dropped.
    fn event(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut data: Vec<u8> = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.0.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() && !data.is_empty() {
                return Ok(Some(data));
            }
            // A line that is not data names the event or its id, asks for a pause before a reconnection, or is a comment.
            if let Some(rest) = line.strip_prefix(b"data:") {
                if !data.is_empty() {
                    data.push(b'\n');
                }
                data.extend_from_slice(rest.strip_prefix(b" ").unwrap_or(rest));
            }
        }
    }
}

impl<R: Read> Iterator for Events<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(stream: &str) -> Vec<String> {
        let text = |data: io::Result<Vec<u8>>| String::from_utf8(data.unwrap()).unwrap();
        Events::of(stream.as_bytes()).map(text).collect()
    }

    #[test]
    fn each_event_with_data_is_read() {
        let none: [&str; 0] = [];
        assert_eq!(data(""), none);
        assert_eq!(data("id: 0\nretry: 3000\ndata:\n\n: comment\n\n"), none);
        assert_eq!(data("event: message\ndata: {\"a\":1}\n\ndata:[]\r\n\r\n"), ["{\"a\":1}", "[]"]);
        assert_eq!(data("data: {\ndata: }\n\n"), ["{\n}"]);
        assert_eq!(data("data: 1\n\ndata: 2\n"), ["1"], "the last event is not finished");
    }
}
