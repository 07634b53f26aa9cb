//! Tests of `deed upstream test`, which tries a credential with one request that only reads.

mod expires;
mod secured;

use std::fs;
use std::path::Path;

use deed_test_support::shared::scim;
use deed_test_support::upstream::{Reply, Upstream};
use deed_tests::host;
use deed_tests::services::{Result, ScimServer};
use deed_tests::world::{BOB, World, edit};
use serde_json::{Value, json};

const TIMEOUT: &str = "timeout = \"2s\"";
const REQUEST: &str = "GET /Users?count=1";
/// A text in the body of an answer.
const BODY: &str = "a-value-in-the-body";

/// Writes `test` into the table of the upstream of `acme`.
fn with_test(dir: &Path) -> Result<()> {
    edit(dir, "deed.toml", TIMEOUT, &format!("{TIMEOUT}\ntest = \"{REQUEST}\""))
}

/// Runs the command for the upstream of `acme`. Returns its exit code and what it printed. It prints no credential and no
/// part of a body.
fn tried(dir: &Path, more: &[&str]) -> (i32, String, String) {
    let args = ["upstream", "test", "idp", dir.to_str().unwrap(), "--tenant", "acme"];
    let output = host::run(&[&args[..], more].concat(), "").unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    for hidden in [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN, BODY] {
        assert!(!said.contains(hidden) && !errors.contains(hidden), "{said}{errors}");
    }
    (output.status.code().unwrap(), said, errors)
}

fn report(dir: &Path, more: &[&str]) -> (i32, Value) {
    let (code, said, errors) = tried(dir, &[&["--json"], more].concat());
    (code, serde_json::from_str(&said).map_err(|_| format!("{said}{errors}")).unwrap())
}

/// A directory whose upstream answers every request with this status.
fn answering(status: u16) -> (World, Upstream) {
    let world = World::lay_out(scim(), "scim").unwrap();
    let upstream = Upstream::start(move |request| {
        let sent = request.header("authorization").unwrap_or_default();
        let reply = Reply::json(status, json!({"name": BODY, "you_sent": sent}));
        reply.header("location", "/login?session=a-value-in-the-body")
    });
    let url = format!("http://{}", upstream.address);
    edit(&world.dir, "deed.toml", world.proxy.base_url(), &url).unwrap();
    with_test(&world.dir).unwrap();
    (world, upstream)
}

#[test]
fn each_credential_is_tried_while_the_host_serves_and_nothing_is_recorded() {
    let world = World::with(scim(), "scim", with_test).unwrap();
    let (code, said, errors) = tried(&world.dir, &[]);
    assert_eq!(code, 0, "{said}{errors}");
    for words in [
        "upstream idp of acme: accepted",
        "GET /Users?count=1 at http://127.0.0.1:",
        "read: secret idp_read",
        "127.0.0.1 resolves to 127.0.0.1",
        "none, because the base URL is http",
        "200 after ",
    ] {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
    for (more, phase, secret) in
        [(&[][..], "read", "idp_read"), (&["--write"][..], "write", "idp_write")]
    {
        let (code, report) = report(&world.dir, more);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(report["accepted"], true);
        assert_eq!((&report["status"], &report["check"]), (&json!(200), &json!([])));
        assert_eq!(
            (&report["phase"], &report["credential"]["secret"]),
            (&json!(phase), &json!(secret))
        );
        assert_eq!(report["addresses"], json!(["127.0.0.1"]));
    }
    let actions = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(actions["actions"], json!([]), "{actions:#}");
}

#[test]
fn only_a_status_of_success_is_accepted_and_other_ones_say_what_to_check() {
    for (status, code, words) in [
        (200, 0, ""),
        (302, 1, "the host follows no redirect"),
        (401, 1, "whether the secret `idp_read` is the present one"),
        (403, 1, "may not send this request"),
        (404, 1, "correct `base_url` or the request"),
        (429, 1, "try again later"),
        (500, 1, "the upstream has a fault"),
    ] {
        let (world, upstream) = answering(status);
        let (ended, said, errors) = tried(&world.dir, &[]);
        assert_eq!(ended, code, "{status}: {said}{errors}");
        assert!(said.contains(&format!("{status} after ")) && said.contains(words), "{said}");
        let seen = upstream.seen();
        assert_eq!(seen.len(), 1, "{status}: a stored secret is sent once: {seen:?}");
        assert!(seen.iter().all(|one| one.is("GET", "/Users?count=1")), "{seen:?}");
    }
}

#[test]
fn an_upstream_that_is_not_there_is_a_problem() {
    let (world, upstream) = answering(200);
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let base = format!("http://{}", upstream.address);
    for url in ["http://127.0.0.1:1", "http://no-such-host.invalid"] {
        fs::write(world.dir.join("deed.toml"), toml.replace(&base, url)).unwrap();
        let (code, report) = report(&world.dir, &[]);
        assert_eq!((code, &report["accepted"]), (1, &json!(false)), "{report:#}");
        assert!(report.get("status").is_none() && report.get("connected").is_none(), "{report:#}");
        let problem = report["problem"].as_str().unwrap();
        let is_known = ["no connection", "does not resolve", "has no address"];
        assert!(is_known.iter().any(|words| problem.contains(words)), "{problem}");
    }
    assert!(upstream.seen().is_empty());
}

#[test]
fn what_is_missing_or_not_harmless_is_refused_before_anything_is_sent() {
    let (world, upstream) = answering(200);
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    for (more, code, words) in [
        (&["--request", "POST /Users"][..], 2, "that reads"),
        (&["--request", "GET /Users/../admin"][..], 2, "is empty, `.` or `..`"),
        (&["--request", "GET /Users/{user_id}"][..], 2, "has a placeholder"),
        (&["--request", "GET /Users\r\nX: y"][..], 2, "forbidden characters"),
        (&["--person", "alice"][..], 2, "--person has no effect"),
        (&["--url", "http://127.0.0.1:1"][..], 2, "unexpected argument"),
        (&["--token", "deed_x"][..], 2, "unexpected argument"),
    ] {
        let (ended, said, errors) = tried(&world.dir, more);
        assert_eq!(ended, code, "{more:?}: {said}{errors}");
        assert!(errors.contains(words), "no `{words}` in\n{errors}");
    }
    let path = world.path();
    for (args, code, words) in [
        (&["upstream", "test", "idp", path][..], 2, "name one of the tenants `acme`, `globex`"),
        (
            &["upstream", "test", "none", path, "--tenant", "acme"][..],
            1,
            "no upstream `none`; use one of `idp`",
        ),
        (&["upstream", "test", "idp", path, "--tenant", "globex"][..], 1, "has no `test`"),
        (
            &["upstream", "test", "idp", path, "--tenant", "globex", "--write"][..],
            1,
            "no credential `write`",
        ),
    ] {
        let output = host::run(args, "").unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(words), "no `{words}` in\n{errors}");
    }
    fs::write(world.dir.join("deed.toml"), toml.replace("[http]", "[htttp]")).unwrap();
    let (code, _, errors) = tried(&world.dir, &[]);
    assert!(code == 1 && errors.contains("deed.toml"), "{errors}");
    assert!(upstream.seen().is_empty());
}

/// A contract that reads with a request without parameters.
const COUNT: &str = r#"format = 2

[action]
name     = "idp.read_count"
version  = "1.0.0"
title    = "Read the number of users"
verb     = "read"
mode     = "read"
effect   = "idempotent"
resource = "idp/users"
adapter  = "declared"

[params]

[state.users]
from     = "GET /Users?count=1"
required = ["totalResults"]
properties.totalResults = { type = "integer" }

[[observe.http]]
upstream   = "idp"
request    = "GET /Users?count=1"
permission = "users:read"
"#;

#[test]
fn the_contracts_offer_requests_and_name_the_permission() {
    let (world, _upstream) = answering(403);
    fs::write(world.dir.join("contracts/read_count.toml"), COUNT).unwrap();
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let grant = "\n[tenant.acme.grant.\"idp.read_count\"]\nupstreams = [\"idp\"]\n";
    let test = format!("test = \"{REQUEST}\"\n");
    fs::write(world.dir.join("deed.toml"), toml.replace(&test, "") + grant).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    let (code, _, errors) = tried(&world.dir, &[]);
    assert!(code == 1 && errors.contains("has no `test`"), "{errors}");
    assert!(errors.contains("--request 'GET /Users?count=1'"), "{errors}");
    assert!(!errors.contains("{user_id}"), "{errors}");
    let (code, said, errors) = tried(&world.dir, &["--request", REQUEST]);
    assert_eq!(code, 1, "{errors}");
    assert!(said.contains("needs the permission `users:read`"), "{said}");
}

/// A contract whose write is a GET with a placeholder.
const START: &str = r#"format = 2

[action]
name     = "idp.start_job"
version  = "1.0.0"
title    = "Start a job"
verb     = "update"
mode     = "write"
effect   = "observable"
resource = "idp/jobs/{job}"
adapter  = "declared"

[params]
required = ["job"]
properties.job = { type = "string", pattern = "^[a-z]+$" }

[state.job]
from     = "GET /jobs/{job}"
required = ["started"]
properties.started = { type = "boolean" }

[[observe.http]]
upstream = "idp"
request  = "GET /jobs/{job}"

[[perform.http]]
upstream = "idp"
request  = "GET /jobs/{job}/start?now=1"
writes   = true

[verify]
before     = ["!pre.job.started"]
after      = ["post.job.started"]
may_change = ["/job/started"]
"#;

#[test]
fn a_request_that_a_contract_declares_as_a_write_is_not_sent() {
    let (world, upstream) = answering(200);
    fs::write(world.dir.join("contracts/start_job.toml"), START).unwrap();
    let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let grant = "\n[tenant.acme.grant.\"idp.start_job\"]\nupstreams = [\"idp\"]\n";
    fs::write(world.dir.join("deed.toml"), toml + grant).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    for request in [
        "GET /jobs/sync/start?now=1",
        "HEAD /jobs/sync/start?now=1",
        "GET /jobs/sync/start?x=2&now=1",
        "GET /jobs/sync/start/?now=1",
    ] {
        let (code, said, errors) = tried(&world.dir, &["--request", request]);
        assert_eq!(code, 1, "{request}: {said}{errors}");
        assert!(errors.contains("contract `idp.start_job` says that it changes"), "{errors}");
    }
    assert!(upstream.seen().is_empty());
    let (code, said, errors) = tried(&world.dir, &["--request", "GET /jobs/sync"]);
    assert_eq!(code, 0, "{said}{errors}");
}
