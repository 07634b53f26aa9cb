//! Text around a placeholder: no value that a contract accepts changes the meaning of that text, as parsers that share
//! no code with the host read it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use deed_record::action::id::ActionId;
use deed_record::contract::Contract;
use deed_record::contract::template::text::Origins;
use deed_tests::rng::Rng;
use deed_tests::services::{venv, workspace};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::stage::contract;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "values-that-escape-from-text" => values_that_escape,
    ]
}

const TABLES: &str = r#"
[state.thing]
from = "GET /Users('{x}')"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = 'GET /Users?filter=userName eq "{x}"'
[[observe.http]]
upstream = "field"
request  = "GET /Users('{x}')"
[[perform.http]]
upstream = "field"
request  = "POST /t/{x}:suspend"
body     = { path = 'members[value eq "{x}"]' }
[verify]
after      = ["has(post.thing.a)"]
may_change = ["/thing/a"]
"#;

/// A contract whose requests have text around the parameter `x`, which has this schema.
pub(super) fn text_of(schema: &str) -> String {
    contract("escape", "update", &[("x", schema)], TABLES).1
}

/// The schema of a text with this pattern.
pub(super) fn of_pattern(pattern: &str) -> String {
    // The escapes of a JSON string are also those of a TOML string.
    format!("{{ type = \"string\", pattern = {} }}", json!(pattern))
}

/// The requests of a contract with this value, and what each of them is intended to mean. Without a request if the
/// contract refuses the value.
fn requests(contract: &Contract, x: &Value) -> Vec<(Value, Value)> {
    let params = json!({"id": "0".repeat(32), "x": x});
    if !contract.params_schema().violations(&params).is_empty() {
        return vec![];
    }
    let action = ActionId::new(0, [0; 10]);
    let origins = Origins { params: &params, action: Some(&action), numbers: &[] };
    let text = x.as_str().map_or_else(|| x.to_string(), str::to_owned);
    let intended = [
        json!({"segments": 1, "pairs": ["filter"], "filter": ["userName", "eq", text]}),
        json!({"segments": 1, "entity": ["Users", text]}),
        json!({
            "segments": 2,
            "method": [text, "suspend"],
            "path": ["members", "value", "eq", text],
        }),
    ];
    let rules = contract.observe.http.iter().chain(&contract.perform.http);
    let rendered = rules.zip(intended).filter_map(|(rule, intended)| {
        let rendered = rule.render(&origins).ok()?;
        let path = rendered.body.as_ref().map(|body| body["path"].clone());
        Some((json!({"target": rendered.path, "path": path}), intended))
    });
    rendered.collect()
}

/// What other parsers find in these requests.
fn meanings(requests: &[Value]) -> Vec<Value> {
    let mut python = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/attack/contracts/escapes.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = requests.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let mut stdin = python.stdin.take().unwrap();
    let writing = thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Parts of patterns. The parts of the first list match only narrow characters.
const NARROW: [&str; 13] = [
    "[a-z]",
    "[A-Z0-9]",
    "[._@+-]",
    "x",
    "-",
    r"\.",
    "(ab|c)",
    "(?:a|b-c)",
    "[[:alnum:]]",
    "[a-z&&[^m]]",
    r"\x2b",
    "(?:^a)",
    "(?P<n>[0-9])",
];
const WIDE: [&str; 22] = [
    ".",
    "[^/]",
    r"\w",
    r"\d",
    r"\S",
    r"\s",
    "[ -~]",
    "[\"a]",
    "['a]",
    " ",
    r"\x22",
    "[[:punct:]]",
    "(?i:k)",
    "(?i:s)",
    "é",
    "%",
    "/",
    ":",
    "[+--]",
    "[--@]",
    r"\\",
    r"\PC",
];
const TIMES: [&str; 5] = ["", "+", "*", "?", "{1,3}"];
const STARTS: [&str; 8] = ["^", "^", "^", r"\A", "(?:^)", "", "(?m)^", "(?:^|x)"];
const ENDS: [&str; 9] = ["$", "$", "$", r"\z", "(?:$)", "", "(?m:$)", "|z$", r"(?:$|\n)"];

/// Texts that leave the text around them if a pattern lets them through.
const HOSTILE: [&str; 24] = [
    "a\" or userName pr or \"b",
    "a') or ('b'='b",
    "\"",
    "'",
    "a\\",
    "a\\\"",
    "a\"]",
    "a b",
    "a/b",
    "a/../b",
    "a:b",
    "..",
    ".",
    "a\nb",
    "a\n",
    "\ra",
    "a%22",
    "%27",
    "a&filter=x",
    "a#b",
    "a?b",
    "\u{201c}",
    "\u{212a}",
    "\u{17f}",
];

fn one_of<'t>(rng: &mut Rng, from: &[&'t str]) -> &'t str {
    from[rng.index(from.len())]
}

/// A pattern, and the part of it between the anchors.
fn pattern(rng: &mut Rng) -> (String, String) {
    let mut core = String::new();
    for _ in 0..=rng.index(3) {
        let part = if rng.percent(70) { one_of(rng, &NARROW) } else { one_of(rng, &WIDE) };
        core.extend([part, one_of(rng, &TIMES)]);
    }
    (format!("{}{core}{}", one_of(rng, &STARTS), one_of(rng, &ENDS)), core)
}

/// Texts that may match a pattern: some that its middle part generates, also next to hostile texts, and hostile texts.
fn values(core: &str, rng: &mut Rng, runner: &mut TestRunner) -> Vec<String> {
    let mut found: Vec<String> = HOSTILE.map(str::to_owned).into();
    let Ok(strategy) = string_regex(&core.replace('^', "")) else { return found };
    for _ in 0..6 {
        let Ok(tree) = strategy.new_tree(runner) else { continue };
        let text = tree.current();
        found.push(format!("{text}{}", one_of(rng, &HOSTILE)));
        found.push(format!("{}{text}", one_of(rng, &HOSTILE)));
        found.push(text);
    }
    found
}

fn values_that_escape() {
    let (mut rng, mut runner) = (Rng::new(26), TestRunner::deterministic());
    let (mut accepted, mut refused, mut pairs) = (0, 0, Vec::new());
    for _ in 0..800 {
        let (pattern, core) = pattern(&mut rng);
        let Ok(contract) = Contract::from_toml("c.toml", &text_of(&of_pattern(&pattern))) else {
            refused += 1;
            continue;
        };
        accepted += 1;
        for x in values(&core, &mut rng, &mut runner) {
            pairs.extend(requests(&contract, &json!(x)));
        }
    }
    for (schema, values) in [
        ("{ type = \"integer\" }", vec![json!(-7), json!(0), json!("1 or 1")]),
        ("{ type = \"boolean\" }", vec![json!(true), json!("true\"")]),
        (
            "{ type = \"string\", enum = [\"a.b\", \"c+d\"] }",
            vec![json!("a.b"), json!("c+d"), json!("a b")],
        ),
    ] {
        let contract = Contract::from_toml("c.toml", &text_of(schema)).unwrap();
        pairs.extend(values.iter().flat_map(|x| requests(&contract, x)));
    }
    assert!(
        accepted > 40 && refused > 200 && pairs.len() > 500,
        "{accepted}, {refused}, {}",
        pairs.len()
    );
    let (sent, intended): (Vec<Value>, Vec<Value>) = pairs.into_iter().unzip();
    let found = meanings(&sent);
    assert_eq!(found.len(), sent.len());
    for ((sent, intended), found) in sent.iter().zip(&intended).zip(&found) {
        assert_eq!(found, intended, "{sent}");
    }
    escapes_are_noticed();
}

/// The other parsers find another meaning in requests whose values left their place.
fn escapes_are_noticed() {
    let escaped = [
        "/Users?filter=userName%20eq%20%22a%22%20or%20id%20pr%20or%20id%20eq%20%22b%22",
        "/Users?filter=userName%20eq%20%22a%22&filter=userName%20eq%20%22b%22",
        "/Users('a'%20or%20'b')",
        "/Users('a%27b')",
        "/Users('a'%2F'b')",
        "/t/a/b:suspend",
        "/t/..",
        "/t/../b:suspend",
    ];
    let sent = escaped.map(|target| json!({"target": target, "path": null}));
    let plain = ["filter", "entity", "method"];
    for (sent, found) in sent.iter().zip(meanings(&sent)) {
        let single = plain.iter().any(|one| found.get(one).is_some());
        let intact =
            single && found["segments"] != 3 && found["pairs"] != json!(["filter", "filter"]);
        assert!(!intact, "{sent}: {found}");
    }
}
