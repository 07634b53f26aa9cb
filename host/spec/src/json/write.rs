//! Takes anything that serialises, writes its canonical bytes (RFC 8785) where they stand, with no value in between.
//!
//! Never says what has no canonical form. At a number that is none, an odd key or the same key twice it gives up,
//! and the way over a value finds the words.

mod member;
mod serializer;

use std::fmt;

use serde::ser::{self, Serialize};

use self::member::{Member, begins};
use super::MAX_INTEGER;
use super::text::{is_plain, write_integer, write_string};

/// The canonical bytes, and how many levels of arrays and objects they have; none where that needs another way.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Option<(Vec<u8>, usize)> {
    let out = Vec::with_capacity(256);
    let mut writer =
        Writer { out, members: Vec::new(), scratch: Vec::new(), depth: 0, deepest: 0, key: false };
    value.serialize(&mut writer).ok()?;
    Some((writer.out, writer.deepest))
}

/// It has to go another way.
#[derive(Debug)]
pub(super) struct GiveUp;

type Written = Result<(), GiveUp>;

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has to be written another way")
    }
}

impl std::error::Error for GiveUp {}

impl ser::Error for GiveUp {
    fn custom<T: fmt::Display>(_reason: T) -> Self {
        Self
    }
}

/// What is written so far. One list holds the members of every object that is open, the inner ones behind.
pub(super) struct Writer {
    out: Vec<u8>,
    members: Vec<Member>,
    scratch: Vec<u8>,
    depth: usize,
    deepest: usize,
    /// Whether a key is written: a text, and nothing around it.
    key: bool,
}

impl Writer {
    fn open(&mut self, bracket: u8) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.out.push(bracket);
    }

    fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        self.out.push(bracket);
    }

    /// `{"variant":`, as serde writes a variant that holds something.
    fn tag(&mut self, variant: &str) {
        self.open(b'{');
        write_string(variant, &mut self.out);
        self.out.push(b':');
    }

    fn array(&mut self, tagged: bool) -> Array<'_> {
        self.open(b'[');
        Array { writer: self, empty: true, tagged }
    }

    fn object(&mut self, tagged: bool) -> Object<'_> {
        self.open(b'{');
        let (first, start) = (self.members.len(), self.out.len());
        let (at, key_end) = (start, start);
        Object { writer: self, first, start, at, key_end, begins: None, sorted: true, tagged }
    }

    fn integer(&mut self, integer: Option<i64>) -> Written {
        let fits = |found: &i64| found.unsigned_abs() <= MAX_INTEGER.unsigned_abs();
        write_integer(integer.filter(fits).filter(|_| !self.key).ok_or(GiveUp)?, &mut self.out);
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Written {
        if self.key {
            return Err(GiveUp);
        }
        self.out.extend_from_slice(word);
        Ok(())
    }

    /// A key is a text; what else serde takes for one goes the other way.
    fn is_no_key(&self) -> Written {
        if self.key { Err(GiveUp) } else { Ok(()) }
    }
}

/// An array that is being written.
pub(super) struct Array<'a> {
    writer: &'a mut Writer,
    empty: bool,
    tagged: bool,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        if !std::mem::take(&mut self.empty) {
            self.writer.out.push(b',');
        }
        item.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.close(b']');
        if self.tagged {
            self.writer.close(b'}');
        }
    }
}

/// An object that is being written: its members as they come, put in order at the end where they are not.
pub(super) struct Object<'a> {
    writer: &'a mut Writer,
    /// Its first member in the list, and the first byte after its bracket.
    first: usize,
    start: usize,
    /// The member that is being written.
    at: usize,
    key_end: usize,
    begins: Option<u64>,
    sorted: bool,
    tagged: bool,
}

impl Object<'_> {
    fn begin(&mut self) {
        if self.writer.members.len() > self.first {
            self.writer.out.push(b',');
        }
        self.at = self.writer.out.len();
    }

    fn name<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.begin();
        self.writer.key = true;
        let written = key.serialize(&mut *self.writer);
        self.writer.key = false;
        written?;
        self.named()
    }

    fn named(&mut self) -> Written {
        let out = &mut self.writer.out;
        self.key_end = out.len().saturating_sub(1);
        let key = out.get(self.at + 1..self.key_end).unwrap_or_default();
        self.begins = is_plain(key).then(|| begins(key));
        // Its order is that of the text, not of the escapes.
        let escaped = self.begins.is_none() && key.contains(&b'\\');
        out.push(b':');
        if escaped { Err(GiveUp) } else { Ok(()) }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(&mut *self.writer)?;
        let Writer { out, members, .. } = &mut *self.writer;
        let member =
            Member { start: self.at, key_end: self.key_end, end: out.len(), begins: self.begins };
        if let Some(last) = members.get(self.first..).and_then(<[_]>::last) {
            self.sorted &= last.order(&member, out).is_lt();
        }
        members.push(member);
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Written {
        self.begin();
        write_string(key, &mut self.writer.out);
        self.named()?;
        self.value(value)
    }

    fn finish(mut self) -> Written {
        if !self.sorted {
            self.reorder()?;
        }
        self.writer.members.truncate(self.first);
        self.writer.close(b'}');
        if self.tagged {
            self.writer.close(b'}');
        }
        Ok(())
    }

    fn reorder(&mut self) -> Written {
        let Writer { out, members, scratch, .. } = &mut *self.writer;
        let members = members.get_mut(self.first..).unwrap_or_default();
        members.sort_unstable_by(|left, right| left.order(right, out));
        let same = |pair: &[Member]| matches!(pair, [a, b] if a.order(b, out).is_eq());
        if members.windows(2).any(same) {
            return Err(GiveUp);
        }
        scratch.clear();
        scratch.extend_from_slice(out.get(self.start..).unwrap_or_default());
        out.truncate(self.start);
        for (n, member) in members.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let text = scratch.get(member.start - self.start..member.end - self.start);
            out.extend_from_slice(text.unwrap_or_default());
        }
        Ok(())
    }
}
