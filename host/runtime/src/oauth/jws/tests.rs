use ring::hmac;
use serde_json::json;

use super::*;
use crate::oauth::keys::KeySet;
use crate::oauth::tests::{Signer, key_set, members};

const CLAIMS: &str = r#"{"iss":"https://login.example.com","sub":"bot"}"#;

fn encode<T: AsRef<[u8]> + ?Sized>(bytes: &T) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// A token with exactly this header and payload.
fn token(signer: &Signer, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = signer.sign(signed.as_bytes(), header.contains("PS256"));
    format!("{signed}.{}", encode(&signature))
}

/// Whether the token is read, and signed by the key of the set that it names.
fn is_accepted(token: &str, keys: &KeySet) -> bool {
    let Ok(jws) = Jws::parse(token) else { return false };
    keys.verify(&jws).is_ok()
}

#[test]
fn every_algorithm_is_verified() {
    for (signer, word) in [
        (Signer::rsa(), "RS256"),
        (Signer::rsa(), "PS256"),
        (Signer::p256(), "ES256"),
        (Signer::p384(), "ES384"),
        (Signer::ed25519(), "EdDSA"),
    ] {
        let keys = key_set(&[signer.public("k")]);
        let header = format!(r#"{{"alg":"{word}","kid":"k","typ":"at+jwt"}}"#);
        let good = token(&signer, &header, CLAIMS);
        assert!(is_one(&good) && is_accepted(&good, &keys), "{word}");
        let other = good.replace(&encode(CLAIMS), &encode(&CLAIMS.replace("bot", "bob")));
        assert!(!is_accepted(&other, &keys), "{word}: other claims");
    }
}

#[test]
fn a_signature_is_exact() {
    let signer = Signer::p256();
    let keys = key_set(&[signer.public("k"), Signer::p256().public("other")]);
    let good = token(&signer, r#"{"alg":"ES256","kid":"k"}"#, CLAIMS);
    assert!(is_accepted(&good, &keys));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let mut flipped = bytes.clone();
    flipped[0] ^= 1;
    for bad in [
        vec![],
        vec![0; 64],
        bytes[..63].to_vec(),
        [bytes.as_slice(), &[0]].concat(),
        [[0].as_slice(), &bytes].concat(),
        flipped,
    ] {
        assert!(!is_accepted(&format!("{signed}.{}", encode(&bad)), &keys), "{bad:?}");
    }
    let other = token(&signer, r#"{"alg":"ES256","kid":"other"}"#, CLAIMS);
    assert!(!is_accepted(&other, &keys), "the key of another id");
    assert!(!is_accepted(&token(&signer, r#"{"alg":"ES256","kid":"K"}"#, CLAIMS), &keys));
}

/// A token names its algorithm itself, so an attacker can name one for which the public key is no secret.
#[test]
fn an_algorithm_that_the_key_is_not_for_is_refused() {
    let (rsa, p256, p384) = (Signer::rsa(), Signer::p256(), Signer::p384());
    let keys = key_set(&[rsa.public("rsa"), p256.public("p256"), p384.public("p384")]);
    for (signer, header) in [
        (&rsa, r#"{"alg":"RS256","kid":"p256"}"#),
        (&rsa, r#"{"alg":"ES256","kid":"rsa"}"#),
        (&rsa, r#"{"alg":"PS512","kid":"rsa"}"#),
        (&p256, r#"{"alg":"ES256","kid":"p384"}"#),
        (&p256, r#"{"alg":"ES384","kid":"p256"}"#),
        (&p384, r#"{"alg":"ES256","kid":"p384"}"#),
        (&p256, r#"{"alg":"RS256","kid":"p256"}"#),
        (&p256, r#"{"alg":"EdDSA","kid":"p256"}"#),
    ] {
        assert!(!is_accepted(&token(signer, header, CLAIMS), &keys), "{header}");
    }
    for word in ["none", "None", "NONE", "", "HS256", "dir", "A256KW"] {
        let header = format!(r#"{{"alg":"{word}","kid":"rsa"}}"#);
        let signed = format!("{}.{}", encode(&header), encode(CLAIMS));
        assert!(!is_accepted(&format!("{signed}."), &keys), "{word}");
        let public = rsa.public("rsa")["n"].as_str().unwrap().to_owned();
        for secret in [public.clone().into_bytes(), rsa.public("rsa").to_string().into_bytes()] {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            let forged = encode(&hmac::sign(&key, signed.as_bytes()));
            assert!(!is_accepted(&format!("{signed}.{forged}"), &keys), "{word}");
        }
    }
}

#[test]
fn a_header_that_changes_the_meaning_or_brings_a_key_is_refused() {
    let signer = Signer::ed25519();
    let keys = key_set(&[signer.public("k")]);
    let with = |more: &str| {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k"{more}}}"#);
        is_accepted(&token(&signer, &header, CLAIMS), &keys)
    };
    let own = Signer::ed25519().public("k");
    for good in [
        "",
        r#","typ":"JWT""#,
        r#","typ":"jwt""#,
        r#","typ":"at+jwt""#,
        r#","typ":"application/at+jwt""#,
        r#","x5t":"AAAA","cty":"x""#,
        r#","x5c":["AAAA"]"#,
    ] {
        assert!(with(good), "{good}");
    }
    for bad in [
        r#","crit":["exp"],"exp":1"#,
        r#","crit":[]"#,
        r#","b64":false"#,
        r#","b64":true"#,
        &format!(r#","jwk":{own}"#),
        r#","jku":"https://evil.example/jwks""#,
        r#","x5u":"https://evil.example/cert""#,
        r#","typ":"logout+jwt""#,
        r#","typ":"secevent+jwt""#,
        r#","typ":7"#,
        r#","kid":"k""#,
        r#","alg":"EdDSA""#,
    ] {
        assert!(!with(bad), "{bad}");
    }
    for header in [r#"{"kid":"k"}"#, r#"{"alg":7,"kid":"k"}"#, r#"{"alg":"EdDSA","kid":7}"#, "[]"] {
        assert!(!is_accepted(&token(&signer, header, CLAIMS), &keys), "{header}");
    }
    let long = format!(r#"{{"alg":"EdDSA","kid":"k","x":"{}"}}"#, "x".repeat(HEADER_MAX));
    assert!(!is_accepted(&token(&signer, &long, CLAIMS), &keys));
}

#[test]
fn a_token_is_three_parts_of_base64url() {
    let signer = Signer::ed25519();
    let keys = key_set(&[signer.public("k")]);
    let good = token(&signer, r#"{"alg":"EdDSA","kid":"k"}"#, CLAIMS);
    assert!(is_accepted(&good, &keys));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{good}") };
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}. {signature}"),
        format!("{header}.{payload}\n.{signature}"),
        good.replace(payload, &encode("[1]")),
        good.replace(payload, &encode(r#"{"a":1,"a":2}"#)),
        good.replace(payload, &encode(b"\xff")),
    ] {
        assert!(!is_accepted(&bad, &keys), "{bad}");
    }
    for opaque in ["", "abc", "a.b.c", "deed_token", "eyJ", &encode("{}"), good.get(1..).unwrap()] {
        assert!(!is_one(opaque), "{opaque}");
    }
}

#[test]
fn a_signed_payload_with_duplicate_members_is_refused() {
    let signer = Signer::ed25519();
    let keys = key_set(&[signer.public("k")]);
    for payload in [r#"{"sub":"bot","sub":"admin"}"#, "[]", "7", "", "{} {}"] {
        let bad = token(&signer, r#"{"alg":"EdDSA","kid":"k"}"#, payload);
        assert!(!is_accepted(&bad, &keys), "{payload}");
    }
    let good = token(&signer, r#"{"alg":"EdDSA","kid":"k"}"#, "{}");
    assert_eq!(Jws::parse(&good).unwrap().payload, members(json!({})));
}
