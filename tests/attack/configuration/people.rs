//! Attacks with the tokens and keys by which the host distinguishes callers and approvers.

use std::fs;
use std::path::Path;

use deed_tests::world::{BOB, HELPDESK};

use super::bench::{Bench, replace};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "a-token-in-clear" => a_token_in_clear,
        "a-hash-that-is-none" => a_hash_that_is_none,
        "one-token-for-two" => one_token_for_two,
        "one-key-for-two-people" => one_key_for_two_people,
        "a-private-key-among-the-public" => a_private_key_among_the_public,
        "a-key-that-is-none" => a_key_that_is_none,
        "keys-twice-and-unknown-fields" => keys_twice_and_unknown_fields,
    ]
}

fn hash(token: &str) -> String {
    deed_spec::digest::Digest::of(token.as_bytes()).to_string()
}

fn a_token_in_clear() {
    let mut bench = Bench::new();
    for token in [HELPDESK, BOB] {
        let attack = |dir: &Path| replace(dir, "deed.toml", &hash(token), token);
        let said = bench.refused("in clear", attack, &["deed.toml:", "is a token, not its hash"]);
        assert!(!said.contains(token), "the fault shows the token: {said}");
        let hash = hash(token);
        let line = |prefix: &str| format!("token = {prefix}\"{hash}\"");
        let named =
            |dir: &Path| replace(dir, "deed.toml", &line(""), &format!("token.{token} = 1"));
        let said = bench.refused("as a key", named, &["deed.toml:"]);
        assert!(!said.contains(token), "the fault shows the token: {said}");
    }
    bench.well();
}

fn a_hash_that_is_none() {
    let mut bench = Bench::new();
    let good = hash(HELPDESK);
    let hex = good.strip_prefix("sha256:").unwrap();
    for bad in [
        hex.to_owned(),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha512:{hex}"),
        format!("sha256:{}", hex.split_at(1).1),
        format!("sha256:{hex}00"),
        format!("sha256: {hex}"),
        "sha256:".to_owned(),
        String::new(),
    ] {
        let attack = |dir: &Path| replace(dir, "deed.toml", &good, &bad);
        bench.refused(&bad, attack, &["deed.toml:", "hash", "`deed token new`"]);
    }
    // The configured hash is the hash of an empty token.
    let empty = |dir: &Path| replace(dir, "deed.toml", &good, &hash(""));
    bench.refused("of nothing", empty, &["deed.toml:", "the hash of an empty token"]);
}

fn one_token_for_two() {
    let mut bench = Bench::new();
    let attack = |dir: &Path| replace(dir, "deed.toml", &hash(BOB), &hash(HELPDESK));
    bench.refused("agent and person", attack, &["the same token", "`deed token new`"]);
    let attack = |dir: &Path| {
        replace(dir, "deed.toml", &hash(deed_tests::world::STRANGER), &hash(HELPDESK));
    };
    bench.refused("two tenants", attack, &["the same token", "`deed token new`"]);
}

fn one_key_for_two_people() {
    let mut bench = Bench::new();
    let fragments = ["deed.toml:", "`bob` and `carol` have the same key", "`deed key new`"];
    let same = |dir: &Path| replace(dir, "deed.toml", "approvers/carol.pub", "approvers/bob.pub");
    bench.refused("one file", same, &fragments);
    let copied = |dir: &Path| {
        fs::copy(dir.join("approvers/bob.pub"), dir.join("approvers/carol.pub")).unwrap();
    };
    bench.refused("a copy", copied, &fragments);
    let host = |dir: &Path| {
        fs::copy(dir.join("keys/receipt.pub"), dir.join("approvers/bob.pub")).unwrap();
    };
    bench.refused("the host's own", host, &["bob", "signs receipts", "`deed key new`"]);
}

fn a_private_key_among_the_public() {
    let mut bench = Bench::new();
    let attack = |dir: &Path| replace(dir, "deed.toml", "approvers/bob.pub", "approvers/bob.key");
    bench.refused("as a public key", attack, &["`approvers/bob.key`", "deed.toml:"]);
    let fragments = ["approvers/bob.key", "private key", "on the machine of its owner"];
    bench.warned("left in the directory", |_| (), &fragments);
}

fn a_key_that_is_none() {
    let mut bench = Bench::new();
    for text in
        ["", "ssh-ed25519 AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
    {
        let attack = |dir: &Path| fs::write(dir.join("approvers/bob.pub"), text).unwrap();
        bench.refused(text, attack, &["`approvers/bob.pub`", "deed.toml:"]);
    }
    for key in ["keys/receipt.key", "keys/log.key"] {
        let attack = |dir: &Path| fs::write(dir.join(key), "-----BEGIN NOTHING-----\n").unwrap();
        bench.refused(key, attack, &[key, "`deed key new`"]);
    }
}

fn keys_twice_and_unknown_fields() {
    let mut bench = Bench::new();
    for table in [
        "[http]",
        "[log]",
        "[approval]",
        "[tenant.acme]",
        "[tenant.acme.upstream.idp]",
        "[tenant.acme.secret.idp_read]",
        "[tenant.acme.agent.helpdesk]",
        "[tenant.acme.person.bob]",
        "[tenant.acme.grant.\"idp.read_user\"]",
    ] {
        let line = format!("{table}\n");
        let unknown =
            |dir: &Path| replace(dir, "deed.toml", &line, &format!("{line}sudo = true\n"));
        bench.refused(table, unknown, &["deed.toml:", "unknown field `sudo`"]);
        let twice = |dir: &Path| replace(dir, "deed.toml", &line, &format!("{line}\n{line}"));
        bench.refused(table, twice, &["deed.toml:", "duplicate key"]);
    }
    for (from, to) in [
        ("slot = \"bearer\" }", "slot = \"bearer\", sudo = true }"),
        ("slot = \"bearer\" }", "slot = \"bearer\", slot = \"basic\" }"),
        ("environment = ", "environment = \"test\"\nenvironment = "),
    ] {
        bench.refused(to, |dir| replace(dir, "deed.toml", from, to), &["deed.toml:"]);
    }
}
