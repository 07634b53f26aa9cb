//! The page on which an invited person makes a passkey, with an authenticator in software. It computes the challenge from
//! its description, and not with the code of the host.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deed_tests::browser::Browser;
use deed_tests::host;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::authenticator::{Ceremony, Key, ORIGIN};

pub const OPTIONS: &str = "/passkeys/options";
pub const OFFER: &str = "/passkeys/offer";

/// A browser on the page for new passkeys.
pub fn browser(url: &str) -> Browser {
    let mut browser = Browser::new(url);
    ORIGIN.clone_into(&mut browser.origin);
    browser
}

/// Invites a person of the tenant `acme`, and returns the secret of the link.
pub fn invite(dir: &Path, person: &str) -> String {
    let dir = dir.to_str().unwrap();
    let link = host::expect(&["passkey", "invite", dir, person, "--tenant", "acme"]).unwrap();
    let (page, secret) = link.trim().split_once('#').unwrap();
    assert_eq!(page, format!("{ORIGIN}/passkeys/new"));
    secret.to_owned()
}

/// Sends a request as the script of the page does, and returns status and body.
pub fn post(browser: &mut Browser, path: &str, body: &Value) -> (u16, Value) {
    let origin = format!("Origin: {}", browser.origin);
    let kind = "Content-Type: application/json";
    let lines = [origin.as_str(), "Sec-Fetch-Site: same-origin", kind];
    let page = browser.send("POST", path, &lines, &body.to_string()).unwrap();
    (page.status, serde_json::from_str(&page.html).unwrap_or_default())
}

/// What the host says for what a passkey is made.
pub fn options(browser: &mut Browser, invitation: &str) -> Value {
    let (status, options) = post(browser, OPTIONS, &json!({"invitation": invitation}));
    assert_eq!(status, 200, "{options}");
    options
}

/// The challenge of an enrolment, in base64url.
pub fn challenge(key: &Key, options: &Value, domain: &str) -> String {
    // The members are sorted, and no text needs an escape.
    let statement = format!(
        "{{\"credential_id\":\"{}\",\"key\":\"{}\",\"nonce\":{},\"origin\":\"{ORIGIN}\",\"person\":{},\
         \"rp_id\":{},\"tenant\":{}}}",
        credential_id(),
        STANDARD.encode(key.der()),
        options["challenge"],
        options["user_name"],
        options["rp_id"],
        options["tenant"],
    );
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{domain}\0{statement}")))
}

/// What the page offers after an honest ceremony, which `change` changes before it is signed.
pub fn offer(
    key: &Key,
    invitation: &str,
    options: &Value,
    change: impl FnOnce(&mut Ceremony),
) -> Value {
    let mut one = Ceremony::of(&challenge(key, options, "deed:enrol:v1"));
    change(&mut one);
    let (assertion, signature) = key.assertion(&one);
    json!({
        "invitation": invitation,
        "credential_id": credential_id(),
        "public_key": STANDARD.encode(key.der()),
        "authenticator_data": assertion.authenticator_data,
        "client_data": assertion.client_data,
        "signature": signature,
    })
}

/// Offers a passkey with an invitation, and returns the answer.
pub fn enrol(browser: &mut Browser, key: &Key, invitation: &str) -> (u16, Value) {
    let options = options(browser, invitation);
    post(browser, OFFER, &offer(key, invitation, &options, |_| ()))
}

fn credential_id() -> String {
    URL_SAFE_NO_PAD.encode([7_u8; 16])
}
