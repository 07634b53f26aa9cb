//! Finds barriers for people with disabilities in the page that a window shows, with axe-core.

use std::fs;
use std::io::{self, Write as _};

use deed_tests::services::chromium::Chromium;
use deed_tests::services::workspace;
use serde_json::Value;

/// All rules of axe-core, with the elements that break them.
const RUN: &str = "axe.run(document, { resultTypes: ['violations'] }).then(said => ({
    passed: said.passes.length,
    broken: said.violations.map(rule => rule.id + ': ' + rule.nodes.map(node =>
        node.target.join(' ') + ' ' + node.failureSummary).join(' | ')),
}))";

/// The source of axe-core; `None` if it is not installed.
pub(super) fn source() -> Option<String> {
    let source = fs::read_to_string(workspace().join("target/axe/axe.min.js")).ok();
    if source.is_none() {
        let text = "NOT CHECKED: pages by axe; it takes npm, then `make browser`\n";
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    source
}

/// The rules that the page breaks. The rules are evaluated in an isolated world, so the policy of the page is in force
/// and does not see them.
pub(super) fn broken(window: &Chromium, axe: &str) -> Vec<String> {
    let said = window.evaluate_apart(axe, RUN).unwrap();
    assert!(said["passed"].as_u64().unwrap() > 5, "axe evaluates its rules: {said}");
    let broken = said["broken"].as_array().unwrap();
    broken.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
