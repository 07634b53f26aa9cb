//! Who signed a package: trusted, revoked and unknown keys, several signatures, and none.

use std::fs;

use serde_json::json;

use super::shelf::signature_tag;
use super::{Desk, deed};

#[test]
fn a_package_without_a_signature_is_refused() {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    let package = pushed["package"].as_str().unwrap();
    desk.shelf().untag(&signature_tag(package));
    desk.refused(&desk.layout(), "it has no signature");
    // Only an explicit option accepts it, with a warning.
    let (layout, output) = (desk.layout(), desk.path("out"));
    let (code, _, errors) = deed(&["adapter", "pull", &layout, "--output", &output]);
    assert!(code == 2 && errors.contains("--trust"), "{errors}");
    let args = ["adapter", "pull", &layout, "--unsigned", "--output", &output];
    let (code, said, errors) = deed(&args);
    assert!(code == 0 && errors.contains("warning: with --unsigned"), "{errors}");
    assert!(said.contains("signed by nobody"), "{said}");
    assert_eq!(desk.written().len(), 2);
}

#[test]
fn one_signature_by_a_trusted_key_is_enough() {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    let by_digest = pushed["reference"].as_str().unwrap();
    // Only the key of bob is trusted, and bob has not signed yet.
    fs::remove_file(desk.file("authors/alice.pub")).unwrap();
    desk.trust("bob");
    let keyid = pushed["keyid"].as_str().unwrap();
    desk.refused(&desk.layout(), &format!("by the key {keyid}: no trusted key made it"));
    let key = desk.path("bob.key");
    let (code, _, errors) = deed(&["adapter", "sign", by_digest, "--key", &key]);
    assert!(code == 0 && errors.contains("next: deed adapter inspect"), "{errors}");
    let (code, said, errors) = desk.pull(&desk.layout(), &[]);
    assert!(code == 0 && said.contains("signed by bob"), "{said}{errors}");
    // Signing again changes nothing.
    let tag = signature_tag(pushed["package"].as_str().unwrap());
    let before = desk.shelf().manifest(&tag);
    assert_eq!(deed(&["adapter", "sign", by_digest, "--key", &key]).0, 0);
    assert_eq!(desk.shelf().manifest(&tag), before);
    assert_eq!(before.1["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn what_other_tools_wrote_into_a_layout_remains() {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    let tag = signature_tag(pushed["package"].as_str().unwrap());
    let (shelf, subject) = (desk.shelf(), json!({"digest": pushed["package"], "size": 7}));
    let (_, mut signatures) = shelf.manifest(&tag);
    signatures["artifactType"] = json!("a/b");
    signatures["subject"] = subject.clone();
    shelf.tag(&tag, &signatures);
    let mut index = shelf.index();
    index["note"] = json!(1);
    index["manifests"][0]["platform"] = json!({"os": "wasip2"});
    let first = index["manifests"][0].clone();
    shelf.write_index(&index);

    let (by_digest, key) = (pushed["reference"].as_str().unwrap(), desk.path("bob.key"));
    let (code, _, errors) = deed(&["adapter", "sign", by_digest, "--key", &key]);
    assert_eq!(code, 0, "{errors}");
    let index = shelf.index();
    assert_eq!((&index["note"], &index["manifests"][0]), (&json!(1), &first));
    let (_, signatures) = shelf.manifest(&tag);
    assert_eq!((&signatures["artifactType"], &signatures["subject"]), (&json!("a/b"), &subject));
    assert_eq!(signatures["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn a_revoked_key_does_not_count() {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    desk.revoke("alice");
    desk.refused(&desk.layout(), "by `alice`: the key was revoked");
    // Another name for the same key does not help.
    fs::copy(desk.file("alice.pub"), desk.file("authors/again.pub")).unwrap();
    desk.refused(&desk.layout(), "the key was revoked");
    // The signature of the new key counts, next to that of the revoked one.
    desk.trust("bob");
    let by_digest = pushed["reference"].as_str().unwrap();
    assert_eq!(deed(&["adapter", "sign", by_digest, "--key", &desk.path("bob.key")]).0, 0);
    let (code, said, errors) = desk.pull(&desk.layout(), &[]);
    assert!(code == 0 && said.contains("signed by bob"), "{said}{errors}");
}

#[test]
fn a_trust_directory_with_other_files_is_refused() {
    let desk = Desk::new();
    desk.push(&desk.layout());
    fs::write(desk.file("authors/alice.revokd"), "").unwrap();
    desk.refused(&desk.layout(), "only the files NAME.pub and NAME.revoked");
    fs::rename(desk.file("authors/alice.revokd"), desk.file("authors/carol.revoked")).unwrap();
    desk.refused(&desk.layout(), "no `carol.pub`");
    fs::rename(desk.file("authors/carol.revoked"), desk.file("authors/carol.pub")).unwrap();
    desk.refused(&desk.layout(), "not an Ed25519 public key");
}

#[test]
fn a_tag_is_not_signed() {
    let desk = Desk::new();
    desk.push(&desk.layout());
    let key = desk.path("bob.key");
    let (code, _, errors) = deed(&["adapter", "sign", &desk.layout(), "--key", &key]);
    assert!(code == 2 && errors.contains("write the digest"), "{errors}");
}
