//! Leaves out one source of a recorded run at a time. Clocks and randomness follow from the id of the action; answers
//! come from the recorded exchanges.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::bundle::{self, Files};
use deed_spec::digest::Digest;
use deed_spec::json::to_canonical;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::{locked_out, replay, served, stamped};

fn saved(world: &World, files: &Files) -> PathBuf {
    let path = world.dir.join("changed.deed");
    fs::write(&path, bundle::write(files).unwrap()).unwrap();
    path
}

/// The status in which the replay of these files shows a run, and all that was printed.
fn shown(world: &World, files: &Files, run: &str) -> (String, String) {
    let (_, said) = replay(&saved(world, files));
    let line = said.lines().find(|line| {
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ").starts_with(run)
    });
    let status = line.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    (status.to_owned(), said)
}

/// The bundle of the same action under another id. Signatures no longer fit, which a replay does not check.
fn renamed(files: &Files, old: &str, new: &str) -> Files {
    let digest = |files: &Files| Digest::of(&files["action.json"]).to_string();
    let mut other: Files = files.clone();
    let words = |text: &str, pairs: &[(String, String)]| {
        pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let name = [(old.to_owned(), new.to_owned())];
    let action = words(std::str::from_utf8(&files["action.json"]).unwrap(), &name);
    other.insert("action.json".into(), action.into_bytes());
    let hex = |text: String| text.trim_start_matches("sha256:").to_owned();
    let pairs = [name[0].clone(), (hex(digest(files)), hex(digest(&other)))];
    for (part, bytes) in &mut other {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        // A part has one JSON value, or one on each line, or other text.
        let lines = text.split_inclusive('\n').map(|line| {
            let line = words(line, &pairs);
            let Ok(mut value) = serde_json::from_str::<Value>(&line) else { return line };
            in_payloads(&mut value, &|text| words(text, &pairs));
            let canonical = String::from_utf8(to_canonical(&value).unwrap()).unwrap();
            if line.ends_with('\n') { canonical + "\n" } else { canonical }
        });
        let changed: String = lines.collect();
        assert!(part != "action.json" || changed.contains(new), "{changed}");
        *bytes = changed.into_bytes();
    }
    other
}

/// Changes the texts of all envelopes in a value.
fn in_payloads(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(payload) if name == "payload" => {
                        let text = String::from_utf8(STANDARD.decode(&*payload).unwrap()).unwrap();
                        *payload = STANDARD.encode(change(&text));
                    }
                    member => in_payloads(member, change),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| in_payloads(item, change)),
        _ => {}
    }
}

/// The id with another letter or digit at this place after `act_`.
fn with_other(id: &str, at: usize) -> String {
    let mut letters: Vec<char> = id.chars().collect();
    let letter = &mut letters["act_".len() + at];
    *letter = if *letter == '1' { '2' } else { '1' };
    letters.into_iter().collect()
}

#[test]
fn a_replay_that_lacks_one_source_of_the_run_differs() {
    let (world, user) = (served(), locked_out());
    let id = stamped(&world, &user)["id"].as_str().unwrap().to_owned();
    let files = bundle::read(&world.bundle(&id).unwrap()).unwrap();
    for run in ["rehearsal", "attempt 1"] {
        let (status, said) = shown(&world, &files, run);
        assert_eq!(status, "same", "{run}: {said}");
    }
    // The time is in the first ten letters of an id, and randomness in the last ten.
    for (source, at) in [("time", 8), ("randomness", 20)] {
        let other = renamed(&files, &id, &with_other(&id, at));
        let (status, said) = shown(&world, &other, "rehearsal");
        assert_eq!(status, "DIFF", "without the {source}: {said}");
    }
    let mut other = files.clone();
    let mut attempts: Value = serde_json::from_slice(&files["evidence/exchanges.json"]).unwrap();
    attempts[0]["exchanges"] = json!([]);
    other.insert("evidence/exchanges.json".into(), to_canonical(&attempts).unwrap());
    let (status, said) = shown(&world, &other, "attempt 1");
    assert_eq!(status, "DIFF", "without an answer: {said}");
}
