//! The text of a file of test cases.
//!
//! Everything that an upstream has sent stays inside of a TOML string, in which characters that control or deceive a
//! terminal are escaped.

use deed_spec::text::deceives;
use serde_json::Value as Json;
use toml::{Table, Value};

use crate::cli::text::line;

/// The maximum number of levels of a value that is written as TOML. The parser of TOML has a limit of its own.
const LEVELS_MAX: usize = 16;

const HEAD: &str =
    "# Recorded by `deed adapter test --record`; the answers are without secrets.\nformat   = 1\n";
/// Precedes the default answers of a case.
const DEFAULTS: &str =
    "# Not recorded, because a recording sends no write: correct `writes` and `after`.\n";

/// The members of a case in the order of the file.
const MEMBERS: [&str; 12] = [
    "name", "params", "computed", "before", "reads", "writes", "after", "want", "reason", "pre",
    "post", "outputs",
];
/// The members that have one line for each answer.
const LISTS: [&str; 4] = ["before", "reads", "writes", "after"];
/// The members of an answer that come first.
const FIRST: [&str; 2] = ["request", "status"];

/// A case with what was recorded.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) case: Table,
    /// Whether its answers to writes, and those after them, are defaults.
    pub(super) is_default: bool,
}

/// A JSON value as TOML; `None` if TOML cannot write it.
pub(super) fn of_json(value: &Json) -> Option<Value> {
    bounded(value, LEVELS_MAX)
}

fn bounded(value: &Json, levels: usize) -> Option<Value> {
    let below = levels.checked_sub(1)?;
    Some(match value {
        Json::Null => return None,
        Json::Bool(one) => Value::Boolean(*one),
        Json::Number(one) => Value::Integer(one.as_i64()?),
        Json::String(one) => Value::String(one.clone()),
        Json::Array(items) => {
            let items = items.iter().map(|one| bounded(one, below));
            Value::Array(items.collect::<Option<Vec<Value>>>()?)
        }
        Json::Object(members) => {
            let member = |(name, one): (&String, &Json)| Some((name.clone(), bounded(one, below)?));
            Value::Table(members.iter().map(member).collect::<Option<Table>>()?)
        }
    })
}

/// The file with these cases.
pub(super) fn file(cases: &[Filled]) -> String {
    let mut text = HEAD.to_owned();
    for Filled { case, is_default } in cases {
        text += "\n[[case]]\n";
        for name in MEMBERS {
            let Some(value) = case.get(name) else { continue };
            if *is_default && name == "writes" {
                text += DEFAULTS;
            }
            let shown = match value {
                Value::Array(list) if LISTS.contains(&name) => lines(list),
                value => inline(value),
            };
            line(&mut text, format_args!("{name:<8} = {shown}"));
        }
    }
    text
}

/// A list with one line for each element.
fn lines(list: &[Value]) -> String {
    let each = list.iter().map(|one| format!("    {},\n", inline(one)));
    if list.is_empty() { "[]".to_owned() } else { format!("[\n{}]", each.collect::<String>()) }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => members(table),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}

fn members(table: &Table) -> String {
    let member = |name: &str, one: &Value| format!("{} = {}", key(name), inline(one));
    let first = FIRST.iter().filter_map(|name| Some(member(name, table.get(*name)?)));
    let rest = table.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let all: Vec<String> = first.chain(rest.map(|(name, one)| member(name, one))).collect();
    if all.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", all.join(", ")) }
}

fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_plain) { name.to_owned() } else { quoted(name) }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if deceives(c) => out.extend(format!("\\U{:08X}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads the only case of a file.
    fn read(text: &str) -> Table {
        let mut file: Table = toml::from_str(text).unwrap();
        let Some(Value::Array(mut cases)) = file.remove("case") else { panic!("{text}") };
        assert_eq!(cases.len(), 1, "{text}");
        table(cases.remove(0))
    }

    fn table(value: Value) -> Table {
        let Value::Table(table) = value else { panic!("{value}") };
        table
    }

    #[test]
    fn what_an_upstream_sends_stays_a_value() {
        let hostile = "a\"\n\n[[case]]\nname = \"b\"\t\\ \u{1b}[2K \u{202e}\u{e0041} ''' \"\"\" ä";
        let body = json!({ hostile: [hostile, {"": true, "a.b": -7}], "status": {}, "x": [] });
        let answer = json!({"request": "GET /x", "status": 200, "body": body});
        let case = json!({"name": hostile, "before": [answer], "want": "failed"});
        let case = table(of_json(&case).unwrap());
        let text = file(&[Filled { case: case.clone(), is_default: false }]);
        assert_eq!(read(&text), case, "{text}");
        assert!(!text.contains(|c: char| c != '\n' && deceives(c)), "{text}");
        assert!(text.contains("    { request = \"GET /x\", status = 200, body = { "), "{text}");
    }

    #[test]
    fn only_default_answers_have_a_comment() {
        let case = json!({"name": "a", "writes": [], "want": "failed"});
        let case = table(of_json(&case).unwrap());
        let text = file(&[Filled { case: case.clone(), is_default: true }]);
        assert!(text.contains("correct `writes` and `after`.\nwrites   = []\n"), "{text}");
        assert_eq!(read(&text), case);
        let text = file(&[Filled { case, is_default: false }]);
        assert!(!text.contains("Not recorded"), "{text}");
    }

    #[test]
    fn what_toml_cannot_write_is_no_toml() {
        let nested = |levels| (1..levels).fold(json!(1), |inner, _| json!([inner]));
        let deep = nested(LEVELS_MAX + 1);
        for value in [json!(null), json!([null]), json!({"a": null}), json!(u64::MAX), deep] {
            assert_eq!(of_json(&value), None, "{value}");
        }
        assert!(of_json(&nested(LEVELS_MAX)).is_some());
    }
}
