//! The strict JSON parser (RFC 8259): returns a value, or the line and column of the first error.
//!
//! The parser rejects input that two readers may interpret differently: duplicate keys, lone surrogates, invalid UTF-8,
//! trailing bytes, and nesting beyond 64 levels. Numbers that are not safe integers become strings.

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::MAX_INTEGER;

pub(super) mod part;

/// Maximum nesting that the parser accepts, which bounds its recursion. No record or upstream response needs more
/// levels.
pub(super) const MAX_DEPTH: usize = 64;

/// Reads exactly one JSON text (RFC 8259, UTF-8, no byte order mark).
///
/// Integers within ±(2^53 − 1) become numbers; every other number becomes the string of its digits as written.
///
/// # Errors
///
/// Fails at the first place that is not strict JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, ParseError> {
    read(bytes, false, Parser::value)
}

/// Like [`parse`], for a caller's request: a number that is not a safe integer is an error. If the parser converted
/// such a number to a string, the host would see a string where the sender, and any party in between, see a number.
///
/// # Errors
///
/// Fails at the first place that is not strict JSON, or at a number that is not a safe integer.
pub fn parse_exact(bytes: &[u8]) -> Result<Value, ParseError> {
    read(bytes, true, Parser::value)
}

fn read<'a>(
    bytes: &'a [u8],
    exact: bool,
    value: impl FnOnce(&mut Parser<'a>) -> Parsed<Value>,
) -> Result<Value, ParseError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let (line, column) = position(&String::from_utf8_lossy(valid));
        ParseError { line, column, reason: "bytes are not UTF-8; JSON text is UTF-8".into() }
    })?;
    let mut parser = Parser { text, at: 0, depth: 0, exact };
    parser.document(value).map_err(|reason| {
        let (line, column) = position(text.get(..parser.at).unwrap_or(text));
        ParseError { line, column, reason }
    })
}

/// Where and why a text is not acceptable JSON. Lines and columns (characters) count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct ParseError {
    pub line: usize,
    pub column: usize,
    pub reason: String,
}

type Parsed<T> = Result<T, String>;

/// `at` is a byte offset on a character boundary. After an error, `at` is the position of the error.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether a number that is not a safe integer is an error.
    exact: bool,
}

impl Parser<'_> {
    fn document(&mut self, value: impl FnOnce(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        self.space();
        let value = value(self)?;
        self.space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err("text after the end of the value; send exactly one JSON value".into()),
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected("a JSON value")),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        if self.depth == MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels; send a flatter value"));
        }
        self.depth += 1;
        self.at += 1;
        self.space();
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Parsed<Value> {
        let mut map = Map::new();
        if self.take(b'}') {
            return Ok(Value::Object(map));
        }
        loop {
            let start = self.at;
            let free = match map.entry(self.key()?) {
                Entry::Vacant(free) => free,
                Entry::Occupied(taken) => {
                    self.at = start;
                    return Err(twice(taken.key()));
                }
            };
            self.colon()?;
            free.insert(self.value()?);
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(map));
            }
            self.require(b',', "`,` or `}`")?;
            self.space();
        }
    }

    fn key(&mut self) -> Parsed<String> {
        self.quote()?;
        self.string()
    }

    fn quote(&self) -> Parsed<()> {
        if self.peek() == Some(b'"') {
            return Ok(());
        }
        Err(self.unexpected("a key in double quotes"))
    }

    fn colon(&mut self) -> Parsed<()> {
        self.space();
        self.require(b':', "`:` after the key")?;
        self.space();
        Ok(())
    }

    fn array(&mut self) -> Parsed<Value> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            self.require(b',', "`,` or `]`")?;
            self.space();
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            out.push_str(self.run());
            if self.is_closed()? {
                return Ok(out);
            }
            out.push(self.escape()?);
        }
    }

    /// The characters of a string up to a quote, a backslash or a character that a string must not contain unescaped.
    fn run(&mut self) -> &str {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        self.at += rest.as_bytes().iter().position(special).unwrap_or(rest.len());
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Whether a string ends at the position where [`Self::run`] stopped. If the string does not end there, an escape
    /// follows.
    fn is_closed(&mut self) -> Parsed<bool> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(true)
            }
            Some(b'\\') => Ok(false),
            Some(byte) => Err(format!(
                "control character {byte:#04x} in a string; write it as `\\u{byte:04x}`"
            )),
            None => Err("the text ends inside a string; close it with `\"`".into()),
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let plain = match letter {
            Some(b'u') => return self.unicode(),
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => {
                return Err(
                    "unknown escape; JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX"
                        .into(),
                );
            }
        };
        self.at += 2;
        Ok(plain)
    }

    /// Reads one `\uXXXX` escape, or two if the first one is a high surrogate (RFC 8259 section 7).
    fn unicode(&mut self) -> Parsed<char> {
        const LONE: &str = "lone surrogate; write both halves of the pair or the character itself";
        let high = self.unit(self.at)?;
        let (code, length) = match high {
            0xd800..=0xdbff => match self.unit(self.at + 6) {
                Ok(low @ 0xdc00..=0xdfff) => {
                    (0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12)
                }
                _ => return Err(LONE.into()),
            },
            code => (code, 6),
        };
        let found = char::from_u32(code).ok_or(LONE)?;
        self.at += length;
        Ok(found)
    }

    fn unit(&self, at: usize) -> Parsed<u32> {
        self.text
            .get(at..at + 6)
            .and_then(|escape| escape.strip_prefix("\\u"))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or_else(|| "`\\u` wants four hex digits".into())
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            self.at = start;
            return Err("a number must not start with a zero; write `7`, not `07`".into());
        }
        let integer = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        let is_safe = |value: &i64| value.unsigned_abs() <= MAX_INTEGER.unsigned_abs();
        let safe = written.parse().ok().filter(is_safe).filter(|_| integer);
        match safe {
            Some(value) => Ok(Value::Number(Number::from(value))),
            None if self.exact => {
                self.at = start;
                Err("a number is an integer within ±(2^53 − 1); write others as text".into())
            }
            None => Ok(Value::String(written.into())),
        }
    }

    fn digits(&mut self) -> Parsed<usize> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("a digit")) } else { Ok(self.at - start) }
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.unexpected("a JSON value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, byte: u8, what: &str) -> Parsed<()> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    fn unexpected(&self, wanted: &str) -> String {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => format!("found `{}`, wanted {wanted}", found.escape_debug()),
            None => format!("the text ends, wanted {wanted}"),
        }
    }
}

/// Line and column, counted from 1, of the character after `before`.
fn position(before: &str) -> (usize, usize) {
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

fn twice(key: &str) -> String {
    format!("key `{}` occurs twice; write each key once", shorten(key))
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
