//! An upstream that does not speak HTTP, or lies about where an answer begins and ends. The host accepts only one
//! complete, strictly valid answer. With any other answer, a read fails, and a write stays open until it can no longer
//! take effect.

use deed_test_support::shared::ended;
use deed_tests::hostile::{Script, Step, answer, does, json, says};
use serde_json::{Value, json};

use super::stage::{RESTORE, Stage, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "lies-about-lengths" => lengths,
        "speaks-something-else" => no_http,
        "bodies-that-are-no-strict-json" => bodies,
        "statuses-that-are-none" => statuses,
        "answers-before-it-is-asked" => early,
        "poisons-the-next-answer" => second_answer,
        "no-definite-answer-to-a-write" => open_writes,
        "false-success" => false_success,
    ]
}

const USER: &str = r#"{"id":"1","userName":"honest@example.com","active":false}"#;
const KIND: &str = "content-type: application/json";

/// A read that gets one of these answers ends as failed, with a receipt that gives the reason.
fn each_fails(answers: &[(&str, Vec<u8>)], fate: Option<&Value>) {
    let stage = Stage::new();
    for (name, bytes) in answers {
        let view = stage.read(says(bytes.clone()));
        assert_eq!(view["status"], "failed", "{name}: {view:#}");
        ended(&stage.world, &view, "failed", "the state could not be read");
        if let Some(fate) = fate {
            assert_eq!(&fates(&view, "observe")[0], fate, "{name}");
        }
    }
    assert_eq!(stage.hostile.count("GET"), answers.len(), "nothing was asked twice");
    unharmed(&stage.world);
}

fn head(lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{KIND}\r\n{lines}\r\n\r\n{USER}").into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{KIND}\r\ntransfer-encoding: chunked\r\n\r\n{body}").into_bytes()
}

fn lengths() {
    let long = USER.len() + 100;
    let answers = [
        ("closes at once", vec![]),
        ("closes in the status line", b"HTTP/1.1 20".to_vec()),
        ("closes in the head", b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec()),
        ("a body shorter than its length", head(&format!("content-length: {long}"))),
        ("two lengths", head("content-length: 58\r\ncontent-length: 4")),
        ("two lengths in one", head("content-length: 58, 4")),
        ("a negative length", head("content-length: -58")),
        ("a signed length", head("content-length: +58")),
        ("a length in hex", head("content-length: 0x3a")),
        ("a length beyond 64 bits", head("content-length: 99999999999999999999")),
        ("a length that is a word", head("content-length: all")),
        ("a chunk without its end", chunked(&format!("{:x}\r\n{USER}\r\n", USER.len()))),
        ("a chunk shorter than said", chunked(&format!("{long:x}\r\n{USER}\r\n0\r\n\r\n"))),
        ("a chunk longer than said", chunked(&format!("2\r\n{USER}\r\n0\r\n\r\n"))),
        ("a chunk size that is none", chunked(&format!("zz\r\n{USER}\r\n0\r\n\r\n"))),
        ("a negative chunk size", chunked(&format!("-3a\r\n{USER}\r\n0\r\n\r\n"))),
        ("a chunk size beyond 64 bits", chunked(&format!("fffffffffffffffff\r\n{USER}\r\n"))),
        ("chunks with bare line feeds", chunked(&format!("{:x}\n{USER}\n0\n\n", USER.len()))),
    ];
    each_fails(&answers, Some(&json!("no_answer")));
}

fn no_http() {
    let with = |status: &str| format!("{status}\r\n{KIND}\r\n\r\n{USER}").into_bytes();
    let answers = [
        ("HTTP/0.9", USER.as_bytes().to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("a frame of HTTP/2", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0".to_vec()),
        ("an alert of TLS", b"\x15\x03\x03\0\x02\x02\x28".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("every byte", (0..=255).collect()),
        ("no version", with("200 OK")),
        ("another version", with("HTTP/9.9 200 OK")),
        ("another protocol", with("ICY 200 OK")),
        ("a request", b"GET /v2/Users/1 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("a header with a NUL", head("x: a\0b")),
        ("a name with a space", head("content-length : 58")),
        ("a folded header", head("x: a\r\n b: c")),
        ("a header without a name", head(": x")),
        ("a bare return", head("x: a\rcontent-length: 4")),
    ];
    each_fails(&answers, Some(&json!("no_answer")));
}

fn bodies() {
    let json = |body: &[u8]| answer(&format!("200 OK\r\n{KIND}"), body);
    let user = |more: &str| format!(r#"{{"id":"1","userName":"u",{more}}}"#);
    let typed = |lines: &str| answer(&format!("200 OK\r\n{lines}"), USER);
    let answers = [
        ("a byte order mark", json(&[b"\xef\xbb\xbf", USER.as_bytes()].concat())),
        ("bytes that are no UTF-8", json(b"{\"id\":\"1\",\"userName\":\"\xff\xfe\"}")),
        ("an overlong encoding", json(b"{\"id\":\"1\",\"userName\":\"\xc0\xaf\"}")),
        ("a surrogate as bytes", json(b"{\"id\":\"1\",\"userName\":\"\xed\xa0\x80\"}")),
        ("half a surrogate pair", json(user(r#""x":"\ud800""#).as_bytes())),
        ("a key twice", json(user(r#""userName":"other""#).as_bytes())),
        ("a key twice, once escaped", json(user(r#""\u0075serName":"other""#).as_bytes())),
        ("a key twice, deep", json(user(r#""x":[{"y":{"a":1,"a":2}}]"#).as_bytes())),
        ("two values", json(format!("{USER}{USER}").as_bytes())),
        ("something after the value", json(format!("{USER}\0").as_bytes())),
        ("a comment", json(format!("{USER}/* */").as_bytes())),
        ("a trailing comma", json(br#"{"id":"1","userName":"u",}"#)),
        ("not a number", json(user(r#""x":NaN"#).as_bytes())),
        ("a number where a truth is due", json(user(r#""active":1e400"#).as_bytes())),
        ("no text where one is due", json(br#"{"id":1,"userName":"u"}"#)),
        ("another shape", json(br#"[{"id":"1","userName":"u"}]"#)),
        ("nothing that was asked for", json(b"{}")),
        ("nothing at all", json(b"null")),
        ("UTF-16", typed("content-type: application/json; charset=utf-16")),
        ("HTML", typed("content-type: text/html")),
        ("no type", typed("x: y")),
        ("two types", typed(&format!("{KIND}\r\ncontent-type: text/html"))),
        ("an unknown packing", typed(&format!("{KIND}\r\ncontent-encoding: br"))),
        ("packed twice", typed(&format!("{KIND}\r\ncontent-encoding: identity, gzip"))),
    ];
    each_fails(&answers, Some(&json!({"answered": {"status": 200}})));
}

fn statuses() {
    let with = |status: &str| format!("HTTP/1.1 {status}\r\n{KIND}\r\n\r\n{USER}").into_bytes();
    let answers = [
        ("a status of two digits", with("20 OK")),
        ("a status of four digits", with("2000 OK")),
        ("a status in letters", with("2OO OK")),
        ("status 0", with("000 None")),
        ("status 999", with("999 Beyond")),
        ("an upgrade", with("101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade")),
        ("204 with a body", with("204 No Content\r\ncontent-length: 58")),
        ("205", with("205 Reset Content\r\ncontent-length: 0")),
        ("304 with a body", with("304 Not Modified")),
        ("the length of a HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("not found, with a user", with("404 Not Found\r\ncontent-length: 58")),
        ("an error, with a user", with("500 Oops\r\ncontent-length: 58")),
    ];
    each_fails(&answers, None);
}

/// An answer that was sent before the request may be accepted, like any false answer, because only an observation
/// proves that the write was carried out.
fn early() {
    let stage = Stage::new();
    for _ in 0..5 {
        stage.hostile.greet(b"");
        stage.hostile.greet(b"HTTP/1.1 204 No Content\r\n\r\n");
        let view = stage.write(does(vec![]));
        let outcome = view["status"].as_str().unwrap();
        assert!(matches!(outcome, "failed" | "mismatch"), "{view:#}");
        ended(&stage.world, &view, outcome, "nothing changed");
    }
    unharmed(&stage.world);
}

fn second_answer() {
    let stage = Stage::new();
    let poison = json(&json!({"id": "1", "userName": "poison@example.com", "active": true}));
    let keep =
        |phrase: &str| answer(&format!("{phrase}\r\n{KIND}\r\nconnection: keep-alive"), USER);
    for first in [keep("200 OK"), keep("200 OK\r\nkeep-alive: timeout=600")] {
        let steps = vec![Step::Send([first, poison.clone()].concat()), Step::Hold];
        let view = stage.read(does(steps));
        ended(&stage.world, &view, "verified", "");
        assert_eq!(view["result"]["user"]["userName"], "honest@example.com", "{view:#}");
    }
    let next = stage.propose(super::stage::READ, &fresh());
    assert_eq!(next["result"]["user"]["userName"], "honest@example.com", "{next:#}");
    assert_eq!(stage.hostile.connections(), 3, "a connection of its own for every exchange");
    unharmed(&stage.world);
}

/// An incomplete answer leaves open whether the write took effect. In these tests, the upstream does not carry out the
/// write.
fn open_writes() {
    let stage = Stage::new();
    let scripts: [(&str, Script); 8] = [
        ("closes at once", says("")),
        ("closes in the body", says(head("content-length: 1000"))),
        ("garbage", says(vec![7; 100])),
        ("an upgrade", says("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")),
        ("HTTP/0.9", says("ok")),
        ("503", says(answer("503 Busy", ""))),
        ("429", says(answer("429 Slow down", ""))),
        ("silence", does(vec![Step::Hold])),
    ];
    for view in stage.all(RESTORE, "PATCH", &scripts) {
        ended(&stage.world, &view, "failed", "there was no definite answer, nothing changed");
    }
    assert_eq!(stage.hostile.count("PATCH"), scripts.len(), "nothing was sent twice");
    unharmed(&stage.world);
}

fn false_success() {
    let stage = Stage::new();
    for bytes in [
        answer("200 OK", ""),
        answer(&format!("200 OK\r\n{KIND}"), r#"{"active":true}"#),
        b"HTTP/1.1 204 No Content\r\ncontent-length: 58\r\n\r\n".to_vec(),
        answer(&format!("202 Accepted\r\n{KIND}"), "{\"a\":1,\"a\":2}"),
    ] {
        let view = stage.write(says(bytes));
        ended(&stage.world, &view, "mismatch", "the upstream reported success and nothing changed");
    }
    unharmed(&stage.world);
}
