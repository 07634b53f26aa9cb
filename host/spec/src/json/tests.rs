mod written;

use serde_json::json;

use super::*;

fn reason(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn reads_ordinary_json() {
    let value = parse(br#" {"a":[1,-2,true,null],"b":{"c":"\u00e9\ud83d\ude00\n"}} "#).unwrap();
    assert_eq!(value, json!({"a": [1, -2, true, null], "b": {"c": "é😀\n"}}));
}

#[test]
fn numbers_that_are_no_safe_integers_become_their_digits() {
    let value = parse(b"[9007199254740991,9007199254740992,-9007199254740992,1.0,1e2,-0,123456789012345678901234567890]").unwrap();
    assert_eq!(
        value,
        json!([
            9_007_199_254_740_991_i64,
            "9007199254740992",
            "-9007199254740992",
            "1.0",
            "1e2",
            0,
            "123456789012345678901234567890"
        ])
    );
}

#[test]
fn refuses_what_readers_disagree_on() {
    for text in [
        "",
        " ",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "[1] x",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "-",
        "1.",
        "1e",
        ".5",
        "+1",
        "NaN",
        "tru",
        "'a'",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"\n\"",
        "\"",
        "\"\\",
        "\"\\u",
        "[",
        "{",
        "{\"a\"",
        "{a:1}",
        "\u{feff}1",
        "\"\\u+123\"",
        "\"\\ud83d\\u😀\"",
        "// c\n1",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(parse(b"\"\xff\"").is_err());
    assert!(parse(b"\"\xed\xa0\x80\"").is_err());
}

#[test]
fn errors_say_where() {
    assert_eq!(
        reason("{\n  \"é\": 1,\n  \"é\": 2\n}"),
        "line 3, column 3: key `é` occurs twice; write each key once"
    );
    assert_eq!(reason("[1 2]"), "line 1, column 4: found `2`, wanted `,` or `]`");
    assert_eq!(parse(b"[\"ab\xff\"]").unwrap_err().column, 5);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(nested(64).as_bytes()).is_ok());
    assert!(reason(&nested(65)).contains("64 levels"));
    assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn canonical_matches_rfc_8785_section_3_2_3() {
    let value = json!({"\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"});
    let text = String::from_utf8(canonical(&value).unwrap()).unwrap();
    let order: Vec<usize> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
        .iter()
        .map(|name| text.find(name).unwrap())
        .collect();
    assert!(order.is_sorted(), "{text}");
    assert!(text.starts_with("{\"\\r\":"));
}

#[test]
fn canonical_escapes_and_numbers() {
    let value =
        json!({"b": "\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{7f}", "a": [1, -5, true, null, {}, []]});
    assert_eq!(
        String::from_utf8(canonical(&value).unwrap()).unwrap(),
        "{\"a\":[1,-5,true,null,{},[]],\"b\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\"}"
    );
}

#[test]
fn canonical_refuses_floats_and_large_integers() {
    assert_eq!(canonical(&json!({"a": [1.5]})).unwrap_err().pointer, "/a/0");
    for value in [json!(1.0), json!(9_007_199_254_740_992_i64), json!(u64::MAX), json!(i64::MIN)] {
        assert!(canonical(&value).is_err(), "{value}");
    }
    assert!(to_canonical(&f64::NAN).is_err());
}

#[test]
fn canonical_writes_every_character_and_integer_as_the_standard_says() {
    for code in (0..=0x2ff).chain(0xd7f0..=0xd7ff).chain(0xe000..=0xe00f).chain(0x1_f600..=0x1_f60f)
    {
        let character = char::from_u32(code).unwrap();
        let written = match character {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\t' => "\\t".to_owned(),
            '\n' => "\\n".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\r' => "\\r".to_owned(),
            '\0'..='\u{1f}' => format!("\\u{code:04x}"),
            _ => character.to_string(),
        };
        let text = json!(format!("a{character}{character}b"));
        let wanted = format!("\"a{written}{written}b\"");
        assert_eq!(String::from_utf8(canonical(&text).unwrap()).unwrap(), wanted);
        assert_eq!(parse(wanted.as_bytes()).unwrap(), text);
    }
    for integer in [0, 9, 10, -1, -10, 1_234_567_890, MAX_INTEGER, -MAX_INTEGER] {
        let text = integer.to_string().into_bytes();
        assert_eq!(canonical(&json!(integer)).unwrap(), text);
        assert_eq!(parse(&text).unwrap(), json!(integer));
    }
    let outside = [MAX_INTEGER + 1, -MAX_INTEGER - 1, i64::MAX, i64::MIN, i64::MIN + 1];
    for integer in outside.map(i128::from).into_iter().chain([i128::MIN, i128::MAX]) {
        let written = integer.to_string();
        assert_eq!(parse(written.as_bytes()).unwrap(), json!(written), "a reader would round it");
        assert!(parse_exact(written.as_bytes()).is_err(), "{written}");
    }
}

#[test]
fn keys_stand_in_the_order_of_their_code_units() {
    let keys = [
        "",
        "a",
        "a\u{0}",
        "aa",
        "b",
        "\u{7f}",
        "\u{80}",
        "\u{d7ff}",
        "\u{1f600}",
        "\u{e000}",
        "\u{ffff}",
    ];
    for (left, right) in keys.iter().flat_map(|left| keys.iter().map(move |right| (left, right))) {
        if left.encode_utf16().lt(right.encode_utf16()) {
            let wanted = format!("{{{}:0,{}:1}}", json!(left), json!(right));
            let value = json!({*right: 1, *left: 0});
            assert_eq!(String::from_utf8(canonical(&value).unwrap()).unwrap(), wanted);
        }
    }
}

#[test]
fn canonical_text_reads_back() {
    let value = json!({"z": {"y": ["\u{1}", "ü"]}, "a": 3});
    assert_eq!(parse(&canonical(&value).unwrap()).unwrap(), value);
}

#[test]
fn diff_descends_objects_and_keeps_arrays_whole() {
    let old = json!({"user": {"active": false, "roles": ["a"], "meta": {"v": 1}, "a/b": 1}});
    let new = json!({"user": {"active": true, "roles": ["a", "b"], "name": {"given": "x"}, "a/b": 2, "e": {}}});
    let changes = diff(&old, &new);
    let pointers: Vec<&str> = changes.iter().map(|change| change.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/user/active",
            "/user/a~1b",
            "/user/e",
            "/user/meta/v",
            "/user/name/given",
            "/user/roles"
        ]
    );
    assert!(changes.iter().any(|change| change.pointer == "/user/meta/v" && change.new.is_none()));
    assert!(diff(&old, &old).is_empty());
}

#[test]
fn a_change_to_null_survives_the_record() {
    let change = Change { pointer: "/a".into(), old: None, new: Some(Value::Null) };
    let text = serde_json::to_value(&change).unwrap();
    assert_eq!(from_value::<Change>(text).unwrap(), change);
}

#[test]
fn shape_errors_point_at_the_place() {
    let error = from_value::<Vec<Change>>(json!([{"pointer": "/a", "new": 1}, {"pointer": 7}]))
        .unwrap_err();
    assert_eq!(error.pointer, "/1/pointer");
    assert!(
        from_value::<Change>(json!({"pointer": "/a", "surprise": 1}))
            .unwrap_err()
            .reason
            .contains("surprise")
    );
}

#[test]
fn a_record_with_one_form_is_read_in_no_other_form() {
    use crate::dsse::Envelope;

    let signature = json!({"keyid": "k", "sig": "s"});
    let envelope =
        |signature: &Value| json!({"payload": "p", "payloadType": "t", "signatures": [signature]});
    let read = from_exact::<Envelope>(envelope(&signature)).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), envelope(&signature));
    for (value, pointer) in [
        (envelope(&json!({"keyid": "k", "sig": "s", "webauthn": null})), "/signatures"),
        (envelope(&json!({"keyid": "k", "sig": "s", "webauthn": ["a", "b"]})), "/signatures"),
        (envelope(&json!(["k", "s", null])), "/signatures"),
        (json!(["p", "t", [signature]]), ""),
    ] {
        assert!(from_value::<Envelope>(value.clone()).is_ok(), "{value}");
        let error = from_exact::<Envelope>(value.clone()).unwrap_err();
        assert!(error.pointer.starts_with(pointer), "{value}: {error}");
        assert!(error.reason.contains("leave out absent members"), "{error}");
    }
}

#[test]
fn a_missing_member_is_pointed_at_and_the_top_level_is_named() {
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "the test reads only errors")]
    struct Outer {
        inner: Inner,
        list: Vec<Inner>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "the test reads only errors")]
    struct Inner {
        #[serde(rename = "a/b")]
        name: String,
    }
    for (value, pointer, said) in [
        (json!({}), "/inner", "at `/inner`: missing field `inner`"),
        (json!({"inner": {}}), "/inner/a~1b", "at `/inner/a~1b`: missing field `a/b`"),
        (
            json!({"inner": {"a/b": "x"}, "list": [{"a/b": "x"}, {}]}),
            "/list/1/a~1b",
            "at `/list/1/a~1b`: missing field `a/b`",
        ),
        (json!("x"), "", "at the top level: invalid type: string \"x\", expected an object"),
        (json!(7), "", "at the top level: invalid type: integer `7`, expected an object"),
        (
            json!({"inner": true}),
            "/inner",
            "at `/inner`: invalid type: boolean `true`, expected an object",
        ),
    ] {
        let error = from_value::<Outer>(value).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.to_string().as_str()), (pointer, said));
    }
}

#[test]
fn what_a_caller_asks_for_has_no_number_that_turns_into_text() {
    for number in ["9007199254740992", "-9007199254740992", "1.0", "1e3", "0.5", "1e400"] {
        assert!(parse(number.as_bytes()).unwrap().is_string(), "{number}");
        let error = parse_exact(number.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.column), (1, 1), "{number}: {error}");
    }
    for number in ["9007199254740991", "-9007199254740991", "0"] {
        assert_eq!(parse_exact(number.as_bytes()), parse(number.as_bytes()));
    }
}
