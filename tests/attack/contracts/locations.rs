//! Answers to writes whose header `Location` tries to make the host request another path or another server.

use deed_tests::services::ScimServer;

use super::answers::{ANY, followed, open};
use super::stage::{JSON, Stage, contract, raw};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "locations-elsewhere" => elsewhere,
        "locations-out-of-form" => out_of_form,
        "locations-twice-or-hidden" => twice_or_hidden,
    ]
}

/// A write that starts a job, whose path is in the header `Location` of the answer.
fn job() -> (&'static str, String) {
    let tables = r#"
[state.job]
from = "GET /jobs/{answer.start.job}"
required = ["by"]
properties.by = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /jobs/{answer.start.job}"
[[observe.http]]
upstream = "field"
request  = "GET /things"
[[perform.http]]
upstream = "field"
name     = "start"
request  = "POST /jobs"
body     = { by = "{action.id}" }
created  = [202]
location = "/jobs/{job}"
answer   = { job = { type = "string", @any@ } }
[verify]
after      = ["post.job != null && post.job.by != ''"]
may_change = ["/job"]
"#;
    contract("job", "create", &[], &tables.replace("@any@", ANY))
}

fn located(place: &str) -> Vec<u8> {
    raw(202, &format!("{JSON}location: {place}\r\n"), "{}")
}

fn elsewhere() {
    let other = "[tenant.acme.upstream.other]\nbase_url = \"http://127.0.0.1:1/other\"\n\
        addresses = [\"loopback\"]\n";
    let stage = Stage::with(&[job()], &format!("\n{other}"), "");
    let (address, port) = (stage.address, stage.address.port());
    let fixed = [
        "http://127.0.0.1/v2/jobs/7",
        "http://127.0.0.1:1/v2/jobs/7",
        "http://127.0.0.1:1/other/jobs/7",
        "/other/jobs/7",
        "/jobs/7",
        "jobs/7",
        "7",
        "",
        "/V2/jobs/7",
        "/v2x/jobs/7",
        "/%762/jobs/7",
        "/v2/jobs/7?x=1",
        "/v2/jobs/7?",
        "/v2/jobs/7#f",
        "/v2\\jobs\\7",
        "\\v2\\jobs\\7",
        "/\\127.0.0.1:1/v2/jobs/7",
        "///v2/jobs/7",
        "//127.0.0.1:1/v2/jobs/7",
        "/v2/jobs/\u{667}",
        "javascript:/v2/jobs/7",
        "file:///v2/jobs/7",
    ]
    .map(str::to_owned);
    let of_address = [
        format!("http://u@{address}/v2/jobs/7"),
        format!("http://u:p@{address}/v2/jobs/7"),
        format!("http://{address}@evil.example/v2/jobs/7"),
        format!("http://evil.example\\@{address}/v2/jobs/7"),
        format!("http://{address}.evil.example/v2/jobs/7"),
        format!("https://{address}/v2/jobs/7"),
        format!("ftp://{address}/v2/jobs/7"),
        format!("//{address}/v2/jobs/7"),
        format!("http:/{address}/v2/jobs/7"),
        format!("http:\\\\{address}\\v2\\jobs\\7"),
        format!("http://localhost:{port}/v2/jobs/7"),
        format!("http://127.1:{port}/v2/jobs/7"),
        format!("http://2130706433:{port}/v2/jobs/7"),
        format!("http://[::ffff:127.0.0.1]:{port}/v2/jobs/7"),
        format!("http://{address}/jobs/7"),
        format!("http://{address}"),
    ];
    for place in fixed.iter().chain(&of_address) {
        open(&stage, "job", located(place), "has no `Location` below the base URL", place);
    }
    let same = format!("HTTP://{address}/v2/jobs/7");
    for place in ["/v2/jobs/7", "/v2/jobs/%37", &same] {
        followed(&stage, "job", located(place), "/jobs/7", place);
    }
    unharmed(&stage.world);
}

fn out_of_form() {
    let stage = Stage::new(&[job()]);
    for place in [
        "/v2/jobs/7/",
        "/v2/jobs",
        "/v2//jobs/7",
        "/v2/./jobs/7",
        "/v2/x/../jobs/7",
        "/v2/../v2/jobs/7",
        "/v2/JOBS/7",
        "/v2/jobs/%c0%ae%c0%ae",
        "/v2/jobs/7/../8",
    ] {
        open(&stage, "job", located(place), "not of the form `/jobs/{job}`", place);
    }
    for place in [
        "/v2/jobs/7%2F..%2F8",
        "/v2/jobs/7%2f8",
        "/v2/jobs/%252e%252e",
        "/v2/jobs/7;x=1",
        "/v2/jobs/7%00",
        "/v2/jobs/7%0d%0ax",
        "/v2/jobs/7%3fx",
        "/v2/jobs/",
        "/v2/jobs/ 7",
    ] {
        open(&stage, "job", located(place), "does not fit `answer.job`", place);
    }
    for place in ["/v2/jobs/..", "/v2/jobs/.", "/v2/jobs/%2e%2e", "/v2/jobs/.%2E"] {
        open(&stage, "job", located(place), "is empty or a dot segment", place);
    }
    unharmed(&stage.world);
}

fn twice_or_hidden() {
    let stage = Stage::new(&[job()]);
    let none = "has no `Location` below the base URL";
    for lines in [
        "",
        "location: /v2/jobs/7\r\nlocation: /v2/jobs/8\r\n",
        "location: /v2/jobs/7\r\nLocation: /v2/jobs/7\r\n",
        "content-location: /v2/jobs/7\r\n",
        "refresh: 0; url=/v2/jobs/7\r\nlink: </v2/jobs/7>; rel=self\r\n",
        "x-location: /v2/jobs/7\r\n",
    ] {
        open(&stage, "job", raw(202, &format!("{JSON}{lines}"), "{}"), none, lines);
    }
    for secret in [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN] {
        let encoded = secret.replace('-', "%2D");
        for place in [secret, encoded.as_str(), &secret.to_ascii_uppercase()] {
            open(&stage, "job", located(&format!("/v2/jobs/{place}")), none, place);
        }
    }
    let long = format!("/v2/jobs/{}", "7".repeat(9_000));
    open(&stage, "job", located(&long), "", "long");
    followed(&stage, "job", located("/v2/jobs/redacted"), "/jobs/redacted", "redacted");
    unharmed(&stage.world);
}
