//! Tests of the encodings of answers: nonstandard content types, compressed answers, and answers with parts that the
//! host's strict parser refuses.

use std::io::Write as _;

use deed_test_support::shared::{ended, look};
use deed_tests::host;
use deed_tests::world::World;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
@observe@
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { a = 2 }
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing/a"]
"#;

fn set(observe: &str) -> String {
    contract("update", &SET.replace("@observe@", observe))
}

/// An upstream whose object has `a` = 1 and, after a write, `a` = 2. `encode` makes the answer to a GET.
fn answering(encode: impl Fn(Value) -> Reply + Send + 'static) -> Upstream {
    let mut a = 1;
    Upstream::start(move |request| {
        if request.method == "GET" {
            return encode(json!({"a": a}));
        }
        a = 2;
        Reply::json(200, json!({}))
    })
}

fn typed(kind: &'static str) -> Upstream {
    answering(move |thing| Reply::bytes(kind, thing.to_string()))
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zipped(bytes: Vec<u8>) -> Reply {
    Reply::bytes("application/json", bytes).header("content-encoding", "gzip")
}

/// Asserts that the action fails without a write, and that the reason contains this text, names the upstream and does
/// not blame the adapter.
fn refused(upstream: &Upstream, world: &World, why: &str) {
    let view = tried(world);
    ended(world, &view, "failed", why);
    let said = view.to_string();
    assert!(
        said.contains("the answer of upstream `field` to `GET /t/a1` cannot be used"),
        "{said}"
    );
    assert!(!said.contains("the adapter cannot serve"), "{said}");
    assert!(upstream.writes().is_empty(), "{why}: it was written all the same");
}

#[test]
fn an_odd_content_type_is_taken_where_the_operator_lists_it() {
    for (kind, listed) in [
        ("application/json+scim;charset=UTF-8", "application/json+scim"),
        ("text/json; charset=utf8", "Text/JSON"),
        ("text/plain;charset=US-ASCII", "text/plain"),
    ] {
        let upstream = typed(kind);
        let remedy = format!("add `{}` to `content_types`", listed.to_ascii_lowercase());
        refused(&upstream, &served(&upstream, &set(""), ""), &remedy);
        let lines = format!("content_types = [\"{listed}\"]");
        let world = served(&upstream, &set(""), &lines);
        ended(&world, &tried(&world), "verified", "every expectation holds");
    }
    for kind in ["application/json; charset=utf8", "application/scim+json; charset=\"UTF8\""] {
        let upstream = typed(kind);
        let world = served(&upstream, &set(""), "");
        ended(&world, &tried(&world), "verified", "every expectation holds");
    }
    // `content_types` does not change which charsets are accepted.
    for kind in ["application/json; charset=latin-1", "text/json; charset=utf-16"] {
        let upstream = typed(kind);
        let world = served(&upstream, &set(""), "content_types = [\"text/json\"]");
        refused(&upstream, &world, "not in UTF-8");
    }
    let upstream = answering(|thing| Reply::bytes("application/json", format!("\u{feff}{thing}")));
    refused(&upstream, &served(&upstream, &set(""), ""), "begins with a byte order mark");
    let upstream = typed("");
    refused(&upstream, &served(&upstream, &set(""), ""), "not exactly one content type");
}

#[test]
fn a_compressed_answer_is_unpacked_where_the_operator_allows_it() {
    let upstream = answering(|thing| zipped(packed(thing.to_string().as_bytes())));
    refused(&upstream, &served(&upstream, &set(""), ""), "write `gzip = true`");
    assert_eq!(upstream.seen()[0].header("accept-encoding"), Some("identity"));
    let world = served(&upstream, &set(""), "gzip = true");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(look(&world, &view, "post")["state"]["thing"], json!({"a": 2}));
    assert!(upstream.seen()[1..].iter().all(|one| one.header("accept-encoding") == Some("gzip")));
    // An answer that is not compressed is accepted, too.
    let upstream = typed("application/json");
    let world = served(&upstream, &set(""), "gzip = true");
    ended(&world, &tried(&world), "verified", "every expectation holds");
}

#[test]
fn what_is_not_exactly_one_gzip_stream_within_the_limit_is_refused() {
    let whole = packed(br#"{"a": 1}"#);
    let cut = whole[..whole.len() - 1].to_vec();
    for (bytes, why) in [
        (b"{\"a\": 1}".to_vec(), "is not valid gzip"),
        (cut, "is not valid gzip"),
        ([whole.clone(), b"{}".to_vec()].concat(), "after the end of its gzip stream"),
        ([whole.clone(), whole.clone()].concat(), "after the end of its gzip stream"),
        (packed(" ".repeat(2 << 20).as_bytes()), "larger than 1 MiB"),
        (packed(b"{\"a\": 1, \"a\": 2}"), "occurs twice"),
    ] {
        let upstream = answering(move |_| zipped(bytes.clone()));
        let world = served(&upstream, &set(""), "gzip = true");
        refused(&upstream, &world, why);
    }
    let upstream = answering(move |_| {
        Reply::bytes("application/json", whole.clone()).header("content-encoding", "br")
    });
    let world = served(&upstream, &set(""), "gzip = true");
    refused(&upstream, &world, "a content encoding other than `gzip`");
}

#[test]
fn only_what_is_exposed_has_to_be_strict() {
    let many = |a: &str, dropped: &str| format!("{{\"x\": {dropped}, \"a\": {a}}}");
    let long = format!("[{}0]", "0,".repeat(30_000));
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for dropped in [long.as_str(), deep.as_str(), r#"{"k": 1, "k": 2}"#, r#""\ud800""#] {
        let owned = dropped.to_owned();
        let odd = move |thing: Value| {
            Reply::bytes("application/json", many(&thing["a"].to_string(), &owned))
        };
        let upstream = answering(odd.clone());
        let world = served(&upstream, &set(""), "");
        refused(&upstream, &world, "");
        let upstream = answering(odd);
        let world = served(&upstream, &set("expose = [\"/a\"]"), "");
        let view = tried(&world);
        ended(&world, &view, "verified", "every expectation holds");
    }
    // Even with `expose`, an answer is refused if a key that leads to an exposed value occurs twice, or if any part of
    // the answer is not JSON.
    for text in [r#"{"a": 1, "a": 1}"#, r#"{"a": 1, "\u0061": 1}"#, r#"{"a": 1, "b": [1,]}"#] {
        let upstream = answering(move |_| Reply::bytes("application/json", text));
        let world = served(&upstream, &set("expose = [\"/a\"]"), "");
        refused(&upstream, &world, "cannot be decoded");
    }
}

#[test]
fn a_list_of_content_types_holds_nothing_else() {
    let upstream = typed("application/json");
    let world = served(&upstream, &set(""), "");
    let file = world.dir.join("deed.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    for (lines, why) in [
        (
            r#"content_types = ["text/json\r\nx-evil: 1"]"#,
            // A value with a line break is not shown, because it could be a key.
            r#""…" in `content_types`"#,
        ),
        (r#"content_types = ["text/json; charset=utf-8"]"#, "write one without parameters"),
        (r#"content_types = ["*/*"]"#, "is not a content type"),
        (r#"content_types = ["json"]"#, "is not a content type"),
        (r#"content_types = ["text/json", "TEXT/json"]"#, "is in `content_types` twice"),
        (r#"gzip = "yes""#, "expected a boolean"),
        (r#"headers = { Accept-Encoding = "br" }"#, "header `Accept-Encoding` cannot be set"),
    ] {
        let marked = config.replace("timeout   = \"2s\"", &format!("timeout   = \"2s\"\n{lines}"));
        std::fs::write(&file, marked).unwrap();
        let said = host::run(&["check", world.path()], "").unwrap();
        assert!(!said.status.success(), "{lines}");
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(said.contains(why) && said.contains("deed.toml"), "{lines}: {said}");
    }
}

/// The accepted content types and compression are part of the upstream binding in the grant, which an approval covers.
#[test]
fn what_is_accepted_is_part_of_the_binding() {
    let upstream = typed("application/json");
    let binding = |lines: &str| {
        let world = served(&upstream, &set(""), lines);
        let view = tried(&world);
        ended(&world, &view, "verified", "every expectation holds");
        let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
        let files = deed_record::bundle::read(&bundle).unwrap();
        let grant: Value = serde_json::from_slice(&files[deed_record::bundle::GRANT]).unwrap();
        grant["upstreams"]["field"].clone()
    };
    let (plain, zipped) = (binding(""), binding("gzip = true\ncontent_types = [\"Text/JSON\"]"));
    assert_eq!(plain.get("accepted"), None);
    assert_eq!(zipped["accepted"], json!({"gzip": true, "content_types": ["text/json"]}));
}
