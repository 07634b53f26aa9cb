//! Names of headers that frame a request, carry a credential or change the method, and names that differ only by case.

use std::path::Path;

use deed_record::contract::Contract;

use super::headers::set;
use super::stage::lay_out;
use crate::case::{Case, cases};
use crate::configuration::bench::{Bench, pin, replace};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "header-names-that-frame" => names_that_frame,
        "header-names-that-the-operator-allows" => names_that_the_operator_allows,
        "headers-that-differ-by-case" => differ_by_case,
    ]
}

/// A valid directory with the contract `set`, which sets the header `Accept`.
fn bench(lines: &str) -> Bench {
    let mut bench = Bench::new();
    lay_out(bench.dir(), "127.0.0.1:9", &[set("Accept = \"a/b\"")], lines, "").unwrap();
    pin(bench.dir());
    bench.keep();
    bench
}

const FILE: &str = "contracts/field_set.toml";

fn sets(headers: &str) -> impl FnOnce(&Path) + use<> {
    let headers = headers.to_owned();
    move |dir| {
        replace(dir, FILE, "Accept = \"a/b\"", &headers);
        pin(dir);
    }
}

/// Names that neither a contract nor an operator may set.
const NEVER: [&str; 30] = [
    "Host",
    "HOST",
    "Content-Length",
    "content-length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Connection",
    "Keep-Alive",
    "Upgrade",
    "Expect",
    "Authorization",
    "AUTHORIZATION",
    "Proxy-Authorization",
    "Cookie",
    "If-Match",
    "if-none-match",
    "If-Unmodified-Since",
    "Range",
    "X-HTTP-Method-Override",
    "x-http-method",
    "X-Method-Override",
    "X-Forwarded-Host",
    "Forwarded",
    "Via",
    "User-Agent",
    "Accept-Encoding",
    "Content-Encoding",
    "Sec-WebSocket-Version",
    "Origin",
];

/// Texts that are not the name of a header.
const NO_NAMES: [&str; 8] =
    ["Accept ", " Accept", "Acc ept", "Accept:", "Ac\\r\\ncept", "Accept\\t", "Äccept", ""];

fn names_that_frame() {
    for name in NEVER.into_iter().chain(NO_NAMES) {
        let (_, text) = set(&format!("\"{name}\" = \"1\""));
        let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(said.contains("cannot be set by a contract"), "{name}: {said}");
    }
    let mut bench = bench("");
    for name in ["Transfer-Encoding", "X-HTTP-Method-Override", "Accept ", "Ac\\r\\ncept"] {
        let attack = sets(&format!("\"{name}\" = \"1\""));
        bench.refused(name, attack, &[FILE, "cannot be set by a contract"]);
    }
    for name in ["X-Own", "Idempotency-Key", "Api-Versions"] {
        let fragments = [FILE, "if contracts may set it there", "allow_headers"];
        bench.refused(name, sets(&format!("{name} = \"1\"")), &fragments);
    }
    bench.taken("a version", sets("Notion-Version = \"2022-06-28\""), "");
    bench.well();
}

/// The operator's consent does not make a name harmless. Servers that pass headers on as environment variables do not
/// distinguish `_` from `-`.
fn names_that_the_operator_allows() {
    let mut bench = bench("allow_headers = [\"X-Own\"]");
    let alike =
        ["Content_Length", "Transfer_Encoding", "X_HTTP_Method_Override", "x_forwarded-host"];
    for name in NEVER.into_iter().step_by(4).chain(NO_NAMES).chain(alike) {
        let attack = |dir: &Path| {
            replace(dir, "deed.toml", "[\"X-Own\"]", &format!("[\"X-Own\", \"{name}\"]"));
        };
        bench.refused(name, attack, &["deed.toml:", "cannot be set: the host sets it"]);
    }
    bench.taken("an own header", sets("X-Own = \"1\""), "");
    bench.well();
}

fn differ_by_case() {
    for headers in ["Accept = \"a\", accept = \"b\"", "X-Own = \"a\", x-OWN = \"b\""] {
        let said = Contract::from_toml("c.toml", &set(headers).1).unwrap_err().to_string();
        assert!(said.contains("is written twice, in different case"), "{headers}: {said}");
    }
    let lines = "allow_headers = [\"X-Own\"]\nheaders = { X-Tenant = \"main\" }";
    let mut bench = bench(lines);
    bench.refused("twice", sets("X-Own = \"a\", x-own = \"b\""), &[FILE, "is written twice"]);
    let operator = |from: &'static str, to: &'static str| {
        move |dir: &Path| replace(dir, "deed.toml", from, to)
    };
    let accept = operator("{ X-Tenant = \"main\" }", "{ accept = \"c/d\" }");
    bench.refused("the operator's", accept, &[FILE, "sets header `Accept`", "sets already"]);
    let twice =
        operator("{ X-Tenant = \"main\" }", "{ X-Tenant = \"main\", x-tenant = \"other\" }");
    bench.refused("twice by the operator", twice, &["deed.toml:", "is written twice"]);
    let key = "[\"X-Own\"]\nidempotency = { header = \"x-OWN\", window = \"24h\" }";
    let attack = operator("[\"X-Own\"]", key);
    bench.refused("the key", attack, &["deed.toml:", "holds a credential or the idempotency key"]);
    let slot = operator(
        "slot = \"bearer\" }\nallow_headers",
        "slot = { header = { name = \"x-own\" } } }\nallow_headers",
    );
    bench.refused("the slot", slot, &["deed.toml:", "holds a credential"]);
    let alike = operator(
        "slot = \"bearer\" }\nallow_headers = [\"X-Own\"]",
        "slot = { header = { name = \"x-own\" } } }\nallow_headers = [\"X_Own\"]",
    );
    bench.refused("alike", alike, &["deed.toml:", "holds a credential"]);
    bench.well();
}
