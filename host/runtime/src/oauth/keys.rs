//! The public keys of an issuer (RFC 7517, RFC 7518 section 6, RFC 8037).

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::Value;

use super::jws::{Header, Jws};
use super::{Members, Refusal};
use crate::config::Algorithm;

/// Maximum number of keys of an issuer. An issuer has one or two, and a few more while it rotates them.
const KEYS_MAX: usize = 64;
/// The length of a modulus in bits.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The keys of an issuer that the host can use.
#[derive(Debug)]
pub(super) struct KeySet(Vec<PublicKey>);

/// A key for signatures.
#[derive(Debug)]
struct PublicKey {
    id: Option<String>,
    /// The only algorithm for which the issuer uses the key, if the issuer says so.
    algorithm: Option<String>,
    material: Material,
}

/// The key itself. Each kind fits only the algorithms for it.
#[derive(Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

pub(super) const UNKNOWN: Refusal = Refusal::Invalid("the issuer has no key with this key id");
const UNFIT: Refusal = Refusal::Invalid("the key is not for this algorithm");
const FORGED: Refusal = Refusal::Invalid("the signature of the access token is not valid");

impl KeySet {
    /// Reads a key set. Keys that are not for signatures, or of a kind that the host does not know, are left out.
    /// `None` if it is no key set, or has too many keys.
    pub(super) fn read(members: &Members) -> Option<Self> {
        let keys = members.get("keys")?.as_array()?;
        if keys.len() > KEYS_MAX {
            return None;
        }
        let keys = keys.iter().filter_map(Value::as_object).filter_map(PublicKey::read);
        Some(Self(keys.collect()))
    }

    /// Checks that a key with the id in the header signed the token. While an issuer rotates its keys, several keys may
    /// have no id or the same one, so each key that fits is tried.
    pub(super) fn verify(&self, jws: &Jws) -> Result<(), Refusal> {
        let (algorithm, signed) = (jws.header.algorithm, jws.signed.as_bytes());
        let mut fitting = self.search(&jws.header)?.into_iter();
        let is_signed = fitting.any(|key| key.verifies(algorithm, signed, &jws.signature));
        if is_signed { Ok(()) } else { Err(FORGED) }
    }

    /// The keys that the header can mean: those with its id, or all if it has none, that fit the algorithm.
    fn search(&self, header: &Header) -> Result<Vec<&PublicKey>, Refusal> {
        let is_named = |key: &&PublicKey| header.key_id.is_none() || key.id == header.key_id;
        let mut named = self.0.iter().filter(is_named).peekable();
        if named.peek().is_none() {
            return Err(UNKNOWN);
        }
        let fitting: Vec<&PublicKey> = named.filter(|key| key.fits(header.algorithm)).collect();
        if fitting.is_empty() { Err(UNFIT) } else { Ok(fitting) }
    }
}

impl PublicKey {
    fn read(key: &Members) -> Option<Self> {
        let are_texts =
            ["use", "kid", "alg"].iter().all(|name| key.get(*name).is_none_or(Value::is_string));
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let is_for_signatures = text("use").is_none_or(|word| word == "sig");
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
        };
        // A key set with private keys in it was published by mistake, and anyone can sign with such a key.
        let is_private = key.contains_key("d");
        let may_verify = is_for_signatures && key.get("key_ops").is_none_or(verifies);
        if !are_texts || !may_verify || is_private {
            return None;
        }
        Some(Self {
            id: text("kid").map(str::to_owned),
            algorithm: text("alg").map(str::to_owned),
            material: Material::read(key)?,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.as_ref().is_none_or(|own| own == algorithm.word())
            && self.material.fits(algorithm)
    }

    /// Whether the signature of the message is one of this key and algorithm.
    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let rsa = |parameters: &RsaParameters, n: &Vec<u8>, e: &Vec<u8>| {
            let key = RsaPublicKeyComponents { n, e };
            key.verify(parameters, message, signature).is_ok()
        };
        let curve = |algorithm: &'static dyn VerificationAlgorithm, key: &Vec<u8>| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rs256) => rsa(&RSA_PKCS1_2048_8192_SHA256, n, e),
            (Material::Rsa { n, e }, Algorithm::Ps256) => rsa(&RSA_PSS_2048_8192_SHA256, n, e),
            (Material::P256(key), Algorithm::Es256) => curve(&ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), Algorithm::Es384) => curve(&ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), Algorithm::EdDsa) => curve(&ED25519, key),
            _ => false,
        }
    }
}

impl Material {
    fn read(key: &Members) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        match (text("kty")?, text("crv")) {
            ("RSA", _) => modulus(bytes("n")?).and_then(|n| Some(Self::Rsa { n, e: bytes("e")? })),
            ("EC", Some("P-256")) => point(&bytes("x")?, &bytes("y")?, 32).map(Self::P256),
            ("EC", Some("P-384")) => point(&bytes("x")?, &bytes("y")?, 48).map(Self::P384),
            ("OKP", Some("Ed25519")) => bytes("x").filter(|key| key.len() == 32).map(Self::Ed25519),
            _ => None,
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Self::P256(_), Algorithm::Es256)
                | (Self::P384(_), Algorithm::Es384)
                | (Self::Ed25519(_), Algorithm::EdDsa)
        )
    }
}

/// A modulus of an accepted length, without leading zeros.
fn modulus(bytes: Vec<u8>) -> Option<Vec<u8>> {
    let first = *bytes.first()?;
    let unused = usize::try_from(first.leading_zeros()).ok()?;
    let bits = bytes.len() * 8 - unused;
    (first != 0 && MODULUS_BITS.contains(&bits)).then_some(bytes)
}

/// An uncompressed point with coordinates of this length (SEC 1 section 2.3.3). Whether it is on the curve is checked
/// with the signature.
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [[4].as_slice(), x, y].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oauth::tests::{Signer, key_set, signed};

    fn header(algorithm: Algorithm, id: Option<&str>) -> Header {
        Header { algorithm, key_id: id.map(str::to_owned) }
    }

    fn is_found(set: &KeySet, algorithm: Algorithm, id: Option<&str>) -> bool {
        set.search(&header(algorithm, id)).is_ok()
    }

    #[test]
    fn a_key_fits_only_its_own_algorithms() {
        let all = [
            (Signer::rsa(), vec![Algorithm::Rs256, Algorithm::Ps256]),
            (Signer::p256(), vec![Algorithm::Es256]),
            (Signer::p384(), vec![Algorithm::Es384]),
            (Signer::ed25519(), vec![Algorithm::EdDsa]),
        ];
        for (signer, own) in all {
            let set = key_set(&[signer.public("k")]);
            for algorithm in Algorithm::ALL {
                let fits = is_found(&set, algorithm, Some("k"));
                assert_eq!(fits, own.contains(&algorithm), "{algorithm:?} {own:?}");
            }
            assert_eq!(set.search(&header(own[0], Some("other"))).unwrap_err(), UNKNOWN);
            let unfit = Algorithm::ALL.into_iter().find(|one| !own.contains(one)).unwrap();
            assert_eq!(set.search(&header(unfit, Some("k"))).unwrap_err(), UNFIT);
        }
    }

    #[test]
    fn a_key_is_used_only_for_what_the_issuer_says() {
        let key = Signer::p256().public("k");
        let with = |name: &str, value: serde_json::Value| {
            let mut key = key.clone();
            key[name] = value;
            is_found(&key_set(&[key]), Algorithm::Es256, Some("k"))
        };
        assert!(with("use", json!("sig")) && with("alg", json!("ES256")));
        assert!(with("key_ops", json!(["verify"])));
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!(1)),
            ("alg", json!("ES384")),
            ("alg", json!("ECDH-ES")),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!("verify")),
            ("crv", json!("P-384")),
            ("crv", json!("secp256k1")),
            ("kty", json!("RSA")),
            ("kty", json!("oct")),
            ("x", json!("AAAA")),
            ("kid", json!(7)),
            ("d", json!("AAAA")),
        ] {
            assert!(!with(name, value.clone()), "{name}: {value}");
        }
    }

    #[test]
    fn a_short_modulus_is_no_key() {
        let with = |bytes: Vec<u8>| {
            let n = BASE64URL_NOPAD.encode(&bytes);
            let key = json!({"kty": "RSA", "kid": "k", "n": n, "e": "AQAB"});
            is_found(&key_set(&[key]), Algorithm::Rs256, Some("k"))
        };
        assert!(with(vec![0xff; 256]) && with(vec![0xff; 1024]));
        for bad in [vec![], vec![0xff; 128], vec![0x7f; 256], vec![0; 256], vec![0xff; 1025]] {
            assert!(!with(bad.clone()), "{} bytes", bad.len());
        }
    }

    #[test]
    fn every_key_that_fits_is_tried() {
        let [old, new, other] = [(); 3].map(|()| Signer::ed25519());
        let set = |id: &str| {
            let mut keys = [old.public(id), Signer::p256().public(id), new.public(id)];
            if id.is_empty() {
                for key in &mut keys {
                    key.as_object_mut().unwrap().remove("kid");
                }
            }
            key_set(&keys)
        };
        for (set, id) in [(set("k"), Some("k")), (set("k"), None), (set(""), None)] {
            let verdict = |signer: &Signer| set.verify(&signed(signer, id));
            assert_eq!((verdict(&old), verdict(&new)), (Ok(()), Ok(())), "{id:?}");
            assert_eq!(verdict(&other), Err(FORGED), "{id:?}");
        }
        assert_eq!(set("").verify(&signed(&old, Some("k"))), Err(UNKNOWN));
    }

    #[test]
    fn a_key_set_is_a_list_of_limited_length() {
        let read = |value: serde_json::Value| KeySet::read(value.as_object().unwrap()).is_some();
        let key = Signer::ed25519().public("k");
        assert!(read(json!({"keys": []})) && read(json!({"keys": vec![key.clone(); 64]})));
        for bad in [json!({}), json!({"keys": {}}), json!({"keys": vec![key; 65]})] {
            assert!(!read(bad.clone()), "{bad}");
        }
    }
}
