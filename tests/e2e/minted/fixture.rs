//! A host whose upstream accepts only tokens of an authorization server of other authors: npm's `oidc-provider`, or
//! Canaille from `PyPI`. The upstream asks that server about each token.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::scim;
use deed_test_support::upstream::{Reply, Request, Upstream};
use deed_tests::canary::Canary;
use deed_tests::host;
use deed_tests::world::{World, edit, store};
use serde_json::{Value, json};

use crate::mcp_clients::programs::{canaille_tokens, token_server};

/// The secret of each client of the authorization server.
pub(super) const SECRET: &str = "client-secret-of-the-tests";
pub(super) const RESOURCE: &str = "https://idp.example.com/";
/// The path of the token endpoint in the tables of tokens, which is replaced by that of the server.
const PATH: &str = "/token";

/// The program of the authorization server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Oidc,
    Canaille,
}

impl Provider {
    pub(super) const ALL: [Self; 2] = [Self::Oidc, Self::Canaille];

    /// The paths of its endpoints for tokens, introspection and revocation.
    fn paths(self) -> [&'static str; 3] {
        match self {
            Self::Oidc => ["/token", "/token/introspection", "/token/revocation"],
            Self::Canaille => ["/oauth/token", "/oauth/introspect", "/oauth/revoke"],
        }
    }

    fn command(self, key: &str, more: &[&str]) -> Command {
        let args = ["--secret", SECRET, "--key", key];
        match self {
            Self::Oidc => token_server(&[&args[..], more].concat()),
            Self::Canaille => {
                canaille_tokens(&[&args[..], &["--audience", RESOURCE], more].concat())
            }
        }
    }

    /// Tables of the tokens `reader` and `writer`, by the secrets of two clients. Canaille gets the secret of the writer
    /// in the body.
    pub(super) fn by_secret(self) -> String {
        let secret = "secret = \"idp_read\"\n";
        let post = if self == Self::Canaille { "auth = \"post\"\n" } else { "" };
        let more = format!("{secret}{post}");
        client_credentials("reader", "deed-reader", "users:read")
            + &token("writer", "client_credentials", "deed-writer", "users:write", &more)
    }
}

/// The authorization server. Dropping this value ends it.
pub(super) struct Login {
    provider: Provider,
    child: Child,
    said: BufReader<ChildStdout>,
    pub(super) url: String,
}

impl Drop for Login {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Login {
    /// Starts the server, which writes the private key of its client `deed-key` to this file.
    fn start(provider: Provider, key: &Path, more: &[&str]) -> Self {
        let mut command = provider.command(key.to_str().unwrap(), more);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut login = Self { provider, child, said, url: String::new() };
        login.url = login.line();
        assert!(login.url.starts_with("http://"), "it printed `{}`", login.url);
        login
    }

    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            // The server also prints notices about its own defaults.
            if read == 0 || !line.starts_with("oidc-provider ") {
                return line.trim().to_owned();
            }
        }
    }

    /// Replaces the key of the client `deed-key`. The server accepts no other key afterwards.
    pub(super) fn rotate(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"rotate\n").unwrap();
        assert_eq!(self.line(), "rotated");
    }

    /// The URL of the token endpoint.
    pub(super) fn endpoint(&self) -> String {
        format!("{}{}", self.url, self.provider.paths()[0])
    }

    /// Revokes a token (RFC 7009), as the client to which it was given.
    pub(super) fn revoke(&self, token: &str, client: &str) {
        // A client without a secret cannot prove itself here, and `oidc-provider` lets every client revoke.
        let client = if self.provider == Provider::Oidc { "deed-reader" } else { client };
        post(&self.url, self.provider.paths()[2], token, client);
    }

    pub(super) fn end(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends a token to an endpoint of the authorization server as this client.
fn post(url: &str, path: &str, token: &str, client: &str) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{SECRET}")));
    let request = agent.post(format!("{url}{path}")).header("authorization", &basic);
    let sent = request.send_form([("token", token)]);
    let text = sent.unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap_or_default()
}

/// A request that the upstream got: its method, its target, its token, and what the authorization server says about the
/// token.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) token: String,
    pub(super) claims: Value,
}

/// A directory of users that accepts tokens of the authorization server: `users:read` reads, `users:write` writes.
struct Directory {
    provider: Provider,
    login: String,
    active: BTreeMap<String, Value>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Directory {
    fn reply(&mut self, request: &Request) -> Reply {
        let sent = request.header("authorization").unwrap_or_default();
        let token = sent.strip_prefix("Bearer ").unwrap_or_default().to_owned();
        let claims = self.claims(&token);
        let (method, target) = (request.method.clone(), request.target.clone());
        let seen = Seen { method, target, token, claims: claims.clone() };
        self.seen.lock().unwrap().push(seen);
        let scope = if request.method == "GET" { "users:read" } else { "users:write" };
        let audience = &claims["aud"];
        let is_for_it = audience == RESOURCE
            || audience.as_array().is_some_and(|all| all.iter().any(|one| one == RESOURCE));
        if claims["active"] != true || !is_for_it {
            return Reply::json(401, json!({"detail": "the token is not valid"}));
        }
        if !claims["scope"].as_str().unwrap_or_default().split(' ').any(|one| one == scope) {
            let detail = format!("the token does not have the scope `{scope}`");
            return Reply::json(403, json!({ "detail": detail }));
        }
        let id = request.target.rsplit('/').next().unwrap_or_default();
        if request.method == "PATCH" {
            let active = request.json().pointer("/Operations/0/value").cloned();
            self.active.insert(id.to_owned(), active.unwrap_or_default());
            return Reply::empty(204);
        }
        let active = self.active.get(id).cloned().unwrap_or_else(|| json!(false));
        Reply::json(200, json!({"id": id, "userName": "alice@example.com", "active": active}))
    }

    /// What the authorization server says about a token. A signed token is read as it is.
    fn claims(&self, token: &str) -> Value {
        let Some(payload) = token.split('.').nth(1) else {
            return post(&self.login, self.provider.paths()[1], token, "directory");
        };
        let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
        let mut claims: Value = serde_json::from_slice(&bytes).unwrap();
        claims["active"] = json!(claims["iss"] == self.login.as_str());
        claims
    }
}

/// A host with an upstream that accepts tokens, and the authorization server.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) login: Login,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stage {
    /// Starts a host whose configuration has these tables of tokens, `reader` and `writer`.
    pub(super) fn new(provider: Provider, tokens: &str, more: &[&str]) -> Self {
        let mut stage = Self::lay_out(provider, tokens, more, |_, _| {});
        stage.world.serve().unwrap();
        stage
    }

    /// Like [`Stage::new`], but writes wait for people.
    pub(super) fn asking(provider: Provider, tokens: &str, more: &[&str]) -> Self {
        let mut stage = Self::lay_out(provider, tokens, more, |_, _| {});
        let [from, to] = ["staging", "production"].map(|one| format!("environment = \"{one}\""));
        edit(&stage.world.dir, "deed.toml", &from, &to).unwrap();
        stage.world.serve().unwrap();
        stage
    }

    /// Like [`Stage::new`], but the clock of the host differs by these milliseconds from that of the others.
    pub(super) fn skewed(provider: Provider, tokens: &str, more: &[&str], ms: i64) -> Self {
        let mut stage = Self::lay_out(provider, tokens, more, |_, _| {});
        let file = stage.world.dir.join("clock");
        std::fs::write(&file, ms.to_string()).unwrap();
        stage.world.serve_with(&[("DEED_TEST_CLOCK", file.to_str().unwrap())]).unwrap();
        stage
    }

    /// Like [`Stage::new`] with `oidc-provider`, and with further changes to the files. `change` gets the directory and
    /// the URL of the authorization server.
    pub(super) fn made(tokens: &str, more: &[&str], change: impl FnOnce(&Path, &str)) -> Self {
        let mut stage = Self::lay_out(Provider::Oidc, tokens, more, change);
        stage.world.serve().unwrap();
        stage
    }

    fn lay_out(
        provider: Provider,
        tokens: &str,
        more: &[&str],
        change: impl FnOnce(&Path, &str),
    ) -> Self {
        let world = World::lay_out(scim(), "scim").unwrap();
        let login = Login::start(provider, &world.dir.join("secrets/key.pem"), more);
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let mut directory = Directory {
            provider,
            login: login.url.clone(),
            active: BTreeMap::new(),
            seen: Arc::clone(&seen),
        };
        let upstream = Upstream::start(move |request| directory.reply(request));
        let place = |path: &str| format!("path = \"{path}\"");
        let tokens = tokens.replace(&place(PATH), &place(provider.paths()[0]));
        configure(&world.dir, &format!("http://{}", upstream.address), &login.url, &tokens);
        change(&world.dir, &login.url);
        host::expect(&["pin", world.path()]).unwrap();
        Self { world, login, seen }
    }

    /// Runs one action for a user, and returns its view once it has ended.
    pub(super) fn run(&self, contract: &str, user: &str) -> Value {
        self.world.run(&World::proposal(contract, user)).unwrap()
    }

    /// The requests since the last call of this function. No file of the host may contain one of their tokens.
    pub(super) fn seen(&mut self) -> Vec<Seen> {
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        let canary =
            |one: &Seen| Canary::new("a token that the host obtained", one.token.as_bytes());
        self.world.canaries.extend(seen.iter().map(canary));
        seen
    }
}

fn configure(dir: &Path, upstream: &str, login: &str, tokens: &str) {
    let toml = std::fs::read_to_string(dir.join("deed.toml")).unwrap();
    let old = toml.split("base_url = \"").nth(1).unwrap().split('"').next().unwrap();
    edit(dir, "deed.toml", old, upstream).unwrap();
    edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"").unwrap();
    let credential = |name: &str| format!("{{ secret = \"{name}\", slot = \"bearer\" }}");
    edit(dir, "deed.toml", &credential("idp_read"), "{ token = \"reader\" }").unwrap();
    edit(dir, "deed.toml", &credential("idp_write"), "{ token = \"writer\" }").unwrap();
    store(dir, "idp_read", SECRET).unwrap();
    let toml = std::fs::read_to_string(dir.join("deed.toml")).unwrap();
    let login = format!(
        "[tenant.acme.upstream.login]\nbase_url = \"{login}\"\naddresses = [\"loopback\"]\n"
    );
    std::fs::write(dir.join("deed.toml"), format!("{toml}\n{login}\n{tokens}")).unwrap();
}

/// A table of a token of the client credentials grant.
pub(super) fn client_credentials(name: &str, client: &str, scope: &str) -> String {
    token(name, "client_credentials", client, scope, "secret = \"idp_read\"\n")
}

/// A table of a token of this kind, with these further lines.
pub(super) fn token(name: &str, kind: &str, client: &str, scope: &str, more: &str) -> String {
    format!(
        "[tenant.acme.token.{name}]\nkind = \"{kind}\"\nendpoint = {{ upstream = \"login\", path = \"{PATH}\" }}\n\
         client = \"{client}\"\nscopes = [\"{scope}\"]\nresource = \"{RESOURCE}\"\n{more}\n"
    )
}
