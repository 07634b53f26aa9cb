//! Callers without a token, with a wrong or revoked token, and callers that measure response times.

use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use deed_test_support::shared::{scim, user};
use deed_tests::world::{BOB, HELPDESK, World};

use super::wire::{address, bearer, exchange, request};
use super::{counted, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "no-token-or-a-wrong-one" => no_token,
        "two-tokens" => two_tokens,
        "a-token-anywhere-but-in-its-header" => elsewhere,
        "the-stored-digest-as-a-token" => digest_as_token,
        "a-token-that-was-taken-away" => taken_away,
        "timing-of-token-checks" => timing,
    ]
}

const ROUTES: [(&str, &str); 9] = [
    ("GET", "/v1/actions"),
    ("POST", "/v1/actions"),
    ("POST", "/v1/explain"),
    ("GET", "/v1/actions/act_00000000000000000000000000/bundle"),
    ("POST", "/v1/actions/act_00000000000000000000000000/approvals"),
    ("POST", "/v1/actions/act_00000000000000000000000000/cancel"),
    ("GET", "/v1/contracts/idp.read_user"),
    ("GET", "/v1/tools?format=mcp"),
    ("GET", "/log/acme/checkpoint"),
];

/// Checks that requests with these headers are refused by every route, with answers that tell only whether there is a
/// token, and that each refusal is counted.
fn refused(world: &World, attempts: &[Vec<String>]) {
    let before = counted(world, "deed_unauthorized_total");
    let mut said = std::collections::BTreeSet::new();
    for lines in attempts {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for (method, target) in ROUTES {
            let answer = exchange(address(world), &request(method, target, &lines, b""));
            answer.refuses(401, &format!("{method} {target} {lines:?}"));
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            said.insert(answer.timeless());
        }
    }
    // One answer to requests with a token and one to requests without. Neither says what is wrong with a token.
    assert!(said.len() <= 2, "{said:#?}");
    let all = (attempts.len() * ROUTES.len()) as u64;
    assert_eq!(counted(world, "deed_unauthorized_total") - before, all);
    assert!(world.proxy.requests().is_empty());
    unharmed(world);
}

/// A valid token without its last byte.
fn cut() -> &'static str {
    HELPDESK.get(..HELPDESK.len() - 1).unwrap()
}

fn no_token() {
    let world = World::start(scim()).unwrap();
    let short = cut();
    let lines = [
        "Authorization:".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: Bearer ".to_owned(),
        format!("Authorization: {HELPDESK}"),
        format!("Authorization: Basic {HELPDESK}"),
        format!("Authorization: Bearr {HELPDESK}"),
        format!("Authorization: Bearer  {HELPDESK}"),
        format!("Authorization: Bearer {short}"),
        format!("Authorization: Bearer {HELPDESK}x"),
        format!("Authorization: Bearer {HELPDESK},{BOB}"),
        format!("Authorization: Bearer \"{HELPDESK}\""),
        format!("Authorization: Bearer {}", HELPDESK.to_uppercase()),
        format!("Authorization: Bearer {}", "A".repeat(8_000)),
        "Authorization: Bearer \u{fc}\u{fc}\u{fc}".to_owned(),
    ];
    let attempts = lines.into_iter().map(|line| vec![line]).chain([vec![]]);
    refused(&world, &attempts.collect::<Vec<_>>());
}

fn two_tokens() {
    let world = World::start(scim()).unwrap();
    let (good, wrong) = (bearer(HELPDESK), bearer("wrong"));
    refused(
        &world,
        &[
            vec![good.clone(), wrong.clone()],
            vec![wrong, good.clone()],
            vec![good.clone(), good.clone()],
            vec![good, bearer(BOB)],
        ],
    );
}

fn elsewhere() {
    let world = World::start(scim()).unwrap();
    let attempts = [
        format!("X-Authorization: Bearer {HELPDESK}"),
        format!("Proxy-Authorization: Bearer {HELPDESK}"),
        format!("Cookie: token={HELPDESK}; Authorization=Bearer {HELPDESK}"),
        format!("X-Api-Key: {HELPDESK}"),
        "X-Forwarded-User: helpdesk".to_owned(),
    ];
    refused(&world, &attempts.map(|line| vec![line]));
    for query in ["access_token", "token", "authorization"] {
        let target = format!("/v1/actions?{query}={HELPDESK}");
        exchange(address(&world), &request("GET", &target, &[], b"")).refuses(401, query);
    }
    unharmed(&world);
}

/// A party that can read `deed.toml` knows the digests of tokens, but a digest does not give access.
fn digest_as_token() {
    let world = World::start(scim()).unwrap();
    let digest = Digest::of(HELPDESK.as_bytes());
    refused(&world, &[vec![bearer(&digest.to_string())], vec![bearer(&digest.hex())]]);
}

fn taken_away() {
    let mut world = World::start(scim()).unwrap();
    let own = request("GET", "/v1/contracts", &[&bearer(HELPDESK)], b"");
    assert_eq!(exchange(address(&world), &own).status(), 200);
    let next = "deed_token-that-the-helpdesk-agent-got-instead";
    let file = world.dir.join("deed.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (old, new) = (Digest::of(HELPDESK.as_bytes()), Digest::of(next.as_bytes()));
    std::fs::write(&file, text.replace(&old.to_string(), &new.to_string())).unwrap();
    world.restart().unwrap();
    exchange(address(&world), &own).refuses(401, "the old token");
    let body = World::proposal("idp.read_user", &user("next-token", Some(true))).to_string();
    let answer = world.client(next).send("POST", "/v1/actions", &[], body.into_bytes()).unwrap();
    assert_eq!(answer.text("/status"), "verified", "{}", answer.json());
}

/// Checks that refusing a token takes equally long whether its first or only its last byte is wrong. Over HTTP, only a
/// large difference can be measured, such as work that starts when a prefix or a name matches.
fn timing() {
    let world = World::start(scim()).unwrap();
    let near = format!("{}x", cut());
    let far = format!("x{}", HELPDESK.get(1..).unwrap());
    let mut times = [vec![], vec![]];
    for _ in 0..300 {
        for (token, times) in [&near, &far].into_iter().zip(&mut times) {
            let bytes = request("GET", "/v1/contracts", &[&bearer(token)], b"");
            let start = Instant::now();
            assert_eq!(exchange(address(&world), &bytes).status(), 401);
            times.push(start.elapsed());
        }
    }
    let [near, far] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let slack = Duration::from_millis(1);
    assert!(near < far * 2 + slack && far < near * 2 + slack, "near {near:?}, far {far:?}");
    unharmed(&world);
}
