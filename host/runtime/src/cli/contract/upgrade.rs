//! `deed contract upgrade`: rewrites a contract of format 1 in format 2, with the same requests.

use std::fs;
use std::process::ExitCode;

use deed_record::contract::Contract;

use super::super::out::{self, Failure, shell};
use super::{UpgradeArgs, read};

pub(super) fn run(args: &UpgradeArgs) -> Result<ExitCode, Failure> {
    let (text, contract) = read(&args.file)?;
    if contract.format != 1 {
        let what = format!("`{}` has format {} already", args.file.display(), contract.format);
        return Err(Failure::Failed(what));
    }
    let upgraded = upgraded(&text, &contract);
    let name = args.file.display().to_string();
    // If a part of a contract cannot be rewritten line by line, the command reports that part instead of guessing, and
    // writes nothing.
    let by_hand = |why: &str| {
        Failure::Failed(format!("{why}; correct the contract by hand and write `format = 2`"))
    };
    let new = Contract::from_toml(&name, &upgraded).map_err(|error| by_hand(&error.to_string()))?;
    if !is_same_but_rules(&contract, &new) {
        return Err(by_hand("a placeholder occurs outside of a request"));
    }
    // In format 1, a table with `any` and `name` in a body is literal.
    if new.is_open() {
        return Err(by_hand(
            "format 2 reads a table with `any` and `name` as a value that the adapter computes",
        ));
    }
    if !args.write {
        out::print(&upgraded)?;
        out::next(&format!("deed contract upgrade --write {}", shell(&args.file)));
        return Ok(ExitCode::SUCCESS);
    }
    fs::write(&args.file, &upgraded)
        .map_err(|error| Failure::Failed(format!("`{name}`: {error}")))?;
    out::note(&format!("`{name}` has format 2; raise its `version`, then run `deed pin`"));
    Ok(ExitCode::SUCCESS)
}

/// Whether both contracts are equal except for the format and the requests, and no parameter has a name that format 2
/// reads as something else.
fn is_same_but_rules(old: &Contract, new: &Contract) -> bool {
    let plain = |name: &String| !name.contains(['.', '?', '{', '}']);
    let bare = |contract: &Contract| {
        let mut bare = contract.clone();
        bare.format = 2;
        bare.observe.http.clear();
        bare.perform.http.clear();
        bare
    };
    bare(old) == bare(new) && old.params.properties.keys().all(plain)
}

/// Rewrites the line of `format`, and each placeholder that is the whole text of an optional parameter. Comments and
/// the order of lines are kept.
fn upgraded(text: &str, contract: &Contract) -> String {
    let optional: Vec<&String> = contract
        .params
        .properties
        .keys()
        .filter(|name| !contract.params.required.contains(name))
        .collect();
    let mut lines: Vec<String> = Vec::new();
    let mut in_head = true;
    for line in text.lines() {
        in_head &= !line.trim_start().starts_with('[');
        let is_format = in_head && line.split('=').next().is_some_and(|key| key.trim() == "format");
        let line = if is_format { line.replacen('1', "2", 1) } else { line.to_owned() };
        lines.push(optional.iter().fold(line, |line, name| {
            let both = [('"', '"'), ('\'', '\'')];
            both.iter().fold(line, |line, (open, close)| {
                line.replace(
                    &format!("{open}{{{name}}}{close}"),
                    &format!("{open}{{{name}?}}{close}"),
                )
            })
        }));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"# one
format = 1   # the format
[action]
name = "idp.note"
version = "1.0.0"
title = "format = 1"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{id}"
adapter = "scim"
[params]
required = ["id"]
properties.id = { type = "string" }
properties.note = { type = "string" }
[state.user]
properties.id = { type = "string" }
[[observe.http]]
upstream = "idp"
request = "GET /Users/{id}"
[[perform.http]]
upstream = "idp"
request = "PATCH /Users/{id}"
body = { note = "{note}", id = "{id}" }
[verify]
after = ["has(post.user.id)"]
"#;

    #[test]
    fn only_the_format_and_optional_placeholders_change() {
        let contract = Contract::from_toml("c.toml", FIRST).unwrap();
        let second = upgraded(FIRST, &contract);
        let expected = FIRST
            .replace("format = 1   # the", "format = 2   # the")
            .replace("note = \"{note}\"", "note = \"{note?}\"");
        assert_eq!(second, expected);
        assert_eq!(Contract::from_toml("c.toml", &second).unwrap().format, 2);
    }
}
