//! Tokens: random values that stand for values which only the real answer will have.
//!
//! The host makes the answer to a write of a rehearsal from the schemas in `answer`. Every value follows from the
//! schema, the seed of the rehearsal and the name `NAME.MEMBER`, so a replay gets the same answers. An implementation
//! in another language gives the same values if it follows these rules:
//!
//! - **Words.** Block `n`, from 0, is SHA-256 of the UTF-8 text `urn:deed:token:v1`, the 64 hex digits of the seed, the
//!   name and `n` in decimal, joined by line feeds. A block is four words: big-endian integers of 64 bits, from its
//!   start. The words of all blocks are one sequence for each name. A number below `c` takes no word if `c` is less
//!   than 2. Otherwise, words that are not below the greatest multiple of `c` within 2^64 are skipped, and the next
//!   word modulo `c` is the number.
//! - **`const` and `enum`** give the constant, or the first listed value that the schema allows.
//! - **Booleans** are false. **Decimals** are `0`, or the least decimal if the schema does not allow `0`.
//! - **Integers** are from `minimum` to `maximum`. The default of `maximum` is 2^53 − 1. The default of `minimum` is 1,
//!   or −(2^53 − 1) if `maximum` is below 1. If these are at least 2^48 integers, the value is the least one plus a
//!   number below their count. Otherwise, the value is the least one.
//! - **Texts** have the places of the pattern, which is `^[0-9A-Za-z]*$` if the schema has none. Each character of a
//!   literal is a place with one option. A class is a place with these options, in the order of their code points: the
//!   characters of `0-9A-Za-z` in the class if there are at least 8, otherwise the visible ASCII characters in the
//!   class, otherwise the first 64 characters of the class. A part that must occur at least `a` times occurs `a + e`
//!   times, but not more often than it may. Of alternatives, the one with the most combinations of options is used, and
//!   of equal ones the first. `e` is the first of 16 to 64, 15 down to 0, and 65 to 1024 for which the schema allows
//!   the length and there are at least 2^48 combinations; if there is none, it is the first for which the schema allows
//!   the length. With at least 2^48 combinations, each place with several options takes the one at the next number
//!   below their count. Otherwise, each place takes its first option.
//! - **Objects** have every declared member whose value can be made, and **arrays** have the least number of elements.
//!   The name of a member or an element is the name of the whole, a dot, and the member's name or the element's index.
//! - A value that violates its own schema is made again with the following words, at most 16 times in all.
//!
//! Only texts and integers without `const` and `enum` are tokens, and only those with at least 2^48 equally likely
//! values.

mod shape;

use deed_spec::digest::Digest;
use deed_spec::json::MAX_INTEGER;
use serde_json::{Map, Value};

use self::shape::{Place, Shape, room};
use crate::contract::schema::{Kind, Schema};

/// What the text of each block begins with, so that no other use of SHA-256 gives the same blocks.
const DOMAIN: &str = "urn:deed:token:v1";

/// The least number of equally likely values of a token. An adapter cannot guess one of 2^48 values, and a text of this
/// kind does not occur in a request by chance.
const ROOM: u64 = 1 << 48;

/// How often a value is made before the host gives up.
const TRIES: usize = 16;
/// Maximum characters of a text, and maximum elements of an array.
const LENGTH_MAX: u32 = 1024;
/// Maximum parts of a pattern that are visited in the search for one text, however many lengths are tried.
const STEPS_MAX: u32 = 1 << 18;
/// The pattern of a text that has none.
const ANY_TEXT: &str = "^[0-9A-Za-z]*$";

/// Whether the values of the schema have room for a token: texts and integers with at least 48 random bits.
pub(crate) fn can_stand_for(schema: &Schema) -> bool {
    if schema.constant.is_some() || schema.choices.is_some() {
        return false;
    }
    let has_room = match schema.kind() {
        Some(Kind::Integer) => count(range(schema)) >= ROOM,
        Some(Kind::String) => places(schema).is_some_and(|places| room(&places) >= ROOM),
        _ => false,
    };
    has_room && value(schema, &Digest::of(DOMAIN.as_bytes()), "sample").is_some()
}

/// A value that the schema allows; `None` if the host cannot make one. The value is a token if the schema has room for
/// one.
pub(crate) fn value(schema: &Schema, seed: &Digest, name: &str) -> Option<Value> {
    if let Some(constant) = &schema.constant {
        return fits(schema, constant).then(|| constant.clone());
    }
    if let Some(choices) = &schema.choices {
        return choices.iter().find(|one| fits(schema, one)).cloned();
    }
    let mut words = Words::new(seed, name);
    for _ in 0..TRIES {
        let made = made(schema, &mut words, seed, name)?;
        if fits(schema, &made) {
            return Some(made);
        }
    }
    None
}

/// The tokens in a value that [`value`] made, each with its name.
pub(crate) fn tokens_of(schema: &Schema, value: &Value, name: &str) -> Vec<(String, Value)> {
    if let (Some(Kind::Object), Value::Object(members)) = (schema.kind(), value) {
        let inner = members.iter().filter_map(|(key, member)| {
            Some(tokens_of(schema.properties.get(key)?, member, &format!("{name}.{key}")))
        });
        return inner.flatten().collect();
    }
    if can_stand_for(schema) { vec![(name.to_owned(), value.clone())] } else { Vec::new() }
}

fn fits(schema: &Schema, value: &Value) -> bool {
    schema.violations(value).is_empty()
}

fn made(schema: &Schema, words: &mut Words, seed: &Digest, name: &str) -> Option<Value> {
    let inner = |inner: &Schema, step: &str| value(inner, seed, &format!("{name}.{step}"));
    match schema.kind()? {
        Kind::Boolean => Some(Value::Bool(false)),
        Kind::Integer => Some(integer(schema, words)),
        Kind::Decimal => {
            let zero = Value::from("0");
            let least = || Value::from(schema.decimal_range().0);
            Some(if fits(schema, &zero) { zero } else { least() })
        }
        Kind::String => text(schema, words).map(Value::String),
        Kind::Array => {
            let least = schema.min_items.unwrap_or(0);
            let items = schema.items.as_deref().filter(|_| least <= u64::from(LENGTH_MAX))?;
            let all: Option<Vec<Value>> =
                (0..least).map(|n| inner(items, &n.to_string())).collect();
            all.map(Value::Array)
        }
        Kind::Object => {
            let all = schema.properties.iter();
            let all = all.filter_map(|(key, member)| Some((key.clone(), inner(member, key)?)));
            Some(Value::Object(all.collect::<Map<_, _>>()))
        }
    }
}

/// The least and the greatest integer.
fn range(schema: &Schema) -> (i64, i64) {
    let most = schema.maximum.unwrap_or(MAX_INTEGER);
    (schema.minimum.unwrap_or(if most < 1 { -MAX_INTEGER } else { 1 }), most)
}

fn count((least, most): (i64, i64)) -> u64 {
    u64::try_from(i128::from(most) - i128::from(least) + 1).unwrap_or(0)
}

fn integer(schema: &Schema, words: &mut Words) -> Value {
    let (least, most) = range(schema);
    let count = count((least, most));
    let above = if count < ROOM { 0 } else { words.below(count) };
    Value::from(least.saturating_add(i64::try_from(above).unwrap_or(0)))
}

fn text(schema: &Schema, words: &mut Words) -> Option<String> {
    let places = places(schema)?;
    let is_token = room(&places) >= ROOM;
    let mut text = String::with_capacity(places.len());
    for place in &places {
        text.push(match place {
            Place::Fixed(character) => *character,
            Place::Options(options) if is_token => {
                let n = words.below(u64::try_from(options.len()).ok()?);
                *options.get(usize::try_from(n).ok()?)?
            }
            Place::Options(options) => *options.first()?,
        });
    }
    Some(text)
}

/// The places of a text of this schema; `None` if the host finds none with a length that the schema allows.
fn places(schema: &Schema) -> Option<Vec<Place>> {
    let pattern = schema.pattern.as_ref().map_or(ANY_TEXT, |pattern| pattern.as_str());
    let shape = Shape::of(&regex_syntax::parse(pattern).ok()?);
    let (mut short, mut left) = (None, STEPS_MAX);
    for extra in (16..=64).chain((0..16).rev()).chain(65..=LENGTH_MAX) {
        let size = shape.size(extra, &mut left);
        // A size is wrong if some of the alternatives were not visited.
        if left == 0 {
            break;
        }
        let Some(size) = size else { continue };
        let length = size.length;
        if schema.min_length.is_some_and(|least| length < least)
            || schema.max_length.is_some_and(|most| length > most)
        {
            continue;
        }
        if size.room >= ROOM {
            return shape.places(extra);
        }
        short = short.or(Some(extra));
    }
    shape.places(short?)
}

/// The sequence of words for one name.
struct Words {
    head: String,
    block: u64,
    /// The words of the current block that are not used yet, the next one at the end.
    rest: Vec<u64>,
}

impl Words {
    fn new(seed: &Digest, name: &str) -> Self {
        Self { head: format!("{DOMAIN}\n{}\n{name}\n", seed.hex()), block: 0, rest: Vec::new() }
    }

    fn word(&mut self) -> u64 {
        if self.rest.is_empty() {
            let block = Digest::of(format!("{}{}", self.head, self.block).as_bytes());
            let words = block.as_bytes().chunks_exact(8).rev();
            self.rest
                .extend(words.map(|word| <[u8; 8]>::try_from(word).map_or(0, u64::from_be_bytes)));
            self.block += 1;
        }
        self.rest.pop().unwrap_or_default()
    }

    /// A number below `count`, each with the same probability.
    fn below(&mut self, count: u64) -> u64 {
        if count < 2 {
            return 0;
        }
        // 2^64 modulo `count`: so many of the greatest words would prefer small numbers.
        let uneven = (u64::MAX % count + 1) % count;
        loop {
            let word = self.word();
            if word <= u64::MAX - uneven {
                return word % count;
            }
        }
    }
}

#[cfg(test)]
mod tests;
