use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::tests::support::pem;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-client-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn open(&self) -> Result<ClientCertificate, ClientError> {
        let paths = Paths { certificate: "client.pem".into(), key: "client.key".into() };
        ClientCertificate::open("idp", &Files::open(&self.0).unwrap(), paths)
    }

    fn refused(&self) -> String {
        self.open().unwrap_err().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// A self-signed certificate that expires in this year, and its key.
fn pair(year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["host.example.com".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let made = params.self_signed(&key).unwrap();
    (pem("CERTIFICATE", made.der()), pem("PRIVATE KEY", &key.serialize_der()))
}

fn der(key: &CertifiedKey) -> Vec<u8> {
    key.cert[0].to_vec()
}

fn later(n: u64) -> Instant {
    Instant::now() + Duration::from_secs(2 * n)
}

#[test]
fn a_pair_is_read_and_its_expiry_is_known() {
    let folder = Folder::new();
    let (certificate, key) = pair(4000);
    folder.write("client.pem", &certificate);
    folder.write("client.key", &key);
    let client = folder.open().unwrap();
    assert_eq!(client.path(), "client.pem");
    let (at, days) = client.expires();
    assert_eq!(at, "4000-01-01 00:00:00Z");
    assert!(days > 300_000, "{days}");
    let shown = format!("{client:?}");
    let body = key.lines().nth(1).unwrap();
    assert!(!shown.contains(body), "the key is in the text for debugging");
}

#[test]
fn what_is_not_a_usable_pair_is_refused_with_the_reason() {
    let folder = Folder::new();
    let ((certificate, key), (other, _)) = (pair(4000), pair(4000));
    folder.write("client.key", &key);
    assert!(folder.refused().starts_with("`client_certificate`: `client.pem` cannot be read"));
    for (text, why) in [
        ("", "has no certificate in PEM format"),
        (key.as_str(), "has no certificate in PEM format"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "valid date of expiry"),
        (pair(2020).0.as_str(), "expired at 2020-01-01 00:00:00Z; renew it"),
        (other.as_str(), "does not belong to the key in `client.key`"),
        (certificate.repeat(11).as_str(), "more than 10"),
    ] {
        folder.write("client.pem", text);
        let refused = folder.refused();
        assert!(refused.contains(why), "{refused}");
    }
    folder.write("client.pem", &certificate);
    folder.write("client.key", &certificate);
    assert!(folder.refused().contains("`client.key` has no private key in PEM format"));
    folder.write("client.key", &key);
    let path = folder.0.join("client.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(folder.refused().contains("chmod 600 client.key"));
}

#[test]
fn a_new_pair_is_used_only_when_both_files_are_there() {
    let folder = Folder::new();
    let (first, second) = (pair(4000), pair(4001));
    folder.write("client.pem", &first.0);
    folder.write("client.key", &first.1);
    let client = folder.open().unwrap();
    let old = der(&client.current(later(0)));
    folder.write("client.pem", &second.0);
    assert_eq!(der(&client.current(Instant::now())), old, "the files are looked at too often");
    assert_eq!(der(&client.current(later(1))), old, "a pair that does not match is used");
    fs::remove_file(folder.0.join("client.key")).unwrap();
    assert_eq!(der(&client.current(later(2))), old, "a pair without a key is used");
    folder.write("client.key", &second.1);
    let new = der(&client.current(later(3)));
    assert_ne!(new, old);
    folder.write("client.pem", &pair(2020).0);
    assert_eq!(der(&client.current(later(4))), new, "an expired certificate is used");
    assert!(client.expires().0.starts_with("4001"));
}

#[test]
fn a_link_that_is_replaced_is_seen() {
    let folder = Folder::new();
    for (name, year) in [("one", 4000), ("two", 4001)] {
        fs::create_dir(folder.0.join(name)).unwrap();
        let (certificate, key) = pair(year);
        folder.write(&format!("{name}/client.pem"), &certificate);
        folder.write(&format!("{name}/client.key"), &key);
    }
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, folder.0.join("next")).unwrap();
        fs::rename(folder.0.join("next"), folder.0.join("data")).unwrap();
    };
    link("one");
    for name in ["client.pem", "client.key"] {
        std::os::unix::fs::symlink(format!("data/{name}"), folder.0.join(name)).unwrap();
    }
    let client = folder.open().unwrap();
    link("two");
    drop(client.current(later(1)));
    assert!(client.expires().0.starts_with("4001"));
}
