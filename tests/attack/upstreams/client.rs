//! An upstream that identifies the host by a client certificate, and files of that certificate that change while the
//! host serves.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use deed_test_support::authority::{self, Authority, Client, Shown, install};
use deed_test_support::shared::ended;
use deed_tests::canary::Canary;
use deed_tests::hostile::Hostile;
use deed_tests::world::edit;
use rcgen::date_time_ymd;

use super::stage::{READ, RESTORE, Stage, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases!["client-certificate-and-its-key" => certificate_and_key]
}

/// Longer than the time between two looks at the files.
const LOOK: Duration = Duration::from_millis(1200);
/// The private number in a P-256 key in PKCS#8 form (RFC 5915 section 3).
const NUMBER: std::ops::Range<usize> = 36..68;

fn served(clients: &Authority, first: &Client) -> Stage {
    let root = Authority::root();
    let shown = Arc::new(Shown::new(root.leaf(|_| ())));
    let hostile = Hostile::secure(authority::server_for(&shown, clients)).unwrap();
    let url = hostile.base_url();
    Stage::served(hostile, &url, &[], |dir| {
        fs::write(dir.join("roots.pem"), root.pem())?;
        fs::create_dir(dir.join("tls"))?;
        install(dir, &first.certificate, &first.key)?;
        let classes = "addresses = [\"loopback\"]";
        let with = "tls_roots = \"roots.pem\"\nclient_certificate = \"tls/client.pem\"\n\
                    client_key = \"secrets/client.key\"";
        edit(dir, "deed.toml", classes, &format!("{classes}\n{with}"))
    })
}

fn certificate_and_key() {
    let (clients, others) = (Authority::root(), Authority::root());
    let (first, second) = (clients.client(|_| ()), clients.client(|_| ()));
    let (foreign, expired) = (
        others.client(|_| ()),
        clients.client(|params| params.not_after = date_time_ymd(2020, 1, 1)),
    );
    let mut stage = served(&clients, &first);
    for one in [&first, &second, &foreign, &expired] {
        stage.world.canaries.push(Canary::new("the number of a client key", &one.der[NUMBER]));
    }
    let change = |stage: &Stage, certificate: &str, key: &str| {
        install(&stage.world.dir, certificate, key).unwrap();
        thread::sleep(LOOK);
    };
    let verified = |stage: &Stage, contract: &str| {
        let view = stage.propose(contract, &fresh());
        ended(&stage.world, &view, "verified", "");
    };
    verified(&stage, READ);
    verified(&stage, RESTORE);
    // The certificate of another authority is used, and the upstream refuses it before it reads a request.
    change(&stage, &foreign.certificate, &foreign.key);
    stage.hostile.forget();
    let view = stage.propose(READ, &fresh());
    ended(&stage.world, &view, "failed", "");
    assert!(stage.hostile.requests().is_empty(), "the upstream accepted another authority");
    change(&stage, &second.certificate, &second.key);
    verified(&stage, READ);
    // What cannot be used does not replace the pair before it.
    for (name, certificate, key) in [
        ("a key of another certificate", &second.certificate, &first.key),
        ("an expired certificate", &expired.certificate, &expired.key),
        ("no certificate", &second.key, &second.key),
        ("no key", &second.certificate, &second.certificate),
    ] {
        change(&stage, certificate, key);
        let view = stage.propose(READ, &fresh());
        assert_eq!(view["status"], "verified", "{name}: {view:#}");
    }
    let log = stage.world.host.as_ref().unwrap().log();
    assert!(log.contains("the client certificate from before stays in use"), "{log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
    change(&stage, &first.certificate, &first.key);
    verified(&stage, RESTORE);
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}
