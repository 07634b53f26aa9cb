//! The page of a waiting action in a browser with a passkey: it sends what `console/script/answer.js` sends.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_tests::browser::{Browser, FORM_TOKEN, Page};
use deed_tests::services::Result;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use crate::authenticator::{Ceremony, Key, ORIGIN, challenge};

/// The type of the body of a request, as a header line.
pub const JSON: &str = "Content-Type: application/json";

/// The page of one action, as it was when it was loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub browser: Browser,
    pub id: String,
    pub page: Page,
    pub form_token: String,
    /// The digest of the text of the page.
    pub shown: String,
}

/// Makes `deed.toml` say that people reach the host at the origin of the passkeys.
pub fn at_origin(dir: &Path) -> Result<()> {
    let http = format!("[http]\nbehind_proxy = true\npublic_url = \"{ORIGIN}\"\n");
    edit(dir, "deed.toml", "[http]\n", &http)
}

/// A browser at the origin of the passkeys in which this person is signed in.
pub fn browser(world: &World, name: &str, token: &str) -> Browser {
    let mut browser = Browser::new(world.url());
    ORIGIN.clone_into(&mut browser.origin);
    let page = browser.sign_in(name, token, "/").unwrap();
    assert_eq!(page.status, 303, "{page:?}");
    browser
}

/// The JSON that a route for scripts answered.
pub fn said(page: &Page) -> Value {
    serde_json::from_str(&page.html).unwrap()
}

/// What the script sends for a statement that an authenticator signed in this ceremony.
pub fn signed(key: &Key, to_sign: &Value, change: impl FnOnce(&mut Ceremony)) -> Value {
    let payload = STANDARD.decode(to_sign["payload"].as_str().unwrap()).unwrap();
    assert_eq!(to_sign["challenge"], challenge(b"deed:approve:v2\0", &payload));
    let envelope = key.sign(&payload, change);
    let signature = &envelope.signatures[0];
    let assertion = signature.webauthn.as_ref().unwrap();
    json!({
        "payload": to_sign["payload"],
        "authenticator_data": assertion.authenticator_data,
        "client_data": assertion.client_data,
        "signature": signature.sig,
    })
}

impl Loaded {
    /// Loads the page of an action.
    pub fn of(browser: &Browser, id: &str) -> Self {
        let mut browser = browser.clone();
        let page = browser.get(&format!("/actions/{id}")).unwrap();
        assert_eq!(page.status, 200, "{page:?}");
        let form_token = page.form_token().unwrap().to_owned();
        let shown = attribute(&page, "data-shown").unwrap_or_default();
        Self { browser, id: id.to_owned(), page, form_token, shown }
    }

    /// Asks for the statement of an answer.
    pub fn statement(&self, decision: &str, reason: &str) -> Page {
        let shown = &self.shown;
        let role = "support-lead";
        self.send(
            "statement",
            json!({"decision": decision, "role": role, "reason": reason, "shown": shown}),
        )
    }

    /// Asks for the statement of an answer, which the host must make.
    pub fn to_sign(&self, decision: &str, reason: &str) -> Value {
        let page = self.statement(decision, reason);
        assert_eq!(page.status, 200, "{page:?}");
        said(&page)
    }

    /// Answers with this key.
    pub fn answer(&self, key: &Key, decision: &str, reason: &str) -> Page {
        self.send("answer", signed(key, &self.to_sign(decision, reason), |_| ()))
    }

    /// Sends a body with the token of the session's forms, as the page does.
    pub fn send(&self, tail: &str, mut body: Value) -> Page {
        body[FORM_TOKEN] = self.form_token.as_str().into();
        let origin = format!("Origin: {}", self.browser.origin);
        self.send_with(tail, &[origin.as_str(), "Sec-Fetch-Site: same-origin", JSON], &body)
    }

    /// Sends exactly this body with these header lines.
    pub fn send_with(&self, tail: &str, lines: &[&str], body: &Value) -> Page {
        let path = format!("/actions/{}/{tail}", self.id);
        self.browser.clone().send("POST", &path, lines, &body.to_string()).unwrap()
    }

    /// What the script asks from time to time.
    pub fn state(&self) -> Page {
        self.browser.clone().get(&format!("/actions/{}/state", self.id)).unwrap()
    }
}

/// The value of an attribute that occurs once in a page.
pub fn attribute(page: &Page, name: &str) -> Option<String> {
    let (_, rest) = page.html.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}
