//! Tests with version 1 of the official TypeScript client, which validates the result of every call, also that of an
//! error. The conformance suite depends on it, so it is installed with that.

use deed_test_support::shared::locked_out;
use serde_json::{Value, json};

use super::programs::{installed, sdk1, told};
use super::{Desk, TOOL};

/// What the client gets for a call of a tool.
fn called(desk: &Desk, arguments: &Value) -> Value {
    let output = sdk1(&[&desk.mcp(), TOOL, &arguments.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn version_1_of_the_typescript_client_gets_results_and_refusals() {
    if !installed("version 1 of the TypeScript client") {
        return;
    }
    let desk = Desk::open(0);
    let good = Desk::arguments(&locked_out());
    let waiting = called(&desk, &good);
    assert_eq!(waiting["structuredContent"]["status"], "waiting", "{waiting:#}");
    let refused = called(&desk, &json!({"user_id": "short", "intent": "x"}));
    assert_eq!(refused["isError"], true, "{refused:#}");
    assert_eq!(refused["structuredContent"]["again"], "corrected", "{refused:#}");
    assert_eq!(desk.actions("").len(), 1);
}
