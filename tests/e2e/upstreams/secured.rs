//! `deed upstream test` over TLS: the certificate of the upstream, and the certificate of the host.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use deed_spec::digest::Digest;
use deed_test_support::authority::{self, Authority, Shown};
use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::hostile::Hostile;
use deed_tests::world::{World, edit};
use rcgen::date_time_ymd;

use super::{TIMEOUT, report, tried, with_test};

/// A directory whose upstream asks for a client certificate, and the digest of the certificate that it presents.
fn secured(trusted: &Authority, of_upstream: &Authority) -> (World, Hostile, String) {
    let clients = Authority::root();
    let leaf = of_upstream.leaf(|params| params.not_after = date_time_ymd(2999, 7, 1));
    let digest = Digest::of(&leaf.cert[0]).to_string();
    let shown = Arc::new(Shown::new(leaf));
    let upstream = Hostile::secure(authority::server_for(&shown, &clients)).unwrap();
    let world = World::lay_out(scim(), "scim").unwrap();
    let (dir, client) =
        (&world.dir, clients.client(|params| params.not_after = date_time_ymd(2998, 1, 1)));
    fs::write(dir.join("roots.pem"), trusted.pem()).unwrap();
    fs::write(dir.join("client.pem"), &client.certificate).unwrap();
    fs::write(dir.join("secrets/client.key"), &client.key).unwrap();
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(dir.join("secrets/client.key"), private).unwrap();
    let http =
        format!("base_url = \"{}\"\naddresses = [\"loopback\"]\n{TIMEOUT}", world.proxy.base_url());
    let https = format!(
        "base_url = \"{}\"\naddresses = [\"loopback\"]\ntls_roots = \"roots.pem\"\nclient_certificate = \"client.pem\"\n\
         client_key = \"secrets/client.key\"\n{TIMEOUT}",
        upstream.base_url()
    );
    edit(dir, "deed.toml", &http, &https).unwrap();
    with_test(dir).unwrap();
    (world, upstream, digest)
}

#[test]
fn the_certificates_of_both_sides_are_shown() {
    let root = Authority::root();
    let (world, _upstream, digest) = secured(&root, &root);
    let (_, report) = report(&world.dir, &[]);
    assert!(report["status"].is_u64(), "{report:#}");
    assert_eq!(report["certificate"]["digest"], digest.as_str(), "{report:#}");
    assert_eq!(report["certificate"]["expires"], "2999-07-01 00:00:00Z", "{report:#}");
    assert_eq!(report["client_certificate_expires"], "2998-01-01 00:00:00Z", "{report:#}");
    let (_, said, _) = tried(&world.dir, &[]);
    assert!(said.contains(&format!("certificate {digest}, valid until 2999-07-01")), "{said}");
    let said = host::expect(&["check", world.path()]).unwrap();
    assert!(said.contains("the client certificate of idp at 2998-01-01 00:00:00Z, in"), "{said}");
    assert!(said.contains("the TLS roots of idp at "), "{said}");
}

#[test]
fn a_certificate_of_another_authority_is_a_problem_and_gets_no_credential() {
    let (world, upstream, _) = secured(&Authority::root(), &Authority::root());
    let (code, report) = report(&world.dir, &[]);
    assert_eq!(code, 1, "{report:#}");
    assert!(report.get("certificate").is_none(), "{report:#}");
    let problem = report["problem"].as_str().unwrap();
    assert!(problem.contains("the TLS handshake failed"), "{problem}");
    assert!(upstream.requests().is_empty());
}
