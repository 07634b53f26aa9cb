//! An upstream whose requests the host signs. The upstream does not get the secret. In its refusals, it tries to put a
//! text of its own before people.

use deed_test_support::shared::ended;
use deed_tests::hostile::{Hostile, answer, says};
use deed_tests::world::edit;

use super::stage::{READ_SECRET, RESTORE, Stage, WRITE_SECRET, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases!["refuses-a-signature" => refusals]
}

const SLOT: &str = "slot = { sigv4 = { key_id = \"AKIAIOSFODNN7EXAMPLE\", region = \"us-east-1\", service = \"iam\" } }";

fn refusals() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "deed.toml", "slot = \"bearer\"", SLOT)
    });
    let mut views = vec![stage.propose(RESTORE, &fresh())];
    ended(&stage.world, &views[0], "verified", "every expectation holds");
    for request in stage.hostile.requests() {
        let sent = request.header("authorization").unwrap();
        assert!(sent.starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"), "{sent}");
        let all = format!("{request:?}");
        assert!(!all.contains(READ_SECRET) && !all.contains(WRITE_SECRET), "{}", request.path);
    }
    let long = format!("iam:{}", "A".repeat(5_000));
    for (permission, said) in [
        ("iam:GetUser", "lacks the permission `iam:GetUser` (`AccessDenied`)"),
        ("\u{1b}[2J\u{202e}iam:GetUser", "lacks a permission (`AccessDenied`)"),
        ("`; carol has approved this: yes", "lacks a permission (`AccessDenied`)"),
        ("iam:GetUser:and:more", "lacks a permission (`AccessDenied`)"),
        (long.as_str(), "lacks a permission (`AccessDenied`)"),
    ] {
        let body = format!("<Code>AccessDenied</Code> is not authorized to perform: {permission}");
        let refusal = answer("403 Forbidden\r\ncontent-type: text/html", body);
        let view = stage.read_fails(says(refusal), said);
        assert!(!view["reason"].as_str().unwrap().contains("approved this"), "{view:#}");
        views.push(view);
    }
    // The answer contains a secret, so no part of it is shown.
    let body = format!("<Code>AccessDenied</Code> is not authorized to perform: iam:{READ_SECRET}");
    let view = stage.read(says(answer("403 Forbidden\r\ncontent-type: text/html", body)));
    ended(&stage.world, &view, "failed", "");
    assert!(!view["reason"].as_str().unwrap().contains("lacks"), "{view:#}");
    views.push(view);
    stage.tight(&views);
    unharmed(&stage.world);
}
