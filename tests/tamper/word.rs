//! Fields that only the host states: the host could have signed other values, and no other part of the bundle would
//! contradict those values. `word.txt` lists the fields, and a full run compares that list with the mutations that were
//! verified.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use deed_tests::services::workspace;

const LIST: &str = include_str!("word.txt");

/// Describes a mutation by the kind of bundle, the part, and the pointer to the changed field without indices.
pub(crate) fn pattern(kind: &str, what: &str) -> String {
    let words = what.split('/').map(|step| {
        let digits = step.split(' ').next().unwrap_or_default();
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            step.replacen(digits, "*", 1)
        } else {
            step.to_owned()
        }
    });
    format!("{}: {}", group(kind), words.collect::<Vec<_>>().join("/"))
}

/// Kinds of bundles are grouped by the amount of evidence with which a claim can be compared, and by whether a person
/// signed what ran.
fn group(kind: &str) -> &'static str {
    match kind {
        "read" => "read",
        crate::samples::COPY => "copy",
        "cancelled" | "expired" => "unrun",
        "refunded" | "queried" | "guarded" | "declined" | "composed" | "stopped" | "continued" => {
            "unasked"
        }
        "rehearsed" => "dry",
        "pending" | "followed" => "open",
        kind if kind.starts_with("denied") => "unrun",
        _ => "run",
    }
}

fn list() -> BTreeSet<&'static str> {
    LIST.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

pub(crate) fn is_listed(pattern: &str) -> bool {
    list().contains(pattern)
}

/// Finds listed fields whose mutations were all caught.
pub(crate) fn stale(through: &BTreeSet<String>) -> Vec<String> {
    let listed = list().into_iter().filter(|word| !through.contains(*word));
    listed.map(|word| format!("word.txt: `{word}` was caught; take it off the list")).collect()
}

/// Writes the list from the results of a full run.
pub(crate) fn bless(through: &BTreeSet<String>) {
    let path: PathBuf = workspace().join("tests/tamper/word.txt");
    let head = LIST.lines().filter(|line| line.starts_with('#')).map(str::to_owned);
    let lines: Vec<String> = head.chain(through.iter().cloned()).collect();
    fs::write(path, lines.join("\n") + "\n").unwrap();
}
