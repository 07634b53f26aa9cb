//! Envelopes of approvals by passkey in `tests/vectors/passkeys/`, each with its verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_record::statement::approval;
use deed_record::statement::approver::ApproverKey;
use deed_spec::json;
use deed_tests::services::{venv, workspace};
use serde_json::Value;

/// The library shares no code with this project and checks an assertion as at a login.
const BY_WEBAUTHN: &str = "passkeys_by_webauthn.py";

fn index() -> PathBuf {
    workspace().join("tests/vectors/passkeys/index.json")
}

fn vectors() -> Vec<Value> {
    serde_json::from_slice(&fs::read(index()).unwrap()).unwrap()
}

/// What this project says about a vector: why the envelope is no approval by the approver.
fn opened(vector: &Value) -> Result<(), String> {
    let party = vector["approver"].get("passkey").cloned();
    let party = party.map(|party| serde_json::from_value(party).unwrap());
    let key = ApproverKey::read(vector["approver"]["key"].as_str().unwrap().trim(), party).unwrap();
    let envelope = json::from_value(vector["envelope"].clone()).map_err(|e| e.to_string())?;
    approval::open(&envelope, &key).map(drop).map_err(|e| e.to_string())
}

#[test]
fn every_envelope_comes_to_its_verdict_for_its_reason() {
    let (mut verified, mut failed) = (0, 0);
    for vector in vectors() {
        let what = vector["what"].as_str().unwrap();
        match (vector["verdict"].as_str().unwrap(), opened(&vector)) {
            ("verified", Ok(())) => verified += 1,
            ("failed", Err(said)) => {
                let why = vector["why"].as_str().unwrap_or_default();
                assert!(said.contains(why), "{what}: `{said}` does not say `{why}`");
                failed += 1;
            }
            (wanted, found) => panic!("{what}: {found:?} instead of {wanted}"),
        }
    }
    assert!(verified >= 10 && failed >= 70, "{verified} are verified and {failed} fail");
}

/// Whether a script of `tests/oracle/` agrees with an index, and what it prints.
fn judged(script: &str, index: &Path) -> (bool, String) {
    let output = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/oracle").join(script))
        .arg(index)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The same for other vectors.
fn judged_of(script: &str, vectors: &[Value]) -> (bool, String) {
    let file = std::env::temp_dir().join(format!("deed-{script}-{}.json", std::process::id()));
    fs::write(&file, serde_json::to_vec(vectors).unwrap()).unwrap();
    let found = judged(script, &file);
    fs::remove_file(&file).unwrap();
    found
}

#[test]
fn a_verifier_of_other_peoples_parts_agrees_on_every_envelope() {
    let (agrees, said) = judged("passkeys.py", &index());
    assert!(agrees && said.matches("same ").count() == vectors().len(), "{said}");
    // The check can fail.
    let mut wrong = vectors();
    wrong[0]["verdict"] = "failed".into();
    let (agrees, said) = judged_of("passkeys.py", &wrong);
    assert!(!agrees && said.contains("OTHER verified"), "{said}");
}

#[test]
fn a_library_for_logins_agrees_on_every_assertion() {
    let (agrees, said) = judged(BY_WEBAUTHN, &index());
    assert!(agrees && said.contains("10 good and 48 bad assertions: the library agrees"), "{said}");
}

#[test]
fn the_check_by_a_library_for_logins_can_fail() {
    let of = |what: &str| vectors().iter().position(|one| one["what"] == what).unwrap();
    for (what, verdict) in
        [("ES256", "failed"), ("signature: another key under this id", "verified")]
    {
        let mut wrong = vectors();
        wrong[of(what)]["verdict"] = verdict.into();
        let (agrees, said) = judged_of(BY_WEBAUTHN, &wrong);
        assert!(!agrees && said.matches("OTHER").count() == 1, "{what}: {said}");
    }
    let (agrees, said) = judged_of(BY_WEBAUTHN, &[]);
    assert!(!agrees && said.contains("0 good and 0 bad assertions"), "{said}");
}

#[test]
fn the_vectors_are_those_that_the_script_writes() {
    let file = std::env::temp_dir().join(format!("deed-vectors-{}.json", std::process::id()));
    let output = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/oracle/passkey_vectors.py"))
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(written == fs::read(index()).unwrap(), "run tests/oracle/passkey_vectors.py");
}
