//! JSON Web Tokens that the host signs: assertions of who it is, or for whom it acts (RFC 7523, RFC 8693).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use deed_record::action::{TokenKind, TokenRef};
use deed_spec::digest::Digest;
use deed_system::clock::Clock;
use deed_system::files::Files;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use zeroize::Zeroizing;

use crate::credentials::watched::{Content, Watched};

/// How long an assertion is valid. It is used at once, so this is the difference between two clocks that is tolerated.
const VALID_S: i64 = 60;
pub(super) const VALID: Duration = Duration::from_secs(VALID_S.unsigned_abs());
/// Maximum size of a file with a private key. An RSA key of 4096 bits has about 3 KiB.
const KEY_MAX: u64 = 64 << 10;

/// A private key of the operator, which is read again when its file changes.
#[derive(Debug)]
pub struct Signer {
    name: String,
    path: String,
    key: Arc<Watched<SigningKey>>,
    /// The id of the key at the authorization server.
    key_id: Option<String>,
    clock: Clock,
}

/// What an assertion says.
#[derive(Clone, Debug)]
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audience: String,
}

impl Signer {
    /// Reads a private key: PKCS#8 in PEM form, for RSA, P-256 or Ed25519. `name` is the name of the token, for errors.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, other users can read it, or it has no such key.
    pub fn load(
        name: &str,
        files: &Arc<Files>,
        path: &str,
        key_id: Option<String>,
    ) -> Result<Self, String> {
        let key = Arc::new(Watched::open(name, files, path, read)?);
        let (name, path) = (name.to_owned(), path.to_owned());
        Ok(Self { name, path, key, key_id, clock: Clock::new() })
    }

    /// The path of the key.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The part of the description of a token that says who signs an assertion with these claims, and for which
    /// audience.
    pub(super) fn described(&self, claims: &Claims, kind: TokenKind) -> TokenRef {
        TokenRef {
            key: Some(self.path.clone()),
            issuer: Some(claims.issuer.clone()),
            assertion_audience: Some(claims.audience.clone()),
            ..TokenRef::new(kind)
        }
    }

    /// An assertion with these claims, which is valid from now on for a minute.
    pub(super) async fn sign(&self, claims: &Claims) -> Result<Zeroizing<String>, String> {
        let key = self.key.current().await;
        let mut id = [0; 16];
        let failed = || format!("the key of token `{}` cannot sign", self.name);
        SystemRandom::new().fill(&mut id).map_err(|_unspecified| failed())?;
        let now_s = self.clock.latest_ms().div_euclid(1_000);
        let mut header = json!({"alg": key.algorithm(), "typ": "JWT"});
        if let (Some(key_id), Some(members)) = (&self.key_id, header.as_object_mut()) {
            members.insert("kid".to_owned(), key_id.as_str().into());
        }
        let claims = json!({
            "iss": claims.issuer,
            "sub": claims.subject,
            "aud": claims.audience,
            "iat": now_s,
            "exp": now_s.saturating_add(VALID_S),
            "jti": HEXLOWER.encode(&id),
        });
        let encode = |part: &serde_json::Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
        let mut text = Zeroizing::new(format!("{}.{}", encode(&header), encode(&claims)));
        let signature = key.sign(text.as_bytes()).ok_or_else(failed)?;
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(&signature));
        Ok(text)
    }
}

/// A private key, for one algorithm.
enum SigningKey {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.algorithm()).finish()
    }
}

impl SigningKey {
    fn from_pem(pem: &[u8]) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
        let der = der.secret_pkcs8_der();
        if let Ok(key) = RsaKeyPair::from_pkcs8(der) {
            return Some(Self::Rsa(Box::new(key)));
        }
        let (p256, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        if let Ok(key) = EcdsaKeyPair::from_pkcs8(p256, der, &random) {
            return Some(Self::P256(Box::new(key)));
        }
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(|key| Self::Ed25519(Box::new(key)))
    }

    /// The algorithm of the signature (RFC 7518 section 3.1, RFC 8037 section 3.1).
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
                Some(signature)
            }
            Self::P256(key) => Some(key.sign(&random, text).ok()?.as_ref().to_vec()),
            Self::Ed25519(key) => Some(key.sign(text).as_ref().to_vec()),
        }
    }
}

fn read(name: &str, files: &Files, path: &str) -> Result<Content<SigningKey>, String> {
    let pem = files.private(path, KEY_MAX).map_err(|e| format!("`key` of token `{name}`: {e}"))?;
    let unfit = || {
        format!(
            "`key` of token `{name}`: `{path}` is not a private key for RSA (2048 to 4096 bits), P-256 or Ed25519 in \
             PKCS#8 and PEM form; make one with `openssl genpkey`"
        )
    };
    let value = SigningKey::from_pem(&pem).ok_or_else(unfit)?;
    Ok(Content { value, digest: Digest::of(&pem) })
}

#[cfg(test)]
mod tests;
