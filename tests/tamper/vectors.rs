//! Test vectors for other implementations, made from the bundles of the same run. `VECTORS=1` writes those of version 1
//! to `tests/vectors/`, `VECTORS=2` those of version 2 to `tests/vectors/2/`, and `VECTORS=3` those of open contracts and
//! dry runs, which are of version 2 too, to `tests/vectors/3/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use deed_tests::services::workspace;
use deed_verify::{Verdict, verify};
use serde_json::{Value, json};

use crate::samples::{BY_PASSKEY, Bench, CONFIRMED, OPEN_KINDS, Sample};

/// For each class and check, and for some classes also for each kind of bundle: the description of the change, the
/// bundle, and the expected verdict.
type Kept = BTreeMap<(&'static str, &'static str, String), (String, Vec<u8>, Verdict)>;

static KEPT: Mutex<Kept> = Mutex::new(Kept::new());

/// The checks that read the contract, the policy and the evidence.
const JUDGED: [&str; 6] = ["summary", "requests", "decision", "gate", "outcome", "settled"];

/// The number of the set of vectors that is written, from the variable `VECTORS`.
fn asked() -> Option<u32> {
    std::env::var_os("VECTORS")?.to_str()?.parse().ok()
}

/// Whether this run writes a set of vectors.
pub(crate) fn are_asked() -> bool {
    asked().is_some()
}

/// The kinds of bundles whose mutations are kept. Together, the bundles of one set have every part that this set is
/// about.
fn kinds(set: u32, class: &str) -> &'static [&'static str] {
    match (set, breaks_a_rule(class)) {
        (1, true) => &[],
        (1, false) => &["settled later", "denied by a person"],
        (3, true) => &OPEN_KINDS,
        (3, false) => &["continued", "put back", "rehearsed"],
        (_, true) => &["refunded", "queried", "guarded", "declined", "pending", "followed"],
        (_, false) => &["created", "deleted", "member added", "replaced", "enrolled"],
    }
}

/// Whether a class breaks a rule of version 2. The vectors of such a class are kept for each kind, because a rule has
/// several forms: a state may be read from a job, from a search or from pages.
fn breaks_a_rule(class: &str) -> bool {
    class.starts_with("rules/")
}

/// Keeps the first bundle of each class and check, or of each class, check and kind.
pub(crate) fn keep(
    class: &'static str,
    kind: &str,
    found: &BTreeMap<&'static str, (String, Vec<u8>, Verdict)>,
) {
    if asked().is_some_and(|set| kinds(set, class).contains(&kind)) {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        // Of the mutations of single fields, only those that the policy check or the outcome check catches are kept,
        // because the others only test the structure of a document.
        let told = |check: &str| class != "host/fields" || JUDGED.contains(&check);
        for (check, one) in found.iter().filter(|(check, _)| told(check)) {
            let of = if breaks_a_rule(class) { kind.to_owned() } else { String::new() };
            kept.entry((class, *check, of)).or_insert_with(|| one.clone());
        }
    }
}

/// `good/`, `bad/`, `trust/` and `index.json`.
pub(crate) fn write(bench: &Bench) {
    let Some(set) = asked() else { return };
    let root = workspace().join("tests/vectors");
    let root = if set == 1 { root } else { root.join(set.to_string()) };
    for sub in ["good", "bad", "trust"] {
        fs::remove_dir_all(root.join(sub)).ok();
        fs::create_dir_all(root.join(sub)).unwrap();
    }
    for (name, bytes) in bench.trust.files().unwrap() {
        fs::write(root.join("trust").join(name), bytes).unwrap();
    }
    let mut index: Vec<Value> = Vec::new();
    let action = |sample: &Sample| serde_json::from_slice::<Value>(&sample.files["action.json"]);
    let version = |sample: &Sample| action(sample).unwrap()["v"].clone();
    // The vectors of passkeys are envelopes, in `passkeys/`, and those of confirmations are in `confirmations/`.
    let is_of_set = |sample: &&Sample| match sample.kind {
        BY_PASSKEY | CONFIRMED => false,
        kind if OPEN_KINDS.contains(&kind) => set == 3,
        _ => version(sample) == set,
    };
    for sample in bench.samples.iter().filter(is_of_set) {
        let file = put(&root, "good", &[sample.kind], &sample.bundle);
        let verdict = verify(&sample.bundle, Some(&bench.trust)).verdict.as_str();
        index.push(json!({"file": file, "what": sample.kind, "verdict": verdict}));
    }
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    for ((class, check, kind), (what, bytes, verdict)) in kept.iter() {
        let mut words = vec![*class, *check, kind.as_str()];
        words.retain(|word| !word.is_empty());
        let file = put(&root, "bad", &words, bytes);
        let verdict = verdict.as_str();
        index.push(json!({"file": file, "what": what, "verdict": verdict, "check": check}));
    }
    let text = serde_json::to_string_pretty(&index).unwrap() + "\n";
    fs::write(root.join("index.json"), text).unwrap();
}

fn put(root: &std::path::Path, sub: &str, words: &[&str], bytes: &[u8]) -> String {
    let slug = |word: &&str| word.replace(['/', ' '], "-").replace(['`', '\''], "");
    let name = words.iter().map(slug).collect::<Vec<_>>().join("--");
    let file = PathBuf::from(sub).join(format!("{name}.deed"));
    fs::write(root.join(&file), bytes).unwrap();
    file.to_string_lossy().into_owned()
}
