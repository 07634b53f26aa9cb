//! Tests of the bundles in `tests/vectors/` and the verdicts that every implementation must reach. The tests use this
//! project's verifier, a verifier built from third-party libraries and, for the policy decision, npm's Cedar.

mod edits;
mod nulls;
mod passkeys;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_record::bundle::{self, Files};
use deed_tests::services::{venv, workspace};
use deed_verify::{Report, Status, Trust, Verdict, verify};
use serde_json::Value;

/// An entry of `index.json`.
struct Vector {
    file: String,
    what: String,
    verdict: String,
    check: Option<String>,
}

/// The vectors of version 1.
fn root() -> PathBuf {
    workspace().join("tests/vectors")
}

/// The vectors of every set.
fn roots() -> [PathBuf; 5] {
    let others = ["2", "3", "edits", "confirmations"].map(|name| root().join(name));
    let [two, three, edits, confirmations] = others;
    [root(), two, three, edits, confirmations]
}

fn vectors(root: &Path) -> Vec<Vector> {
    let text = fs::read_to_string(root.join("index.json")).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let word = |one: &Value, name: &str| one[name].as_str().map(str::to_owned);
    let vector = |one: &Value| Vector {
        file: word(one, "file").unwrap(),
        what: word(one, "what").unwrap(),
        verdict: word(one, "verdict").unwrap(),
        check: word(one, "check"),
    };
    all.iter().map(vector).collect()
}

fn trust(root: &Path) -> Trust {
    let entries = fs::read_dir(root.join("trust")).unwrap().map(Result::unwrap);
    let file =
        |e: fs::DirEntry| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap());
    let files: Files = entries.map(file).collect();
    Trust::parse(&files).unwrap()
}

/// The name of the first check, other than `witnesses`, because of which the bundle is not verified.
fn first(report: &Report) -> Option<&'static str> {
    let wanted = match report.verdict {
        Verdict::Verified | Verdict::SignaturesOnly => return None,
        Verdict::Failed => Status::Fail,
        Verdict::Unverifiable => Status::Skip,
    };
    report
        .checks
        .iter()
        .find(|line| line.status == wanted && line.name != "witnesses")
        .map(|line| line.name)
}

#[test]
fn every_vector_comes_to_its_verdict_at_its_check() {
    for root in roots() {
        let trust = trust(&root);
        for Vector { file, what, verdict, check } in vectors(&root) {
            let report = verify(&fs::read(root.join(&file)).unwrap(), Some(&trust));
            let found = (report.verdict.as_str(), first(&report));
            assert_eq!(found, (verdict.as_str(), check.as_deref()), "{file} ({what}): {report:#?}");
        }
    }
}

/// The check that needs Cedar. The verifier built from third-party libraries makes only the part of it that compares
/// obligations; the test of npm's Cedar makes the rest.
const OURS: &str = "decision";

/// The beginning of the names of the bundles with a fault in an obligation, which can be found without Cedar.
const OBLIGATION: &str = "obligation-";

/// The checks of the content. If one of them fails, the verifier built from third-party libraries prints its name.
const CONTENT: [&str; 5] = ["summary", "requests", "gate", "outcome", "settled"];

#[test]
fn a_verifier_of_other_peoples_parts_agrees() {
    for root in roots() {
        agrees(&root);
    }
}

fn agrees(root: &Path) {
    let all = vectors(root);
    let output = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/oracle/verify.py"))
        .args(all.iter().map(|vector| root.join(&vector.file)))
        .arg(root.join("trust"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: BTreeMap<&str, &str> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, name)| name.contains(".deed"))
        .map(|(verdict, name)| (name, verdict))
        .collect();
    let failures = failures(&said);
    for Vector { file, what, verdict, check } in &all {
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        let compares = name.starts_with(OBLIGATION);
        let beyond = check.as_deref() == Some(OURS) && !compares;
        // The third-party verifier has one verdict for a complete bundle and a copy without evidence.
        let holds = beyond || ["verified", "signatures_only"].contains(&verdict.as_str());
        let wanted = if holds { "VERIFIED".to_owned() } else { verdict.to_uppercase() };
        let stderr = String::from_utf8_lossy(&output.stderr);
        let found = verdicts.get(name).copied().unwrap_or_default();
        // A change of the plan may break a rule of the content too.
        let is_seen_too = beyond && found == "FAILED";
        assert!(found == wanted || is_seen_too, "{file} ({what}): {found}: {said}{stderr}");
        let is_named = |check: &&str| CONTENT.contains(check) || (compares && *check == OURS);
        if let Some(check) = check.as_deref().filter(is_named) {
            let found = failures.get(name).copied().unwrap_or_default();
            let fails = |check: &str| found.contains(&format!("Failed: {check}: "));
            // A plan that the contract does not allow may differ from the receipt too, and the other verifier reads the
            // plan first.
            let plan = name.starts_with("rules-plans--") && fails("requests");
            assert!(fails(check) || plan, "{file} ({what}): {found}");
        }
    }
}

/// The line of the failed check by the name of the bundle. The line of the verdict follows directly.
fn failures(said: &str) -> BTreeMap<&str, &str> {
    let lines: Vec<&str> = said.lines().collect();
    let pairs = lines.iter().zip(lines.iter().skip(1));
    pairs.filter_map(|(why, verdict)| Some((verdict.strip_prefix("FAILED ")?, *why))).collect()
}

#[test]
fn npms_cedar_decides_the_same() {
    let oracle = workspace().join("target/node");
    if !oracle.join("node_modules/@cedar-policy/cedar-wasm").exists() {
        // This message is visible only in a test run that shows output, so `make` also reports the skipped check.
        std::io::Write::write_all(
            &mut std::io::stderr(),
            b"NOT CHECKED by npm's Cedar: target/node is missing; it takes node and npm, then `make oracle`\n",
        )
        .unwrap();
        return;
    }
    let good = |root: PathBuf| {
        let all = vectors(&root).into_iter().filter(|vector| vector.file.starts_with("good/"));
        all.map(|vector| root.join(vector.file)).collect::<Vec<_>>()
    };
    let good: Vec<PathBuf> = roots().into_iter().flat_map(good).collect();
    let (same, said) = decides(&oracle, &good);
    assert!(same, "{said}");
    for verdict in ["same    allow", "same    ask", "same    deny"] {
        assert!(said.contains(verdict), "no bundle shows `{verdict}`: {said}");
    }
    // Cedar must report a difference for a changed policy.
    let mut files = bundle::read(&fs::read(&good[0]).unwrap()).unwrap();
    let text = String::from_utf8(files[bundle::POLICIES].clone()).unwrap();
    let changed = text.replace("helpdesk", "nobody");
    assert_ne!(text, changed);
    files.insert(bundle::POLICIES.to_owned(), changed.into_bytes());
    let path = std::env::temp_dir().join(format!("deed-oracle-{}.deed", std::process::id()));
    fs::write(&path, bundle::write(&files).unwrap()).unwrap();
    let (same, said) = decides(&oracle, std::slice::from_ref(&path));
    fs::remove_file(&path).unwrap();
    assert!(!same, "{said}");
}

/// Runs npm's Cedar on these bundles. Returns whether npm's Cedar reaches the same decisions as the bundles' receipts,
/// and its output.
fn decides(oracle: &Path, bundles: &[PathBuf]) -> (bool, String) {
    let output = Command::new("node")
        .current_dir(oracle)
        .arg(workspace().join("tests/oracle/cedar.mjs"))
        .args(bundles)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Runs the commands that docs/verify.md gives to its readers, exactly as they are written.
#[test]
fn the_commands_of_the_page_hold_and_can_fail() {
    let page = fs::read_to_string(workspace().join("docs/verify.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let script = blocks.collect::<Vec<_>>().join("\n");
    let run = |bundle: &str| {
        let dir = std::env::temp_dir().join(format!("deed-page-{}-{bundle}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(&dir)
            .env("BUNDLE", root().join(format!("{bundle}.deed").replacen("--", "/", 1)))
            .env("TRUST", root().join("trust"))
            .env("PYTHON", venv().join("bin/python"))
            .env("VERIFIER", workspace().join("tests/oracle/verify.py"))
            .output()
            .unwrap();
        fs::remove_dir_all(&dir).unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    for good in ["good--verified", "good--settled-later", "good--an-agents-copy"] {
        let (holds, said) = run(good);
        assert!(holds, "{good}: {said}");
    }
    let bad = ["envelopes-another-key--receipt-signature", "log-another-checkpoint--checkpoint"];
    for bad in bad {
        let (holds, said) = run(&format!("bad--{bad}"));
        assert!(!holds, "{bad}: {said}");
    }
}
