//! An issuer of access tokens, over real HTTP: its keys, and what it says about tokens. It signs with a crate that
//! shares no code with the host's checks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use deed_tests::services::Result;
use deed_tests::world::{edit, store};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::upstream::{Reply, Request, Upstream};
use crate::witness::now;

/// The URL of the host as a protected resource. No client of the tests uses it.
pub const AUDIENCE: &str = "https://deed.example.com/mcp";
pub const SCOPE: &str = "deed";
/// The client ids of the agents of the two tenants.
pub const HELPDESK_CLIENT: &str = "helpdesk-bot";
pub const GLOBEX_CLIENT: &str = "globex-bot";
/// The host's credentials for introspection.
pub const HOST_CLIENT: &str = "deed";
pub const HOST_SECRET: &str = "introspection-secret-of-the-host+/=";

const JWKS: &str = "/jwks";
const INTROSPECT: &str = "/introspect";

/// An issuer that serves until the process exits.
#[derive(Debug)]
pub struct Issuer {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The id of the present key.
    key: String,
    /// Opaque tokens that are active, with what the issuer says about them.
    active: BTreeMap<String, Value>,
    is_down: bool,
    /// How long the issuer takes to answer.
    delay: Duration,
}

/// The parts of a token, which a test can change before the token is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    pub header: Value,
    pub claims: Value,
}

impl Issuer {
    pub fn start() -> Self {
        let state = State { key: "first".to_owned(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        let upstream = Upstream::start(move |request| locked(&served).reply(request));
        Self { upstream, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    /// Makes the host of a directory accept signed tokens of this issuer, with this addition to the issuer's table.
    pub fn declare(&self, dir: &Path, more: &str) -> Result<()> {
        declare(dir, &self.url(), &format!("jwks = \"{}{JWKS}\"\n{more}", self.url()))
    }

    /// Makes the host of a directory ask this issuer about tokens.
    pub fn declare_introspection(&self, dir: &Path, more: &str) -> Result<()> {
        let secret = "secret = { file = \"secrets/corp\" }";
        let endpoint = format!("url = \"{}{INTROSPECT}\", client = \"{HOST_CLIENT}\"", self.url());
        declare(dir, &self.url(), &format!("introspection = {{ {endpoint}, {secret} }}\n{more}"))?;
        store(dir, "issuer.corp", HOST_SECRET)
    }

    /// A good token of this client before it is signed.
    pub fn draft(&self, client: &str) -> Draft {
        let claims = json!({
            "iss": self.url(),
            "aud": AUDIENCE,
            "client_id": client,
            "sub": client,
            "scope": format!("openid {SCOPE}"),
            "iat": now(),
            "exp": now() + 300,
        });
        let kid = locked(&self.state).key.clone();
        Draft { header: json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}), claims }
    }

    /// A good token of this client.
    pub fn token(&self, client: &str) -> String {
        self.draft(client).signed()
    }

    /// An opaque token of this client, which is active until it is revoked.
    pub fn opaque(&self, client: &str) -> String {
        let token = format!("opaque-{client}-{}", locked(&self.state).active.len());
        self.say(&token, self.draft(client).claims);
        token
    }

    /// Makes the issuer say this about a token.
    pub fn say(&self, token: &str, mut claims: Value) {
        claims["active"] = json!(true);
        locked(&self.state).active.insert(token.to_owned(), claims);
    }

    pub fn revoke(&self, token: &str) {
        locked(&self.state).active.remove(token);
    }

    /// Replaces the issuer's key.
    pub fn rotate(&self, id: &str) {
        id.clone_into(&mut locked(&self.state).key);
    }

    /// Makes the issuer close every connection without an answer.
    pub fn set_down(&self, is_down: bool) {
        locked(&self.state).is_down = is_down;
    }

    /// Makes the issuer take this long for each answer. It gives one answer at a time.
    pub fn set_delay(&self, delay: Duration) {
        locked(&self.state).delay = delay;
    }

    /// How often the keys were requested.
    pub fn fetched(&self) -> usize {
        self.upstream.seen().iter().filter(|one| one.is("GET", JWKS)).count()
    }

    /// The requests about tokens so far.
    pub fn asked(&self) -> Vec<Request> {
        let seen = self.upstream.seen();
        seen.into_iter().filter(|one| one.is("POST", INTROSPECT)).collect()
    }
}

/// Adds the issuer with this URL to a directory, and names it in the entries of the agents of both tenants.
pub fn declare(dir: &Path, url: &str, more: &str) -> Result<()> {
    let table = format!(
        "[issuer.corp]\nurl = \"{url}\"\naudience = \"{AUDIENCE}\"\nscope = \"{SCOPE}\"\n{more}"
    );
    edit(dir, "deed.toml", "[tenant.acme]\n", &format!("{table}\n[tenant.acme]\n"))?;
    let agents = [("acme.agent.helpdesk", HELPDESK_CLIENT), ("globex.agent.desk", GLOBEX_CLIENT)];
    for (agent, client) in agents {
        let entry = format!("[tenant.{agent}]\n");
        let claims = format!("claims = {{ client_id = \"{client}\" }}");
        let rule = format!("oauth = {{ issuer = \"corp\", {claims} }}\n");
        edit(dir, "deed.toml", &entry, &format!("{entry}{rule}"))?;
    }
    Ok(())
}

impl Draft {
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Some(claims) = self.claims.as_object_mut() {
            claims.remove(name);
        }
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// The text that a signature covers.
    pub fn unsigned(&self) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    /// The token, signed with the key that its header names.
    pub fn signed(&self) -> String {
        self.signed_by(self.header["kid"].as_str().unwrap_or_default())
    }

    /// The token, signed with the key of this id whatever its header says.
    pub fn signed_by(&self, id: &str) -> String {
        let text = self.unsigned();
        let signature = key(id).sign(text.as_bytes());
        format!("{text}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }
}

/// The bytes of the public key with this id.
pub fn public_key(id: &str) -> [u8; 32] {
    key(id).verifying_key().to_bytes()
}

fn key(id: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(format!("key of an issuer: {id}")).into())
}

impl State {
    fn reply(&self, request: &Request) -> Reply {
        if self.is_down {
            return Reply::empty(0);
        }
        thread::sleep(self.delay);
        match request.target.as_str() {
            JWKS => {
                let x = BASE64URL_NOPAD.encode(&public_key(&self.key));
                let key =
                    json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.key, "x": x});
                Reply::json(200, json!({ "keys": [key] }))
            }
            INTROSPECT => self.introspect(request),
            _ => Reply::empty(404),
        }
    }

    fn introspect(&self, request: &Request) -> Reply {
        // `+`, `/` and `=` of the secret are encoded as in a form.
        let pair = "deed:introspection-secret-of-the-host%2B%2F%3D";
        let expected = format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()));
        if request.header("authorization") != Some(expected.as_str()) {
            return Reply::json(401, json!({"error": "invalid_client"}));
        }
        let token = request.body.split('&').find_map(|pair| pair.strip_prefix("token="));
        let inactive = json!({"active": false});
        Reply::json(
            200,
            token.and_then(|token| self.active.get(token)).unwrap_or(&inactive).clone(),
        )
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
