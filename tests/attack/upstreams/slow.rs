//! Upstreams and proxies that take long to connect, so that a write would leave after what permitted it has gone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::authority::Authority;
use deed_tests::connect_proxy::{ConnectProxy, Hold};
use deed_tests::people;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::json;

use super::proxied::behind_with;
use super::stage::{RESTORE, Stage, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "connects-after-a-revocation" => after_a_revocation,
        "connects-after-the-approval-expired" => after_the_expiry,
    ]
}

const PATIENCE: Duration = Duration::from_mins(1);
/// How long approvals are valid. This is less than the 10 s for which the host waits for a connection.
const VALID: Duration = Duration::from_secs(8);
const SLOT: &str = "slot = { sigv4 = { key_id = \"AKIAIOSFODNN7EXAMPLE\", region = \"us-east-1\", service = \"iam\" } }";

/// An exchange has more time than the connection of the write.
fn patient(dir: &Path) -> Result<()> {
    edit(dir, "deed.toml", "timeout = \"2s\"", "timeout = \"60s\"")
}

fn propose(stage: &Stage) -> String {
    let proposal = World::proposal(RESTORE, &fresh());
    stage.world.client(HELPDESK).propose(&proposal, &[("prefer", "wait=0")]).unwrap().text("/id")
}

/// Holds the connection of the write back, which follows the one of a read, and releases it after `meanwhile`.
fn withheld(
    (stage, proxy, at): (&Stage, &ConnectProxy, Hold),
    begin: impl FnOnce() -> String,
    meanwhile: impl FnOnce(),
    why: &str,
) {
    let stop = proxy.hold(1, at);
    let id = begin();
    assert!(stop.reached(PATIENCE), "no connection for the write was asked for");
    meanwhile();
    stop.go();
    let view = stage.world.settled(&id).unwrap();
    assert_ne!(view["status"], "verified", "{view:#}");
    assert!(view["reason"].as_str().unwrap().contains(why), "{view:#}");
    assert_eq!(fates(&view, "perform"), [json!("not_sent")], "{view:#}");
    assert_eq!(stage.hostile.count("PATCH"), 0, "the write was sent");
}

/// What a reload changes, and how the reason of the action ends then.
const REVOCATIONS: [(&str, &str, &str); 9] = [
    ("write = { secret = \"idp_write\"", "write = { secret = \"idp_read\"", CREDENTIAL),
    ("file = \"secrets/idp_write\"", "file = \"secrets/spare\"", CREDENTIAL),
    ("headers = { X-App = \"app\" }", "headers = { X-App = \"idp_read\" }", CREDENTIAL),
    ("file = \"secrets/app\"", "file = \"secrets/spare\"", CREDENTIAL),
    (
        "client_certificate = \"tls/client.pem\"",
        "client_certificate = \"tls/other.pem\"",
        CREDENTIAL,
    ),
    ("client_key = \"secrets/client.key\"", "client_key = \"secrets/other.key\"", CREDENTIAL),
    ("tls_roots = \"roots.pem\"", "tls_roots = \"more.pem\"", WAY),
    ("proxy_addresses = [\"loopback\"]", "proxy_addresses = [\"loopback\", \"private\"]", WAY),
    ("file = \"secrets/proxy\"", "file = \"secrets/spare\"", WAY),
];
const CREDENTIAL: &str = "the credential for writes to `idp` was removed or replaced";
const WAY: &str = "the way to the upstream `idp` was changed";
const APP: &str =
    "[tenant.acme.secret.app]\nfile = \"secrets/app\"\n\n[tenant.acme.secret.idp_read]";

/// A host with everything that a reload can revoke. Writes have this slot.
fn everything(root: &Authority, slot: &str) -> (Stage, ConnectProxy) {
    let (stage, proxy, _) = behind_with(root, |dir| {
        patient(dir)?;
        let client = root.client(|_| ());
        fs::create_dir(dir.join("tls"))?;
        for (name, text) in [
            ("tls/client.pem", &client.certificate),
            ("tls/other.pem", &client.certificate),
            ("secrets/client.key", &client.key),
            ("secrets/other.key", &client.key),
            ("secrets/app", &"the-key-of-the-application".to_owned()),
            ("secrets/spare", &"the-secret-of-another-owner".to_owned()),
            ("more.pem", &format!("{}{}", root.pem(), Authority::root().pem())),
        ] {
            fs::write(dir.join(name), text)?;
            fs::set_permissions(dir.join(name), Permissions::from_mode(0o600))?;
        }
        let (own, write) =
            ("tls_roots = \"roots.pem\"", "{ secret = \"idp_write\", slot = \"bearer\" }");
        let pair = "client_certificate = \"tls/client.pem\"\nclient_key = \"secrets/client.key\"";
        edit(dir, "deed.toml", own, &format!("{own}\n{pair}"))?;
        let with = format!("{{ secret = \"idp_write\", {slot}, headers = {{ X-App = \"app\" }} }}");
        edit(dir, "deed.toml", write, &with)?;
        edit(dir, "deed.toml", "[tenant.acme.secret.idp_read]", APP)
    });
    (stage, proxy)
}

fn after_a_revocation() {
    let root = Authority::root();
    for (slot, at) in [("slot = \"bearer\"", Hold::Asked), (SLOT, Hold::Open)] {
        let (stage, proxy) = everything(&root, slot);
        let file = stage.world.dir.join("deed.toml");
        let good = fs::read_to_string(&file).unwrap();
        let put = |text: &str| {
            fs::write(&file, text).unwrap();
            let says = stage.world.reload().unwrap();
            assert_eq!(says["result"], "applied", "{says:#}");
        };
        for (from, to, why) in REVOCATIONS {
            assert!(good.contains(from), "{from}");
            let revoke = || put(&good.replacen(from, to, 1));
            withheld((&stage, &proxy, at), || propose(&stage), revoke, why);
            put(&good);
        }
        unharmed(&stage.world);
    }
}

fn after_the_expiry() {
    let (stage, proxy, _) = behind_with(&Authority::root(), |dir| {
        patient(dir)?;
        edit(dir, "deed.toml", "environment = \"staging\"", "environment = \"production\"")?;
        edit(dir, "deed.toml", "expires = \"1h\"", &format!("expires = \"{}s\"", VALID.as_secs()))
    });
    let id = propose(&stage);
    stage.world.until(&id, |view| view["status"] == "waiting").unwrap();
    let asked = Instant::now();
    // The command waits for the action for longer than the host waits for the connection, so a thread runs it.
    let approve = || {
        let (url, dir) = (stage.world.url().to_owned(), stage.world.dir.clone());
        let of = id.clone();
        thread::spawn(move || people::answer(&url, &dir, ["approve", &of, "bob", BOB]));
        id.clone()
    };
    let expire = || {
        thread::sleep(VALID.saturating_sub(asked.elapsed()) + Duration::from_millis(500));
    };
    withheld((&stage, &proxy, Hold::Open), approve, expire, "the approval has expired");
    unharmed(&stage.world);
}
