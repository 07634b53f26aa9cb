//! Percent-encoding, dots and separators in paths and queries: a value stays one segment or one query value with
//! exactly its own text, and never becomes a step to another path.

use deed_record::action::id::ActionId;
use deed_record::contract::Contract;
use deed_record::contract::template::text::Origins;
use serde_json::json;

use super::stage::{Request, Stage, contract, fresh, says};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "percent-tricks-in-values" => tricks_in_values,
        "dot-segments-in-values" => dots_in_values,
        "dots-of-values-and-text" => dots_of_values_and_text,
        "percent-tricks-in-a-contract" => tricks_in_a_contract,
    ]
}

const TABLES: &str = r#"
[state.thing]
from = "GET /w/{x}/q?q={x}&z=1"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /w/{x}/q?q={x}&z=1"
[[perform.http]]
upstream = "field"
request  = "PUT @perform@"
[verify]
after      = ["has(post.thing.a)"]
may_change = ["/thing/a"]
"#;

const WIDE: &str = "{ type = \"string\" }";
const NARROW: &str = "{ type = \"string\", pattern = \"^[A-Za-z0-9._@+-]*$\" }";
const REFUSED: &str = "not empty, `.` or `..`";

fn write<'n>(name: &'n str, schema: &str, path: &str) -> (&'n str, String) {
    contract(name, "update", &[("x", schema), ("y", NARROW)], &TABLES.replace("@perform@", path))
}

/// A text percent-encoded without the code of the host: unreserved characters stay (RFC 3986 section 2.3).
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(one).collect()
}

fn tricks_in_values() {
    let stage = Stage::new(&[write("wide", WIDE, "/w/{x}/end")]);
    for x in [
        "%2e%2e",
        "%2E%2e",
        "%2F",
        "%2f",
        "%252e%252e",
        "%252F",
        "%c0%ae%c0%ae",
        "%C0%AF",
        "%u002e",
        "%",
        "%%32%65",
        "%00",
        "%0d%0a",
        ";",
        "a;b=1",
        "..;",
        "..;a",
        ";..",
        "a/b",
        "/",
        "//",
        "a//b",
        "\\",
        "a\\b",
        "?",
        "a?b=1",
        "#",
        "&z=2",
        "=",
        "+",
        " ",
        "\u{a0}",
        "...",
        "a.",
        "a..",
        ".a",
        "\u{2025}",
        "\u{ff0e}\u{ff0e}",
        "\u{2215}",
        "\u{202e}",
        "é",
        "e\u{301}",
        ":",
        "@",
        "~",
        "'",
        "\"",
        "{x}",
        "{{",
        "{answer.create.id}",
        "%7Bx%7D",
        "*",
        "http://127.0.0.1:1/x",
    ] {
        stage.replies(|_| says(200, &json!({"a": 1})));
        let answer = stage.propose("wide", &json!({"id": fresh(), "x": x, "y": "y"}));
        stage.judged(&answer, "verified", "every expectation holds", x);
        let one = encoded(x);
        let (look, write) = (format!("GET /w/{one}/q?q={one}&z=1"), format!("PUT /w/{one}/end"));
        let seen: Vec<String> = stage.seen().iter().map(Request::line).collect();
        assert_eq!(seen, [look.clone(), write, look], "{x:?}");
    }
    unharmed(&stage.world);
}

/// A server that decodes a path before it splits it would follow these values to another path.
fn dots_in_values() {
    let stage = Stage::new(&[write("wide", WIDE, "/w/{x}/end")]);
    for x in [
        "",
        ".",
        "..",
        "a\0",
        "a\r\nb",
        "\u{85}",
        "../admin",
        "x/..",
        "a/../b",
        "./a",
        "a/.",
        "..\\admin",
        "a\\..\\b",
        "a\\..",
        "/..",
        "../../../admin",
    ] {
        stage.replies(|_| says(200, &json!({"a": 1})));
        let answer = stage.propose("wide", &json!({"id": fresh(), "x": x, "y": "y"}));
        stage.refused(&answer, 422, REFUSED, x);
    }
    unharmed(&stage.world);
}

/// Values of `x` and `y`.
type Pair = (&'static str, &'static str);

/// Values that are no dot segment alone, but together with each other or with the text of the contract.
fn dots_of_values_and_text() {
    let tables = |path: &str| {
        let looks = TABLES.replace("GET /w/{x}/q?q={x}&z=1", "GET /me");
        looks.replace("@perform@", path)
    };
    let variants: [(&str, &str, &[Pair]); 10] = [
        ("before", "/w/.{x}", &[(".", "a")]),
        ("before2", "/w/%2e{x}", &[(".", "a")]),
        ("after", "/w/{x}.", &[(".", "a")]),
        ("both", "/w/{x}{y}", &[(".", ".")]),
        ("slash", "/w/{x}%2Fname", &[("..", "a"), (".", "a")]),
        ("slash2", "/w/name%2f{x}", &[("..", "a"), (".", "a")]),
        ("slash3", "/w/{x}%2F{y}", &[("..", "a"), ("a", "..")]),
        ("back", "/w/{x}%5Cname", &[("..", "a")]),
        ("back2", "/w/name%5c{x}", &[("..", "a")]),
        ("split", "/w/a%2F{x}{y}%2Fb", &[(".", ".")]),
    ];
    let contracts = variants.map(|(name, path, _)| {
        contract(name, "update", &[("x", NARROW), ("y", NARROW)], &tables(path))
    });
    let stage = Stage::new(&contracts);
    for (name, path, dots) in variants {
        for (x, y) in dots {
            stage.replies(|_| says(200, &json!({"a": 1})));
            let answer = stage.propose(name, &json!({"id": fresh(), "x": x, "y": y}));
            stage.refused(&answer, 422, REFUSED, &format!("{path}: {x} {y}"));
        }
        stage.replies(|_| says(200, &json!({"a": 1})));
        let answer = stage.propose(name, &json!({"id": fresh(), "x": "..a", "y": "b.."}));
        stage.judged(&answer, "verified", "every expectation holds", path);
        let literal = path.replace("%2e", ".").replace("%2f", "%2F").replace("%5c", "%5C");
        let sent = literal.replace("{x}", "..a").replace("{y}", "b..");
        assert_eq!(stage.writes()[0].target, sent, "{path}");
    }
    unharmed(&stage.world);
}

fn tricks_in_a_contract() {
    let text = |path: &str| write("wide", NARROW, path).1;
    for path in [
        "/t/..",
        "/t/.",
        "/t/%2e%2e",
        "/t/%2E.",
        "/t/.%2e/x",
        "/t//x",
        "//t",
        "/t/a;b",
        "/t/a#b",
        "/t/%",
        "/t/%2",
        "/t/%zz",
        "/t/a\\u0000",
        "/t/a\\r\\nb",
        "/t/{x};",
        "/t/{x}%",
        "/t/{x}#",
        "/t?q=..",
        "/t?q=%2e",
        "/t?q=a;b",
        "t/a",
        "/t?q",
    ] {
        let said = Contract::from_toml("c.toml", &text(path)).unwrap_err().to_string();
        assert!(said.starts_with("c.toml:"), "{path}: {said}");
    }
    let action = ActionId::new(0, [0; 10]);
    let params = json!({"id": "0".repeat(32), "x": "a", "y": "b"});
    let origins = Origins { params: &params, action: Some(&action), numbers: &[] };
    for (path, sent) in [
        ("/t/%7euser", "/t/~user"),
        ("/t/%61%2Fb", "/t/a%2Fb"),
        ("/t/a%2fb%3b", "/t/a%2Fb%3B"),
        ("/t/%252e%252E", "/t/%252e%252E"),
        ("/t/%c0%ae%C0%AF", "/t/%C0%AE%C0%AF"),
        ("/t/é \u{202e}", "/t/%C3%A9%20%E2%80%AE"),
        ("/t/...", "/t/..."),
        ("/t/{x}%3b{y}", "/t/a%3Bb"),
        ("/t/{{x}}", "/t/%7Bx%7D"),
        ("/t/[x]|^`<>", "/t/%5Bx%5D%7C%5E%60%3C%3E"),
    ] {
        let contract = Contract::from_toml("c.toml", &text(path)).unwrap();
        let rendered = contract.perform.http[0].render(&origins).unwrap();
        assert_eq!(rendered.path, sent, "{path}");
    }
    // A request is the same however its octets are written, so a look cannot be a write in disguise.
    let look = "GET /w/{x}/q?q={x}&z=1";
    for (read, write) in
        [("GET /t/me", "GET /t/%6d%65"), ("GET /t/%7e", "GET /t/~"), ("GET /t/%2f", "GET /t/%2F")]
    {
        let disguised = text("/w")
            .replace(look, read)
            .replace("\"PUT /w\"", &format!("\"{write}\"\nwrites = true"));
        let said = Contract::from_toml("c.toml", &disguised).unwrap_err().to_string();
        assert!(said.contains("an observation could then write"), "{write}: {said}");
    }
}
