//! Parses a part of a JSON text: the values to which the given paths lead.
//!
//! A value that is not on any path is checked only against the grammar of RFC 8259, and is skipped. In a skipped value,
//! a key may occur twice, nesting has no limit, and an escape may be half of a surrogate pair, because none of these
//! affects where the value ends.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{ParseError, Parsed, Parser, read, twice};

/// Like [`super::parse`], but returns only the values to which the paths lead. Each path consists of the tokens of an
/// RFC 6901 pointer.
///
/// The result contains the objects and arrays on the paths, without the members to which no path leads. An array item
/// that is left out is null if a later item is kept.
///
/// # Errors
///
/// Fails at the first place that is not JSON. Also fails if a value to which a path leads is not strict JSON, or if a
/// key on a path occurs twice.
pub fn parse_part(bytes: &[u8], paths: &[Vec<String>]) -> Result<Value, ParseError> {
    let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
    read(bytes, false, |parser| Ok(parser.part(&paths)?.unwrap_or_default()))
}

impl Parser<'_> {
    /// The part of a value to which the paths lead; `None` if no path leads to a part of the value.
    fn part(&mut self, paths: &[&[String]]) -> Parsed<Option<Value>> {
        if paths.iter().any(|path| path.is_empty()) {
            return self.value().map(Some);
        }
        match self.peek() {
            Some(b'{') => self.nested(|parser| parser.members(paths)).map(Some),
            Some(b'[') => self.nested(|parser| parser.items(paths)).map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    fn members(&mut self, paths: &[&[String]]) -> Parsed<Value> {
        let (mut map, mut seen) = (Map::new(), BTreeSet::new());
        if self.take(b'}') {
            return Ok(Value::Object(map));
        }
        loop {
            let start = self.at;
            let key = self.key()?;
            let below = below(paths, &key);
            if !below.is_empty() && !seen.insert(key.clone()) {
                self.at = start;
                return Err(twice(&key));
            }
            self.colon()?;
            if let Some(value) = self.part_below(&below)? {
                map.insert(key, value);
            }
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(map));
            }
            self.require(b',', "`,` or `}`")?;
            self.space();
        }
    }

    fn items(&mut self, paths: &[&[String]]) -> Parsed<Value> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        for index in 0_usize.. {
            if let Some(value) = self.part_below(&below(paths, &index.to_string()))? {
                items.resize(index, Value::Null);
                items.push(value);
            }
            self.space();
            if self.take(b']') {
                break;
            }
            self.require(b',', "`,` or `]`")?;
            self.space();
        }
        Ok(Value::Array(items))
    }

    fn part_below(&mut self, paths: &[&[String]]) -> Parsed<Option<Value>> {
        if paths.is_empty() { self.skip().map(|()| None) } else { self.part(paths) }
    }

    /// Moves to the end of a value, without recursion.
    fn skip(&mut self) -> Parsed<()> {
        let mut open = Vec::new();
        loop {
            match self.peek() {
                Some(b'{') => {
                    if !self.is_empty(b'}') {
                        open.push(b'}');
                        self.skip_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    if !self.is_empty(b']') {
                        open.push(b']');
                        continue;
                    }
                }
                Some(b'"') => self.skip_string()?,
                _ => self.value().map(drop)?,
            }
            if !self.skip_closers(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Moves past the opening bracket of an object or array, and also past its closing bracket if the object or array
    /// is empty.
    fn is_empty(&mut self, close: u8) -> bool {
        self.at += 1;
        self.space();
        self.take(close)
    }

    /// Moves past closing brackets to the next value. Returns false if no object or array is open.
    fn skip_closers(&mut self, open: &mut Vec<u8>) -> Parsed<bool> {
        while let Some(close) = open.last().copied() {
            self.space();
            if self.take(close) {
                open.pop();
                continue;
            }
            self.require(b',', if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })?;
            self.space();
            if close == b'}' {
                self.skip_key()?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn skip_key(&mut self) -> Parsed<()> {
        self.quote()?;
        self.skip_string()?;
        self.colon()
    }

    fn skip_string(&mut self) -> Parsed<()> {
        self.at += 1;
        loop {
            self.run();
            if self.is_closed()? {
                return Ok(());
            }
            if self.text.as_bytes().get(self.at + 1) == Some(&b'u') {
                self.unit(self.at)?;
                self.at += 6;
            } else {
                self.escape()?;
            }
        }
    }
}

/// The paths that lead through this member or item, each without its first token.
fn below<'a>(paths: &[&'a [String]], token: &str) -> Vec<&'a [String]> {
    let through = |path: &&'a [String]| {
        let (first, rest) = path.split_first()?;
        (first == token).then_some(rest)
    };
    paths.iter().filter_map(through).collect()
}

#[cfg(test)]
mod tests;
