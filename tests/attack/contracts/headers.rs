//! Values in headers that a contract sets, which would end a header line or begin another one.

use deed_record::contract::Contract;
use serde_json::{Value, json};

use super::stage::{Request, Stage, contract, fresh, says};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "header-values-that-smuggle" => values_that_smuggle,
        "header-literals-that-smuggle" => literals_that_smuggle,
    ]
}

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PATCH /t/{id}"
headers  = { @headers@ }
body     = { a = 2 }
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing/a"]
"#;

/// A contract with these headers and with the parameter `x` of any text of narrow characters, also of none.
pub(super) fn set(headers: &str) -> (&'static str, String) {
    let params = [
        ("x", "{ type = \"string\", pattern = \"^[A-Za-z0-9._@+-]*$\" }"),
        ("kind", "{ type = \"string\", enum = [\"de-AT\", \"en\"] }"),
        ("count", "{ type = \"integer\" }"),
    ];
    contract("set", "update", &params, &SET.replace("@headers@", headers))
}

/// An object whose member `a` is 2 after a write.
fn settable(stage: &Stage) {
    let mut a = 1;
    stage.replies(move |request| {
        if request.is_write() {
            a = 2;
        }
        says(200, &json!({ "a": a }))
    });
}

fn values_that_smuggle() {
    let headers = "X-Own = \"n-{x}\", Prefer = \"{x}\", Content-Language = \"{kind}\", \
        Count-Version = \"{count}\"";
    let stage = Stage::with(&[set(headers)], "allow_headers = [\"x-own\"]", "");
    let params = |x: &str| json!({"id": fresh(), "x": x, "kind": "en", "count": -7});
    for x in [
        "a\r\nx-evil: 1",
        "a\nx-evil: 1",
        "a\rx-evil: 1",
        "\r\n\r\nGET /admin HTTP/1.1\r\n",
        "a\0",
        "a\r\n folded",
        "a\r\n\tfolded",
        " a",
        "a ",
        "a b",
        "a\t",
        "\u{b}",
        "\u{c}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "é",
        "ａ",
        "\u{10d}\u{10a}x",
        "a;b",
        "a,b",
        "a:b",
        "\"a\"",
        "a%0d%0ab",
        "{x}",
        "a\\",
    ] {
        settable(&stage);
        let answer = stage.propose("set", &params(x));
        stage.refused(&answer, 422, "does not match the pattern", &format!("{x:?}"));
    }
    // A header is neither empty nor longer than 256 bytes, also together with the text around its placeholder.
    for x in [String::new(), "a".repeat(257), "a".repeat(255), "a".repeat(10_000)] {
        settable(&stage);
        let answer = stage.propose("set", &params(&x));
        stage.refused(&answer, 422, "must be 1 to 256 visible ASCII characters", &x);
    }
    for kind in [json!("en\r\nx: y"), json!("EN"), json!(["en"]), Value::Null] {
        settable(&stage);
        let answer =
            stage.propose("set", &json!({"id": fresh(), "x": "a", "kind": kind, "count": 1}));
        stage.refused(&answer, 422, "/params/kind", &kind.to_string());
    }
    for x in ["a", "-", "+", "a.b@c-d_e+f", &"a".repeat(254)] {
        settable(&stage);
        let answer = stage.propose("set", &params(x));
        stage.judged(&answer, "verified", "every expectation holds", x);
        let writes = stage.writes();
        let own = [
            ("content-language", "en".to_owned()),
            ("count-version", "-7".to_owned()),
            ("prefer", x.to_owned()),
            ("x-own", format!("n-{x}")),
        ];
        exactly(&writes[0], &own);
        stage.seen().iter().filter(|one| !one.is_write()).for_each(|one| exactly(one, &[]));
    }
    unharmed(&stage.world);
}

/// Checks that the raw head of a request has these headers, the headers of the host, each once, and no other byte.
fn exactly(request: &Request, own: &[(&str, String)]) {
    let head = std::str::from_utf8(&request.head).unwrap();
    let fits = |c: char| c.is_ascii_graphic() || c == ' ';
    assert!(head.split("\r\n").all(|line| line.chars().all(fits)), "{head:?}");
    let lines = head.split("\r\n").skip(1);
    let mut found: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    found.sort_unstable();
    let hosts = ["accept", "accept-encoding", "authorization", "connection", "host", "user-agent"];
    let of_body = ["content-length", "content-type"];
    let mut names: Vec<&str> = own.iter().map(|(name, _)| *name).chain(hosts).collect();
    if request.is_write() {
        names.extend(of_body);
    }
    names.sort_unstable();
    assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names, "{head}");
    for (name, value) in own {
        assert!(found.contains(&(*name, value.as_str())), "{name}: {value}: {head}");
    }
    assert!(head.starts_with(&format!("{} /v2/t/", request.method)), "{head}");
}

fn literals_that_smuggle() {
    let long = "a".repeat(257);
    for value in [
        " a",
        "a ",
        "a\\r\\ny: z",
        "a\\n",
        "a\\u0000",
        "a\\ty",
        "",
        "é",
        "\\u007f",
        "{x} ",
        " {x}",
        &long,
    ] {
        let (_, text) = set(&format!("Accept = \"{value}\""));
        let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(said.contains("must be 1 to 256 visible ASCII characters"), "{value:?}: {said}");
    }
    for (header, schema) in [
        ("Accept", "pattern = \"^.+$\""),
        ("Accept", "pattern = \"^[^/]+$\""),
        ("Accept", "pattern = \"[a-z]+\""),
        ("Accept", "pattern = \"^[a-z ]+$\""),
        ("Accept", "pattern = \"^[a-z]+[\\\\r\\\\n]?$\""),
        ("Accept", "maxLength = 9"),
        ("Accept", "enum = [\"a\", \"b\\r\\nx: y\"]"),
        ("Accept", "enum = [\"a b\"]"),
    ] {
        let (_, text) = set(&format!("{header} = \"{{x}}\""));
        let text = text.replace("pattern = \"^[A-Za-z0-9._@+-]*$\"", schema);
        let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(said.contains("is the value of a header"), "{schema}: {said}");
    }
    Contract::from_toml("c.toml", &set("Accept = \"{x}\"").1).unwrap();
}
