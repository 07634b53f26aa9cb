use proptest::prelude::*;
use serde_json::json;

use super::*;

fn schema(value: Value) -> Schema {
    let schema: Schema = serde_json::from_value(value).unwrap();
    schema.well_formed().unwrap();
    schema
}

fn pattern(text: &str) -> Schema {
    schema(json!({ "type": "string", "pattern": text }))
}

fn seed(n: u64) -> Digest {
    Digest::of(&n.to_be_bytes())
}

fn token(schema: &Schema, n: u64) -> Value {
    value(schema, &seed(n), "create.id").unwrap()
}

#[test]
fn texts_and_integers_with_48_random_bits_are_tokens() {
    for schema in [
        json!({ "type": "string" }),
        json!({ "type": "integer" }),
        json!({ "type": "string", "minLength": 700 }),
        json!({ "type": "string", "minLength": 150, "maxLength": 160 }),
        json!({ "type": "string", "maxLength": 9 }),
        json!({ "type": "integer", "minimum": 0, "maximum": (1_u64 << 48) - 1 }),
        json!({ "type": "integer", "minimum": -MAX_INTEGER, "maximum": 0 }),
        json!({ "type": "string", "pattern": "^[0-9a-f]{12}$" }),
        json!({ "type": "string", "pattern": "^[0-9a-f]+$", "maxLength": 12 }),
        json!({ "type": "string", "pattern": "^(prod|test)_[A-Za-z0-9]{24}$" }),
        json!({ "type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" }),
        json!({ "type": "string", "pattern": "^[01]{48}$" }),
        json!({ "type": "string", "pattern": "^[^/]+$" }),
        json!({ "type": "string", "pattern": "^\\d{15}$" }),
        json!({ "type": "string", "pattern": "^[a-z]+-[a-z]+$", "minLength": 31, "maxLength": 31 }),
        json!({ "type": "string", "pattern": "^[a-z0-9._-]{1,64}$" }),
    ] {
        let schema = self::schema(schema);
        assert!(can_stand_for(&schema), "{schema:?}");
        let made: Vec<Value> = (0..4).map(|n| token(&schema, n)).collect();
        for (n, one) in made.iter().enumerate() {
            assert!(schema.violations(one).is_empty(), "{one}");
            assert!(!made[..n].contains(one), "{one} was made twice");
        }
    }
}

#[test]
fn what_has_fewer_values_is_no_token_but_has_a_legal_value() {
    for (schema, made) in [
        (json!({ "type": "boolean" }), json!(false)),
        (json!({ "type": "boolean", "const": true }), json!(true)),
        (json!({ "type": "string", "enum": ["open", "closed"] }), json!("open")),
        (
            json!({ "type": "string", "enum": ["OPEN", "shut"], "pattern": "^[a-z]+$" }),
            json!("shut"),
        ),
        (json!({ "type": "string", "const": "x" }), json!("x")),
        (json!({ "type": "integer", "maximum": 1_000 }), json!(1)),
        (json!({ "type": "integer", "minimum": 7, "maximum": 9 }), json!(7)),
        (json!({ "type": "integer", "minimum": 1, "maximum": (1_u64 << 48) - 1 }), json!(1)),
        (json!({ "type": "string", "maxLength": 8 }), json!("00000000")),
        (json!({ "type": "string", "pattern": "^[0-9a-f]{11}$" }), json!("00000000000")),
        (json!({ "type": "string", "pattern": "^(on|off)$" }), json!("on")),
        (json!({ "type": "string", "pattern": "^v1$" }), json!("v1")),
        (json!({ "type": "string", "pattern": "^$" }), json!("")),
        (json!({ "type": "decimal" }), json!("0")),
        (json!({ "type": "decimal", "minimum": 2 }), json!("2")),
        (
            json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 2 }),
            json!([false, false]),
        ),
    ] {
        let schema = self::schema(schema);
        assert!(!can_stand_for(&schema), "{schema:?}");
        assert_eq!(token(&schema, 1), made, "{schema:?}");
    }
}

#[test]
fn no_value_is_made_that_violates_its_schema() {
    for schema in [
        json!({ "type": "string", "pattern": "a^b" }),
        json!({ "type": "string", "pattern": "^[a&&b]$" }),
        json!({ "type": "string", "pattern": "^[0-9]{4}$", "minLength": 5 }),
        json!({ "type": "string", "pattern": "^b{2000}$" }),
        json!({ "type": "string", "enum": ["A"], "pattern": "^[a-z]$" }),
        json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": "string", "pattern": "a^b" } } }),
    ] {
        let schema = self::schema(schema);
        assert!(!can_stand_for(&schema), "{schema:?}");
        assert_eq!(value(&schema, &seed(1), "x"), None, "{schema:?}");
    }
}

/// Verifiers read contracts of other parties, so the search visits a bounded number of parts. Without the bound, this
/// test would run for hours.
#[test]
fn the_search_for_a_value_is_bounded() {
    let parts = |part: &str, count: usize| format!("^{}$", part.repeat(count));
    for (pattern, least) in [
        ("^(?:(?:(?:a?){12}){12}){12}$".to_owned(), 3),
        (parts("(?:[^/]|[0-9]*)?", 60), 1_024),
        (parts("(?:a*b?){1,9}", 40), 1_023),
        (format!("^(?:{})$", vec!["a[bc]*"; 400].join("|")), 1_024),
    ] {
        let id = schema(json!({ "type": "string", "pattern": pattern, "minLength": least }));
        let made = value(&id, &seed(1), "x");
        assert_eq!(made.is_some(), can_stand_for(&id), "{pattern}: {made:?}");
        assert!(made.iter().all(|made| id.violations(made).is_empty()), "{pattern}: {made:?}");
    }
}

#[test]
fn a_value_depends_on_the_seed_and_the_name() {
    let id = pattern("^[a-z0-9]{20}$");
    let made = |n: u64, name: &str| value(&id, &seed(n), name).unwrap();
    assert_eq!(made(1, "create.id"), made(1, "create.id"));
    assert_ne!(made(1, "create.id"), made(2, "create.id"));
    assert_ne!(made(1, "create.id"), made(1, "create.ref"));
}

/// The values of another implementation of the rules, so that a change of the rules is noticed: replays of older
/// records need the same values.
#[test]
fn the_values_are_those_of_the_written_rules() {
    let seed = Digest::from_bytes([7; 32]);
    let text = format!("urn:deed:token:v1\n{}\ncreate.id\n0", seed.hex());
    let block = Digest::of(text.as_bytes());
    let words: Vec<u64> = block
        .as_bytes()
        .chunks_exact(8)
        .map(|word| word.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)))
        .collect();
    // 16 divides 2^64, so no word is skipped.
    let hex = "0123456789abcdef".as_bytes();
    let made = value(&pattern("^[0-9a-f]{12}$"), &seed, "create.id").unwrap();
    for (n, word) in words.iter().enumerate() {
        let wanted = hex[usize::try_from(word % 16).unwrap()];
        assert_eq!(made.as_str().unwrap().as_bytes()[n], wanted);
    }
    let whole = schema(json!({ "type": "integer", "minimum": 0, "maximum": (1_u64 << 52) - 1 }));
    assert_eq!(value(&whole, &seed, "create.id").unwrap(), json!(words[0] % (1 << 52)));
}

#[test]
fn the_members_of_an_object_have_values_of_their_own() {
    let data = schema(json!({ "type": "object", "required": ["id"], "properties": {
        "id": { "type": "string", "pattern": "^[a-z]{20}$" },
        "number": { "type": "integer" },
        "state": { "type": "string", "enum": ["new"] },
    } }));
    let made = value(&data, &seed(1), "create.data").unwrap();
    assert_eq!(made["state"], "new");
    let tokens = tokens_of(&data, &made, "create.data");
    let wanted = [("create.data.id", &made["id"]), ("create.data.number", &made["number"])];
    assert_eq!(tokens, wanted.map(|(name, value)| (name.to_owned(), value.clone())));
    assert!(!can_stand_for(&data));
}

#[test]
fn numbers_below_a_count_are_even() {
    let mut words = Words::new(&seed(1), "x");
    let mut found = [0_u32; 3];
    for _ in 0..3_000 {
        found[usize::try_from(words.below(3)).unwrap()] += 1;
    }
    assert!(found.iter().all(|n| (900..1_100).contains(n)), "{found:?}");
    assert_eq!((words.below(0), words.below(1)), (0, 0));
}

proptest! {
    #[test]
    fn a_value_never_violates_its_schema(
        pattern in "[a-c\\[\\]()|*+?{}0-3^$.\\\\-]{0,12}",
        least in 0_u64..4,
        more in 0_u64..40,
    ) {
        let Ok(pattern) = crate::contract::schema::Pattern::new(&pattern) else { return Ok(()) };
        let schema = Schema {
            declared: Some(Kind::String),
            pattern: Some(pattern),
            min_length: Some(least),
            max_length: Some(least + more),
            ..Schema::default()
        };
        if let Some(made) = value(&schema, &seed(least), "x") {
            prop_assert!(schema.violations(&made).is_empty());
        }
        can_stand_for(&schema);
    }
}
