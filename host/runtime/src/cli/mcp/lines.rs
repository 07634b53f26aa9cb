//! Lines of limited length.

use std::io::{self, BufRead};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    /// The line is longer than the limit. Its bytes are not kept.
    TooLong,
}

/// Reads the next line of at most `most` bytes; `None` at the end of the input. The last line need not end with a line
/// feed.
pub(super) fn next(input: &mut impl BufRead, most: usize) -> io::Result<Option<Line>> {
    let (mut text, mut length, mut begun) = (Vec::new(), 0_usize, false);
    loop {
        let read = match input.fill_buf() {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
        length = length.saturating_add(part.len());
        begun |= !read.is_empty();
        if length <= most {
            text.extend_from_slice(part);
        } else {
            text = Vec::new();
        }
        let (used, is_end) = (part.len() + usize::from(end.is_some()), read.is_empty());
        input.consume(used);
        if end.is_some() || is_end {
            return Ok(begun.then_some(if length <= most {
                Line::Whole(text)
            } else {
                Line::TooLong
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(text: &str) -> Vec<Line> {
        // The buffer is smaller than a line.
        let mut input = BufReader::with_capacity(2, text.as_bytes());
        std::iter::from_fn(|| next(&mut input, 4).unwrap()).collect()
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        assert!(all("").is_empty());
        assert_eq!(all("\n"), [whole("")]);
        assert_eq!(all("1234\n12345\n1"), [whole("1234"), Line::TooLong, whole("1")]);
        assert_eq!(all("1234"), [whole("1234")]);
        assert_eq!(all("123456789"), [Line::TooLong]);
    }
}
