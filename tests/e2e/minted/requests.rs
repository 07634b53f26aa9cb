//! Tests of tokens that the host obtains for the access token with which an agent called: npm's `oidc-provider` gives
//! the access token, and exchanges it.

use std::path::Path;
use std::{fs, thread};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::issuer::{HELPDESK_CLIENT, HOST_CLIENT, declare};
use deed_test_support::shared::ended;
use deed_tests::canary::Canary;
use deed_tests::client::Answer;
use deed_tests::host;
use deed_tests::world::{BOB, HELPDESK, World, edit, store};
use serde_json::{Value, json};

use super::fixture::{SECRET, Seen, Stage, token};
use super::{READ, RESTORE, of, user, write_credential};
use crate::mcp_clients::programs::installed;

const LOGIN: &str = "urn:example:grant-type:login";
const EXPIRED: &str = "the access token with which the action was proposed has expired; nothing was sent; propose it \
                       again with a new access token";

/// The tables of the tokens: the host proves itself with a secret for reads, and with its key for writes.
fn exchanged() -> String {
    let subject = "subject = \"request\"\n";
    let (secret, key) = ("secret = \"idp_read\"\n", "key = \"secrets/key.pem\"\n");
    let table = |name: &str, client: &str, scope: &str, proof: &str| {
        token(name, "token_exchange", client, scope, &format!("{proof}{subject}"))
    };
    let reader = table("reader", "deed-exchange", "users:read", secret);
    reader + &table("writer", "deed-key", "users:write", key)
}

/// A host that accepts access tokens of the authorization server in this format.
fn stage(callers: &str, more: &[&str]) -> Stage {
    let args = [&["--callers", callers], more].concat();
    Stage::made(&exchanged(), &args, |dir, url| accept(dir, url, callers))
}

/// Like [`stage`], but people must approve writes.
fn asking(more: &[&str]) -> Stage {
    Stage::made(&exchanged(), more, |dir, url| {
        accept(dir, url, "jwt");
        let environment = |name: &str| format!("environment = \"{name}\"");
        edit(dir, "deed.toml", &environment("staging"), &environment("production")).unwrap();
    })
}

fn accept(dir: &Path, url: &str, callers: &str) {
    if callers == "jwt" {
        return declare(dir, url, &format!("jwks = \"{url}/jwks\"\n")).unwrap();
    }
    let endpoint = format!("url = \"{url}/token/introspection\", client = \"{HOST_CLIENT}\"");
    let secret = "secret = { file = \"secrets/corp\" }";
    declare(dir, url, &format!("introspection = {{ {endpoint}, {secret} }}\n")).unwrap();
    store(dir, "issuer.corp", SECRET).unwrap();
}

impl Stage {
    /// An access token of the agent for the host, with this account as subject. No file of the host may contain it.
    fn caller(&mut self, account: &str) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let basic = format!("Basic {}", STANDARD.encode(format!("{HELPDESK_CLIENT}:{SECRET}")));
        let form = [("grant_type", LOGIN), ("login_hint", account)];
        let asked = agent.post(format!("{}/token", self.login.url)).header("authorization", &basic);
        let text = asked.send_form(form).unwrap().body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        self.world.canaries.push(Canary::new("an access token of a request", token.as_bytes()));
        token
    }

    fn propose_as(&self, token: &str, contract: &str, user: &str) -> Answer {
        let headers = [("prefer", "wait=60")];
        self.world.client(token).propose(&World::proposal(contract, user), &headers).unwrap()
    }

    /// The view of an action that this caller ran.
    fn run_as(&self, token: &str, contract: &str, user: &str) -> Value {
        let proposed = self.propose_as(token, contract, user);
        assert_eq!(proposed.status, 200, "{}", proposed.json());
        self.world.settled(&proposed.text("/id")).unwrap()
    }
}

fn is_of(seen: &[Seen], account: &str) -> bool {
    seen.iter().all(|one| one.claims["sub"] == account && one.claims["active"] == true)
}

#[test]
fn the_upstream_gets_a_token_whose_subject_is_the_caller() {
    if !installed("access tokens of callers that `oidc-provider` exchanges") {
        return;
    }
    for (callers, format) in [("jwt", "opaque"), ("opaque", "jwt")] {
        let mut stage = stage(callers, &["--format", format]);
        let dora = stage.caller("dora");
        let view = stage.run_as(&dora, RESTORE, &user(1));
        ended(&stage.world, &view, "verified", "every expectation holds");
        let seen = stage.seen();
        assert!(is_of(&seen, "dora") && of(&seen, "PATCH").len() == 1, "{callers}: {seen:?}");
        assert_eq!(of(&seen, "PATCH")[0].claims["scope"], "users:write", "{seen:?}");
        assert!(seen.iter().all(|one| one.token != dora), "the host passes no token on");
        let recorded = write_credential(&stage, &view);
        assert_eq!(recorded["token"]["subject"], "dora", "{recorded}");
        let issued = json!({
            "source": "request",
            "issuer": stage.login.url,
            "client": HELPDESK_CLIENT,
        });
        assert_eq!(recorded["token"]["subject_token"], issued, "{recorded}");
        let page = host::expect(&[
            "show",
            view["id"].as_str().unwrap(),
            "--url",
            stage.world.url(),
            "--token",
            BOB,
        ]);
        assert!(page.unwrap().contains("by exchange of the access token of the request"));
        assert_eq!(stage.world.leaks(), []);
    }
}

#[test]
fn two_callers_of_one_agent_never_share_a_token() {
    if !installed("access tokens of two callers that `oidc-provider` exchanges") {
        return;
    }
    let mut stage = stage("jwt", &[]);
    let tokens = ["dora", "erin"].map(|account| stage.caller(account));
    thread::scope(|scope| {
        for n in 1..=6_u32 {
            let (stage, tokens) = (&stage, &tokens);
            scope.spawn(move || {
                let token = &tokens[usize::try_from(n % 2).unwrap()];
                let view = stage.run_as(token, RESTORE, &user(n));
                assert_eq!(view["status"], "verified", "{view:#}");
            });
        }
    });
    let seen = stage.seen();
    for n in 1..=6 {
        let account = if n % 2 == 0 { "dora" } else { "erin" };
        let id = user(n);
        let its: Vec<Seen> = seen.iter().filter(|one| one.target.ends_with(&id)).cloned().collect();
        assert!(its.len() > 1 && is_of(&its, account), "{account}: {its:?}");
    }
    let own = |account: &str| {
        let its = seen.iter().filter(|one| one.claims["sub"] == account);
        its.map(|one| one.token.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((own("dora").len(), own("erin").len()), (2, 2), "one for reads, one for writes");
    assert_eq!(stage.world.leaks(), []);
}

#[test]
fn an_idempotency_key_belongs_to_one_caller() {
    if !installed("idempotency keys of callers of `oidc-provider`") {
        return;
    }
    let mut stage = stage("jwt", &[]);
    let [dora, again, erin] = ["dora", "dora", "erin"].map(|account| stage.caller(account));
    let body = World::proposal(READ, &user(1));
    let headers = [("prefer", "wait=60"), ("idempotency-key", "one")];
    let propose = |token: &str| stage.world.client(token).propose(&body, &headers).unwrap();
    let first = propose(&dora);
    assert_eq!(first.text("/status"), "verified", "{}", first.json());
    assert_eq!(propose(&again).text("/id"), first.text("/id"));
    assert_eq!(propose(&erin).status, 409);
}

/// What a client of the MCP server is told about a call without an idempotency key.
fn called(stage: &Stage, token: &str) -> Value {
    let arguments = json!({
        "user_id": user(1),
        "intent": "the user is locked out",
        "sources": [{"uri": "https://tickets.example.com/1"}]
    });
    let params = json!({"name": "idp_restore_access", "arguments": arguments});
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
    let accept = ("accept", "application/json, text/event-stream");
    let headers = [accept, ("mcp-protocol-version", "2025-11-25")];
    let client = stage.world.client(token);
    let answer = client.send("POST", "/mcp", &headers, message.to_string().into_bytes()).unwrap();
    answer.json()["result"]["structuredContent"].clone()
}

#[test]
fn an_equal_call_joins_only_the_action_of_the_same_caller() {
    if !installed("equal calls of two callers of `oidc-provider`") {
        return;
    }
    let mut stage = asking(&[]);
    let [dora, again, erin] = ["dora", "dora", "erin"].map(|account| stage.caller(account));
    let first = called(&stage, &dora);
    assert_eq!(
        (&first["status"], &first["joined"]),
        (&json!("waiting"), &Value::Null),
        "{first:#}"
    );
    let same = called(&stage, &again);
    assert_eq!(same["joined"], first["action"], "{same:#}");
    let other = called(&stage, &erin);
    assert_eq!(
        (&other["status"], &other["joined"]),
        (&json!("waiting"), &Value::Null),
        "{other:#}"
    );
    assert_ne!(other["action"], first["action"]);
    let own = called(&stage, HELPDESK).to_string();
    assert!(own.contains("this request has a token of the host's own"), "{own}");
}

#[test]
fn an_action_whose_access_token_expires_while_people_are_asked_ends_as_expired() {
    if !installed("access tokens of `oidc-provider` that expire") {
        return;
    }
    let mut stage = asking(&["--callers-ttl", "8"]);
    let dora = stage.caller("dora");
    let proposed = stage.propose_as(&dora, RESTORE, &user(1));
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    let id = proposed.text("/id");
    let view = stage.world.until(&id, |view| view["status"] == "expired");
    ended(&stage.world, &view.unwrap(), "expired", EXPIRED);
    let (done, said) = stage.world.approve(&id, "bob", BOB).unwrap();
    assert!(!done, "{said}");
    assert!(of(&stage.seen(), "PATCH").is_empty());
    assert_eq!(stage.world.leaks(), []);
}

#[test]
fn an_action_that_waits_over_a_restart_ends_as_expired() {
    if !installed("a restart while an action holds an access token of `oidc-provider`") {
        return;
    }
    let mut stage = asking(&[]);
    let dora = stage.caller("dora");
    let proposed = stage.propose_as(&dora, RESTORE, &user(1));
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    stage.world.restart().unwrap();
    let view = stage.world.until(&proposed.text("/id"), |view| view["status"] == "expired");
    ended(&stage.world, &view.unwrap(), "expired", "the host was restarted, and no longer has the");
    assert!(of(&stage.seen(), "PATCH").is_empty());
    // The same token is good for another action, which is approved.
    let again = stage.propose_as(&dora, RESTORE, &user(1));
    let (done, said) = stage.world.approve(&again.text("/id"), "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = stage.world.settled(&again.text("/id")).unwrap();
    ended(&stage.world, &view, "verified", "");
    assert!(is_of(&stage.seen(), "dora"));
    assert_eq!(stage.world.leaks(), []);
}

#[test]
fn a_token_of_the_hosts_own_cannot_be_exchanged() {
    if !installed("proposals without an access token of `oidc-provider`") {
        return;
    }
    let mut stage = stage("jwt", &[]);
    let proposal = World::proposal(RESTORE, &user(1));
    for path in ["/v1/actions", "/v1/explain"] {
        let refused = stage.world.client(HELPDESK).post(path, &proposal).unwrap();
        assert_eq!(refused.status, 403, "{path}: {}", refused.json());
        let words = "upstream `idp` needs a token that the host gets in exchange for the access token of the \
                     request, and this request has a token of the host's own; propose it with an access token of \
                     issuer `corp`";
        assert!(refused.text("/detail").starts_with(words), "{path}: {}", refused.json());
    }
    assert!(stage.seen().is_empty());
    let said = |world: &World| {
        let output = host::run(&["check", world.path()], "").unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let words = "agent `helpdesk` cannot propose `idp.read_user`: token `reader` of upstream `idp`";
    assert!(!said(&stage.world).contains(words));
    let path = stage.world.dir.join("deed.toml");
    let text = fs::read_to_string(&path).unwrap();
    let left: Vec<&str> = text.lines().filter(|line| !line.starts_with("oauth = ")).collect();
    fs::write(&path, left.join("\n")).unwrap();
    let warned = said(&stage.world);
    assert!(warned.contains(words), "{warned}");
}
