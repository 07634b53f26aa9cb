//! Searches everything that a test fixture wrote and returned for credentials and parts of credentials, in every
//! encoding in which a server may have echoed them. This search shares no code with the host's own redaction.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::Value;

use super::stage::{READ_SECRET, WRITE_SECRET};

/// The number of consecutive characters of a credential whose occurrence in other text is not a coincidence.
const WINDOW: usize = 8;

/// Panics when a file of the fixture, a view, a bundle or a page contains a credential.
pub(crate) fn none(world: &World, views: &[Value]) {
    let needles = needles();
    let mut places: Vec<(String, Vec<u8>)> = files(&world.dir)
        .into_iter()
        .filter(|path| !path.starts_with(world.dir.join("secrets")))
        .filter(|path| !path.starts_with(world.dir.join("state/cache")))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap_or_default()))
        .collect();
    for view in views {
        let id = view["id"].as_str().unwrap();
        places.push((format!("the view of {id}"), view.to_string().into_bytes()));
        for token in [BOB, HELPDESK] {
            for path in ["", "/bundle"] {
                let path = format!("/v1/actions/{id}{path}");
                let answer = world.client(token).get(&path).unwrap();
                places.push((path, answer.bytes));
            }
        }
        let page = host::expect(&["show", id, "--url", world.url(), "--token", BOB]).unwrap();
        places.push((format!("the page of {id}"), page.into_bytes()));
    }
    for (place, bytes) in places {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        for (what, needle) in &needles {
            assert!(!text.contains(needle), "{place} holds {what}: `{needle}`");
        }
    }
}

/// The texts to search for: substrings of each credential in every encoding, in lower case, each with a description.
fn needles() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (name, secret) in
        [("the read credential", READ_SECRET), ("the write credential", WRITE_SECRET)]
    {
        let mut forms = vec![
            ("raw", secret.to_owned(), WINDOW),
            (
                "as JSON",
                serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
                WINDOW,
            ),
            ("hex", hex(secret, ""), 2 * WINDOW),
            ("percent", hex(secret, "%"), 3 * WINDOW),
            ("escaped", hex(secret, "\\u00"), 6 * WINDOW),
        ];
        for before in ["", "x", "xx"] {
            let text = format!("{before}{secret}");
            forms.push(("base64", STANDARD.encode(&text), 2 * WINDOW));
            forms.push(("base64url", URL_SAFE.encode(&text), 2 * WINDOW));
        }
        for (form, text, window) in forms {
            let letters: Vec<char> = text.to_ascii_lowercase().chars().collect();
            // A leaked part that is as long as two windows contains at least one of these substrings completely.
            for piece in letters.chunks_exact(window) {
                all.push((format!("{name}, {form}"), piece.iter().collect()));
            }
        }
    }
    all
}

fn hex(secret: &str, before: &str) -> String {
    let digits: Vec<String> = secret.bytes().map(|byte| format!("{before}{byte:02x}")).collect();
    digits.concat()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
