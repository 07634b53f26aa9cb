//! A search for many texts at once, by their last bytes. Its time per place of the searched text depends neither on the
//! number of the texts nor, beyond a bound, on their length or their likeness, because hostile issuers choose them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use zeroize::Zeroizing;

/// How many of the last bytes of a text are compared. In an encoding of a secret, they do not occur by chance.
pub(super) const TAIL: usize = 64;

/// Texts of at least `KEY` bytes, each with the name of the secret to which it belongs.
#[derive(Clone)]
pub(super) struct Ends<const KEY: usize> {
    /// The tails by a keyed hash of their last `KEY` bytes. The tails with one hash are sorted, and none of them begins
    /// with another one.
    tails: HashMap<u64, Vec<Tail>>,
    keys: RandomState,
}

/// The last bytes of a text, the last byte first.
#[derive(Clone)]
struct Tail {
    bytes: Zeroizing<Vec<u8>>,
    name: Arc<str>,
}

impl<const KEY: usize> Default for Ends<KEY> {
    fn default() -> Self {
        Self { tails: HashMap::new(), keys: RandomState::new() }
    }
}

impl<const KEY: usize> Ends<KEY> {
    pub(super) fn len(&self) -> usize {
        self.tails.values().map(Vec::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tails.is_empty()
    }

    /// Adds a text, which is given backwards. Returns whether the text is long enough to be found.
    pub(super) fn add(&mut self, backwards: &[u8], name: &Arc<str>) -> bool {
        let bytes: Zeroizing<Vec<u8>> =
            Zeroizing::new(backwards.iter().take(TAIL).copied().collect());
        let Some(key) = self.key(&bytes) else { return false };
        let tails = self.tails.entry(key).or_default();
        if before(tails, &bytes).is_some() {
            return true;
        }
        // A text is found if one with which it begins is found, so the longer ones are of no use.
        let at = place(tails, &bytes);
        let rest = tails.iter().skip(at);
        let longer = rest.take_while(|tail| tail.bytes.starts_with(&bytes)).count();
        let tail = Tail { bytes, name: Arc::clone(name) };
        drop(tails.splice(at..at.saturating_add(longer), [tail]));
        true
    }

    /// The name of one of the texts that occur in this text, which is given backwards.
    pub(super) fn name_in(&self, backwards: &[u8]) -> Option<&Arc<str>> {
        if self.is_empty() {
            return None;
        }
        (0..backwards.len()).find_map(|at| self.name_at(backwards.get(at..)?))
    }

    /// The name of the text with which this text begins.
    fn name_at(&self, rest: &[u8]) -> Option<&Arc<str>> {
        before(self.tails.get(&self.key(rest)?)?, rest)
    }

    fn key(&self, bytes: &[u8]) -> Option<u64> {
        bytes.first_chunk::<KEY>().map(|key| self.keys.hash_one(key))
    }
}

/// The number of tails that are not greater than these bytes.
fn place(tails: &[Tail], bytes: &[u8]) -> usize {
    tails.partition_point(|tail| tail.bytes.as_slice() <= bytes)
}

/// The name of the tail with which these bytes begin. Such a tail is the greatest one that is not greater than the
/// bytes: everything between both begins with the tail, and no tail begins with another one.
fn before<'t>(tails: &'t [Tail], bytes: &[u8]) -> Option<&'t Arc<str>> {
    let last = tails.get(place(tails, bytes).checked_sub(1)?)?;
    bytes.starts_with(&last.bytes).then_some(&last.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backwards(text: &str) -> Vec<u8> {
        text.bytes().rev().collect()
    }

    fn ends(texts: &[&str]) -> Ends<4> {
        let mut ends = Ends::default();
        for text in texts {
            assert!(ends.add(&backwards(text), &Arc::from(*text)), "{text}");
        }
        ends
    }

    #[test]
    fn each_text_is_found_in_whatever_order_they_are_added() {
        let texts = ["abcdef", "bbcdef", "cdef", "xcdef", "zzcdef", "aaaaaaaa", "aaaa", "0cdeg"];
        for turn in 0..texts.len() {
            let mut turned = texts;
            turned.rotate_left(turn);
            let ends = ends(&turned);
            for text in texts {
                assert!(ends.name_in(&backwards(&format!("1{text}2"))).is_some(), "{text}");
                let but_one = text.get(1..).unwrap();
                let is_other = ["bbcdef", "aaaaaaaa"].contains(&text) || text.ends_with("cdef");
                assert_eq!(ends.name_in(&backwards(but_one)).is_some(), is_other && text != "cdef");
            }
            assert_eq!(ends.len(), 3, "the texts that end with another one are not kept");
        }
    }

    #[test]
    fn the_name_is_that_of_the_text() {
        let ends = ends(&["first-1", "second-1", "third-1"]);
        for name in ["first-1", "second-1", "third-1"] {
            assert_eq!(ends.name_in(&backwards(&format!("a {name} b"))).map(|n| &**n), Some(name));
        }
        assert!(ends.name_in(&backwards("fourth-1 irst-1 econd-")).is_none());
        assert!(ends.name_in(b"").is_none());
    }

    #[test]
    fn a_short_text_is_not_kept_and_of_a_long_one_only_the_end() {
        let mut ends = Ends::<4>::default();
        assert!(!ends.add(b"cba", &Arc::from("short")) && ends.is_empty());
        let long = format!("{}{}", "x".repeat(500), "y".repeat(TAIL));
        assert!(ends.add(&backwards(&long), &Arc::from("long")));
        assert!(ends.name_in(&backwards(&"y".repeat(TAIL - 1))).is_none());
        assert!(ends.name_in(&backwards(&"y".repeat(TAIL))).is_some());
    }
}
