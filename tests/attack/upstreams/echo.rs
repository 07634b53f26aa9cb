//! An upstream that sends back the credential that it received, in every encoding that servers use. The host must not
//! disclose any part of the credential, and must draw no conclusion from a value that contained the credential.

mod encodings;

use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::{ended, look};
use deed_tests::hostile::{Hostile, Script, Step, answer, json, says};
use deed_tests::proxy::Recorded;
use deed_tests::world::edit;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use self::encodings::ENCODINGS;
use super::stage::{READ_SECRET, RESTORE, Stage, WRITE_SECRET, fates, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "echoes-the-credential" => encodings,
        "echoes-in-keys-and-places" => places,
        "echoes-over-chunks" => chunks,
        "echoes-in-headers" => headers,
        "echoes-where-a-text-is-cut" => cut_texts,
        "echoes-in-errors-and-to-writes" => answers_to_a_write,
        "echoes-compressed" => compressed,
        "echoes-a-basic-credential" => basic,
        "echoes-in-the-state-to-judge" => judged,
    ]
}

/// The token of the credential in a request.
fn token(request: &Recorded) -> String {
    let sent = request.header("authorization").unwrap_or_default();
    sent.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

/// An answer with the user that the directory service would show, into which the received token is inserted.
fn lying(change: impl Fn(&mut Value, &str) + Send + Sync + 'static) -> Script {
    Arc::new(move |request| {
        let id = request.path.rsplit('/').next().unwrap_or_default();
        let mut user = json!({"id": id, "userName": "honest@example.com", "active": false});
        change(&mut user, &token(request));
        vec![Step::Send(json(&user))]
    })
}

/// A script that answers with the bytes that `tell` makes from the received credential.
fn telling(tell: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Script {
    Arc::new(move |request| vec![Step::Send(tell(&token(request)))])
}

fn encodings() {
    let stage = Stage::new();
    let mut views = Vec::new();
    for (name, encode) in ENCODINGS {
        let view = stage.read(lying(move |user, token| {
            user["displayName"] = format!("debug: {} (end)", encode(token)).into();
        }));
        assert_eq!(view["status"], "failed", "{name}: {view:#}");
        ended(&stage.world, &view, "failed", "held a secret");
        assert_eq!(
            look(&stage.world, &view, "pre")["exchanges"][0]["redacted"],
            json!(["/displayName"])
        );
        views.push(view);
    }
    assert_eq!(token(&stage.hostile.requests()[0]), READ_SECRET);
    stage.tight(&views);
    unharmed(&stage.world);
}

fn places() {
    let stage = Stage::new();
    let around: [fn(&mut Value, &str); 4] = [
        |user, token| user[token] = true.into(),
        |user, token| user["nickName"] = json!({"deep": [[{token: 1}]]}),
        |user, token| user["userName"] = token.into(),
        |user, token| user["meta"] = json!({"version": token}),
    ];
    let mut views = Vec::new();
    for change in around {
        let view = stage.read(lying(change));
        ended(&stage.world, &view, "failed", "the state could not be read");
        let redacted = &look(&stage.world, &view, "pre")["exchanges"][0]["redacted"];
        assert_eq!(redacted.as_array().unwrap().len(), 1, "{redacted}");
        views.push(view);
    }
    stage.tight(&views);
    unharmed(&stage.world);
}

fn chunks() {
    let stage = Stage::new();
    let script: Script = Arc::new(|request| {
        let user = json!({"id": "1", "userName": token(request), "active": false}).to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunks: Vec<String> = user
            .as_bytes()
            .chunks(3)
            .map(|part| format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part)))
            .collect();
        vec![Step::Send(head.into()), Step::Send((chunks.concat() + "0\r\n\r\n").into_bytes())]
    });
    let view = stage.read_fails(script, "held a secret");
    stage.tight(&[view]);
    unharmed(&stage.world);
}

fn headers() {
    let stage = Stage::new();
    let body = r#"{"id":"1","userName":"honest@example.com"}"#;
    let kind = "content-type: application/json";
    let mut views = vec![
        // A credential in these headers does not make the state unusable, because the host discloses these headers to
        // no caller.
        stage.read(telling(move |t| {
            answer(&format!("200 {t}\r\n{kind}\r\netag: {t}\r\nx-echo: {t}"), body)
        })),
        stage.read_fails(telling(move |t| answer(&format!("401 {t}\r\n{kind}"), "{}")), "401"),
        stage.read_fails(
            telling(move |t| answer(&format!("200 OK\r\ncontent-type: {t}"), body)),
            "cannot be used: ",
        ),
    ];
    assert_eq!(views[0]["status"], "verified");
    let head =
        move |t: &str| format!("HTTP/1.1 200 OK\r\n{kind}\r\n\r\nx: {t}\r\n\r\n{t}").into_bytes();
    views.push(stage.read_fails(telling(head), "cannot be used: "));
    stage.tight(&views);
    unharmed(&stage.world);
}

/// The host must search a text for credentials before it shortens the text, because a shortened text could show the
/// greater part of a credential.
fn cut_texts() {
    let stage = Stage::new();
    let views: Vec<Value> = (40..80)
        .step_by(8)
        .flat_map(|before| {
            let kind = move |t: &str| {
                answer(&format!("200 OK\r\ncontent-type: text/{}{t}", "x".repeat(before)), "{}")
            };
            let twice = move |t: &str| {
                let key = serde_json::to_string(&format!("{}{t}", "x".repeat(before))).unwrap();
                let body = format!("{{{key}:1,{key}:2}}");
                answer("200 OK\r\ncontent-type: application/json", body)
            };
            [stage.read(telling(kind)), stage.read(telling(twice))]
        })
        .collect();
    for view in &views {
        ended(&stage.world, view, "failed", "");
    }
    stage.tight(&views);
    unharmed(&stage.world);
}

fn answers_to_a_write() {
    let stage = Stage::new();
    let mut views = Vec::new();
    for (name, encode) in ENCODINGS {
        for (status, outcome) in [("200 OK", "mismatch"), ("403 Forbidden", "failed")] {
            let view = stage.write(telling(move |t| {
                let body = json!({"detail": format!("not with {}", encode(t))}).to_string();
                answer(&format!("{status}\r\ncontent-type: application/json"), body)
            }));
            ended(&stage.world, &view, outcome, "");
            assert_eq!(fates(&view, "perform").len(), 1, "{name}: {view:#}");
            views.push(view);
        }
    }
    let write = stage.hostile.requests().into_iter().find(|r| r.method == "PATCH").unwrap();
    assert_eq!(token(&write), WRITE_SECRET);
    stage.tight(&views);
    unharmed(&stage.world);
}

fn compressed() {
    let stage = Stage::new();
    let pack = |t: &str| {
        let user = json!({"id": "1", "userName": t}).to_string();
        let size = u16::try_from(user.len()).unwrap();
        // A gzip body with one stored block (RFC 1951 section 3.2.4), which contains the text unchanged.
        let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
        gzip.extend(size.to_le_bytes());
        gzip.extend((!size).to_le_bytes());
        gzip.extend(user.as_bytes());
        gzip.extend([0; 8]);
        gzip
    };
    let kind = "200 OK\r\ncontent-type: application/json";
    let views = vec![
        stage.read_fails(
            telling(move |t| answer(&format!("{kind}\r\ncontent-encoding: gzip"), pack(t))),
            "held a secret",
        ),
        stage.read_fails(telling(move |t| answer(kind, pack(t))), "held a secret"),
        stage.read_fails(
            telling(move |t| {
                answer(&format!("{kind}\r\ntransfer-encoding: gzip, chunked"), pack(t))
            }),
            "",
        ),
    ];
    stage.tight(&views);
    let kind = format!("{kind}\r\ncontent-encoding: gzip");
    stage.read_fails(says(answer(&kind, [0x1f, 0x8b, 8, 0])), "compressed");
    unharmed(&stage.world);
    unpacked();
}

/// The host searches a decompressed answer for secrets, like any other answer.
fn unpacked() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(
            dir,
            "deed.toml",
            "addresses = [\"loopback\"]",
            "addresses = [\"loopback\"]\ngzip = true",
        )
    });
    let zip = |text: String| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let head = "200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip";
    let user = |t: &str| json!({"id": "1", "userName": t}).to_string();
    let views = [
        stage.read_fails(telling(move |t| answer(head, zip(user(t)))), "held a secret"),
        stage.read_fails(
            telling(move |t| answer(head, zip(format!("no JSON: {t}")))),
            "held a secret",
        ),
    ];
    stage.tight(&views);
    unharmed(&stage.world);
}

/// The host builds the `Authorization` header of basic authentication from user name and credential. The upstream
/// echoes this header, both as sent and decoded.
fn basic() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        let slot = "slot = { basic = { user = \"deed\" } }";
        edit(dir, "deed.toml", "slot = \"bearer\"", slot)
    });
    let user = fresh();
    let mut views = vec![stage.propose(RESTORE, &user)];
    ended(&stage.world, &views[0], "verified", "every expectation holds");
    for request in stage.hostile.requests() {
        let secret = if request.method == "PATCH" { WRITE_SECRET } else { READ_SECRET };
        let sent = format!("Basic {}", STANDARD.encode(format!("deed:{secret}")));
        assert_eq!(request.header("authorization"), Some(sent.as_str()));
    }
    let echo: Script = Arc::new(|request| {
        let sent = request.header("authorization").unwrap_or_default();
        vec![Step::Send(json(&json!({"id": "1", "userName": format!("you sent {sent}")})))]
    });
    views.push(stage.read_fails(echo, "held a secret"));
    stage.tight(&views);
    unharmed(&stage.world);
}

/// The server stores the credential that it receives. After the write, the state that the host must judge contains a
/// credential.
fn judged() {
    let stage = Stage::new();
    let mut views = Vec::new();
    for secret in [READ_SECRET, WRITE_SECRET] {
        let user = fresh();
        // The upstream answers reads honestly before the write and dishonestly after it.
        stage.hostile.lie("PATCH", 0, 1, Arc::new(|_| vec![Step::Send(answer("200 OK", ""))]));
        let shown = json!({"id": user, "userName": secret, "active": true});
        stage.hostile.lie("GET", 1, 100, Arc::new(move |_| vec![Step::Send(json(&shown))]));
        let view = stage.propose(RESTORE, &user);
        stage.hostile.be_honest();
        ended(&stage.world, &view, "indeterminate", "held a secret");
        views.push(view);
    }
    stage.tight(&views);
    unharmed(&stage.world);
}
