//! Tests that docs/configuration.md describes every field, and that its examples of credential slots work.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_tests::services::{ScimServer, workspace};
use deed_tests::world::{World, edit};

use super::{READ, Stage, USER};

fn page() -> String {
    fs::read_to_string(workspace().join("docs/configuration.md")).unwrap()
}

#[test]
fn every_field_of_the_file_is_on_the_page() {
    let source = workspace().join("host/runtime/src/config/raw.rs");
    let source = fs::read_to_string(source).unwrap();
    let (parsed, _) = source.split_once("pub struct Outline").unwrap();
    let fields = parsed.lines().filter_map(|line| line.strip_prefix("    pub "));
    let fields: BTreeSet<&str> = fields.filter_map(|rest| rest.split(':').next()).collect();
    assert!(fields.len() > 30, "the reader is broken: {fields:?}");
    let page = page();
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> = page.split(|c| !letter(c)).collect();
    let missing: Vec<_> = fields.difference(&words).collect();
    assert!(missing.is_empty(), "docs/configuration.md lacks {missing:?}");
}

#[test]
fn a_credential_goes_where_its_slot_says() {
    let secret = ScimServer::READ_TOKEN;
    let basic = format!("Basic {}", STANDARD.encode(format!("deed:{secret}")));
    let expected = [
        ("authorization", format!("Bearer {secret}")),
        ("authorization", basic),
        ("x-api-key", secret.to_owned()),
        ("authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/".to_owned()),
    ];
    let page = page();
    let slots = page.lines().filter_map(|line| line.strip_prefix("| `slot = "));
    let slots: Vec<&str> = slots.filter_map(|rest| rest.split('`').next()).collect();
    assert_eq!(slots.len(), expected.len(), "{slots:?}");
    for (slot, (header, value)) in slots.into_iter().zip(expected) {
        let stage = Stage::with("staging", |dir| {
            let read = |slot: &str| format!("read = {{ secret = \"idp_read\", slot = {slot} }}");
            edit(dir, "deed.toml", &read("\"bearer\""), &read(slot)).unwrap();
        });
        let view = stage.world.run(&World::proposal(READ, USER)).unwrap();
        assert_eq!(view["status"], "verified", "{view:#}");
        let request = stage.upstream.requests().remove(0);
        let sent = request.header(header).unwrap_or_default();
        // The rest of a signature depends on the time.
        let is_signed = slot.contains("sigv4") && sent.starts_with(&value);
        assert!(sent == value || is_signed, "{slot}: {sent}");
    }
}
