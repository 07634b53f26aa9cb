//! Attacks on tokens that the host obtains: by the endpoint that gives them, and by the upstream that gets them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use deed_test_support::shared::ended;
use deed_tests::canary::Canary;
use deed_tests::hostile::{Hostile, Script, Step, answer, does, json, says};
use deed_tests::services::Result;
use deed_tests::world::{edit, store};
use serde_json::{Value, json};

use super::stage::{READ, READ_SECRET, RESTORE, Stage, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "token-endpoints-that-are-hostile" => hostile_endpoints,
        "echoes-a-minted-token" => echoes,
        "echoes-after-a-reload" => reloaded,
        "refuses-every-token" => refusals,
    ]
}

/// Tokens with every character that some encoding treats specially.
const TOKENS: [&str; 2] =
    [r#"Mt/5+Kw"c\x~<2>&t=%2Bz.Qy:Fb4'Lp"#, r#"Nv?3/Jr"d\y~<8>&q=%7Eh+Gm:Zc6'Ts"#];
const JSON: &str = "200 OK\r\ncontent-type: application/json";
const UNAUTHORIZED: &str = "401 Unauthorized\r\ncontent-type: application/json";

/// Starts a host that gets its credentials from this endpoint. The client's secret is the read credential of the stage.
fn stage(login: &Hostile) -> Stage {
    let mut stage = Stage::with(Hostile::start().unwrap(), |dir| declare(dir, &login.base_url()));
    let canary = |token: &&str| Canary::new("a token that the host obtained", token.as_bytes());
    stage.world.canaries.extend(TOKENS.iter().map(canary));
    stage
}

fn declare(dir: &Path, login: &str) -> Result<()> {
    let mut toml = format!(
        "\n[tenant.acme.upstream.login]\nbase_url = \"{login}\"\naddresses = [\"loopback\"]\ntimeout = \"1s\"\n"
    );
    for (name, secret) in [("reader", "idp_read"), ("writer", "idp_write")] {
        let credential = format!("{{ secret = \"{secret}\", slot = \"bearer\" }}");
        edit(dir, "deed.toml", &credential, &format!("{{ token = \"{name}\" }}"))?;
        let table = format!(
            "\n[tenant.acme.token.{name}]\nkind = \"client_credentials\"\nclient = \"deed\"\nauth = \"post\"\n\
             endpoint = {{ upstream = \"login\", path = \"/token\" }}\nsecret = \"idp_read\"\nscopes = [\"{name}\"]\n"
        );
        toml.push_str(&table);
    }
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), text + &toml)?)
}

/// The answer of an endpoint that grants this token.
fn token(value: &str, kind: &str) -> Vec<u8> {
    let body = json!({"access_token": value, "token_type": kind, "expires_in": 300});
    answer(JSON, body.to_string())
}

/// A script that grants the tokens in turn.
fn grants() -> Script {
    let count = AtomicUsize::new(0);
    Arc::new(move |_| {
        let n = count.fetch_add(1, Ordering::SeqCst) % TOKENS.len();
        vec![Step::Send(token(TOKENS[n], "Bearer"))]
    })
}

fn hostile_endpoints() {
    let login = Hostile::start().unwrap();
    let stage = stage(&login);
    let head = format!("HTTP/1.1 {JSON}\r\ncontent-length: 1000\r\n\r\n").into_bytes();
    let drip = Step::Forever { bytes: b" ".to_vec(), every: Duration::from_millis(20) };
    let echo = json!({"error": READ_SECRET, "error_description": READ_SECRET}).to_string();
    let known = json!({"error": "invalid_client", "error_uri": READ_SECRET}).to_string();
    let bad = "400 Bad Request\r\ncontent-type: application/json";
    let mut views = Vec::new();
    for (script, why) in [
        (does(vec![Step::Hold]), "did not answer within 1000 ms"),
        (does(vec![Step::Send(head), drip]), "did not answer within 1000 ms"),
        (does(vec![Step::Cut]), "no complete answer"),
        (says(answer(JSON, format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)))), "at most 64 KiB"),
        (says(answer("302 Found\r\nlocation: http://127.0.0.1:1/", "")), "follows no redirect"),
        (says(token(TOKENS[0], "DPoP")), "`token_type`"),
        (says(token(&format!("{}\r\nx-admin: true", TOKENS[0]), "Bearer")), "`access_token`"),
        (says(token("short", "Bearer")), "`access_token`"),
        (says(token("The-Quarterly-Report", "Bearer")), "could be ordinary text"),
        (says(token(&"-=".repeat(20), "Bearer")), "could be ordinary text"),
        (says(token(READ_SECRET, "Bearer")), "a secret of the host"),
        (says(answer("200 OK\r\ncontent-type: text/html", "<html>")), "JSON object"),
        (says(answer(bad, echo)), "its endpoint answered 400"),
        (says(answer(bad, known)), "`invalid_client`; check the client"),
        (says(b"garbage\r\n\r\n".to_vec()), "no complete answer"),
    ] {
        // The host does not ask again within the pause after a failure, unless its configuration is replaced.
        stage.renew();
        login.lie("POST", 0, 1, script);
        let view = stage.propose(READ, &fresh());
        login.be_honest();
        let reason = view["reason"].as_str().unwrap_or_default().to_owned();
        assert!(reason.contains("no token `reader`"), "{why}: {view:#}");
        ended(&stage.world, &view, "failed", why);
        views.push(view);
    }
    assert_eq!(stage.hostile.connections(), 0, "nothing was sent without a token");
    stage.tight(&views);
    login.lie("POST", 0, 1_000, grants());
    stage.renew();
    unharmed(&stage.world);
}

/// A script that sends back the `Authorization` header.
fn echo() -> Script {
    Arc::new(|request| {
        let sent = request.header("authorization").unwrap_or_default();
        let user = json!({"id": "1", "userName": format!("you sent {sent}"), "active": false});
        vec![Step::Send(json(&user))]
    })
}

fn echoes() {
    let login = Hostile::start().unwrap();
    let stage = stage(&login);
    login.lie("POST", 0, 1_000, grants());
    let mut views: Vec<Value> = vec![stage.read_fails(echo(), "held a secret")];
    // The first token is refused, and the answer to the second contains the first.
    stage.hostile.lie("GET", 0, 1, says(answer(UNAUTHORIZED, "{}")));
    stage.hostile.lie("GET", 0, 1, says(user(TOKENS[0])));
    views.push(stage.propose(READ, &fresh()));
    stage.hostile.be_honest();
    ended(&stage.world, &views[1], "failed", "held a secret");
    views.push(stage.write(echo()));
    ended(&stage.world, &views[2], "mismatch", "");
    stage.tight(&views);
    // What the endpoint got is known in the encoding in which it was sent.
    let body = login.requests()[0].body.clone();
    let sent = body.split("client_secret=").nth(1).unwrap();
    for echo in [STANDARD.encode(sent), HEXLOWER.encode(sent.as_bytes())] {
        views.push(stage.read_fails(says(user(&echo)), "held a secret"));
    }
    stage.tight(&views);
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}

/// An answer with a user of this name.
fn user(name: &str) -> Vec<u8> {
    json(&json!({"id": "1", "userName": name, "active": false}))
}

/// A reload does not make the host forget tokens and secrets that upstreams got before.
fn reloaded() {
    let login = Hostile::start().unwrap();
    let stage = stage(&login);
    login.lie("POST", 0, 1_000, grants());
    let view = stage.propose(READ, &fresh());
    ended(&stage.world, &view, "verified", "");
    stage.renew();
    let mut views = vec![view, stage.read_fails(says(user(TOKENS[0])), "held a secret")];
    store(&stage.world.dir, "idp_read", "another-secret-of-the-client").unwrap();
    stage.renew();
    for echo in [READ_SECRET, TOKENS[0], TOKENS[1]] {
        views.push(stage.read_fails(says(user(echo)), "held a secret"));
    }
    stage.tight(&views);
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}

fn refusals() {
    let login = Hostile::start().unwrap();
    let stage = stage(&login);
    login.lie("POST", 0, 1_000, grants());
    stage.hostile.lie("GET", 0, 100, says(answer(UNAUTHORIZED, "{}")));
    let view = stage.propose(READ, &fresh());
    stage.hostile.be_honest();
    ended(&stage.world, &view, "failed", "401");
    assert_eq!((stage.hostile.count("GET"), login.count("POST")), (2, 2), "{view:#}");
    stage.hostile.lie("GET", 0, 100, says(answer(UNAUTHORIZED, "{}")));
    for _ in 0..12 {
        ended(&stage.world, &stage.propose(READ, &fresh()), "failed", "401");
    }
    stage.hostile.be_honest();
    // The pauses between new tokens are 1, 2, 4 seconds and so on, however long the twelve actions take.
    // Without pauses, each action would get a new token.
    assert!(login.count("POST") <= 10, "{} tokens", login.count("POST"));
    stage.hostile.lie("PATCH", 0, 100, says(answer(UNAUTHORIZED, "{}")));
    let view = stage.propose(RESTORE, &fresh());
    stage.hostile.be_honest();
    ended(&stage.world, &view, "failed", "");
    assert_eq!(stage.hostile.count("PATCH"), 1, "a write is not sent again: {view:#}");
    unharmed(&stage.world);
}
