//! Client certificates and proxies that cannot work, or that would let another party read what the host sends.

use std::fs;
use std::path::Path;
use std::time::Duration;

use deed_test_support::authority::{Authority, Client};
use deed_test_support::witness;
use rcgen::date_time_ymd;

use super::bench::{Bench, mode, replace};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "client-certificate-that-cannot-be-used" => client_certificates,
        "client-certificate-that-expires-soon" => expires_soon,
        "proxy-that-cannot-be-used" => proxies,
    ]
}

const CLASSES: &str = "addresses = [\"loopback\"]";
const PAIR: &str = "client_certificate = \"tls/client.pem\"\nclient_key = \"secrets/client.key\"";

/// Adds lines to the table of each upstream, which then has an https URL.
fn secure(dir: &Path, lines: &str) {
    replace(dir, "deed.toml", "base_url = \"http://", "base_url = \"https://");
    replace(dir, "deed.toml", CLASSES, &format!("{CLASSES}\n{lines}"));
}

fn install(dir: &Path, certificate: &str, key: &str) {
    fs::create_dir_all(dir.join("tls")).unwrap();
    fs::write(dir.join("tls/client.pem"), certificate).unwrap();
    fs::write(dir.join("secrets/client.key"), key).unwrap();
    mode(&dir.join("secrets/client.key"), 0o600);
}

fn client_certificates() {
    let mut bench = Bench::new();
    let root = Authority::root();
    let (good, other) = (root.client(|_| ()), root.client(|_| ()));
    let old = root.client(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let secret = good.key.lines().nth(1).unwrap().to_owned();
    for (name, certificate, key, fragment) in [
        ("a key of another certificate", &good.certificate, &other.key, "does not belong to"),
        ("an expired certificate", &old.certificate, &old.key, "expired at 2020-01-01 00:00:00Z"),
        ("a key as the certificate", &good.key, &good.key, "no certificate in PEM format"),
        ("a certificate as the key", &good.certificate, &good.certificate, "no private key"),
    ] {
        let attack = |dir: &Path| {
            install(dir, certificate, key);
            secure(dir, PAIR);
        };
        let said = bench.refused(name, attack, &["deed.toml:", fragment]);
        assert!(!said.contains(&secret), "{name}: the fault shows the key: {said}");
    }
    for (name, lines, fragment) in [
        ("no key", "client_certificate = \"tls/client.pem\"", "requires `client_key`"),
        ("no certificate", "client_key = \"secrets/client.key\"", "requires `client_certificate`"),
        (
            "a key of the host",
            "client_certificate = \"tls/client.pem\"\nclient_key = \"keys/receipt.key\"",
            "reserved for other files",
        ),
        (
            "a file elsewhere",
            "client_certificate = \"../client.pem\"\nclient_key = \"secrets/client.key\"",
            "leaves the served directory",
        ),
    ] {
        let attack = |dir: &Path| {
            install(dir, &good.certificate, &good.key);
            secure(dir, lines);
        };
        bench.refused(name, attack, &["deed.toml:", fragment]);
    }
    let open = |dir: &Path| {
        install(dir, &good.certificate, &good.key);
        secure(dir, PAIR);
        mode(&dir.join("secrets/client.key"), 0o644);
    };
    bench.refused("a key that others read", open, &["deed.toml:", "chmod 600"]);
    let clear = |dir: &Path| {
        install(dir, &good.certificate, &good.key);
        replace(dir, "deed.toml", CLASSES, &format!("{CLASSES}\n{PAIR}"));
    };
    bench.refused("http", clear, &["deed.toml:", "requires an https base_url"]);
    bench.well();
}

fn expires_soon() {
    let mut bench = Bench::new();
    let day = |days: u64| {
        let seconds = witness::now() + days * 24 * 3600;
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let root = Authority::root();
    let soon = root.client(|params| params.not_after = day(20));
    let late = root.client(|params| params.not_after = day(40));
    let with = |client: &Client| {
        let (certificate, key) = (client.certificate.clone(), client.key.clone());
        move |dir: &Path| {
            install(dir, &certificate, &key);
            secure(dir, PAIR);
        }
    };
    let fragments = ["deed.toml:", "the client certificate in `tls/client.pem` expires at"];
    bench.warned("in 20 days", with(&soon), &fragments);
    bench.taken("in 40 days", with(&late), "renew it");
}

fn proxies() {
    let mut bench = Bench::new();
    let password = "a-password-in-the-url";
    let proxy = "proxy = \"http://proxy.example.com:3128\"\nproxy_addresses = [\"private\"]";
    let inline = format!("proxy = \"http://deed:{password}@proxy.example.com:3128\"");
    for (name, lines, fragment) in [
        ("a password in the URL", inline.as_str(), "`proxy` has an `@`"),
        ("https", "proxy = \"https://proxy.example.com\"", "write `http://host:port`"),
        ("a path", "proxy = \"http://proxy.example.com/x\"", "write `http://host:port`"),
        (
            "no URL",
            "proxy = \"proxy.example.com:3128\"",
            "`proxy.example.com:3128` is not a base URL",
        ),
        ("no classes", "proxy = \"http://proxy.example.com\"", "`proxy_addresses` is missing"),
        (
            "metadata",
            "proxy = \"http://169.254.169.254\"\nproxy_addresses = [\"private\"]",
            "never connects to",
        ),
        (
            "another class",
            "proxy = \"http://127.0.0.1:3128\"\nproxy_addresses = [\"private\"]",
            "add `\"loopback\"` to `proxy_addresses`",
        ),
        ("a user alone", &format!("{proxy}\nproxy_user = \"deed\""), "requires `proxy_secret`"),
        ("a secret alone", &format!("{proxy}\nproxy_secret = \"p\""), "requires `proxy_user`"),
        (
            "a secret that is missing",
            &format!("{proxy}\nproxy_user = \"deed\"\nproxy_secret = \"p\""),
            "secret `p` is missing",
        ),
        (
            "a user with a colon",
            &format!("{proxy}\nproxy_user = \"a:b\"\nproxy_secret = \"idp_read\""),
            "without `:`",
        ),
    ] {
        let attack = |dir: &Path| named(dir, lines);
        let said = bench.refused(name, attack, &["deed.toml:", fragment]);
        assert!(!said.contains(password), "{name}: the fault shows the password: {said}");
    }
    let address = |dir: &Path| {
        replace(dir, "deed.toml", "base_url = \"http://", "base_url = \"https://");
        replace(dir, "deed.toml", CLASSES, proxy);
    };
    bench.refused("an address", address, &["deed.toml:", "with `proxy`, write a host name"]);
    let both = |dir: &Path| named(dir, &format!("{CLASSES}\n{proxy}"));
    bench.refused("two checks", both, &["deed.toml:", "`addresses` has no effect with `proxy`"]);
    let clear = |dir: &Path| replace(dir, "deed.toml", CLASSES, proxy);
    bench.refused("http", clear, &["deed.toml:", "requires an https base_url"]);
    let alone = |dir: &Path| {
        replace(dir, "deed.toml", CLASSES, &format!("{CLASSES}\nproxy_addresses = [\"private\"]"));
    };
    bench.refused("no proxy", alone, &["deed.toml:", "`proxy_addresses` requires `proxy`"]);
    let public = |dir: &Path| {
        let proxy = proxy.replace("private", "public");
        named(dir, &format!("{proxy}\nproxy_user = \"deed\"\nproxy_secret = \"idp_read\""));
    };
    bench.refused("a secret of another tenant", public, &["deed.toml:", "secret `idp_read`"]);
    bench.well();
}

/// Gives each upstream an https URL with a host name, and these lines instead of its classes of addresses.
fn named(dir: &Path, lines: &str) {
    let text = fs::read_to_string(dir.join("deed.toml")).unwrap();
    let url = text.lines().find(|line| line.starts_with("base_url")).unwrap();
    replace(dir, "deed.toml", url, "base_url = \"https://idp.example.com/scim\"");
    replace(dir, "deed.toml", CLASSES, lines);
}
