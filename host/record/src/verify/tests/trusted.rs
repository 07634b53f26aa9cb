//! Trust directories: what they hold, and what they may not.

use super::parts::key;
use super::story::approved;
use crate::bundle;
use crate::note;
use crate::verify::{Approver, Trust, TrustError};

#[test]
fn trust_survives_its_files_and_refuses_what_it_cannot_use() {
    let trust = approved().trust();
    let files = trust.files().unwrap();
    assert!(files.keys().all(|name| Trust::FILES.contains(&name.as_str())));
    assert_eq!(Trust::parse(&files).unwrap(), trust);
    let two = Trust { receipt_keys: vec![key(1).verifying_key(), key(5).verifying_key()], ..trust };
    assert_eq!(Trust::parse(&two.files().unwrap()).unwrap(), two);
    assert_eq!(Trust::parse(&bundle::Files::new()).unwrap(), Trust::default());
    for (name, text) in [
        ("receipt.pub", "no key"),
        ("log.vkey", "no+key"),
        ("approvers.json", "{}"),
        ("approvers.json", r#"[{"person":"a","roles":[],"key":"x","rank":1}]"#),
    ] {
        let files = [(name.to_owned(), text.as_bytes().to_vec())].into();
        assert!(Trust::parse(&files).is_err(), "{name}: {text}");
    }
}

#[test]
fn one_key_for_two_purposes_is_no_trust() {
    let whole = approved().trust();
    let receipt = whole.receipt_keys[0];
    let approver = whole.approvers.as_ref().unwrap()[0].clone();
    let log = |key| vec![note::VerifierKey::new("log.example/acme", key).unwrap()];
    let approver_as = |key| Some(vec![Approver { key, ..approver.clone() }]);
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

/// What a reader makes of these keys in the files of three honest directories.
fn read_back(trust: &Trust) -> Result<Trust, TrustError> {
    let alone = |part: Trust| part.files().unwrap();
    let mut files = alone(Trust { receipt_keys: trust.receipt_keys.clone(), ..Trust::default() });
    let logs = alone(Trust { log: trust.log.clone(), ..Trust::default() });
    let people = alone(Trust { approvers: trust.approvers.clone(), ..Trust::default() });
    files.insert("log.vkey".into(), logs["log.vkey"].clone());
    files.insert("approvers.json".into(), people["approvers.json"].clone());
    Trust::parse(&files)
}
