//! A case with what was recorded in place of what the author had.

use toml::{Table, Value};

use super::answers::Answers;
use super::text::Filled;

/// Fills a case. What the author expects stays.
pub(super) fn case(own: &Table, answers: Answers) -> Filled {
    let Answers { before, reads, computed, writes, .. } = answers;
    let mut case = own.clone();
    let has = |name: &str| own.contains_key(name);
    let is_denied = own.get("want").and_then(Value::as_str) == Some("denied");
    let is_default = !writes.is_empty() && !is_denied && !has("writes") && !has("after");
    if is_default {
        set(&mut case, "writes", Some(Value::Array(writes)));
        set(&mut case, "after", Some(Value::Array(before.clone())));
    }
    set(&mut case, "reads", (!reads.is_empty()).then_some(Value::Array(reads)));
    set(&mut case, "computed", (!computed.is_empty()).then_some(Value::Table(computed)));
    set(&mut case, "before", Some(Value::Array(before)));
    Filled { case, is_default }
}

/// Replaces a member, or removes it.
fn set(case: &mut Table, name: &str, value: Option<Value>) {
    match value {
        Some(value) => case.insert(name.to_owned(), value),
        None => case.remove(name),
    };
}
