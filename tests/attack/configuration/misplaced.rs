//! Secrets that were written in the place of another value, in every field of `deed.toml`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::World;

use super::bench::Bench;
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "a-secret-in-every-field" => in_every_field,
        "a-key-in-a-reload" => in_a_reload,
    ]
}

const EVERY_FIELD: &str = include_str!("every_field.toml");
const PATIENCE: Duration = Duration::from_mins(1);
/// A part of every secret that is planted.
const NEEDLE: &str = "planted";
const PEM: &str = "\"\"\"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHab/plantedplantedplanted+/QQ==\n\
                   -----END PRIVATE KEY-----\n\"\"\"";
const WORDS: &str = "\"my-planted-secret-value-0123456\"";
const SECRETS: [&str; 4] = [
    PEM,
    WORDS,
    "\"https://hooks.example.com/my-planted-secret-value-0123456\"",
    "\"wJalrXUtnFEMI/K7MDENG/bPxRfiplantedKEY\"",
];
/// Fields with names, which faults show. A secret that looks like a name is shown there.
const NAMES: [&str; 5] = ["person", "roles", "upstreams", "environment", "allow_headers"];

/// Where each text of the file begins and ends, with its quotes; not the names in the heads of tables.
fn texts() -> Vec<(usize, usize)> {
    let (mut found, mut start) = (Vec::new(), 0);
    for line in EVERY_FIELD.split_inclusive('\n') {
        let quotes: Vec<usize> = line.match_indices('"').map(|(at, _)| start + at).collect();
        if !line.starts_with(['[', '#']) {
            found.extend(quotes.chunks(2).map(|pair| (pair[0], pair[1] + 1)));
        }
        start += line.len();
    }
    found
}

/// What `deed check` says about this `deed.toml`.
fn said(dir: &Path, text: &str) -> String {
    fs::write(dir.join("deed.toml"), text).unwrap();
    let output = host::run_within(&["check", dir.to_str().unwrap()], PATIENCE).unwrap().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn in_every_field() {
    let bench = Bench::new();
    let good = said(bench.dir(), EVERY_FIELD);
    assert!(good.contains("environment variable `DEED_E` is not set"), "{good}");
    let (mut tried, mut hidden) = (0, 0);
    for (start, end) in texts() {
        let (before, rest) = EVERY_FIELD.split_at(start);
        let (_, after) = rest.split_at(end - start);
        let line = before.rsplit('\n').next().unwrap();
        for secret in SECRETS {
            let is_name = NAMES.iter().any(|name| line.starts_with(name)) && secret == WORDS;
            if is_name {
                continue;
            }
            let planted = [before, secret, after].concat();
            let said = said(bench.dir(), &planted);
            assert!(said.contains("deed.toml:"), "{line}: no fault in {said}");
            assert!(!said.contains(NEEDLE), "{line}: a fault shows the secret: {said}");
            tried += 1;
            hidden += usize::from(said.contains('…'));
        }
    }
    assert!(tried > 250 && hidden > 50, "{tried} secrets, of which {hidden} would have been shown");
}

/// A host that reloads its directory shows the key neither in its log nor in its answer to the reload.
fn in_a_reload() {
    let world = World::start(scim()).unwrap();
    let file = world.dir.join("deed.toml");
    let good = fs::read_to_string(&file).unwrap();
    let path = "file = \"secrets/idp_read\"";
    assert!(good.contains(path));
    fs::write(&file, good.replacen(path, &format!("file = {PEM}"), 1)).unwrap();
    let says = world.reload().unwrap();
    assert_eq!(says["result"], "refused", "{says:#}");
    let log = world.host.as_ref().unwrap().log();
    assert!(says.to_string().contains("does not look like the path of a file"), "{says:#}");
    for (place, text) in [("the answer", says.to_string()), ("the log", log)] {
        assert!(!text.contains(NEEDLE), "{place} shows the key: {text}");
    }
    fs::write(&file, good).unwrap();
    let last = world.reload().unwrap();
    assert_ne!(last["result"], "refused", "{last:#}");
    unharmed(&world);
}
