//! Attacks with access tokens: tokens of other parties, forged tokens, tokens that would decide, and floods of invented
//! tokens.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use deed_test_support::issuer::{
    AUDIENCE, Draft, GLOBEX_CLIENT, HELPDESK_CLIENT, Issuer, public_key,
};
use deed_test_support::shared::{locked_out, scim};
use deed_tests::wait;
use deed_tests::world::{HELPDESK, World, edit};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::unharmed;
use super::wire::{address, bearer, connect, exchange, request};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "oauth-token-for-another-audience" => another_audience,
        "oauth-token-without-a-signature" => unsigned,
        "oauth-confused-algorithm" => confused_algorithm,
        "oauth-withdrawn-key" => withdrawn_key,
        "oauth-token-of-another-issuer" => another_issuer,
        "oauth-token-of-another-tenant" => another_tenant,
        "oauth-token-that-would-decide" => deciding,
        "oauth-introspection-flood" => introspection_flood,
        "oauth-key-id-flood" => key_id_flood,
        "oauth-disconnecting-introspection-flood" => disconnecting_introspection_flood,
        "oauth-disconnecting-key-id-flood" => disconnecting_key_id_flood,
        "oauth-oversized-token" => oversized,
    ]
}

/// A host that accepts signed tokens of an issuer. A good token has already been accepted.
fn start() -> (World, Issuer) {
    let issuer = Issuer::start();
    let world = World::with(scim(), "scim", |dir| issuer.declare(dir, "")).unwrap();
    assert_eq!(status(&world, &issuer.token(HELPDESK_CLIENT)), 200);
    (world, issuer)
}

fn status(world: &World, token: &str) -> u16 {
    exchange(address(world), &request("GET", "/v1/contracts", &[&bearer(token)], b"")).status()
}

/// Checks that each token is refused with this status, and that neither the answer nor the log contains it.
fn refused(world: &World, expected: u16, tokens: &[String]) {
    for token in tokens {
        let get = request("GET", "/v1/contracts", &[&bearer(token)], b"");
        let answer = exchange(address(world), &get);
        answer.refuses(expected, token);
        assert!(!answer.0.contains(token), "the answer repeats the token: {}", answer.0);
        assert!(!world.host.as_ref().unwrap().log().contains(token), "the log has the token");
    }
    unharmed(world);
}

/// A token that another service got from the same issuer, and shows to the host.
fn another_audience() {
    let (world, issuer) = start();
    let draft = || issuer.draft(HELPDESK_CLIENT);
    let tokens = [
        json!("https://mail.example.com"),
        json!("https://deed.example.com"),
        json!("https://deed.example.com/mcp/"),
        json!("https://deed.example.com/mcp.evil.example"),
        json!(["https://mail.example.com", "https://deed.example.com/"]),
        json!([]),
        json!({"https://deed.example.com/mcp": true}),
        Value::Null,
    ];
    let tokens = tokens.map(|audience| draft().claim("aud", audience).signed());
    refused(&world, 401, &[&tokens[..], &[draft().without("aud").signed()]].concat());
}

fn unsigned() {
    let (world, issuer) = start();
    let draft = || issuer.draft(HELPDESK_CLIENT);
    let none = ["none", "None", "NONE", "nOnE", ""].map(|word| draft().header("alg", word));
    let stripped = none.iter().map(|draft| format!("{}.", draft.unsigned()));
    let kept = none.iter().map(Draft::signed);
    let bare = format!("{}.", draft().unsigned());
    let two_parts = draft().unsigned();
    let tokens: Vec<String> = stripped.chain(kept).chain([bare, two_parts]).collect();
    refused(&world, 401, &tokens);
}

/// The public key of the issuer is no secret, so it must not be the key of a signature with a shared secret.
fn confused_algorithm() {
    let (world, issuer) = start();
    let public = public_key("first");
    let text = BASE64URL_NOPAD.encode(&public);
    let mut tokens = Vec::new();
    for secret in [&public[..], text.as_bytes(), b""] {
        for word in ["HS256", "EdDSA", "none"] {
            let unsigned = issuer.draft(HELPDESK_CLIENT).header("alg", word).unsigned();
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(unsigned.as_bytes());
            let signature = BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
            tokens.push(format!("{unsigned}.{signature}"));
        }
    }
    for word in ["ES256", "RS256", "PS256", "ES384", "Ed25519"] {
        tokens.push(issuer.draft(HELPDESK_CLIENT).header("alg", word).signed());
    }
    let own =
        json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(&public_key("evil"))});
    for (name, value) in [
        ("jwk", own),
        ("jku", json!("http://127.0.0.1:9/jwks")),
        ("x5u", json!("http://127.0.0.1:9/cert")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ] {
        let draft = issuer.draft(HELPDESK_CLIENT).header(name, value);
        tokens.extend([draft.signed(), draft.signed_by("evil")]);
    }
    refused(&world, 401, &tokens);
}

/// The issuer withdrew a key because it was stolen.
fn withdrawn_key() {
    let (world, issuer) = start();
    let stolen = issuer.token(HELPDESK_CLIENT);
    issuer.rotate("second");
    assert_eq!(status(&world, &issuer.token(HELPDESK_CLIENT)), 200);
    let renamed = issuer.draft(HELPDESK_CLIENT).signed_by("first");
    let mut nameless = issuer.draft(HELPDESK_CLIENT);
    nameless.header.as_object_mut().unwrap().remove("kid");
    refused(&world, 401, &[stolen, renamed, nameless.signed_by("first")]);
    assert_eq!(status(&world, &issuer.token(HELPDESK_CLIENT)), 200);
}

/// The operator trusts two issuers, and one of them makes tokens that look like those of the other.
fn another_issuer() {
    let (corp, partner) = (Issuer::start(), Issuer::start());
    partner.rotate("partner");
    let world = World::with(scim(), "scim", |dir| {
        corp.declare(dir, "")?;
        let url = partner.url();
        let table = format!(
            "[issuer.partner]\nurl = \"{url}\"\naudience = \"{AUDIENCE}\"\n\
             jwks = \"{url}/jwks\"\n\n[tenant.globex]\n"
        );
        edit(dir, "deed.toml", "[tenant.globex]\n", &table)
    })
    .unwrap();
    assert_eq!(status(&world, &corp.token(HELPDESK_CLIENT)), 200);
    refused(&world, 403, &[partner.token(HELPDESK_CLIENT), partner.token(GLOBEX_CLIENT)]);
    let posing = || partner.draft(HELPDESK_CLIENT).claim("iss", corp.url());
    let renamed = posing().header("kid", "first").signed_by("partner");
    refused(&world, 401, &[posing().signed(), renamed]);
}

/// The agents of two tenants get their tokens from one issuer.
fn another_tenant() {
    let (world, issuer) = start();
    let waiting = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let id = waiting.text("/id");
    let globex = world.client(&issuer.token(GLOBEX_CLIENT));
    let unknown = "act_00000000000000000000000000";
    for part in ["", "/bundle", "/approval_request"] {
        let ask = |id: &str| {
            let answer = globex.get(&format!("/v1/actions/{id}{part}")).unwrap();
            (answer.status, answer.json())
        };
        assert_eq!(ask(&id), ask(unknown), "{part}");
    }
    let cancelled = globex.post(&format!("/v1/actions/{id}/cancel"), &Value::Null).unwrap();
    assert_eq!(cancelled.status, 404, "{cancelled:?}");
    assert_eq!(globex.get("/log/acme/checkpoint").unwrap().status, 404);
    assert_eq!(globex.get("/v1/actions").unwrap().json(), json!({"actions": []}));
    let draft = || issuer.draft(GLOBEX_CLIENT);
    for (name, value) in [("tenant", "acme"), ("agent", "helpdesk"), ("sub", HELPDESK_CLIENT)] {
        let client = world.client(&draft().claim(name, value).signed());
        assert_eq!(client.get(&format!("/v1/actions/{id}")).unwrap().status, 404, "{name}");
    }
    refused(
        &world,
        403,
        &[draft().claim("client_id", json!([GLOBEX_CLIENT, HELPDESK_CLIENT])).signed()],
    );
}

/// A token whose claims say that it is of a person who approves.
fn deciding() {
    let (world, issuer) = start();
    let waiting = world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let id = waiting.text("/id");
    let bob = issuer
        .draft(HELPDESK_CLIENT)
        .claim("sub", "bob")
        .claim("person", "bob")
        .claim("preferred_username", "bob")
        .claim("roles", json!(["support-lead", "operator"]))
        .claim("groups", json!(["support-lead", "operator"]))
        .claim("scope", "deed approve support-lead operator");
    let client = world.client(&bob.signed());
    let envelope =
        json!({"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []});
    for part in ["approval_request", "resolution_request"] {
        let answer = client.get(&format!("/v1/actions/{id}/{part}")).unwrap();
        assert_eq!(answer.status, 403, "{part}: {answer:?}");
    }
    for part in ["approvals", "resolution"] {
        let answer = client.post(&format!("/v1/actions/{id}/{part}"), &envelope).unwrap();
        assert_eq!(answer.status, 403, "{part}: {answer:?}");
    }
    let (done, said) = world.approve(&id, "bob", &bob.signed()).unwrap();
    assert!(!done, "{said}");
    let stranger = bob.claim("client_id", "bob").signed();
    assert_eq!(status(&world, &stranger), 403, "a token without the claims of an agent is nobody");
    let view = world.show(&id).unwrap();
    assert_eq!((&view["status"], &view["approvals"]), (&json!("waiting"), &json!([])));
    assert_eq!(world.proxy.count("PATCH"), 0);
    unharmed(&world);
}

/// Invented tokens keep neither the issuer nor the other callers busy.
fn introspection_flood() {
    const CALLERS: usize = 150;
    let issuer = Issuer::start();
    let declare = |dir: &std::path::Path| issuer.declare_introspection(dir, "");
    let world = World::with(scim(), "scim", declare).unwrap();
    let known = issuer.opaque(HELPDESK_CLIENT);
    assert_eq!(status(&world, &known), 200);
    // Far fewer questions are answered than callers ask, however slowly the callers start.
    issuer.set_delay(Duration::from_millis(150));
    let before = issuer.asked().len();
    let together = Barrier::new(CALLERS);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let flood: Vec<_> = (0..CALLERS)
            .map(|n| {
                let (world, together) = (&world, &together);
                scope.spawn(move || {
                    together.wait();
                    status(world, &format!("invented-token-{n}"))
                })
            })
            .collect();
        assert_eq!(status(&world, HELPDESK), 200, "a token of the host's own");
        assert_eq!(status(&world, &known), 200, "a token that is known");
        flood.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let refused = statuses.iter().filter(|status| **status == 401).count();
    let turned_away = statuses.iter().filter(|status| **status == 503).count();
    assert_eq!(refused + turned_away, CALLERS, "{statuses:?}");
    assert!(turned_away > 0, "every invented token was asked about");
    assert_eq!(issuer.asked().len() - before, refused, "the issuer was asked once for each 401");
    issuer.set_delay(Duration::ZERO);
    unharmed(&world);
}

/// Each invented key id could make the host fetch the keys.
fn key_id_flood() {
    let (world, issuer) = start();
    let invented = |n: usize| issuer.draft(HELPDESK_CLIENT).header("kid", format!("key-{n}"));
    let tokens: Vec<String> = (0..100).map(|n| invented(n).signed()).collect();
    refused(&world, 401, &tokens);
    let fetched = issuer.fetched();
    // More than one only on a machine that takes 30 seconds for these requests.
    assert!(fetched < 10, "{fetched} fetches for 100 tokens");
    assert_eq!(status(&world, &issuer.token(HELPDESK_CLIENT)), 200);
}

/// Sends a request with this token. The caller disconnects when it drops the stream, without reading the answer.
fn abandoned(world: &World, token: &str) -> TcpStream {
    let mut stream = connect(address(world));
    stream.write_all(&request("GET", "/v1/contracts", &[&bearer(token)], b"")).ok();
    stream
}

/// Callers that disconnect make no room for further questions while the issuer is still asked.
fn disconnecting_introspection_flood() {
    let issuer = Issuer::start();
    let declare = |dir: &std::path::Path| issuer.declare_introspection(dir, "");
    let world = World::with(scim(), "scim", declare).unwrap();
    issuer.set_delay(Duration::from_secs(1));
    // A host that sees the disconnection before it reads the request asks nothing, so these stay until it asked.
    let first: Vec<_> = (0..4).map(|n| abandoned(&world, &format!("invented-token-{n}"))).collect();
    wait::until("the issuer is asked", || issuer.asked().len() >= 4);
    drop(first);
    for n in 4..304 {
        drop(abandoned(&world, &format!("invented-token-{n}")));
    }
    assert_eq!(status(&world, HELPDESK), 200, "a token of the host's own");
    // The issuer answers one question each second, and each answer makes room for one more.
    let asked = issuer.asked().len();
    assert!(asked < 40, "{asked} questions about 304 tokens");
    issuer.set_delay(Duration::ZERO);
    let valid = issuer.opaque(HELPDESK_CLIENT);
    wait::until("a new token is accepted", || status(&world, &valid) == 200);
    unharmed(&world);
}

/// What a disconnected caller made the host learn counts, so the next caller does not make it ask again.
fn disconnecting_key_id_flood() {
    let (world, issuer) = start();
    let before = issuer.fetched();
    issuer.set_delay(Duration::from_secs(1));
    let invented = |n: usize| issuer.draft(HELPDESK_CLIENT).header("kid", format!("key-{n}"));
    let tokens: Vec<String> = (0..100).map(|n| invented(n).signed()).collect();
    let first = abandoned(&world, &tokens[0]);
    wait::until("the keys are fetched", || issuer.fetched() > before);
    drop(first);
    for token in &tokens {
        drop(abandoned(&world, token));
    }
    assert_eq!(status(&world, HELPDESK), 200, "a token of the host's own");
    issuer.set_delay(Duration::ZERO);
    wait::until("an invented token is refused", || status(&world, &tokens[0]) == 401);
    let fetched = issuer.fetched() - before;
    // More than one only on a machine that takes 30 seconds for these requests.
    assert!(fetched < 10, "{fetched} fetches for 100 tokens");
    assert_eq!(status(&world, &issuer.token(HELPDESK_CLIENT)), 200);
    unharmed(&world);
}

fn oversized() {
    let (world, issuer) = start();
    let draft = || issuer.draft(HELPDESK_CLIENT);
    let nested = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    let deep = format!(
        "{}.{}.AAAA",
        BASE64URL_NOPAD.encode(draft().header.to_string().as_bytes()),
        BASE64URL_NOPAD.encode(format!("{{\"iss\":{nested}}}").as_bytes())
    );
    let tokens = [
        draft().claim("padding", "a".repeat(10_000)).signed(),
        draft().header("padding", "a".repeat(4_000)).signed(),
        format!("{}.{}", draft().signed(), "a".repeat(9_000)),
        format!("opaque-{}", "a".repeat(12_500)),
        ".".repeat(9_000),
        deep,
    ];
    refused(&world, 401, &tokens);
    let huge = draft().claim("padding", "a".repeat(17_000)).signed();
    assert_eq!(status(&world, &huge), 431);
    unharmed(&world);
}
