//! Compares the canonical writer with a simple writer for `Value`. The two writers must write the same bytes, and the
//! canonical writer must refuse every value that the simple writer refuses.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Number, json};

use super::super::write::write;
use super::super::*;

/// A simple implementation of RFC 8785; `None` if the value has no canonical form.
fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::Number(number) => {
            let safe = |found: &i64| (-MAX_INTEGER..=MAX_INTEGER).contains(found);
            number.as_i64().filter(safe)?.to_string()
        }
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(plain).collect();
            format!("[{}]", items?.join(","))
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| key.encode_utf16().collect::<Vec<_>>());
            let member = |(key, value)| Some(format!("{}:{}", json!(key), plain(value)?));
            let members: Option<Vec<_>> = sorted.into_iter().map(member).collect();
            format!("{{{}}}", members?.join(","))
        }
        other => other.to_string(),
    })
}

/// Writes a record and compares the result with that of [`plain`].
fn same<T: Serialize>(record: &T) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(record).ok();
    let written = write(record);
    match (&written, value.as_ref().and_then(plain)) {
        (Ok((bytes, levels)), Some(text)) => {
            let found = String::from_utf8_lossy(bytes);
            assert_eq!((found, *levels), (text.into(), depth(&value.unwrap())));
        }
        // Unlike the canonical writer, `serde_json` keeps the last of two members with the same key, writes NaN as
        // null, and accepts more types of keys.
        (Err(refused), Some(text)) => assert!(is_stricter(refused), "{refused}: {text}"),
        (Err(refused), None) => {
            let number =
                |value: Value| value.pointer(&refused.pointer).is_some_and(Value::is_number);
            let told = value.is_none_or(number) || is_stricter(refused);
            assert!(told, "{refused} does not name the place");
        }
        (Ok((bytes, _)), None) => panic!("{} is canonical", String::from_utf8_lossy(bytes)),
    }
    written.map(|(bytes, _)| bytes)
}

fn is_stricter(refused: &NotCanonical) -> bool {
    let reasons = ["occurs twice", "a key must be", "`NaN` is", "`inf` is", "`-inf` is"];
    reasons.iter().any(|reason| refused.reason.contains(reason))
}

/// Values of every kind in serde's data model.
#[derive(Clone, Debug, Serialize)]
enum Kind {
    Unit,
    Newtype(Box<Kind>),
    Tuple(i8, Option<char>),
    #[serde(rename = "a\"b")]
    Struct {
        z: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<Value>,
        #[serde(rename = "ä")]
        umlaut: (),
        #[serde(rename = "\u{e000}")]
        private: u64,
        #[serde(rename = "\u{1f600}")]
        face: bool,
    },
    Record(Record),
    Texts(BTreeMap<String, Kind>),
    Numbered(BTreeMap<i32, Vec<bool>>),
    Lettered(BTreeMap<char, u8>),
    Maybe(BTreeMap<Option<String>, u8>),
    Bytes(#[serde(serialize_with = "as_bytes")] Vec<u8>),
    Float(f64),
    Large(i128),
    Pairs(Pairs),
    Wrong(#[serde(serialize_with = "wrong")] ()),
}

#[derive(Clone, Debug, Serialize)]
struct Record {
    unit: Unit,
    pair: (u32, String),
    inner: Inner,
    #[serde(flatten)]
    more: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Serialize)]
struct Unit;

#[derive(Clone, Debug, Serialize)]
#[expect(clippy::option_option, reason = "serde serialises both levels")]
struct Inner(Option<Option<i64>>);

/// A map that serialises its members in the order of the list, which may contain a key twice.
#[derive(Clone, Debug)]
struct Pairs(Vec<(String, i64)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires this signature")]
fn wrong<S: Serializer>(_: &(), _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("it is wrong"))
}

/// Keys that sort differently by code units and by bytes, keys that need escapes, and ordinary keys.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c_]{0,3}",
        2 => "sources_[ab]{0,2}",
        1 => "[a\u{e000}\u{1f600}\u{80}\u{ffff}]{1,2}",
        1 => "[a\"\\\\\n\u{1}~/]{1,2}",
    ]
}

fn number() -> impl Strategy<Value = Number> {
    let float = any::<f64>().prop_filter_map("it is finite", Number::from_f64);
    prop_oneof![
        6 => (-99_i64..1_000).prop_map(Number::from),
        1 => any::<i64>().prop_map(Number::from),
        1 => any::<u64>().prop_map(Number::from),
        1 => (MAX_INTEGER - 1..=MAX_INTEGER + 1).prop_map(Number::from),
        1 => float,
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::Number),
        "[a-z\"\\\\\u{0}-\u{1f}ü😀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn record() -> impl Strategy<Value = Record> {
    let more = prop::collection::btree_map(
        prop_oneof![3 => key(), 1 => Just("pair".into())],
        -9_i64..9,
        0..3,
    );
    let inner = proptest::option::of(proptest::option::of(-5_i64..5)).prop_map(Inner);
    (any::<u32>(), key(), inner, more).prop_map(|(n, text, inner, more)| Record {
        unit: Unit,
        pair: (n, text),
        inner,
        more,
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let small = || prop::collection::vec(any::<bool>(), 0..3);
    let leaf = prop_oneof![
        Just(Kind::Unit),
        (any::<i8>(), any::<Option<char>>()).prop_map(|(a, b)| Kind::Tuple(a, b)),
        (any::<u16>(), proptest::option::of(value()), 0..9_u64, any::<bool>())
            .prop_map(|(z, b, private, face)| Kind::Struct { z, b, umlaut: (), private, face }),
        record().prop_map(Kind::Record),
        prop::collection::btree_map(-20..20_i32, small(), 0..3).prop_map(Kind::Numbered),
        prop::collection::btree_map(any::<char>(), 0..9_u8, 0..3).prop_map(Kind::Lettered),
        prop::collection::btree_map(any::<Option<String>>(), 0..9_u8, 0..2).prop_map(Kind::Maybe),
        prop::collection::vec(any::<u8>(), 0..3).prop_map(Kind::Bytes),
        any::<f64>().prop_map(Kind::Float),
        any::<i128>().prop_map(Kind::Large),
        prop::collection::vec((key(), -9_i64..9), 0..5).prop_map(|all| Kind::Pairs(Pairs(all))),
        Just(Kind::Wrong(())),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Kind::Newtype(Box::new(one))),
            prop::collection::btree_map(key(), inner, 0..4).prop_map(Kind::Texts),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_value_is_written_the_same(value in value()) {
        same(&value).ok();
    }

    #[test]
    fn whatever_serde_knows_is_written_the_same(kind in kind()) {
        same(&kind).ok();
    }
}

#[test]
fn ordinary_records_are_written() {
    let alike = json!({"sources_b": 1, "sources_aa": 2, "sources_": 3, "sources_a": 4});
    assert!(same(&alike).is_ok());
    let value =
        json!({"z": {"y": ["\u{1}", "ü"]}, "a": 3, "\u{1f600}": null, "\u{e000}": -MAX_INTEGER});
    let more = BTreeMap::from([("a".to_owned(), 1), ("zz".to_owned(), 2)]);
    let record = Record { unit: Unit, pair: (1, "x".into()), inner: Inner(None), more };
    let records = BTreeMap::from([("b".to_owned(), Kind::Record(record))]);
    let kind = Kind::Newtype(Box::new(Kind::Texts(records)));
    let tuple = Kind::Tuple(-1, Some('"'));
    assert!([same(&value), same(&kind), same(&tuple)].iter().all(Result::is_ok));
}

#[test]
fn a_refusal_names_the_place() {
    let pointer = |kind: &Kind| same(kind).unwrap_err().pointer;
    let inside = |kind: Kind| Kind::Texts(BTreeMap::from([("a/\"b".to_owned(), kind)]));
    assert_eq!(pointer(&inside(Kind::Float(0.5))), "/Texts/a~1\"b/Float");
    let float = Some(json!([1, 0.5]));
    let fields = Kind::Struct { z: 1, b: float, umlaut: (), private: 1, face: true };
    assert_eq!(pointer(&fields), "/a\"b/b/1");
    let twice = vec![("x".to_owned(), 1), ("\n".to_owned(), 2), ("x".to_owned(), 1)];
    assert_eq!(pointer(&inside(Kind::Pairs(Pairs(twice)))), "/Texts/a~1\"b/Pairs/x");
    assert_eq!(pointer(&Kind::Large(i128::MAX)), "/Large");
}

#[test]
fn what_is_signed_inside_of_another_can_be_read_again() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    // A value may have 63 levels, because the statement that contains the value adds the 64th.
    let deepest = to_readable(&nested(63)).unwrap();
    assert!(parse(&[b"[", &deepest[..], b"]"].concat()).is_ok());
    let refused = to_readable(&nested(64)).unwrap_err();
    assert!(refused.reason.contains("64 levels"), "{refused}");
    assert!(to_canonical(&nested(64)).is_ok());
    let odd = |levels: usize| (0..levels).fold(json!(0.5), |inner, _| json!([inner]));
    assert_eq!(to_readable(&odd(2)).unwrap_err().pointer, "/0/0");
}
