//! The conformance suite of the protocol: on the product every scenario that needs no tools of the suite, and on a
//! server with these tools every scenario that a revision requires. The suite sends no token, so a proxy adds it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use deed_test_support::shared::scim;
use deed_tests::token_proxy::TokenProxy;
use deed_tests::world::{HELPDESK, World};
use serde_json::Value;

use super::fixture::Fixture;
use super::programs::{NEW, OLD, installed, npm, told};

const SCRIPT: &str = "@modelcontextprotocol/conformance/dist/index.js";

/// The length of `-2026-07-28T00-00-00-000Z`, with which the directory of a scenario ends.
const TIMESTAMP: usize = 25;

/// The numbers of scenarios that the revisions require.
const REQUIRED: [(&str, usize); 2] = [(NEW, 37), (OLD, 30)];

/// The scenarios that need no tools, prompts or resources of the suite. In the older revision, those with several streams
/// need a session, which the product does not have.
const PRODUCT: [(&str, &[&str]); 2] = [
    (
        NEW,
        &[
            "server-stateless",
            "tools-list",
            "server-sse-multiple-streams",
            "resources-list",
            "sep-2164-resource-not-found",
            "dns-rebinding-protection",
            "caching",
            "input-required-result-unsupported-methods",
            "http-header-validation",
        ],
    ),
    (
        OLD,
        &["server-initialize", "ping", "tools-list", "resources-list", "dns-rebinding-protection"],
    ),
];

/// The checks of the scenarios above that call a tool of the suite, and fail if the server does not list that tool. The
/// server with the suite's tools makes them.
const NEED_TOOLS: [&str; 4] = [
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
];

/// The checks of the scenarios for tasks that call no tool of the suite, by scenario.
const TASKS: [(&str, &str); 4] = [
    ("tasks-capability-negotiation", "tasks-extension-advertised"),
    ("tasks-capability-negotiation", "sep-2663-tasks-methods-non-declaring"),
    ("tasks-dispatch-and-envelope", "sep-2663-tasks-result-removed-method-not-found"),
    ("tasks-dispatch-and-envelope", "tasks-removed-tasks-list"),
];

/// The results of one run of the suite. The directory is removed on drop.
struct Run {
    output: Output,
    dir: PathBuf,
}

impl Drop for Run {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).ok();
    }
}

impl Run {
    /// Runs the scenarios of a revision, including those that the suite does not score.
    fn of(revision: &str, url: &str) -> Self {
        let name =
            format!("deed-mcp-{}-{revision}-{}", std::process::id(), url.replace(['/', ':'], "-"));
        let dir = std::env::temp_dir().join(name);
        let results = dir.to_string_lossy().into_owned();
        let args = ["server", "--url", url, "--requirements", revision, "-o", &results];
        let output = npm(SCRIPT, &args).output().unwrap();
        Self { output, dir }
    }

    /// The checks of each scenario.
    fn checks(&self) -> BTreeMap<String, Vec<Value>> {
        let read = |dir: PathBuf| {
            let name = dir.file_name().unwrap().to_string_lossy().into_owned();
            let name = name.strip_prefix("server-").unwrap();
            let scenario = name.split_at(name.len() - TIMESTAMP).0.to_owned();
            (scenario, checks(&dir))
        };
        let dirs = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        dirs.map(read).collect()
    }

    /// The scenarios that the revision requires, and whether each passed. The suite prints a summary of all scenarios,
    /// then the names of those that it does not score.
    fn scored(&self) -> BTreeMap<String, bool> {
        let text = told(&self.output);
        let summary = text.split("=== SUMMARY ===").nth(1).unwrap_or_default();
        let (all, unscored) = summary.split_once("\nNot scored for ").unwrap_or((summary, ""));
        let result = |line: &str| {
            let (mark, rest) = line.trim_start().split_once(' ')?;
            let name = rest.split([':', ' ']).next()?.to_owned();
            ["✓", "✗"].contains(&mark).then_some((name, mark == "✓"))
        };
        let mut scored: BTreeMap<String, bool> = all.lines().filter_map(result).collect();
        for (name, _) in unscored.lines().filter_map(result) {
            scored.remove(&name);
        }
        scored
    }
}

fn checks(dir: &Path) -> Vec<Value> {
    let text = fs::read(dir.join("checks.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn is(check: &Value, statuses: &[&str]) -> bool {
    statuses.iter().any(|status| check["status"] == *status)
}

#[test]
fn the_product_passes_every_scenario_that_needs_no_tools_of_the_suite() {
    if !installed("the MCP conformance suite on the product") {
        return;
    }
    let world = World::start(scim()).unwrap();
    let proxy = TokenProxy::start(world.url(), HELPDESK).unwrap();
    let mut wrong = Vec::new();
    for (revision, scenarios) in PRODUCT {
        let run = Run::of(revision, &format!("{}/mcp", proxy.url()));
        let found = run.checks();
        for scenario in scenarios {
            let checks = found.get(*scenario).map_or(&[][..], Vec::as_slice);
            let made = checks.iter().filter(|check| is(check, &["SUCCESS"])).count();
            if made == 0 {
                wrong.push(format!("{revision} {scenario}: no check was made"));
            }
            let bad = checks.iter().filter(|check| is(check, &["FAILURE", "WARNING"]));
            let bad = bad.filter(|check| !NEED_TOOLS.iter().any(|id| check["id"] == *id));
            wrong.extend(bad.map(|check| format!("{revision} {scenario}: {check:#}")));
        }
        for (scenario, id) in TASKS.iter().filter(|_| revision == NEW) {
            let mut checks = found.get(*scenario).into_iter().flatten();
            if !checks.any(|check| check["id"] == *id && is(check, &["SUCCESS"])) {
                wrong.push(format!("{revision} {scenario}: `{id}` did not pass"));
            }
        }
        // Whatever else the suite sends, every message of the product is valid.
        let all = found
            .into_iter()
            .flat_map(|(name, checks)| checks.into_iter().map(move |check| (name.clone(), check)));
        let invalid =
            all.filter(|(_, check)| check["id"] == "wire-schema-valid" && is(check, &["FAILURE"]));
        wrong.extend(invalid.map(|(name, check)| format!("{revision} {name}: {check:#}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_server_with_the_tools_of_the_suite_passes_every_required_scenario() {
    if !installed("the MCP conformance suite on a server with its tools") {
        return;
    }
    let server = Fixture::start().unwrap();
    let proxy = TokenProxy::start(&server.url(), HELPDESK).unwrap();
    for (revision, required) in REQUIRED {
        let run = Run::of(revision, &format!("{}/mcp", proxy.url()));
        let scored = run.scored();
        let failed: Vec<_> = scored.iter().filter(|(_, passed)| !**passed).collect();
        assert!(failed.is_empty(), "{revision}: {failed:?}: {}", told(&run.output));
        assert_eq!(scored.len(), required, "{revision}: {}", told(&run.output));
        assert!(run.output.status.success(), "{revision}: {}", told(&run.output));
    }
}
