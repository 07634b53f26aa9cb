//! Reads a document in JSON or YAML into one JSON value, within bounds that hold before the value exists.

use std::cell::Cell;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::OpenApiError;
use super::text::{prose, shown};

/// The largest document in bytes. The descriptions of large APIs have about 12 MB.
pub const MAX_BYTES: usize = 32 << 20;

/// The memory that one document may take. An alias in YAML repeats a value, so a small text can describe a large
/// document. The description of GitHub's API, with 12 MB, takes a third of this.
const MAX_MEMORY: usize = 1 << 28;
/// What a value, an object and a member of an object take besides their texts. A list or an object that grows reserves
/// up to twice the memory of its values.
const NODE: usize = 160;
const OBJECT: usize = 100;
const MEMBER: usize = 120;
/// The deepest nesting of values.
const MAX_DEPTH: usize = 100;

/// Reads a document. A text that begins with `{` is JSON, and every other text is YAML.
pub(super) fn document(bytes: &[u8]) -> Result<Value, OpenApiError> {
    if bytes.len() > MAX_BYTES {
        let what = format!(
            "the document has more than {} MiB; keep only the operations that are needed",
            MAX_BYTES >> 20
        );
        return Err(OpenApiError::whole(what));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let what = format!("byte {} is not UTF-8; save the document as UTF-8", error.valid_up_to());
        OpenApiError::whole(what)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let left = Cell::new(MAX_MEMORY);
    let seed = Strict { left: &left, depth: 0 };
    let read = if text.trim_start().starts_with('{') { json(text, seed) } else { yaml(text, seed) };
    // The parsers report the place of this fault as a fault of syntax.
    read.map_err(|error| if left.get() == 0 { OpenApiError::whole(too_large()) } else { error })
}

fn too_large() -> String {
    format!(
        "the document takes more than {} MiB of memory once it is read and its aliases are filled in; keep only the \
         operations that are needed",
        MAX_MEMORY >> 20
    )
}

fn json(text: &str, seed: Strict<'_>) -> Result<Value, OpenApiError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer);
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| OpenApiError::whole(format!("the document is not JSON: {error}")))
}

fn yaml(text: &str, seed: Strict<'_>) -> Result<Value, OpenApiError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_events: 8_000_000,
            max_nodes: 4_000_000,
            max_depth: 64,
            flow_nesting_limit: 64,
            enforce_alias_anchor_ratio: false,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let read =
        serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
            seed.deserialize(deserializer)
        });
    read.map_err(|error| {
        let line = error.location().map(|at| format!("line {}: ", at.line())).unwrap_or_default();
        let said = error.to_string();
        let said = prose(said.lines().next().unwrap_or_default(), 300);
        if said.starts_with("budget breached") {
            return OpenApiError::whole(format!(
                "{line}the document is too large, or nested too deeply, once its aliases are filled in; keep only the \
                 operations that are needed"
            ));
        }
        OpenApiError::whole(format!("{line}the document is neither JSON nor YAML: {said}"))
    })
}

/// Builds one value. All parts of a document share the memory that is left.
#[derive(Clone, Copy)]
struct Strict<'b> {
    left: &'b Cell<usize>,
    depth: usize,
}

impl Strict<'_> {
    fn spend<E: Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.left.get().saturating_sub(bytes);
        self.left.set(left);
        if left == 0 { Err(E::custom(too_large())) } else { Ok(()) }
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!(
                "the document is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.spend(NODE)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.spend(NODE)?;
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.spend(NODE)?;
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.spend(NODE)?;
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.spend(NODE.saturating_add(value.len()))?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.spend(NODE.saturating_add(value.len()))?;
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.spend(NODE)?;
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.spend(NODE)?;
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.spend(NODE + OBJECT)?;
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            self.spend(MEMBER.saturating_add(name.len()))?;
            let value = access.next_value_seed(inner)?;
            if members.contains_key(&name) {
                let name = shown(&name);
                return Err(A::Error::custom(format!("the key `{name}` occurs twice; keep one")));
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_yaml_are_the_same_value() {
        let value = json!({"a": [1, true, null, "yes", 1.5], "200": {"b": "x"}});
        assert_eq!(document(value.to_string().as_bytes()), Ok(value.clone()));
        let yaml = "a: [1, true, null, yes, 1.5]\n200:\n  b: x\n";
        assert_eq!(document(yaml.as_bytes()), Ok(value));
    }

    #[test]
    fn a_key_that_occurs_twice_is_refused() {
        for text in ["{\"a\": 1, \"a\": 2}", "a: 1\na: 2\n"] {
            assert!(document(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds_hold_before_the_value_exists() {
        let deep_json = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        let deep_flow = format!("a: {}{}", "[".repeat(5000), "]".repeat(5000));
        let deep_block: Vec<String> = (0..500).map(|n| format!("{}a:\n", "  ".repeat(n))).collect();
        let mut bomb = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned()];
        for n in 1..12 {
            let all = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push(format!("a{n}: &a{n} [{all}]\n"));
        }
        let long = "x".repeat(1 << 20);
        let repeated: Vec<String> = (0..2000).map(|n| format!("b{n}: *a\n")).collect();
        let repeated = format!("a: &a {long}\n{}", repeated.concat());
        for text in [deep_json, deep_flow, deep_block.concat(), bomb.concat(), repeated] {
            let error = document(text.as_bytes()).unwrap_err().to_string();
            assert!(error.len() < 1000, "{error}");
        }
        let large = vec![b' '; MAX_BYTES + 1];
        assert!(document(&large).unwrap_err().what.contains("more than 32 MiB"));
        assert!(document(b"a: \xff").unwrap_err().what.contains("not UTF-8"));
    }

    #[test]
    fn the_memory_of_small_values_is_counted() {
        let many = |one: &str| format!("{{\"x\":[{}]}}", vec![one; 600_000].join(","));
        let error = document(many("{\"a\":1}").as_bytes()).unwrap_err();
        assert!(error.what.starts_with("the document takes more than 256 MiB"), "{error}");
        assert!(document(many("1").as_bytes()).is_ok());
    }

    #[test]
    fn a_bomb_of_aliases_is_named_in_words() {
        let mut bomb = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned()];
        for n in 1..12 {
            let all = vec![format!("*a{}", n - 1); 9].join(", ");
            bomb.push(format!("a{n}: &a{n} [{all}]\n"));
        }
        let error = document(bomb.concat().as_bytes()).unwrap_err();
        assert!(error.what.contains("once its aliases are filled in"), "{error}");
    }

    #[test]
    fn a_stream_of_documents_is_refused() {
        assert!(document(b"a: 1\n---\nb: 2\n").is_err());
    }
}
