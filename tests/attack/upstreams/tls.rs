//! An upstream that cannot prove its identity, or does not speak TLS although TLS is required. The host sends no byte
//! of a request, and so no credential, before the handshake has succeeded.

use std::fs;
use std::sync::Arc;

use deed_test_support::authority::{self, Authority, Shown};
use deed_test_support::shared::ended;
use deed_tests::hostile::{Hostile, Step, answer, does, says};
use deed_tests::world::edit;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use serde_json::json;

use super::stage::{READ, READ_SECRET, RESTORE, Stage, WRITE_SECRET, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "tls-with-own-roots" => good,
        "tls-bad-certificates" => certificates,
        "tls-bad-certificate-for-the-write" => turned,
        "tls-none-or-old" => no_tls,
        "tls-cut-short" => cut,
    ]
}

const BODY: &str = r#"{"id":"1","userName":"honest@example.com"}"#;

/// A fixture with an https upstream, the roots that the operator trusts, and the certificate that the upstream
/// presents.
fn secure(root: &Authority) -> (Stage, Arc<Shown>) {
    let shown = Arc::new(Shown::new(root.leaf(|_| ())));
    let hostile = Hostile::secure(authority::server(&shown)).unwrap();
    let url = hostile.base_url();
    (trusting(root, hostile, &url), shown)
}

fn trusting(root: &Authority, hostile: Hostile, url: &str) -> Stage {
    Stage::served(hostile, url, &[], |dir| {
        fs::write(dir.join("roots.pem"), root.pem())?;
        let classes = "addresses = [\"loopback\"]";
        edit(dir, "deed.toml", classes, &format!("{classes}\ntls_roots = \"roots.pem\""))
    })
}

fn good() {
    let (stage, _) = secure(&Authority::root());
    let view = stage.propose(READ, &fresh());
    ended(&stage.world, &view, "verified", "");
    let user = fresh();
    let view = stage.propose(RESTORE, &user);
    ended(&stage.world, &view, "verified", "every expectation holds");
    assert_eq!(stage.hostile.user(&user)["active"], true);
    for request in stage.hostile.requests() {
        let secret = if request.method == "PATCH" { WRITE_SECRET } else { READ_SECRET };
        assert_eq!(request.header("authorization"), Some(format!("Bearer {secret}").as_str()));
    }
    unharmed(&stage.world);
}

fn certificates() {
    let (root, other) = (Authority::root(), Authority::root());
    let (stage, shown) = secure(&root);
    let honest = shown.now();
    let no_authority = root.below(false, 0);
    let bad = [
        ("another address", root.leaf(|p| p.subject_alt_names = authority::names(&["127.0.0.2"]))),
        (
            "a name, not the address",
            root.leaf(|p| p.subject_alt_names = authority::names(&["localhost"])),
        ),
        ("no name at all", root.leaf(|p| p.subject_alt_names.clear())),
        ("an unknown authority", other.leaf(|_| ())),
        ("self-signed", authority::self_signed()),
        ("expired", root.leaf(|p| p.not_after = date_time_ymd(2020, 1, 1))),
        ("not yet valid", root.leaf(|p| p.not_before = date_time_ymd(3000, 1, 1))),
        (
            "for clients",
            root.leaf(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        ),
        ("signed by no authority", no_authority.leaf(|_| ())),
        ("a long chain", root.below(true, 12).leaf(|_| ())),
        ("an expired authority between", root.expired_below().leaf(|_| ())),
        ("another's key", authority::stolen(&honest)),
    ];
    for (name, certificate) in bad {
        shown.show(certificate);
        let view = stage.propose(READ, &fresh());
        assert_eq!(view["status"], "failed", "{name}: {view:#}");
        ended(&stage.world, &view, "failed", "the TLS handshake failed");
        assert_eq!(fates(&view, "observe"), ["not_sent"], "{name}");
    }
    assert!(stage.hostile.requests().is_empty(), "a request left");
    shown.show(root.below(true, 2).leaf(|_| ()));
    unharmed(&stage.world);
}

fn turned() {
    let root = Authority::root();
    let (stage, shown) = secure(&root);
    let (turning, user) = (Arc::clone(&shown), fresh());
    let look = json!({"id": user, "userName": "honest@example.com", "active": false});
    stage.hostile.lie(
        "GET",
        0,
        1,
        Arc::new(move |_| {
            turning.show(authority::self_signed());
            vec![Step::Send(deed_tests::hostile::json(&look))]
        }),
    );
    let view = stage.propose(RESTORE, &user);
    ended(&stage.world, &view, "failed", "no write was sent");
    assert_eq!(
        (fates(&view, "perform"), stage.hostile.count("PATCH")),
        (vec![json!("not_sent")], 0)
    );
    shown.show(root.leaf(|_| ()));
    unharmed(&stage.world);
}

fn no_tls() {
    let hostile = Hostile::start().unwrap();
    let url = hostile.base_url().replace("http://", "https://");
    let stage = trusting(&Authority::root(), hostile, &url);
    let old_hello = [&[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 47, 0]].concat();
    let greetings: [(&str, &[u8]); 7] = [
        ("plain HTTP", &answer("200 OK\r\ncontent-type: application/json", BODY)),
        ("TLS 1.1", &old_hello),
        ("SSL 2", &[0x80, 0x2e, 4, 0, 1, 0, 2]),
        ("an alert", &[21, 3, 3, 0, 2, 2, 40]),
        ("a record that is too long", &[&[22, 3, 3, 255, 255][..], &vec![0; 70_000]].concat()),
        ("zeros", &[0; 5000]),
        ("silence", b""),
    ];
    for (name, bytes) in greetings {
        stage.hostile.greet(bytes);
        let view = stage.propose(READ, &fresh());
        assert_eq!(view["status"], "failed", "{name}: {view:#}");
        let words =
            if name == "silence" { "no connection to `idp` within" } else { "TLS handshake" };
        ended(&stage.world, &view, "failed", words);
        assert_eq!(fates(&view, "observe"), ["not_sent"], "{name}");
    }
    assert!(stage.hostile.requests().is_empty(), "a request left in the clear");
    deed_test_support::cpu::quiet(&stage.world);
}

/// Without a length, only the TLS `close_notify` distinguishes a complete answer from one that
/// was cut off on the way.
fn cut() {
    let (stage, _) = secure(&Authority::root());
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let whole = format!("{head}{BODY}");
    let view = stage.read(says(whole.clone()));
    ended(&stage.world, &view, "verified", "");
    let view = stage.read_fails(does(vec![Step::Send(whole.into()), Step::Cut]), "");
    assert_eq!(fates(&view, "observe"), ["no_answer"]);
    unharmed(&stage.world);
}
