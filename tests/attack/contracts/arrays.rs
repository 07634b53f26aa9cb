//! Lists without an order whose elements look alike: no change is hidden behind a key, a number that looks like a text,
//! or an element that `may_change` names.

use serde_json::{Value, json};

use super::stage::{JSON, Stage, contract, fresh, raw};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "keys-that-tell-nothing-apart" => nothing_apart,
        "keys-that-look-alike" => look_alike,
        "numbers-and-texts-as-keys" => numbers_and_texts,
        "elements-that-are-exchanged" => exchanged,
        "lists-without-a-key" => without_a_key,
        "lists-inside-a-list" => inside_a_list,
    ]
}

const TABLES: &str = r#"
[state.group]
from = "GET /t/{id}"
required = ["on"]
properties.on = { type = "boolean" }
properties.members = { @members@ }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
[verify]
after      = ["post.group.on"]
may_change = ["/group/on", "@may_change@"]
"#;

const TEXT: &str = "{ type = \"string\" }";

/// The schema of elements with these properties, the first of which is the key.
fn items(key: &str, properties: &[(&str, &str)]) -> String {
    let property = |(name, schema): &(&str, &str)| format!("{name} = {schema}");
    let properties = properties.iter().map(property).collect::<Vec<_>>().join(", ");
    format!("items = {{ required = [\"{key}\"], properties = {{ {properties} }} }}")
}

/// The contracts `member`, which may change the element `{key}`; `role`, which may change only its member `role`;
/// `number`, whose keys are integers; `set`, whose elements have no key; and `nested`.
fn stage() -> Stage {
    let list = |name: &'static str, kind: &str, members: &str, may_change: &str| {
        let members = format!("type = \"array\", {members}");
        let tables = TABLES.replace("@members@", &members).replace("@may_change@", may_change);
        let schema = format!("{{ type = \"{kind}\" }}");
        contract(name, "update", &[("key", schema.as_str())], &tables)
    };
    let texts = items("value", &[("value", TEXT), ("role", TEXT), ("other", TEXT)]);
    let numbers = items("value", &[("value", "{ type = \"integer\" }"), ("role", TEXT)]);
    let tags = items("k", &[("k", TEXT), ("v", TEXT)]);
    let tags = format!("{{ type = \"array\", key = \"/k\", {tags} }}");
    let nested = items("value", &[("value", TEXT), ("tags", tags.as_str())]);
    let keyed = |items: &str| format!("key = \"/value\", {items}");
    Stage::new(&[
        list("member", "string", &keyed(&texts), "/group/members/{key}"),
        list("role", "string", &keyed(&texts), "/group/members/{key}/role"),
        list("number", "integer", &keyed(&numbers), "/group/members/{key}"),
        list("set", "string", &format!("unordered = true, {texts}"), "/group/on"),
        list("nested", "string", &nested, "/group/on"),
    ])
}

/// The required end of an action: its outcome and a part of the reason.
type End<'t> = (&'t str, &'t str);

const CHANGED: End<'_> = ("mismatch", "changed, which is not allowed");
const UNSEEN: End<'_> = ("indeterminate", "could not be observed");
const FINE: End<'_> = ("verified", "every expectation holds");

/// Runs the contract for this key on an upstream whose list is written like this before and after the write.
fn ends(stage: &Stage, name: &str, key: &Value, lists: [&str; 2], end: End<'_>) {
    let [before, after] = lists.map(str::to_owned);
    let variant = format!("{name} {key}: {before}, then {after}");
    let mut on = false;
    stage.replies(move |request| {
        if request.is_write() {
            on = true;
            return raw(204, "", "");
        }
        let members = if on { &after } else { &before };
        raw(200, JSON, format!("{{\"on\":{on},\"members\":{members}}}"))
    });
    let answer = stage.propose(name, &json!({"id": fresh(), "key": key}));
    stage.judged(&answer, end.0, end.1, &variant);
    let sent = usize::from(end.0 != "failed");
    assert_eq!(stage.writes().len(), sent, "{variant}");
}

/// Elements with these keys and the role `x`, and one with the role `owner` where the key ends in `!`.
fn members(keys: &[&str]) -> String {
    let one = |key: &&str| match key.strip_suffix('!') {
        Some(key) => json!({"value": key, "role": "owner"}),
        None => json!({"value": key, "role": "x"}),
    };
    Value::from(keys.iter().map(one).collect::<Vec<_>>()).to_string()
}

fn nothing_apart() {
    let stage = stage();
    let good = members(&["u1", "u7"]);
    let long = members(&["u1", "u7", &"k".repeat(10_240)]);
    let short = members(&["u1", "u7", &"k".repeat(129)]);
    for bad in [
        r#"[{"value":"u1"},{"role":"x"}]"#,
        r#"[{"value":"u1"},{"value":null,"role":"x"}]"#,
        r#"[{"value":"u1"},{"value":["u7"],"role":"x"}]"#,
        r#"[{"value":"u1"},{"value":{"u7":1},"role":"x"}]"#,
        r#"[{"value":"u1"},{"value":true}]"#,
        r#"[{"value":"u1"},{"value":7}]"#,
        r#"[{"value":"u1"},{"Value":"u7"}]"#,
        r#"[{"value":"u1"},null]"#,
        r#"[{"value":"u1"},"u7"]"#,
        r#"[[{"value":"u1"},{"value":"u7"}]]"#,
        r#"{"u1":{"value":"u1"},"u7":{"value":"u7"}}"#,
        r#"[{"value":"u1","value":"u7"}]"#,
        r#"[{"value":"u1","\u0076alue":"u7"}]"#,
        r#""[]""#,
        &members(&["u1", "u7", "u7"]),
        &members(&["u1", "u7", "u7!"]),
        &members(&["u7!", "u7", "u1"]),
        &long,
        &short,
    ] {
        for name in ["member", "role"] {
            ends(&stage, name, &json!("u7"), [&good, bad], UNSEEN);
        }
        ends(&stage, "member", &json!("u7"), [bad, &good], ("failed", "nothing was sent"));
    }
    // A list that is absent has lost its elements.
    ends(&stage, "member", &json!("u7"), [&good, "null"], CHANGED);
    unharmed(&stage.world);
}

/// The key of the changed element differs from the allowed one, but looks like it or would be the same pointer if it
/// were not escaped.
fn look_alike() {
    let stage = stage();
    for (allowed, changed) in [
        ("u7", "U7"),
        ("u7", "u7 "),
        ("u7", " u7"),
        ("u7", "u7\u{200b}"),
        ("u7", "u\u{ff17}"),
        ("u7", "u7\0"),
        ("u7", "u07"),
        ("a", "\u{430}"),
        ("\u{e9}", "e\u{301}"),
        ("\u{fb01}", "fi"),
        ("K", "\u{212a}"),
        ("u7", ""),
        ("", "u7"),
        ("u7", "u7/role"),
        ("u7/role", "u7"),
        ("a/b", "a~1b"),
        ("a~1b", "a/b"),
        ("a~0", "a~"),
        ("a~", "a~0"),
        ("*", "u7"),
        ("-", "u7"),
        ("0", "u7"),
        ("{key}", "u7"),
        ("u7/..", "u7"),
        ("/", ""),
        ("~", "~0"),
        (".", ".."),
    ] {
        let (before, after) =
            (members(&[allowed, changed]), members(&[&format!("{changed}!"), allowed]));
        for name in ["member", "role"] {
            ends(&stage, name, &json!(allowed), [&before, &after], CHANGED);
        }
        let after = members(&[changed, &format!("{allowed}!")]);
        ends(&stage, "role", &json!(allowed), [&before, &after], FINE);
    }
    let long = "k".repeat(128);
    let (before, after) = (members(&[&long]), members(&[&format!("{long}!")]));
    ends(&stage, "role", &json!(long), [&before, &after], FINE);
    ends(&stage, "role", &json!("k"), [&before, &after], CHANGED);
    unharmed(&stage.world);
}

fn numbers_and_texts() {
    let stage = stage();
    let one = r#"[{"value":1,"role":"x"}]"#;
    for after in [
        r#"[{"value":"1","role":"x"}]"#,
        r#"[{"value":1,"role":"x"},{"value":"1","role":"x"}]"#,
        r#"[{"value":1.0,"role":"x"}]"#,
        r#"[{"value":1,"role":"x"},{"value":1.0,"role":"owner"}]"#,
        r#"[{"value":1e0,"role":"x"}]"#,
        r#"[{"value":1,"role":"x"},{"value":true,"role":"x"}]"#,
        r#"[{"value":1,"role":"x"},{"value":1,"role":"owner"}]"#,
        r#"[{"value":0,"role":"x"},{"value":-0,"role":"x"}]"#,
        r#"[{"value":01,"role":"x"}]"#,
        r#"[{"value":1,"role":"x"},{"value":9007199254740993,"role":"x"}]"#,
    ] {
        ends(&stage, "number", &json!(1), [one, after], UNSEEN);
    }
    for after in [
        r#"[{"value":1,"role":"x"},{"value":-1,"role":"x"}]"#,
        r#"[{"value":10,"role":"x"},{"value":1,"role":"x"}]"#,
        r#"[{"value":11,"role":"x"}]"#,
    ] {
        ends(&stage, "number", &json!(1), [one, after], CHANGED);
    }
    ends(&stage, "number", &json!(1), [one, r#"[{"value":1,"role":"owner"}]"#], FINE);
    let refused = stage.propose("number", &json!({"id": fresh(), "key": "1"}));
    assert_eq!(refused.status, 422, "{}", refused.json());
    for after in [r#"[{"value":1,"role":"x"}]"#, r#"[{"value":"1","role":"x"},{"value":1}]"#] {
        ends(&stage, "member", &json!("1"), [&members(&["1"]), after], UNSEEN);
    }
    unharmed(&stage.world);
}

/// An element is exchanged for another one with the same key, or two elements exchange their members.
fn exchanged() {
    let stage = stage();
    let before = r#"[{"value":"u1","role":"a","other":"1"},{"value":"u7","role":"b","other":"7"}]"#;
    for after in [
        r#"[{"value":"u1","role":"a","other":"1"},{"value":"u7","role":"c","other":"8"}]"#,
        r#"[{"value":"u1","role":"a","other":"1"},{"value":"u7","role":"c"}]"#,
        r#"[{"value":"u1","role":"b","other":"1"},{"value":"u7","role":"a","other":"7"}]"#,
        r#"[{"value":"u7","role":"a","other":"1"},{"value":"u1","role":"b","other":"7"}]"#,
        r#"[{"value":"u1","role":"a","other":"1"}]"#,
        r#"[{"value":"u1","role":"a","other":"1"},{"value":"u8","role":"b","other":"7"}]"#,
        r#"[{"value":"u7","role":"b","other":"7"}]"#,
        "[]",
    ] {
        ends(&stage, "role", &json!("u7"), [before, after], CHANGED);
    }
    let role = r#"[{"other":"7","role":"c","value":"u7"},{"value":"u1","role":"a","other":"1"}]"#;
    ends(&stage, "role", &json!("u7"), [before, role], FINE);
    let gone = r#"[{"value":"u1","role":"a","other":"1"}]"#;
    ends(&stage, "member", &json!("u7"), [before, gone], FINE);
    ends(&stage, "member", &json!("u1"), [before, gone], CHANGED);
    unharmed(&stage.world);
}

fn without_a_key() {
    let stage = stage();
    let before = members(&["u1", "u7", "u7"]);
    let (long, longer) = ("k".repeat(10_240), format!("{}l", "k".repeat(10_239)));
    for after in [
        members(&["u1", "u7"]),
        members(&["u1", "u7", "u7", "u7"]),
        members(&["u1", "u1", "u7"]),
        members(&["u1", "u7", "u7!"]),
        members(&["u1!", "u7", "u7"]),
        members(&["u1", "u7", "u8"]),
        members(&["u1", "u7", "u7", &long]),
        members(&["U1", "u7", "u7"]),
        "[]".to_owned(),
    ] {
        ends(&stage, "set", &json!("u7"), [&before, &after], CHANGED);
    }
    let lists = [members(&["u1", &long]), members(&["u1", &longer])];
    ends(&stage, "set", &json!("u7"), [&lists[0], &lists[1]], CHANGED);
    ends(&stage, "set", &json!("u7"), [&before, &members(&["u7", "u1", "u7"])], FINE);
    unharmed(&stage.world);
}

fn inside_a_list() {
    let stage = stage();
    let tags = |one: &str, other: &str| {
        format!(r#"[{{"value":"a","tags":[{one}]}},{{"value":"b","tags":[{other}]}}]"#)
    };
    let (t, s) = (r#"{"k":"t","v":"1"}"#, r#"{"k":"s","v":"1"}"#);
    let (both, changed) = (format!("{t},{s}"), r#"{"k":"t","v":"2"}"#);
    let before = tags(&both, t);
    for (after, end) in [
        (tags(&format!("{s},{t}"), t), FINE),
        (tags(&format!("{both},{t}"), t), UNSEEN),
        (tags(&format!("{both},{changed}"), t), UNSEEN),
        (tags(&format!("{both},{{\"v\":\"1\"}}"), t), UNSEEN),
        (tags(t, &both), CHANGED),
        (tags(&format!("{changed},{s}"), t), CHANGED),
        (tags(&both, changed), CHANGED),
        (tags(&both, s), CHANGED),
        (tags(&both, ""), CHANGED),
        (format!("[{}]", tags(&both, t)), UNSEEN),
    ] {
        ends(&stage, "nested", &json!("t"), [&before, &after], end);
    }
    unharmed(&stage.world);
}
