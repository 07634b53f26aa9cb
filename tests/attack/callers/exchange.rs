//! Attacks on tokens that the host obtains for the access token of a request: an agent tries to get a token for another
//! person, or without an access token, and the other parties try to make the access token known.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use deed_test_support::cpu::quiet;
use deed_test_support::issuer::{HELPDESK_CLIENT, Issuer};
use deed_test_support::shared::ended;
use deed_tests::canary::Canary;
use deed_tests::hostile::{Hostile, Script, Step, answer, json, says};
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

use super::wire::{Said, address, bearer, exchange, request};
use crate::case::{Case, cases};
use crate::upstreams::stage::{READ, RESTORE, Stage, fresh};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "exchange-for-another-person" => another_person,
        "exchange-with-two-tokens" => two_tokens,
        "exchange-without-an-access-token" => no_access_token,
        "exchange-that-makes-the-access-token-known" => echoes,
    ]
}

const EXCHANGED: &str = "exch4nged-t0ken-0123456789-abcdefghij";
const JSON: &str = "200 OK\r\ncontent-type: application/json";

/// A host whose upstream is reached only with tokens for the access token of the request, the endpoint that exchanges
/// it, and the issuer of access tokens.
struct Scene {
    stage: Stage,
    login: Hostile,
    issuer: Issuer,
}

fn scene() -> Scene {
    let (login, issuer) = (Hostile::start().unwrap(), Issuer::start());
    let mut stage = Stage::with(Hostile::start().unwrap(), |dir| {
        declare(dir, &login.base_url())?;
        issuer.declare(dir, "")
    });
    login.lie("POST", 0, 1_000, grants(EXCHANGED));
    stage.world.canaries.push(Canary::new("a token that was obtained", EXCHANGED.as_bytes()));
    Scene { stage, login, issuer }
}

fn declare(dir: &Path, login: &str) -> Result<()> {
    let mut toml = format!(
        "\n[tenant.acme.upstream.login]\nbase_url = \"{login}\"\naddresses = [\"loopback\"]\ntimeout = \"5s\"\n"
    );
    for (name, secret) in [("reader", "idp_read"), ("writer", "idp_write")] {
        let credential = format!("{{ secret = \"{secret}\", slot = \"bearer\" }}");
        edit(dir, "deed.toml", &credential, &format!("{{ token = \"{name}\" }}"))?;
        let table = format!(
            "\n[tenant.acme.token.{name}]\nkind = \"token_exchange\"\nsubject = \"request\"\nclient = \"deed\"\n\
             endpoint = {{ upstream = \"login\", path = \"/token\" }}\nsecret = \"idp_read\"\nscopes = [\"{name}\"]\n"
        );
        toml.push_str(&table);
    }
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), text + &toml)?)
}

/// A script that grants this token.
fn grants(value: &str) -> Script {
    let body = json!({"access_token": value, "token_type": "Bearer", "expires_in": 300});
    says(answer(JSON, body.to_string()))
}

impl Scene {
    /// A good access token with this subject.
    fn token(&self, subject: &str) -> String {
        self.issuer.draft(HELPDESK_CLIENT).claim("sub", subject).signed()
    }

    /// Sends a proposal with a token and these further header lines.
    fn send(&self, token: &str, target: &str, lines: &[&str], body: &Value) -> Said {
        let own = [&bearer(token), "Content-Type: application/json", "Prefer: wait=60"];
        let lines = [&own[..], lines].concat();
        let bytes = request("POST", target, &lines, body.to_string().as_bytes());
        exchange(address(&self.stage.world), &bytes)
    }

    /// The view of an action that the holder of this token ran.
    fn run(&self, token: &str, contract: &str) -> Value {
        let headers = [("prefer", "wait=60")];
        let client = self.stage.world.client(token);
        client.propose(&World::proposal(contract, &fresh()), &headers).unwrap().json()
    }

    /// The view of a read whose answer comes from this script.
    fn reads(&self, token: &str, script: Script) -> Value {
        self.stage.hostile.lie("GET", 0, 1, script);
        let view = self.run(token, READ);
        self.stage.hostile.be_honest();
        view
    }

    /// Checks that the endpoint was asked to exchange this access token, and no other.
    fn exchanged_only(&self, token: &str) {
        let asked = self.login.requests();
        assert!(!asked.is_empty());
        for one in asked {
            let subjects: Vec<&str> = one
                .body
                .split('&')
                .filter_map(|pair| pair.strip_prefix("subject_token="))
                .collect();
            assert_eq!(subjects, [token], "{}", one.body);
        }
    }

    /// Checks after an attack that a good caller is served.
    fn unharmed(&self) {
        let view = self.run(&self.token("bystander"), RESTORE);
        ended(&self.stage.world, &view, "verified", "");
        quiet(&self.stage.world);
    }
}

/// An agent that has seen the access token of another person puts it wherever a proposal has room.
fn another_person() {
    let scene = scene();
    let (own, other) = (scene.token("dora"), scene.token("erin"));
    let proposal = || World::proposal(READ, &fresh());
    let with = |pointer: &str, value: Value| {
        let mut body = proposal();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let member = |place: &str, name: &str| {
        let mut body = proposal();
        body.pointer_mut(place).unwrap()[name] = json!(other);
        body
    };
    for (status, body) in [
        (422, member("", "subject_token")),
        (422, member("", "access_token")),
        (422, member("/params", "subject_token")),
        (422, with("/params/user_id", json!(other))),
        (422, with("/on_behalf_of", json!(other))),
        (200, with("/on_behalf_of", json!("erin"))),
        (200, with("/intent", json!(format!("subject_token={other}&actor_token={other}")))),
        (200, with("/sources/0/uri", json!(format!("ticket:1?subject_token={other}")))),
    ] {
        let said = scene.send(&own, "/v1/actions", &[], &body);
        assert_eq!(said.status(), status, "{body}: {said:?}");
    }
    let lines = [
        "Subject-Token",
        "X-Forwarded-Access-Token",
        "X-Access-Token",
        "Proxy-Authorization: Bearer",
        "X-Forwarded-Authorization: Bearer",
        "Cookie: access_token",
    ]
    .map(|name| match name.split_once(": ") {
        Some((_, "access_token")) => format!("{name}={other}"),
        Some(_) => format!("{name} {other}"),
        None => format!("{name}: {other}"),
    });
    for line in &lines {
        let said = scene.send(&own, "/v1/actions", &[line], &proposal());
        assert_eq!(said.status(), 200, "{line}: {said:?}");
    }
    scene.send(&own, &format!("/v1/actions?access_token={other}"), &[], &proposal());
    scene.exchanged_only(&own);
    scene.unharmed();
}

fn two_tokens() {
    let scene = scene();
    let (own, other) = (scene.token("dora"), scene.token("erin"));
    let body = World::proposal(READ, &fresh());
    for (first, second) in [(&own, &other), (&other, &own), (&own, &own)] {
        let said = scene.send(first, "/v1/actions", &[&bearer(second)], &body);
        assert_eq!(said.status(), 401, "{said:?}");
    }
    for both in [format!("{own}, Bearer {other}"), format!("{own} {other}")] {
        assert_eq!(scene.send(&both, "/v1/actions", &[], &body).status(), 401);
    }
    assert_eq!(scene.login.count("POST"), 0, "nothing is exchanged");
    scene.unharmed();
}

fn no_access_token() {
    let scene = scene();
    let draft = || scene.issuer.draft(HELPDESK_CLIENT);
    let body = World::proposal(RESTORE, &fresh());
    for (status, token) in [
        (403, HELPDESK.to_owned()),
        (403, draft().without("sub").signed()),
        (403, draft().claim("sub", "d".repeat(300)).signed()),
        (403, draft().claim("sub", json!(["dora"])).signed()),
        (401, draft().claim("sub", "dora").signed_by("evil")),
        (401, draft().claim("sub", "dora").claim("aud", "https://other.example.com").signed()),
    ] {
        for target in ["/v1/actions", "/v1/explain"] {
            let said = scene.send(&token, target, &[], &body);
            assert_eq!(said.status(), status, "{target}: {said:?}");
            assert!(!said.0.contains(&token), "the answer repeats the token: {said:?}");
        }
    }
    assert_eq!((scene.login.count("POST"), scene.stage.hostile.connections()), (0, 0));
    scene.unharmed();
}

/// The endpoint gives the access token back as its own, and the upstream answers with what it or the endpoint got.
fn echoes() {
    let mut scene = scene();
    let (dora, erin) = (scene.token("dora"), scene.token("erin"));
    let canary = |token: &String| Canary::new("an access token of a request", token.as_bytes());
    scene.stage.world.canaries.extend([&dora, &erin].map(canary));
    scene.login.be_honest();
    scene.login.lie("POST", 0, 1, grants(&erin));
    let view = scene.run(&erin, READ);
    ended(&scene.stage.world, &view, "failed", "its endpoint answered with a secret of the host");
    assert_eq!(scene.stage.hostile.connections(), 0, "nothing was sent without a token");
    let mut views = vec![view];
    scene.login.lie("POST", 0, 1_000, grants(EXCHANGED));
    let echo: Script = Arc::new(|request| {
        let sent = request.header("authorization").unwrap_or_default();
        vec![Step::Send(user(&format!("you sent {sent}")))]
    });
    views.push(scene.reads(&dora, echo));
    for text in [dora.as_str(), erin.as_str(), EXCHANGED] {
        views.push(scene.reads(&dora, says(user(text))));
    }
    for view in &views[1..] {
        ended(&scene.stage.world, view, "failed", "held a secret");
    }
    scene.stage.tight(&views);
    assert_eq!(scene.stage.world.leaks(), []);
    let log = scene.stage.world.host.as_ref().unwrap().log();
    assert!(!log.contains(&dora) && !log.contains(&erin) && !log.contains(EXCHANGED));
    scene.unharmed();
}

/// An answer with a user of this name.
fn user(name: &str) -> Vec<u8> {
    json(&json!({"id": "1", "userName": name, "active": false}))
}
