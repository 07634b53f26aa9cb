//! Checks `contracts/README.md` and `contracts/REFERENCE.md`: every excerpt of the guide is a part of an example, the
//! commands of the guide succeed, each mistake gets the message that the guide shows, and the reference has every key.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_tests::host::{binary, expect};
use deed_tests::services::workspace;
use serde_json::Value;

/// A code block of the guide.
struct Block {
    language: String,
    text: String,
    /// The example to which the text before the block links last, without `.toml`.
    example: String,
}

fn contracts() -> PathBuf {
    workspace().join("contracts")
}

fn page(name: &str) -> String {
    fs::read_to_string(contracts().join(name)).unwrap()
}

fn example(name: &str) -> String {
    page(&format!("examples/{name}.toml"))
}

/// The code blocks of the guide, in their order.
fn blocks() -> Vec<Block> {
    let (mut found, mut example, mut open) = (Vec::new(), String::new(), None::<Block>);
    for line in page("README.md").lines() {
        match (open.take(), line.strip_prefix("```")) {
            (Some(block), Some(_)) => found.push(block),
            (Some(mut block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, Some(language)) => {
                let (language, example) = (language.to_owned(), example.clone());
                open = Some(Block { language, text: String::new(), example });
            }
            (None, None) => example = linked(line).map_or(example, str::to_owned),
        }
    }
    found
}

/// The example to which a line links last, without `.toml`.
fn linked(line: &str) -> Option<&str> {
    let (_, rest) = line.rsplit_once("](examples/")?;
    rest.split_once(".toml)").map(|(name, _)| name)
}

/// Runs commands in a folder. Returns whether they succeeded, and the output.
fn run(dir: &Path, commands: &str) -> (bool, String) {
    let script = format!("deed() {{ \"$DEED\" \"$@\"; }}\n{commands}");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(dir)
        .env("DEED", fs::canonicalize(binary().unwrap()).unwrap())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The names of the examples, without `.toml`.
fn examples() -> Vec<String> {
    let entries = fs::read_dir(contracts().join("examples")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned));
    names.filter(|name| !name.contains('.')).collect()
}

#[test]
fn every_excerpt_of_the_guide_is_a_part_of_an_example() {
    let excerpts: Vec<Block> = blocks().into_iter().filter(|one| one.language == "toml").collect();
    assert!(excerpts.len() >= 14, "{}", excerpts.len());
    for block in &excerpts {
        let whole = format!("\n{}", example(&block.example));
        for part in block.text.split("\n\n") {
            let part = format!("\n{}\n", part.trim_end());
            assert!(whole.contains(&part), "examples/{}.toml lacks:{part}", block.example);
        }
    }
    let shown: BTreeSet<&str> = excerpts.iter().map(|block| block.example.as_str()).collect();
    let missing: Vec<String> =
        examples().into_iter().filter(|name| !shown.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "the guide does not show {missing:?}");
}

/// Every example is explained by a command of the guide, and tested by one.
#[test]
fn the_commands_of_the_guide_succeed() {
    let blocks = blocks();
    let commands = blocks.iter().filter(|block| block.language == "sh").map(|block| &block.text);
    let commands: String = commands.map(String::as_str).collect();
    for name in examples() {
        let explain = format!("explain examples/{name}.toml ");
        let test = format!("test examples/{name}.toml\n");
        for command in [explain, test] {
            assert!(commands.contains(&command), "the guide lacks `deed contract {command}`");
        }
    }
    for command in commands.lines() {
        let (done, said) = run(&contracts(), command);
        assert!(done, "{command}: {said}");
        assert!(!command.contains(" test ") || said.ends_with("cases, 0 differ\n"), "{said}");
    }
}

#[test]
fn each_mistake_of_the_guide_gets_the_message_that_it_shows() {
    let dir = std::env::temp_dir().join(format!("deed-guide-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let blocks = blocks();
    let pairs = blocks.windows(2).filter(|pair| pair[0].language == "diff");
    let pairs: Vec<&[Block]> = pairs.collect();
    assert!(pairs.len() >= 13, "{}", pairs.len());
    for pair in pairs {
        let (change, message, name) = (&pair[0].text, &pair[1], &pair[0].example);
        assert_eq!(message.language, "text", "{name}");
        let side = |sign: char| -> String {
            let lines = change.lines().filter_map(|line| line.strip_prefix(sign));
            lines.flat_map(|line| [line, "\n"]).collect()
        };
        let (contract, old) = (example(name), side('-'));
        assert_eq!(contract.matches(&old).count(), 1, "examples/{name}.toml: {old}");
        let wrong = contract.replacen(&old, &side('+'), 1);
        fs::write(dir.join(format!("{name}.toml")), wrong).unwrap();
        let cases = example(&format!("{name}.cases"));
        fs::write(dir.join(format!("{name}.cases.toml")), cases).unwrap();
        let (done, said) = run(&dir, &format!("deed contract test {name}.toml"));
        assert!(!done, "{name}: {said}");
        for line in message.text.lines() {
            assert!(said.contains(line.trim_end_matches('…')), "{name}: no `{line}`: {said}");
        }
    }
    fs::remove_dir_all(dir).unwrap();
}

/// The names of all properties in a JSON Schema.
fn keys(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().cloned());
            }
            members.values().for_each(|inner| keys(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| keys(inner, found)),
        _ => {}
    }
}

#[test]
fn the_reference_has_every_key_of_a_contract() {
    let schema: Value = serde_json::from_str(&expect(&["contract", "schema"]).unwrap()).unwrap();
    let mut found = BTreeSet::new();
    keys(&schema, &mut found);
    assert!(found.contains("may_change") && found.contains("unordered"), "{found:?}");
    let page = page("REFERENCE.md");
    let rows: String =
        page.lines().filter(|line| line.starts_with("| `")).flat_map(|line| [line, "\n"]).collect();
    // The members of the schema of a schema, and the list below `observe` and `perform`.
    let is_of_schema = |name: &str| ["additionalProperties", "default", "http"].contains(&name);
    let is_written = |name: &str| {
        let forms =
            [format!("`{name}`"), format!("`[{name}"), format!("`[[{name}"), format!(".{name}`")];
        forms.iter().any(|form| rows.contains(form))
    };
    let missing: Vec<&String> =
        found.iter().filter(|name| !is_of_schema(name) && !is_written(name)).collect();
    assert!(missing.is_empty(), "contracts/REFERENCE.md lacks {missing:?}");
}
