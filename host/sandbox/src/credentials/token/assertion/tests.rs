use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, text: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("deed-key-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("key.pem"), text).unwrap();
        fs::set_permissions(dir.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
        Self(dir)
    }

    fn signer(&self) -> Result<Signer, String> {
        let files = Arc::new(Files::open(&self.0).unwrap());
        Signer::load("writer", &files, "key.pem", Some("first".to_owned()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

fn private(key: &KeyPair) -> String {
    pem("PRIVATE KEY", &key.serialize_der())
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()).unwrap()
}

fn claims() -> Claims {
    Claims { issuer: "deed".into(), subject: "alice".into(), audience: "https://a".into() }
}

/// Signs and checks an assertion, and returns its header.
async fn signed(name: &str, key: &KeyPair, public: &'static dyn VerificationAlgorithm) -> Value {
    let folder = Folder::with(name, &private(key));
    let signer = folder.signer().unwrap();
    let token = signer.sign(&claims()).await.unwrap();
    let (text, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let public = UnparsedPublicKey::new(public, key.public_key_raw());
    public.verify(text.as_bytes(), &signature).unwrap();
    let (header, said) = text.split_once('.').unwrap();
    let said = part(said);
    assert_eq!(said["iss"], "deed");
    assert_eq!(said["sub"], "alice");
    assert_eq!(said["aud"], "https://a");
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), VALID_S);
    let again = signer.sign(&claims()).await.unwrap();
    assert_ne!(part(again.split('.').nth(1).unwrap())["jti"], said["jti"], "it is used once");
    part(header)
}

#[tokio::test]
async fn an_assertion_has_a_signature_that_the_public_key_checks() {
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let header = signed("p256", &p256, &ECDSA_P256_SHA256_FIXED).await;
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "first"}));
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let header = signed("ed25519", &ed25519, &ED25519).await;
    assert_eq!(header["alg"], "EdDSA");
}

#[test]
fn what_is_no_key_for_signatures_is_refused() {
    let other = private(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap());
    let public = pem("PUBLIC KEY", KeyPair::generate().unwrap().public_key_raw());
    for (name, text) in [("p384", other.as_str()), ("public", &public), ("none", "secret")] {
        let why = Folder::with(name, text).signer().unwrap_err();
        assert!(why.contains("`key.pem` is not a private key") && !why.contains("BEGIN"), "{why}");
    }
    let folder = Folder::with("open", &other);
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.0.join("key.pem"), open).unwrap();
    assert!(folder.signer().unwrap_err().contains("chmod 600"));
}
