//! Host names that resolve to other addresses. The host resolves a name once per exchange, refuses the exchange when
//! any resolved address is not of an allowed class, and dials an address that it has checked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use deed_test_support::shared::ended;
use deed_tests::hostile::Hostile;
use deed_tests::services::workspace;
use deed_tests::world::edit;
use serde_json::Value;

use super::stage::{READ, RESTORE, Stage, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "name-to-a-forbidden-class" => refused_classes,
        "name-to-an-embedded-address" => embedded,
        "name-to-good-and-bad" => mixed,
        "name-that-changes" => rebound,
        "name-that-changes-for-the-write" => rebound_for_the_write,
        "name-server-that-hangs" => hung,
    ]
}

const HOST: &str = "idp.attack.example";

/// A fixture whose upstream has a host name whose addresses the test case determines.
struct Named {
    stage: Stage,
    script: PathBuf,
}

impl Named {
    /// `classes` is the value of `addresses` in `deed.toml`, which lists the allowed classes of addresses.
    fn new(classes: &str) -> Self {
        let hostile = Hostile::start().unwrap();
        let url = hostile.base_url_as(HOST);
        let script = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!(
            "names-{}-{}",
            std::process::id(),
            hostile.address().port()
        ));
        fs::write(&script, "").unwrap();
        let library = library().to_str().unwrap();
        let variables = [("LD_PRELOAD", library), ("DEED_TEST_NAMES", script.to_str().unwrap())];
        let stage = Stage::served(hostile, &url, &variables, |dir| {
            edit(
                dir,
                "deed.toml",
                "addresses = [\"loopback\"]",
                &format!("addresses = [{classes}]"),
            )
        });
        Self { stage, script }
    }

    /// Sets the answers of the following look-ups, in order. After the last answer, all look-ups get this answer again.
    fn answers(&self, answers: &str) {
        fs::remove_file(self.seen()).ok();
        // The file is renamed into place, so that no look-up reads an incomplete file.
        let next = self.script.with_extension("next");
        fs::write(&next, format!("{HOST} {answers}\n")).unwrap();
        fs::rename(next, &self.script).unwrap();
    }

    fn seen(&self) -> PathBuf {
        PathBuf::from(format!("{}.seen", self.script.display()))
    }

    /// The number of look-ups since the answers were last set.
    fn lookups(&self) -> usize {
        fs::read_to_string(self.seen()).unwrap_or_default().lines().count()
    }

    /// Checks that the host refuses a read for this reason before it connects to the upstream.
    fn refuses(&self, answers: &str, words: &str) {
        self.answers(answers);
        let view = self.stage.propose(READ, &fresh());
        assert_eq!(view["status"], "failed", "{answers}: {view:#}");
        ended(&self.stage.world, &view, "failed", words);
        assert_eq!(fates(&view, "observe"), ["not_sent"], "{answers}");
        assert_eq!(self.lookups(), 1, "{answers}: one look-up per exchange");
        let said = view["reason"].as_str().unwrap();
        assert!(!said.contains(answers), "a guest is told where an upstream lives: {said}");
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        fs::remove_file(&self.script).ok();
        fs::remove_file(self.seen()).ok();
    }
}

/// The resolver, compiled once.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("libresolver.so");
        let fresh = out.with_extension(format!("{}", std::process::id()));
        let source = workspace().join("tests/attack/upstreams/resolver.c");
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&fresh, &source])
            .arg("-ldl")
            .status()
            .unwrap();
        assert!(done.success(), "the resolver does not compile");
        fs::rename(fresh, &out).unwrap();
        out
    })
}

const NEVER: &str = "an address that the host never connects to";
const LOOPBACK: &str = "resolves to a loopback address, which is not allowed";
const PRIVATE: &str = "resolves to a private address, which is not allowed";

/// The operator allows public addresses only, so the listener on loopback must not receive a connection.
fn only_public(table: &[(&str, &str)]) {
    let named = Named::new("\"public\"");
    for (answers, words) in table {
        named.refuses(answers, words);
    }
    assert_eq!(named.stage.hostile.connections(), 0);
}

fn refused_classes() {
    only_public(&[
        ("127.0.0.1", LOOPBACK),
        ("127.1.2.3", LOOPBACK),
        ("::1", LOOPBACK),
        ("10.0.0.1", PRIVATE),
        ("172.31.0.1", PRIVATE),
        ("192.168.1.1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("fd12:3456::1", PRIVATE),
        ("169.254.169.254", NEVER),
        ("169.254.170.2", NEVER),
        ("fe80::1", NEVER),
        ("fd00:ec2::254", NEVER),
        ("fd20:ce::254", NEVER),
        ("100.100.100.200", NEVER),
        ("168.63.129.16", NEVER),
        ("0.0.0.0", NEVER),
        ("::", NEVER),
        ("224.0.0.1", NEVER),
        ("255.255.255.255", NEVER),
        ("198.18.0.1", NEVER),
        ("2001:db8::1", NEVER),
        ("-", "does not resolve"),
    ]);
    // Only addresses of the classes that the operator allows work.
    let named = Named::new("\"loopback\"");
    named.refuses("10.0.0.1", PRIVATE);
    named.refuses("169.254.169.254", NEVER);
    named.answers("127.0.0.1");
    unharmed(&named.stage.world);
}

fn embedded() {
    only_public(&[
        ("::ffff:127.0.0.1", LOOPBACK),
        ("::ffff:10.0.0.1", PRIVATE),
        ("::ffff:169.254.169.254", NEVER),
        ("64:ff9b::127.0.0.1", LOOPBACK),
        ("64:ff9b::192.168.0.1", PRIVATE),
        ("64:ff9b::169.254.169.254", NEVER),
        ("64:ff9b:1::127.0.0.1", NEVER),
        ("2002:7f00:1::1", LOOPBACK),
        ("2002:c0a8:1::", PRIVATE),
        ("2002:a9fe:a9fe::", NEVER),
        ("::127.0.0.1", NEVER),
        ("::ffff:0:127.0.0.1", NEVER),
        ("2001::7f00:1", NEVER),
    ]);
    let named = Named::new("\"loopback\"");
    named.refuses("::ffff:169.254.169.254", NEVER);
    named.answers("::ffff:127.0.0.1");
    unharmed(&named.stage.world);
}

fn mixed() {
    only_public(&[
        ("192.0.43.7,127.0.0.1", LOOPBACK),
        ("127.0.0.1,192.0.43.7", LOOPBACK),
        ("192.0.43.7,2606:4700::1111,10.0.0.1", PRIVATE),
        ("192.0.43.7,169.254.169.254", NEVER),
    ]);
    let named = Named::new("\"loopback\"");
    named.refuses("127.0.0.1,169.254.169.254", NEVER);
    named.answers("127.0.0.1");
    unharmed(&named.stage.world);
}

/// The host must not resolve a name twice in one exchange, because it could then check one address and dial another.
fn rebound() {
    let named = Named::new("\"loopback\"");
    let stage = &named.stage;
    let port = stage.hostile.address().port();
    let elsewhere = Hostile::start_at(([127, 0, 0, 2], port).into()).unwrap();
    for bad in ["127.0.0.2", "169.254.169.254", "-"] {
        named.answers(&format!("127.0.0.1 {bad}"));
        let (before, beyond) = (stage.hostile.connections(), elsewhere.connections());
        let view = stage.propose(READ, &fresh());
        ended(&stage.world, &view, "verified", "");
        assert_eq!(named.lookups(), 1, "one look-up per exchange");
        assert_eq!(stage.hostile.connections(), before + 1);
        assert_eq!(elsewhere.connections(), beyond, "what was checked is not what was dialled");
        // The next exchange resolves the name again, because a cached answer could be stale.
        let view = stage.propose(READ, &fresh());
        ended(&stage.world, &view, if bad == "127.0.0.2" { "verified" } else { "failed" }, "");
        assert_eq!(named.lookups(), 2);
    }
    assert_eq!(elsewhere.connections(), 1);
    named.answers("127.0.0.1");
    unharmed(&stage.world);
}

fn rebound_for_the_write() {
    let named = Named::new("\"loopback\"");
    let stage = &named.stage;
    for bad in ["169.254.169.254", "10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1,10.0.0.1"] {
        named.answers(&format!("127.0.0.1 {bad} 127.0.0.1"));
        let view: Value = stage.propose(RESTORE, &fresh());
        ended(&stage.world, &view, "failed", "no write was sent");
        assert_eq!(fates(&view, "perform"), ["not_sent"], "{bad}");
    }
    assert_eq!(stage.hostile.count("PATCH"), 0);
    unharmed(&stage.world);
}

/// A look-up that hangs occupies a thread of the host until it ends, so only a few look-ups may run at once.
fn hung() {
    let named = Named::new("\"loopback\"");
    let stage = &named.stage;
    named.answers("hang");
    let all: Vec<Value> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..24).map(|_| scope.spawn(|| stage.propose(READ, &fresh()))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for view in all {
        ended(&stage.world, &view, "failed", "no connection to `idp` within");
        assert_eq!(fates(&view, "observe"), ["not_sent"]);
    }
    assert!(named.lookups() <= 8, "{} look-ups hang at once", named.lookups());
    assert_eq!(stage.hostile.connections(), 0);
    named.answers("127.0.0.1");
    unharmed(&stage.world);
}
