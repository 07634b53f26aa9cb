//! Proxies between the host and an upstream. A proxy can refuse to work, but it gets the name of the upstream and
//! nothing of a request, and what it answers never counts as the upstream's.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::authority::{self, Authority, Shown};
use deed_test_support::shared::ended;
use deed_tests::canary::Canary;
use deed_tests::connect_proxy::{ConnectProxy, Reply};
use deed_tests::hostile::{Hostile, json, says};
use deed_tests::services::Result;
use deed_tests::world::{edit, store};
use serde_json::json;

use super::stage::{READ, READ_SECRET, RESTORE, Stage, WRITE_SECRET, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "proxy-sees-names-only" => sees_names_only,
        "proxy-that-opens-no-tunnel" => opens_no_tunnel,
        "proxy-that-leads-elsewhere" => leads_elsewhere,
        "proxy-that-refuses-the-write" => refuses_the_write,
        "proxy-password-that-changes" => changes_the_password,
    ]
}

const NAME: &str = "idp.test";
const PASSWORD: &str = "pw/9+Kq~of&the=proxy";
const NEXT: &str = "Np/4+Zt~of&the=proxy";

/// An https upstream that only the proxy can find, and the certificate that it presents.
fn behind(root: &Authority) -> (Stage, ConnectProxy, Arc<Shown>) {
    behind_with(root, |_| Ok(()))
}

/// Like [`behind`], with additional changes to the files of the host.
pub(super) fn behind_with(
    root: &Authority,
    change: impl FnOnce(&Path) -> Result<()>,
) -> (Stage, ConnectProxy, Arc<Shown>) {
    let shown = Arc::new(Shown::new(named(root, NAME)));
    let hostile = Hostile::secure(authority::server(&shown)).unwrap();
    let proxy = ConnectProxy::start(hostile.address()).unwrap();
    let url = hostile.base_url_as(NAME);
    let route = format!(
        "proxy = \"http://{}\"\nproxy_addresses = [\"loopback\"]\nproxy_user = \"deed\"\nproxy_secret = \"proxy\"\n\
         tls_roots = \"roots.pem\"",
        proxy.address()
    );
    let table = "[tenant.acme.secret.idp_read]";
    let secret = format!("[tenant.acme.secret.proxy]\nfile = \"secrets/proxy\"\n\n{table}");
    let stage = Stage::served(hostile, &url, &[], |dir| {
        std::fs::write(dir.join("roots.pem"), root.pem())?;
        let head = format!("[tenant.acme.upstream.idp]\nbase_url = \"{url}\"\n");
        let direct = format!("{head}addresses = [\"loopback\"]");
        edit(dir, "deed.toml", &direct, &format!("{head}{route}"))?;
        edit(dir, "deed.toml", table, &secret)?;
        store(dir, "proxy", PASSWORD)?;
        change(dir)
    });
    (stage, proxy, shown)
}

fn named(root: &Authority, name: &str) -> Arc<rustls::sign::CertifiedKey> {
    root.leaf(|params| params.subject_alt_names = authority::names(&[name]))
}

fn sees_names_only() {
    let (stage, proxy, _) = behind(&Authority::root());
    let view = stage.propose(READ, &fresh());
    ended(&stage.world, &view, "verified", "");
    let user = fresh();
    let view = stage.propose(RESTORE, &user);
    ended(&stage.world, &view, "verified", "every expectation holds");
    assert_eq!(stage.hostile.user(&user)["active"], true);
    let place = format!("{NAME}:{}", stage.hostile.address().port());
    for asked in proxy.asked() {
        let lines: Vec<&str> = asked.trim_end().split("\r\n").collect();
        assert_eq!(lines[0], format!("CONNECT {place} HTTP/1.1"));
        assert_eq!(lines[1], format!("Host: {place}"));
        assert!(lines[2].starts_with("Proxy-Authorization: Basic "), "{}", lines[2]);
        assert_eq!(lines.len(), 3, "{asked}");
    }
    let carried = proxy.carried();
    assert!(!carried.is_empty());
    for secret in [READ_SECRET, WRITE_SECRET, &user, "Bearer", "HTTP/1.1"] {
        let found = carried.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
        assert!(!found, "the proxy sees `{secret}`");
    }
    for request in stage.hostile.requests() {
        assert_eq!(request.header("proxy-authorization"), None);
        assert_eq!(request.header("host"), Some(place.as_str()));
    }
    unharmed(&stage.world);
}

fn opens_no_tunnel() {
    let (stage, proxy, _) = behind(&Authority::root());
    let says = |text: &str| Reply::Says(text.as_bytes().to_vec());
    let pause = Duration::from_millis(100);
    let of_proxy = "the proxy of upstream `idp`";
    let late = "no connection to `idp` within";
    let bad = [
        ("asks for a password", says("HTTP/1.1 407 Who\r\n\r\n"), "the credential `proxy` (407)"),
        ("redirects", says("HTTP/1.1 302 F\r\nlocation: http://127.0.0.1/\r\n\r\n"), "status 302"),
        ("forbids", says("HTTP/1.1 403 \u{1b}[2J\r\n\r\n"), "status 403"),
        ("has no content", says("HTTP/1.1 204 No Content\r\n\r\n"), "status 204"),
        ("an interim answer", says("HTTP/1.1 100 Continue\r\n\r\n"), "status 100"),
        ("a body", says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), "before the TLS"),
        (
            "an answer in the name of the upstream",
            says("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
            "before the TLS",
        ),
        ("an alert", says("HTTP/1.1 200 OK\r\n\r\n\u{15}\u{3}\u{3}"), "before the TLS"),
        ("something else", says("SSH-2.0-x\r\n\r\n"), "did not answer with HTTP/1.1"),
        ("silence", says(""), late),
        ("drips", Reply::Repeats(b"H".to_vec(), pause), late),
        ("floods", Reply::Repeats(vec![b'x'; 64 << 10], Duration::ZERO), "more than 8 KiB"),
        ("closes", Reply::Closes(vec![]), "closed the connection"),
        ("half a head", Reply::Closes(b"HTTP/1.1 200 OK\r\n".to_vec()), "closed the connection"),
    ];
    for (name, reply, why) in bad {
        proxy.next(reply);
        let view = stage.propose(READ, &fresh());
        assert_eq!(view["status"], "failed", "{name}: {view:#}");
        ended(&stage.world, &view, "failed", why);
        let said = view["reason"].as_str().unwrap();
        assert!(why == late || said.contains(of_proxy), "{name}: {said}");
        assert!(!said.contains('\u{1b}'), "{name}: {said}");
        assert_eq!(fates(&view, "observe"), ["not_sent"], "{name}");
        assert_eq!(proxy.carried(), b"", "{name}: the proxy got something");
    }
    assert!(stage.hostile.requests().is_empty(), "a request left");
    unharmed(&stage.world);
}

/// The proxy connects the host with another server, also one that has a valid certificate for its own name.
fn leads_elsewhere() {
    let root = Authority::root();
    let (stage, _proxy, shown) = behind(&root);
    for (name, certificate) in [
        ("another name", named(&root, "other.test")),
        ("a part of the name", named(&root, "test")),
        ("another authority", named(&Authority::root(), NAME)),
        ("the address of the proxy", named(&root, "127.0.0.1")),
    ] {
        shown.show(certificate);
        let view = stage.propose(READ, &fresh());
        assert_eq!(view["status"], "failed", "{name}: {view:#}");
        ended(&stage.world, &view, "failed", "the TLS handshake failed");
        assert_eq!(fates(&view, "observe"), ["not_sent"], "{name}");
    }
    assert!(stage.hostile.requests().is_empty(), "a request left");
    shown.show(named(&root, NAME));
    unharmed(&stage.world);
}

fn refuses_the_write() {
    let (stage, proxy, _) = behind(&Authority::root());
    proxy.next(Reply::Tunnel);
    proxy.usually(Reply::Says(b"HTTP/1.1 503 Later\r\n\r\n".to_vec()));
    let view = stage.propose(RESTORE, &fresh());
    ended(&stage.world, &view, "failed", "no write was sent");
    assert_eq!(
        (fates(&view, "perform"), stage.hostile.count("PATCH")),
        (vec![json!("not_sent")], 0)
    );
    proxy.usually(Reply::Tunnel);
    unharmed(&stage.world);
}

/// The password is replaced after a run, and the proxy passes the new one on to the upstream, which echoes it.
fn changes_the_password() {
    let (mut stage, proxy, _) = behind(&Authority::root());
    let canary = |text: &str| Canary::new("a password of the proxy", text.as_bytes());
    stage.world.canaries.extend([canary(PASSWORD), canary(NEXT)]);
    let mut views = vec![stage.propose(READ, &fresh())];
    ended(&stage.world, &views[0], "verified", "");
    store(&stage.world.dir, "proxy", NEXT).unwrap();
    // A file is looked at once per second.
    thread::sleep(Duration::from_millis(1_100));
    let pair = STANDARD.encode(format!("deed:{NEXT}"));
    for echo in [NEXT.to_owned(), pair.clone(), STANDARD.encode(&pair), PASSWORD.to_owned()] {
        let user = json!({"id": "1", "userName": format!("you sent {echo}"), "active": false});
        views.push(stage.read_fails(says(json(&user)), "held a secret"));
    }
    let asked = proxy.asked();
    assert!(asked.last().unwrap().contains(&pair), "{asked:?}");
    stage.tight(&views);
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}
