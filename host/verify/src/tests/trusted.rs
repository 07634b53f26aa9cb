//! Tests of trust directories: what they may and may not contain.

use deed_record::bundle;
use deed_spec::note;
use serde_json::{Value, json};

use super::parts::key;
use super::sealed::always;
use super::story::approved;
use crate::{Approver, ReceiptKey, Trust, TrustError};

#[test]
fn trust_survives_its_files_and_refuses_what_it_cannot_use() {
    let trust = approved().trust();
    let files = trust.files().unwrap();
    assert!(files.keys().all(|name| Trust::FILES.contains(&name.as_str())));
    assert_eq!(Trust::parse(&files).unwrap(), trust);
    let two = Trust { receipt_keys: vec![always(&key(1)), always(&key(5))], ..trust };
    assert_eq!(Trust::parse(&two.files().unwrap()).unwrap(), two);
    assert_eq!(Trust::parse(&bundle::Files::new()).unwrap(), Trust::default());
    for (name, text) in [
        ("receipt.pub", "no key"),
        ("log.vkey", "no+key"),
        ("approvers.json", "{}"),
        ("receipt_keys.json", "{}"),
        ("approvers.json", r#"[{"person":"a","roles":[],"key":"x","rank":1}]"#),
    ] {
        let files = [(name.to_owned(), text.as_bytes().to_vec())].into();
        assert!(Trust::parse(&files).is_err(), "{name}: {text}");
    }
}

#[test]
fn a_person_has_one_form_in_a_list_of_approvers() {
    let files = approved().trust().files().unwrap();
    let right: Value = serde_json::from_slice(&files["approvers.json"]).unwrap();
    let read = |list: &Value| {
        let mut files = files.clone();
        files.insert("approvers.json".to_owned(), serde_json::to_vec(list).unwrap());
        Trust::parse(&files)
    };
    assert!(read(&right).is_ok());
    let one = &right[0];
    let mut null = one.clone();
    null["until_index"] = Value::Null;
    for other in [null, json!([one["person"], one["roles"], one["key"], null, null, null])] {
        let refused = read(&json!([other])).unwrap_err();
        assert!(matches!(refused, TrustError::Shape("approvers.json", _)), "{other}: {refused}");
    }
}

#[test]
fn one_key_for_two_purposes_is_no_trust() {
    let whole = approved().trust();
    let receipt = whole.receipt_keys[0].key;
    let approver = whole.approvers.as_ref().unwrap()[0].clone();
    let log = |key| vec![note::VerifierKey::new("log.example/acme", key).unwrap()];
    let approver_as = |key: ed25519_dalek::VerifyingKey| {
        Some(vec![Approver { key: key.into(), ..approver.clone() }])
    };
    let log_key = key(2).verifying_key();
    for (trust, files) in [
        (
            Trust { approvers: approver_as(receipt), ..whole.clone() },
            ["approvers.json", "receipt.pub"],
        ),
        (
            Trust { approvers: approver_as(log_key), ..whole.clone() },
            ["approvers.json", "log.vkey"],
        ),
        (Trust { log: log(receipt), ..whole.clone() }, ["receipt.pub", "log.vkey"]),
    ] {
        let refused = trust.files().unwrap_err();
        assert!(matches!(&refused, TrustError::Shared(_, one, other) if [*one, *other] == files));
        assert_eq!(read_back(&trust), Err(refused));
    }
    assert_eq!(read_back(&whole), Ok(whole));
}

/// The index at which a key was retired in one log does not apply to another log.
#[test]
fn indices_count_in_one_log_alone() {
    let whole = approved().trust();
    let other = note::VerifierKey::new("log.example/globex", key(6).verifying_key()).unwrap();
    let two = Trust { log: vec![whole.log[0].clone(), other], ..whole };
    assert_eq!(read_back(&two), Ok(two.clone()));
    let key = ReceiptKey { until_index: Some(7), ..two.receipt_keys[0].clone() };
    let retired = Trust { receipt_keys: vec![key], ..two.clone() };
    let mut removed = two;
    removed.approvers.as_mut().unwrap()[0].from_index = Some(3);
    for trust in [retired, removed] {
        assert_eq!(trust.files(), Err(TrustError::Indices("log.example/globex".into())));
    }
}

/// Writes the receipt keys, the log keys and the approvers as three separate trust directories, and parses all files
/// together, so that only the parser can refuse these keys.
fn read_back(trust: &Trust) -> Result<Trust, TrustError> {
    let alone = |part: Trust| part.files().unwrap();
    let mut files = alone(Trust { receipt_keys: trust.receipt_keys.clone(), ..Trust::default() });
    let logs = alone(Trust { log: trust.log.clone(), ..Trust::default() });
    let people = alone(Trust { approvers: trust.approvers.clone(), ..Trust::default() });
    files.insert("log.vkey".into(), logs["log.vkey"].clone());
    files.insert("approvers.json".into(), people["approvers.json"].clone());
    Trust::parse(&files)
}

#[test]
fn windows_of_receipt_keys_are_of_exactly_the_keys_in_receipt_pub() {
    let window =
        |from_index, until_index, key| ReceiptKey { from_index, until_index, ..always(&key) };
    let old = window(Some(0), Some(9), key(1));
    let new = window(Some(10), None, key(5));
    let again = window(Some(20), Some(30), key(1));
    let trust = Trust { receipt_keys: vec![old.clone(), new.clone(), again], ..Trust::default() };
    let files = trust.files().unwrap();
    assert_eq!(String::from_utf8_lossy(&files["receipt.pub"]).matches("BEGIN").count(), 2);
    assert_eq!(Trust::parse(&files), Ok(trust));
    let of =
        |keys: Vec<ReceiptKey>| Trust { receipt_keys: keys, ..Trust::default() }.files().unwrap();
    let mut fewer = of(vec![old.clone(), new.clone()]);
    fewer.insert("receipt_keys.json".into(), of(vec![new])["receipt_keys.json"].clone());
    assert!(matches!(Trust::parse(&fewer), Err(TrustError::NoWindow(_))));
    let mut more = fewer;
    more.insert("receipt.pub".into(), of(vec![old])["receipt.pub"].clone());
    assert!(matches!(Trust::parse(&more), Err(TrustError::Stray(_))));
}
