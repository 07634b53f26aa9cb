//! `deed upstream test` with tokens of `oidc-provider`, and the times at which tokens expire in `/metrics`.

use deed_test_support::shared::ended;
use deed_test_support::witness;
use deed_tests::host;
use serde_json::{Value, json};

use super::fixture::{Provider, Stage};
use super::{RESTORE, by_key, user};
use crate::mcp_clients::programs::installed;

const METRIC: &str = "deed_credential_expires_timestamp_seconds";

/// Runs the command for the upstream. Returns its exit code, its report, and what it wrote to stderr.
fn tried(stage: &Stage, more: &[&str]) -> (i32, Value, String) {
    let args = ["upstream", "test", "idp", stage.world.path(), "--tenant", "acme", "--json"];
    let output = host::run(&[&args[..], more].concat(), "").unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), report, errors)
}

/// The names of the tokens in the metric, each with its labels and the seconds until it expires.
fn tokens(stage: &Stage) -> Vec<(String, i64)> {
    let bytes = stage.world.operations().get("/metrics").unwrap().bytes;
    let text = String::from_utf8(bytes).unwrap();
    let sample = |line: &str| {
        let (labels, value) = line.strip_prefix(METRIC)?.split_once(' ')?;
        let whole = value.split('.').next()?.parse::<i64>().ok()?;
        Some((labels.to_owned(), whole - i64::try_from(witness::now()).ok()?))
    };
    text.lines().filter(|line| line.contains("kind=\"token\"")).filter_map(sample).collect()
}

#[test]
fn a_token_is_obtained_for_the_test_and_its_end_is_known() {
    if !installed("`deed upstream test` with tokens of `oidc-provider`") {
        return;
    }
    let mut stage = Stage::new(Provider::Oidc, &Provider::Oidc.by_secret(), &["--ttl", "600"]);
    let request = format!("GET /Users/{}", user(1));
    let (code, report, errors) = tried(&stage, &["--request", &request]);
    assert_eq!(code, 0, "{report:#}{errors}");
    let token = &report["credential"]["token"];
    assert_eq!(token["kind"], "client_credentials", "{report:#}");
    assert_eq!(token["endpoint"], format!("{}/token", stage.login.url), "{report:#}");
    assert_eq!(token["scopes"], json!(["users:read"]), "{report:#}");
    let left = report["token"]["expires_in_s"].as_i64().unwrap();
    assert!((500..=600).contains(&left), "{report:#}");
    let (code, report, _) = tried(&stage, &["--request", &request, "--write"]);
    assert_eq!((code, &report["status"]), (1, &json!(403)), "the scope is another one: {report:#}");
    let seen = stage.seen();
    assert!(seen.len() == 2 && seen.iter().all(|one| one.method == "GET"), "{seen:?}");
}

#[test]
fn tokens_that_the_host_holds_are_in_the_metric_by_name() {
    if !installed("metrics of tokens of `oidc-provider`") {
        return;
    }
    let more = "subject = \"person\"\n";
    let stage = Stage::new(Provider::Oidc, &by_key("token_exchange", more), &["--ttl", "600"]);
    assert!(tokens(&stage).is_empty(), "no token is obtained before it is needed");
    ended(&stage.world, &stage.run(RESTORE, &user(1)), "verified", "");
    let found = tokens(&stage);
    let labels: Vec<&str> = found.iter().map(|(labels, _)| labels.as_str()).collect();
    let named = |name: &str| format!("{{tenant=\"acme\",kind=\"token\",name=\"{name}\"}}");
    assert_eq!(labels, [named("reader"), named("writer")], "and no label has a person");
    assert!(found.iter().all(|(_, left)| (500..=600).contains(left)), "{found:?}");
}

#[test]
fn a_token_for_each_person_needs_a_person() {
    if !installed("`deed upstream test` for a person") {
        return;
    }
    let more = "subject = \"person\"\n";
    let stage = Stage::new(Provider::Oidc, &by_key("token_exchange", more), &[]);
    let request = format!("GET /Users/{}", user(1));
    let write = ["--request", request.as_str(), "--write"];
    // One person is responsible for an agent, so no other can be meant.
    let (_, report, errors) = tried(&stage, &write);
    assert_eq!(report["credential"]["token"]["subject"], "alice", "{report:#}{errors}");
    let (code, _, errors) = tried(&stage, &[&write[..], &["--person", "bob"]].concat());
    assert!(code == 2 && errors.contains("name one with --person: `alice`"), "{errors}");
}
