//! Writes any serialisable value as canonical JSON (RFC 8785), directly into a byte buffer.
//!
//! The writer builds no intermediate `Value`. Members are written as they arrive, and sorted when their object ends.

mod member;
mod serializer;

use std::fmt;

use serde::ser::{self, Serialize};

use self::member::{Member, begins, key_text};
use super::text::{is_plain, write_integer, write_string};
use super::{MAX_INTEGER, NotCanonical};

/// Returns the canonical bytes, and the number of nested array and object levels in them.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<(Vec<u8>, usize), NotCanonical> {
    let out = Vec::with_capacity(256);
    let mut writer =
        Writer { out, members: Vec::new(), scratch: Vec::new(), depth: 0, deepest: 0, key: false };
    value.serialize(&mut writer).map_err(|refused| *refused.0)?;
    Ok((writer.out, writer.deepest))
}

/// An error that is passed up to the caller. Errors are rare, so the error is boxed to keep results small.
#[derive(Debug)]
pub(super) struct Refused(Box<NotCanonical>);

type Written = Result<(), Refused>;

impl Refused {
    fn new(reason: impl Into<String>) -> Self {
        Self(Box::new(NotCanonical::new(reason.into())))
    }

    fn under(self, token: &str) -> Self {
        Self(Box::new(self.0.under(token)))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason.to_string())
    }
}

/// The output so far. `members` contains the members of all unfinished objects, with the members of inner objects last.
pub(super) struct Writer {
    out: Vec<u8>,
    members: Vec<Member>,
    scratch: Vec<u8>,
    depth: usize,
    deepest: usize,
    /// Whether the next value is the key of a member.
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

    /// Writes `{"variant":`, the start of an enum variant that has content.
    fn tag(&mut self, variant: &str) {
        self.open(b'{');
        write_string(variant, &mut self.out);
        self.out.push(b':');
    }

    fn array(&mut self, variant: Option<&'static str>) -> Array<'_> {
        self.open(b'[');
        Array { writer: self, items: 0, variant }
    }

    fn object(&mut self, variant: Option<&'static str>) -> Object<'_> {
        self.open(b'{');
        let (first, start) = (self.members.len(), self.out.len());
        let (at, key_end) = (start, start);
        Object { writer: self, first, start, at, key_end, begins: None, sorted: true, variant }
    }

    /// Writes an integer as a number, or in quotes if it is a key.
    fn integer(&mut self, integer: i64) -> Written {
        if integer.unsigned_abs() > MAX_INTEGER.unsigned_abs() {
            return Err(not_an_integer(&integer));
        }
        let quote: &[u8] = if self.key { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        write_integer(integer, &mut self.out);
        self.out.extend_from_slice(quote);
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Written {
        self.not_a_key()?;
        self.out.extend_from_slice(word);
        Ok(())
    }

    fn not_a_key(&self) -> Written {
        if self.key { Err(Refused::new("a key must be a string or an integer")) } else { Ok(()) }
    }
}

fn not_an_integer(number: &dyn fmt::Display) -> Refused {
    Refused::new(format!("`{number}` is not an integer within ±(2^53 − 1); write it as a string"))
}

/// An unfinished array.
pub(super) struct Array<'a> {
    writer: &'a mut Writer,
    items: usize,
    /// The enum variant that contains this array, written as an object with one member.
    variant: Option<&'static str>,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
        if self.items > 0 {
            self.writer.out.push(b',');
        }
        item.serialize(&mut *self.writer).map_err(|refused| self.place(refused))?;
        self.items += 1;
        Ok(())
    }

    fn place(&self, refused: Refused) -> Refused {
        let refused = refused.under(&self.items.to_string());
        self.variant.into_iter().fold(refused, Refused::under)
    }

    fn finish(self) {
        self.writer.close(b']');
        if self.variant.is_some() {
            self.writer.close(b'}');
        }
    }
}

/// An unfinished object. The members of the object are written as they arrive, and sorted at its end if they are out of
/// order.
pub(super) struct Object<'a> {
    writer: &'a mut Writer,
    /// The index of the object's first member in the writer's list of members, and the position after its opening
    /// bracket.
    first: usize,
    start: usize,
    /// The start of the current member, and the end of its key.
    at: usize,
    key_end: usize,
    begins: Option<u64>,
    sorted: bool,
    /// The enum variant that contains this object, written as an outer object with one member.
    variant: Option<&'static str>,
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
        written.map_err(|refused| self.place(refused))?;
        self.named();
        Ok(())
    }

    fn named(&mut self) {
        let out = &mut self.writer.out;
        self.key_end = out.len().saturating_sub(1);
        let key = out.get(self.at + 1..self.key_end).unwrap_or_default();
        self.begins = is_plain(key).then(|| begins(key));
        out.push(b':');
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        if let Err(refused) = value.serialize(&mut *self.writer) {
            let key = key_text(&self.writer.out, self.at, self.key_end).into_owned();
            return Err(self.place(refused.under(&key)));
        }
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
        self.named();
        self.value(value)
    }

    fn place(&self, refused: Refused) -> Refused {
        self.variant.into_iter().fold(refused, Refused::under)
    }

    fn finish(mut self) -> Written {
        if !self.sorted {
            self.reorder().map_err(|refused| self.place(refused))?;
        }
        self.writer.members.truncate(self.first);
        self.writer.close(b'}');
        if self.variant.is_some() {
            self.writer.close(b'}');
        }
        Ok(())
    }

    fn reorder(&mut self) -> Written {
        let Writer { out, members, scratch, .. } = &mut *self.writer;
        let members = members.get_mut(self.first..).unwrap_or_default();
        members.sort_unstable_by(|left, right| left.order(right, out));
        let same = |pair: &&[Member]| matches!(pair, [a, b] if a.order(b, out).is_eq());
        if let Some([twice, _]) = members.windows(2).find(same) {
            let key = key_text(out, twice.start, twice.key_end);
            return Err(Refused::new("the key occurs twice").under(&key));
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
