use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("deed-keys-{name}-{}", std::process::id()));
        fs::remove_dir_all(&dir).unwrap_or_default();
        fs::create_dir_all(dir.join("keys")).unwrap();
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// The DER bytes in the PEM of a private key.
fn der(path: &Path) -> Vec<u8> {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [begin, body, end] = lines[..] else { panic!("three lines: {}", lines.len()) };
    assert_eq!((begin, end), ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"));
    STANDARD.decode(body).unwrap()
}

/// RFC 8410, section 7: version 0, the algorithm, and the seed in two octet strings.
const V1: &[u8] = &[0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];

#[test]
fn every_new_private_key_is_in_version_1() {
    let folder = Folder::new("v1");
    create(&folder.0.join("keys/receipt.key")).unwrap();
    Next::make(&folder.0, Purpose::Log).unwrap();
    for name in ["keys/receipt.key", "keys/next-log.key"] {
        let der = der(&folder.0.join(name));
        assert_eq!((der.len(), &der[..16]), (48, V1), "{name}");
    }
}

#[test]
fn a_private_key_is_read_in_both_versions() {
    let folder = Folder::new("both");
    let key = SigningKey::from_bytes(&[7; 32]);
    let v2 = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    assert_ne!(*v2, *to_pem(&key).unwrap(), "with the public key it is another version");
    for (name, pem) in [("v1.key", to_pem(&key).unwrap()), ("v2.key", v2)] {
        let path = folder.0.join(name);
        write_new(&path, pem.as_bytes(), 0o600).unwrap();
        assert_eq!(read(&path).unwrap(), key, "{name}");
    }
}
