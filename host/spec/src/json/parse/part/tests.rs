use serde_json::json;

use super::super::parse;
use super::*;

fn paths(pointers: &[&str]) -> Vec<Vec<String>> {
    let tokens = |one: &&str| one.split('/').skip(1).map(str::to_owned).collect();
    pointers.iter().map(tokens).collect()
}

fn part(text: &str, pointers: &[&str]) -> Result<Value, String> {
    parse_part(text.as_bytes(), &paths(pointers)).map_err(|error| error.reason)
}

#[test]
fn only_the_values_on_paths_are_kept() {
    let text = r#" {"a": {"x": [1, {"y": 2.5}], "z": 0}, "b": [7, [8], 9], "c": "no", "d": []} "#;
    assert_eq!(part(text, &["/a/x"]), Ok(json!({"a": {"x": [1, {"y": "2.5"}]}})));
    assert_eq!(part(text, &["/b/1/0"]), Ok(json!({"b": [null, [8]]})));
    assert_eq!(part(text, &["/c/x", "/none", "/d/0"]), Ok(json!({"d": []})));
    assert_eq!(part(text, &[]), Ok(json!({})));
    assert_eq!(part(text, &[""]), Ok(parse(text.as_bytes()).unwrap()));
    assert_eq!(part("7", &["/a"]), Ok(Value::Null));
}

#[test]
fn what_is_dropped_is_only_read_by_the_grammar() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for dropped in [
        r#"{"k": 1, "k": 2}"#,
        r#"{"\ud800": "\udc00"}"#,
        r#"[[], {}, [{}], "\"\\\u0041", -0.5e7, true, null]"#,
        deep.as_str(),
    ] {
        let text = format!(r#"{{"a": {dropped}, "b": 1, "a": 2}}"#);
        assert_eq!(part(&text, &["/b"]), Ok(json!({"b": 1})), "{dropped:.80}");
        assert!(parse(text.as_bytes()).is_err());
    }
}

#[test]
fn what_is_kept_is_strict() {
    for (text, pointer) in [
        (r#"{"a": {"k": 1, "k": 2}}"#, "/a"),
        (r#"{"a": {"k": 1}, "a": {"k": 2}}"#, "/a/k"),
        (r#"{"a": {"k": 1}, "a": 2}"#, "/a/k"),
        (r#"{"a": 1, "\u0061": {"k": 1}}"#, "/a/k"),
        (r#"[{"k": 1, "k": 1}]"#, "/0/k"),
    ] {
        let refused = part(text, &[pointer]).unwrap_err();
        assert!(refused.contains("occurs twice"), "{text}: {refused}");
    }
    assert!(part(r#"{"a": "\ud800"}"#, &["/a"]).is_err());
    let deep = "[".repeat(65) + &"]".repeat(65);
    assert!(part(&format!(r#"{{"a": {deep}}}"#), &["/a"]).is_err());
}

#[test]
fn what_is_not_json_is_refused_wherever_it_is() {
    for bad in [
        "{\"x\"}",
        "{\"x\":}",
        "{\"x\":1,}",
        "{,}",
        "{1:2}",
        "[1,]",
        "[,]",
        "[1 2]",
        "[",
        "[[]",
        "{\"x\":1",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12é4\"",
        "\"\n\"",
        "01",
        "1.",
        "-",
        "+1",
        "nul",
        "NaN",
        "",
        "]",
        "}",
        "'x'",
    ] {
        for text in [
            format!("{{\"a\": {bad}, \"b\": 1}}"),
            format!("{{\"b\": 1, \"a\": {bad}}}"),
            bad.to_owned(),
        ] {
            assert!(part(&text, &["/b"]).is_err(), "{text}");
        }
    }
    assert!(part("{\"b\": 1} 2", &["/b"]).is_err());
    assert!(parse_part(b"{\"a\": \"\xff\", \"b\": 1}", &paths(&["/b"])).is_err());
}
