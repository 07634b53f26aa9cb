//! Tests of access tokens: an issuer on the loopback device signs them, or says what they are.

mod clocks;
mod introspection;
mod party;

use std::fs;

use deed_test_support::issuer::{AUDIENCE, GLOBEX_CLIENT, HELPDESK_CLIENT, Issuer, SCOPE};
use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::host;
use deed_tests::layout::hash;
use deed_tests::wait;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::json;

const READ: &str = "idp.read_user";
const RESTORE: &str = "idp.restore_access";
const METADATA: &str = "https://deed.example.com/.well-known/oauth-protected-resource/mcp";

/// A host that accepts signed tokens of an issuer, with this addition to the issuer's table.
fn start(more: &str) -> (World, Issuer) {
    let issuer = Issuer::start();
    let world = World::with(scim(), "scim", |dir| issuer.declare(dir, more)).unwrap();
    (world, issuer)
}

fn contracts(world: &World, token: &str) -> Answer {
    world.client(token).get("/v1/contracts").unwrap()
}

/// Checks that a token is refused with this status, and that the text contains these words.
fn refused(world: &World, token: &str, status: u16, words: &str) {
    let answer = contracts(world, token);
    assert_eq!(answer.status, status, "{words}: {answer:?}");
    assert!(answer.text("/detail").contains(words), "{words}: {}", answer.json());
}

#[test]
fn a_token_of_an_issuer_is_the_agent_whose_claims_it_has() {
    let (world, issuer) = start("");
    let token = issuer.token(HELPDESK_CLIENT);
    let proposal = World::proposal(RESTORE, &locked_out());
    let proposed = world.client(&token).propose(&proposal, &[("prefer", "wait=60")]).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    let view = world.show(&proposed.text("/id")).unwrap();
    assert_eq!((&view["agent"], &view["person"]), (&json!("helpdesk"), &json!("alice")));
    // The same agent sees its action with its other token.
    let own = world.client(HELPDESK).get(&format!("/v1/actions/{}", proposed.text("/id"))).unwrap();
    assert_eq!(own.status, 202, "{own:?}");
    assert_eq!(contracts(&world, &issuer.token(GLOBEX_CLIENT)).status, 200);
    assert_eq!(issuer.fetched(), 1, "the keys are kept");
    let (done, said) = world.approve(&proposed.text("/id"), "bob", BOB).unwrap();
    assert!(done, "{said}");
    assert_eq!(world.settled(&proposed.text("/id")).unwrap()["status"], "verified");
}

#[test]
fn a_token_that_is_not_for_this_host_now_is_refused() {
    let (world, issuer) = start("");
    let draft = || issuer.draft(HELPDESK_CLIENT);
    let now = draft().claims["iat"].as_i64().unwrap();
    for (draft, words) in [
        (draft().claim("aud", "https://other.example.com"), "another audience"),
        (draft().without("aud"), "another audience"),
        (draft().claim("iss", format!("{}/", issuer.url())), "not configured"),
        (draft().claim("exp", now - 31), "expired"),
        (draft().without("exp"), "no time at which it expires"),
        (draft().claim("exp", now + 90_000), "more than 24 hours"),
        (draft().claim("nbf", now + 300), "not valid yet"),
        (draft().claim("iat", now + 300), "issued in the future"),
        (draft().claim("cnf", json!({"jkt": "x"})), "bound to a key"),
        (draft().header("typ", "logout+jwt"), "type of the token"),
        (draft().header("kid", "unknown"), "no key with this key id"),
        (draft().header("alg", "RS256"), "not for this algorithm"),
        (draft().header("alg", "none"), "algorithm of the signature"),
    ] {
        let token = draft.signed();
        refused(&world, &token, 401, words);
        let answer = contracts(&world, &token);
        assert!(answer.challenge.starts_with("Bearer error=\"invalid_token\""), "{answer:?}");
        assert!(!answer.challenge.contains(&token) && !world_log(&world).contains(&token));
    }
    assert_eq!(contracts(&world, &draft().signed()).status, 200);
}

fn world_log(world: &World) -> String {
    world.host.as_ref().unwrap().log()
}

#[test]
fn a_token_without_the_scope_or_of_no_agent_is_refused_with_403() {
    let (world, issuer) = start("");
    let draft = || issuer.draft(HELPDESK_CLIENT);
    let narrow = draft().claim("scope", "openid deeds").signed();
    refused(&world, &narrow, 403, "does not have the scope");
    let expected = format!(
        "Bearer error=\"insufficient_scope\", scope=\"{SCOPE}\", resource_metadata=\"{METADATA}\""
    );
    assert_eq!(contracts(&world, &narrow).challenge, expected);
    refused(&world, &issuer.token("someone"), 403, "that of no agent");
    refused(&world, &draft().without("client_id").signed(), 403, "that of no agent");
    let both = draft().claim("client_id", json!([HELPDESK_CLIENT, GLOBEX_CLIENT])).signed();
    refused(&world, &both, 403, "that of several agents");
    let log = world_log(&world);
    assert!(log.contains("acme/helpdesk") && log.contains("globex/desk"), "{log}");
    // The log names the claims of a token of no agent, and has none of their values.
    let line = log.lines().find(|line| line.contains("that of no agent")).unwrap();
    assert!(line.contains("\"client_id\"") && !log.contains("someone"), "{log}");
}

#[test]
fn a_client_learns_where_to_get_a_token() {
    let (world, issuer) = start("");
    let nobody = world.client("");
    for path in ["", "/mcp"] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        let answer = nobody.get(&path).unwrap();
        let expected = json!({
            "resource": AUDIENCE,
            "authorization_servers": [issuer.url()],
            "scopes_supported": [SCOPE],
            "bearer_methods_supported": ["header"],
            "resource_name": "deed",
        });
        assert_eq!((answer.status, answer.json()), (200, expected), "{path}");
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let bare = format!("Bearer resource_metadata=\"{METADATA}\"");
    assert_eq!(nobody.post("/mcp", &message).unwrap().challenge, bare);
    for path in ["/v1/actions", "/v1/contracts", "/log/acme/checkpoint"] {
        let answer = nobody.get(path).unwrap();
        assert_eq!((answer.status, answer.challenge), (401, bare.clone()), "{path}");
    }
    let wrong = contracts(&world, "deed_unknown");
    let expected = "Bearer error=\"invalid_token\", error_description=\"the token is not known\"";
    assert!(wrong.challenge.starts_with(expected), "{wrong:?}");
    let accept = [("accept", "application/json, text/event-stream")];
    let client = world.client(&issuer.token(HELPDESK_CLIENT));
    let listed = client.send("POST", "/mcp", &accept, message.to_string().into_bytes()).unwrap();
    assert_eq!(listed.status, 200, "{listed:?}");
}

#[test]
fn a_rotated_key_is_accepted_at_once_and_the_old_one_refused() {
    let (world, issuer) = start("");
    let old = issuer.token(HELPDESK_CLIENT);
    assert_eq!(contracts(&world, &old).status, 200);
    issuer.rotate("second");
    assert_eq!(contracts(&world, &issuer.token(HELPDESK_CLIENT)).status, 200);
    assert_eq!(issuer.fetched(), 2);
    for _ in 0..20 {
        refused(&world, &old, 401, "no key with this key id");
    }
    assert_eq!(issuer.fetched(), 3, "an unknown key id does not fetch the keys again and again");
    assert_eq!(contracts(&world, &issuer.token(HELPDESK_CLIENT)).status, 200);
}

#[test]
fn without_the_issuers_keys_no_token_is_accepted() {
    let issuer = Issuer::start();
    issuer.set_down(true);
    let world = World::with(scim(), "scim", |dir| issuer.declare(dir, "")).unwrap();
    let token = issuer.token(HELPDESK_CLIENT);
    let answer = contracts(&world, &token);
    assert_eq!((answer.status, answer.retry_after.is_some()), (503, true), "{answer:?}");
    assert_eq!(contracts(&world, HELPDESK).status, 200, "other tokens do not need the issuer");
    issuer.set_down(false);
    let answered = |answer: &Answer| answer.status == 200;
    wait::answer("the keys are fetched", || contracts(&world, &token), answered);
    issuer.set_down(true);
    assert_eq!(contracts(&world, &token).status, 200, "the keys are kept");
}

#[test]
fn only_the_algorithms_of_the_issuer_are_accepted() {
    let (world, issuer) = start("algorithms = [\"ES256\", \"RS256\"]\n");
    refused(&world, &issuer.token(HELPDESK_CLIENT), 401, "not accepted from this issuer");
}

#[test]
fn an_agent_needs_no_token_of_its_own() {
    let issuer = Issuer::start();
    let own = format!("token = \"{}\"\n", hash(HELPDESK));
    let world = World::with(scim(), "scim", |dir| {
        issuer.declare(dir, "")?;
        edit(dir, "deed.toml", &own, "")
    })
    .unwrap();
    assert_eq!(contracts(&world, HELPDESK).status, 401);
    assert_eq!(contracts(&world, &issuer.token(HELPDESK_CLIENT)).status, 200);
    let proposal = World::proposal(READ, &user("oauth-only", Some(true)));
    let client = world.client(&issuer.token(HELPDESK_CLIENT));
    let answer = client.propose(&proposal, &[("prefer", "wait=60")]).unwrap();
    assert_eq!(answer.text("/status"), "verified", "{}", answer.json());
}

/// What `deed check` prints about the directory.
fn checked(world: &World) -> String {
    let output = host::run(&["check", world.path()], "").unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_mistake_in_an_issuer_is_named_with_its_remedy() {
    let world = World::lay_out(scim(), "scim").unwrap();
    Issuer::start().declare(&world.dir, "").unwrap();
    let file = world.dir.join("deed.toml");
    let good = fs::read(&file).unwrap();
    let rule = "claims = { client_id = \"globex-bot\" }";
    let second = "[issuer.second]\nurl = \"https://b.example\"\naudience = \"https://c.example\"\n\
                  jwks = \"https://b.example/jwks\"\n\n[tenant.acme]\n";
    for (from, to, words) in [
        ("jwks = ", "# ", "add `jwks` or `introspection`"),
        ("scope = \"deed\"", "scope = \"deed read\"", "`scope` must be one scope"),
        ("scope = \"deed\"", "algorithms = []", "`algorithms` is empty"),
        ("scope = \"deed\"", "algorithms = [\"HS256\"]", "unknown variant `HS256`"),
        ("scope = \"deed\"", "algorithms = [\"none\"]", "unknown variant `none`"),
        ("url = \"http://", "url = \"ftp://", "`url` must be https://host/path"),
        (AUDIENCE, "deed", "`audience` must be https://host/path"),
        ("[tenant.acme]\n", second, "`audience` of `corp` and `second` differ"),
        ("issuer = \"corp\"", "issuer = \"crop\"", "add [issuer.crop]"),
        (rule, "claims = {}", "`claims` is empty"),
        (rule, "claims = { aud = \"x\" }", "`aud` does not tell agents apart"),
        (GLOBEX_CLIENT, HELPDESK_CLIENT, "is also one of `helpdesk` of tenant `acme`"),
        ("issuer = \"corp\", claims", "issuer = \"corp\", clams", "unknown field `clams`"),
    ] {
        edit(&world.dir, "deed.toml", from, to).unwrap();
        let said = checked(&world);
        let fits = |line: &str| line.starts_with("deed.toml:") && line.contains(words);
        assert!(said.lines().any(fits), "no line with `{words}` in\n{said}");
        fs::write(&file, &good).unwrap();
    }
    let said = checked(&world);
    assert!(said.contains("no faults") && !said.contains("issuer"), "{said}");
}

#[test]
fn an_issuer_that_no_agent_names_is_a_warning() {
    let world = World::lay_out(scim(), "scim").unwrap();
    Issuer::start().declare(&world.dir, "").unwrap();
    let text = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let left: Vec<&str> = text.lines().filter(|line| !line.starts_with("oauth = ")).collect();
    fs::write(world.dir.join("deed.toml"), left.join("\n")).unwrap();
    let said = checked(&world);
    assert!(said.contains("no agent accepts tokens of issuer `corp`"), "{said}");
}
