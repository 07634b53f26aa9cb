//! Requests that are too large, that are not HTTP, or that two HTTP parsers read differently.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::world::{HELPDESK, World};
use serde_json::json;

use super::unharmed;
use super::wire::{Said, address, bearer, call, exchange, request};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "body-over-the-limit" => body,
        "head-over-the-limit" => head,
        "path-over-the-limit" => path,
        "no-http" => no_http,
        "request-in-another-form" => other_form,
        "request-hidden-in-a-request" => smuggled,
        "method-or-path-in-a-header" => overridden,
        "header-that-is-there-twice" => twice,
    ]
}

fn body() {
    let world = World::start(scim()).unwrap();
    let over = call(&world, HELPDESK, "POST", "/v1/actions", &vec![b' '; 256 * 1024 + 1]);
    over.refuses(413, "one byte over");
    call(&world, HELPDESK, "POST", "/v1/actions", &vec![b' '; 4 * 1024 * 1024])
        .refuses(413, "4 MiB");
    // A client that sends its whole body before it reads also receives the answer, not a connection reset.
    for _ in 0..20 {
        let said = world.client(HELPDESK).send("POST", "/v1/actions", &[], vec![b' '; 900 * 1024]);
        assert_eq!(said.unwrap().status, 413);
    }
    // The request announces a huge body that is never sent, and the host does not wait for the body.
    for length in ["1099511627776", "18446744073709551615"] {
        let lines = [
            &bearer(HELPDESK),
            "Content-Type: application/json",
            &format!("Content-Length: {length}"),
        ];
        let said = exchange(address(&world), &request("POST", "/v1/actions", &lines, b""));
        assert!([400, 413, 431].contains(&said.status()), "{length}: {said:?}");
    }
    let fits = call(&world, HELPDESK, "POST", "/v1/actions", &vec![b' '; 256 * 1024]);
    fits.refuses(400, "as large as it may be, and no JSON");
    unharmed(&world);
}

fn head() {
    let world = World::start(scim()).unwrap();
    let token = bearer(HELPDESK);
    let many: Vec<String> = (0..100).map(|n| format!("X-{n}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain([token.as_str()]).collect();
    let said = exchange(address(&world), &request("GET", "/v1/contracts", &many, b""));
    assert_eq!((said.status(), said.answers()), (431, 1), "{said:?}");
    for size in [20_000, 2_000_000] {
        let long = format!("X-Long: {}", "a".repeat(size));
        let said =
            exchange(address(&world), &request("GET", "/v1/contracts", &[&token, &long], b""));
        assert_eq!((said.status(), said.answers()), (431, 1), "{size}: {said:?}");
    }
    let fits = format!("X-Long: {}", "a".repeat(8_000));
    let said = exchange(address(&world), &request("GET", "/v1/contracts", &[&token, &fits], b""));
    assert_eq!(said.status(), 200, "{said:?}");
    unharmed(&world);
}

fn path() {
    let world = World::start(scim()).unwrap();
    let ask = |target: &str| {
        exchange(address(&world), &request("GET", target, &[&bearer(HELPDESK)], b""))
    };
    ask(&format!("/v1/contracts/{}", "a".repeat(9_000))).refuses(414, "path");
    ask(&format!("/v1/actions?resource={}", "a".repeat(9_000))).refuses(414, "query");
    let huge = ask(&format!("/{}", "a".repeat(200_000)));
    assert!([414, 431].contains(&huge.status()), "{huge:?}");
    ask(&format!("/v1/contracts/{}", "a".repeat(1_000))).refuses(404, "within the limit");
    unharmed(&world);
}

/// Checks that the request is refused once with a 4xx or the connection is closed without an answer, and that the
/// request had no effect.
fn rejected(said: &Said, what: &str) {
    let status = said.status();
    assert!(status == 0 || (400..500).contains(&status), "{what}: {said:?}");
    assert!(said.answers() <= 1, "{what}: {said:?}");
}

fn no_http() {
    let world = World::start(scim()).unwrap();
    let token = bearer(HELPDESK);
    let lines = format!("Host: deed\r\n{token}\r\nConnection: close\r\n");
    let attempts: Vec<Vec<u8>> = vec![
        b"GET /v1/contracts\r\n\r\n".to_vec(),
        b"GET /v1/contracts HTTP/0.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        format!("GET /v1/contracts HTTP/2.0\r\n{lines}\r\n").into(),
        format!("GET /v1/contracts HTTP/1.1\r\n{lines}X: a\r\n folded: b\r\n\r\n").into(),
        format!("GET /v1/contracts HTTP/1.1\r\n{lines}Bad Name: a\r\n\r\n").into(),
        format!("GET /v1/contracts HTTP/1.1\r\n{lines}X : a\r\n\r\n").into(),
        format!("GET /v1/contracts HTTP/1.1\r\n{lines}X: a\0b\r\n\r\n").into(),
        format!("GET /v1/contracts HTTP/1.1\r\n{lines}X: a\rb\r\n\r\n").into(),
        format!("GET /v1/con tracts HTTP/1.1\r\n{lines}\r\n").into(),
        format!("GET /v1/contracts\0 HTTP/1.1\r\n{lines}\r\n").into(),
        format!("G\u{e9}T /v1/contracts HTTP/1.1\r\n{lines}\r\n").into(),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03hello over TLS".to_vec(),
        vec![0; 70_000],
        vec![0xff; 70_000],
        b"\r\n".repeat(40_000),
    ];
    for bytes in attempts {
        let what = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        rejected(&exchange(address(&world), &bytes), &what);
    }
    unharmed(&world);
}

fn other_form() {
    let world = World::start(scim()).unwrap();
    let token = bearer(HELPDESK);
    let raw = |first: &str, lines: &str| {
        exchange(address(&world), format!("{first} HTTP/1.1\r\n{lines}{token}\r\n\r\n").as_bytes())
    };
    let host = "Host: deed\r\nConnection: close\r\n";
    for first in [
        "GET http://evil.example/v1/contracts",
        "GET http://127.0.0.1:1/v1/contracts",
        "GET https://deed/v1/contracts",
        "CONNECT evil.example:443",
    ] {
        raw(first, host).refuses(400, first);
    }
    raw("OPTIONS *", host).refuses(404, "OPTIONS *");
    raw("GET /v1/contracts", "Connection: close\r\n").refuses(400, "no host");
    let two = format!("Host: deed\r\n{host}");
    raw("GET /v1/contracts", &two).refuses(400, "two hosts");
    raw("GET //v1/contracts", host).refuses(404, "two slashes");
    raw("GET /v1/./contracts", host).refuses(404, "a dot");
    raw("GET /v1/actions/../contracts", host).refuses(404, "two dots");
    for method in ["HEAD", "DELETE", "PUT", "PATCH", "TRACE", "get", "PROPFIND"] {
        let said = raw(&format!("{method} /v1/actions/x/cancel"), host);
        assert_eq!(said.status(), 405, "{method}: {said:?}");
    }
    unharmed(&world);
}

/// Hides a second request inside the first request, behind a length that two parsers read differently.
fn smuggled() {
    let world = World::start(scim()).unwrap();
    let (user, token) = (locked_out(), bearer(HELPDESK));
    let body = World::proposal("idp.restore_access", &user).to_string();
    let inner = format!(
        "POST /v1/actions HTTP/1.1\r\nHost: deed\r\n{token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (length, chunked) = (inner.len(), format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len()));
    let with = |lines: &str, rest: &str| {
        format!(
            "POST /v1/explain HTTP/1.1\r\nHost: deed\r\n{token}\r\nContent-Type: application/json\r\n{lines}\r\n\r\n{rest}"
        )
    };
    let attempts = [
        ("length, then chunked", with("Content-Length: 4\r\nTransfer-Encoding: chunked", &chunked)),
        ("chunked, then length", with("Transfer-Encoding: chunked\r\nContent-Length: 4", &chunked)),
        ("chunked to its end", with("Transfer-Encoding: chunked", &format!("0\r\n\r\n{inner}"))),
        ("bad chunk size", with("Transfer-Encoding: chunked", &format!("zz\r\n{inner}\r\n"))),
        (
            "huge chunk size",
            with("Transfer-Encoding: chunked", &format!("fffffffffffffffff\r\n{inner}")),
        ),
        (
            "chunk extension",
            with("Transfer-Encoding: chunked", &format!("0;{}\r\n\r\n{inner}", "x".repeat(40_000))),
        ),
        ("unknown coding", with("Transfer-Encoding: xchunked", &inner)),
        ("coding with a tab", with("Transfer-Encoding:\tchunked", &chunked)),
        (
            "coding twice",
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", &chunked),
        ),
        ("two lengths", with(&format!("Content-Length: 0\r\nContent-Length: {length}"), &inner)),
        ("two lengths in one", with(&format!("Content-Length: 0, {length}"), &inner)),
        ("signed length", with("Content-Length: +0", &inner)),
        ("negative length", with("Content-Length: -1", &inner)),
        ("hexadecimal length", with("Content-Length: 0x0", &inner)),
        ("length with a space", with("Content-Length : 0", &inner)),
        (
            "folded length",
            with(&format!("X: 1\r\n Content-Length: {length}\r\nContent-Length:\r\n 0"), &inner),
        ),
    ];
    for (what, bytes) in attempts {
        rejected(&exchange(address(&world), bytes.as_bytes()), what);
    }
    let actions = world.client(HELPDESK).get("/v1/actions").unwrap().json();
    assert_eq!(actions["actions"], json!([]), "a hidden request was heard");
    unharmed(&world);
}

fn overridden() {
    let world = World::start(scim()).unwrap();
    let id =
        world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap().text("/id");
    let token = bearer(HELPDESK);
    let cancel = format!("/v1/actions/{id}/cancel");
    for line in ["X-HTTP-Method-Override: POST", "X-HTTP-Method: POST", "X-Method-Override: POST"] {
        let said = exchange(address(&world), &request("GET", &cancel, &[&token, line], b""));
        assert_eq!(said.status(), 405, "{line}: {said:?}");
    }
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"] {
        let line = format!("{name}: {cancel}");
        let said =
            exchange(address(&world), &request("POST", "/v1/nothing", &[&token, &line], b""));
        said.refuses(404, name);
    }
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    unharmed(&world);
}

/// Sends a header twice. A proxy in front of the host may use one of the two headers and the host the other.
fn twice() {
    let world = World::start(scim()).unwrap();
    let body = World::proposal("idp.read_user", &locked_out()).to_string();
    let (token, json) = (bearer(HELPDESK), "Content-Type: application/json");
    let trace =
        |n: u8| format!("traceparent: 00-{}-{}-01", n.to_string().repeat(32), "1".repeat(16));
    for (lines, status) in [
        (["Idempotency-Key: a", "Idempotency-Key: b"], 400),
        (["Prefer: wait=1", "Prefer: wait=0"], 400),
        ([&trace(1), &trace(2)], 400),
        (["Content-Type: text/plain", "X: 1"], 415),
    ] {
        let lines = [&token, json, lines[0], lines[1]];
        let said =
            exchange(address(&world), &request("POST", "/v1/actions", &lines, body.as_bytes()));
        said.refuses(status, lines[2]);
    }
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}
