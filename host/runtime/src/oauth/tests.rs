//! Keys that sign tokens in the tests of this module, and the issuer that they belong to.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use super::Members;
use super::jws::{Header, Jws};
use super::keys::KeySet;
use crate::config::{Algorithm, Issuer};

pub(super) const URL: &str = "https://login.example.com";
pub(super) const AUDIENCE: &str = "https://deed.example.com/mcp";

/// RSA keys cannot be generated here, so this one is for all tests. It is used nowhere else.
const RSA: &[u8] = include_bytes!("tests/rsa-2048.pk8");

/// A private key.
pub(super) enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(RSA).unwrap()))
    }

    pub(super) fn p256() -> Self {
        Self::P256(ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING))
    }

    pub(super) fn p384() -> Self {
        Self::P384(ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING))
    }

    pub(super) fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    /// The public key with this id, as an issuer publishes it.
    pub(super) fn public(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let key = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "kid": id, "n": text(&key.n), "e": text(&key.e)})
            }
            Self::P256(pair) => curve("P-256", pair, id),
            Self::P384(pair) => curve("P-384", pair, id),
            Self::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x})
            }
        }
    }

    /// Signs a message with the usual algorithm of the key; an RSA key as PS256 if `pss`.
    pub(super) fn sign(&self, message: &[u8], pss: bool) -> Vec<u8> {
        let rng = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = if pss {
                    pair.sign(&RSA_PSS_SHA256, &rng, message, &mut signature)
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature)
                };
                signed.unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&rng, message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let rng = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &rng).unwrap()
}

fn curve(name: &str, pair: &EcdsaKeyPair, id: &str) -> Value {
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    let [x, y] = [x, y].map(|bytes| BASE64URL_NOPAD.encode(bytes));
    json!({"kty": "EC", "crv": name, "kid": id, "x": x, "y": y})
}

pub(super) fn members(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

pub(super) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::read(&members(json!({ "keys": keys }))).unwrap()
}

/// A token that an Ed25519 key signed, with this key id in its header.
pub(super) fn signed(signer: &Signer, id: Option<&str>) -> Jws {
    let header = Header { algorithm: Algorithm::EdDsa, key_id: id.map(str::to_owned) };
    let signed = "header.payload".to_owned();
    let signature = signer.sign(signed.as_bytes(), false);
    Jws { header, payload: Members::default(), signed, signature }
}

/// An issuer whose tokens need a scope.
pub(super) fn issuer() -> Issuer {
    Issuer {
        name: "corp".to_owned(),
        url: URL.to_owned(),
        audience: AUDIENCE.to_owned(),
        scope: Some("deed".to_owned()),
        jwks: Some(format!("{URL}/jwks")),
        introspection: None,
        on_behalf_of: None,
        algorithms: BTreeSet::from(Algorithm::ALL),
    }
}
