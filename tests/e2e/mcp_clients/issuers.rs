//! Access tokens of authorization servers of other authors: npm's `oidc-provider` signs them or says what they are, and
//! Canaille says what they are.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::issuer::{AUDIENCE, HELPDESK_CLIENT, HOST_CLIENT, SCOPE, declare};
use deed_test_support::shared::{scim, user};
use deed_tests::client::Answer;
use deed_tests::world::{World, store};
use serde_json::Value;

use super::programs::{canaille, installed, oidc_provider};

/// The secret of every client of these servers.
const SECRET: &str = "client-secret-of-the-tests";
/// A client that is no agent.
const SOMEONE: &str = "someone";

/// An authorization server. Dropping this value ends it.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// Starts a program that prints its URL. It also ends when its stdin does, with the process of the tests.
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "{command:?} printed `{line}`");
        Self { child, url: line.trim().to_owned() }
    }

    /// An access token of a client, by its credentials alone.
    fn token(&self, path: &str, client: &str, more: &[(&str, &str)]) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{SECRET}")));
        let form = [&[("grant_type", "client_credentials"), ("scope", SCOPE)], more].concat();
        let request = agent.post(format!("{}{path}", self.url)).header("authorization", &basic);
        let text = request.send_form(form).unwrap().body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

/// A host that asks this server about tokens at this path.
fn asking(server: &Server, path: &str) -> World {
    let url = &server.url;
    let endpoint = format!("url = \"{url}{path}\", client = \"{HOST_CLIENT}\"");
    let secret = "secret = { file = \"secrets/corp\" }";
    let introspection = format!("introspection = {{ {endpoint}, {secret} }}\n");
    World::with(scim(), "scim", |dir| {
        declare(dir, url, &introspection)?;
        store(dir, "issuer.corp", SECRET)
    })
    .unwrap()
}

fn contracts(world: &World, token: &str) -> Answer {
    world.client(token).get("/v1/contracts").unwrap()
}

/// Checks that the token is the helpdesk agent, which carries out an action.
fn is_helpdesk(world: &World, token: &str) {
    let proposal = World::proposal("idp.read_user", &user("issuer", Some(true)));
    let headers = [("prefer", "wait=60")];
    let answer = world.client(token).propose(&proposal, &headers).unwrap();
    assert_eq!(answer.text("/status"), "verified", "{}", answer.json());
    assert_eq!(answer.text("/agent"), "helpdesk");
}

/// Checks a host that accepts tokens of `oidc-provider`, which gets the audience of a token from the request.
fn accepts_oidc_provider(world: &World, server: &Server) {
    let token =
        |client: &str, resource: &str| server.token("/token", client, &[("resource", resource)]);
    is_helpdesk(world, &token(HELPDESK_CLIENT, AUDIENCE));
    assert_eq!(contracts(world, &token(SOMEONE, AUDIENCE)).status, 403);
    let other = contracts(world, &token(HELPDESK_CLIENT, "https://other.example.com/mcp"));
    assert_eq!(other.status, 401);
    assert!(other.text("/detail").contains("another audience"), "{}", other.json());
}

#[test]
fn signed_tokens_of_oidc_provider_are_accepted() {
    if !installed("signed tokens of the authorization server `oidc-provider`") {
        return;
    }
    let args = ["--scope", SCOPE, "--secret", SECRET, "--format", "jwt"];
    let server = Server::start(oidc_provider(&args));
    let jwks = format!("jwks = \"{}/jwks\"\n", server.url);
    let world = World::with(scim(), "scim", |dir| declare(dir, &server.url, &jwks)).unwrap();
    accepts_oidc_provider(&world, &server);
}

#[test]
fn opaque_tokens_of_oidc_provider_are_accepted() {
    if !installed("opaque tokens of the authorization server `oidc-provider`") {
        return;
    }
    let args = ["--scope", SCOPE, "--secret", SECRET, "--format", "opaque"];
    let server = Server::start(oidc_provider(&args));
    accepts_oidc_provider(&asking(&server, "/token/introspection"), &server);
}

#[test]
fn tokens_of_canaille_are_accepted() {
    if !installed("tokens of the authorization server Canaille") {
        return;
    }
    let args = ["--audience", AUDIENCE, "--scope", SCOPE, "--secret", SECRET];
    let server = Server::start(canaille(&args));
    let world = asking(&server, "/oauth/introspect");
    is_helpdesk(&world, &server.token("/oauth/token", HELPDESK_CLIENT, &[]));
    assert_eq!(contracts(&world, &server.token("/oauth/token", SOMEONE, &[])).status, 403);
    assert_eq!(contracts(&world, "a-token-that-canaille-never-made").status, 401);
}
