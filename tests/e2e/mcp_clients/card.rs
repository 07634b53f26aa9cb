//! Tests of the script of the card of an action, which runs in Node with the parts of a browser that it uses.

use deed_tests::services::workspace;
use serde_json::{Value, json};

use super::programs::{card, installed, told};

/// What the card shows after each of these structured results.
fn shown(results: &[Value]) -> Value {
    let result = |data: &Value| json!({"content": [], "structuredContent": data});
    let results: Vec<Value> = results.iter().map(result).collect();
    let page = workspace().join("host/runtime/src/mcp/card/action.html");
    let output = card(&[page.to_str().unwrap(), &json!(results).to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_refused_request_for_the_status_keeps_the_action_on_the_card() {
    if !installed("the card of an action") {
        return;
    }
    let waits = json!({"action": "act_1", "status": "waiting"});
    let refused = json!({"refused": "too many requests", "why": "wait", "again": "later"});
    let ended = json!({"action": "act_1", "status": "verified", "outcome": "verified"});
    let seen = shown(&[waits, refused.clone(), ended]);
    assert_eq!(seen[0], json!({"status": "waiting", "refresh": true}), "{seen:#}");
    assert_eq!(seen[1]["status"], "The status could not be read: wait", "{seen:#}");
    assert_eq!(seen[1]["refresh"], true, "{seen:#}");
    // The next request asks about the same action.
    for number in [1, 2] {
        let call = json!({"name": "deed_status", "arguments": {"action": "act_1"}});
        let asked = json!({"method": "tools/call", "params": call});
        assert_eq!(seen[number]["asked"], asked, "{seen:#}");
    }
    assert_eq!((&seen[2]["status"], &seen[2]["refresh"]), (&json!("verified"), &json!(false)));
    let seen = shown(&[refused]);
    assert_eq!(seen[0], json!({"status": "refused", "refresh": false}), "a call that was refused");
}
