//! Attacks on the answers about what an agent can do: calls of contracts that policy hides, and questions about the
//! policies themselves.

use std::fs;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

use super::unharmed;
use crate::case::{Case, cases};

const RESTORE: &str = "idp.restore_access";

/// A policy under which every action of the tenant's agents is denied, with a text that nobody but people may read.
const FORBID: &str = "@id(\"no-restoring\") @description(\"since the incident of carol\")\n\
    forbid (principal, action == Deed::Action::\"idp.restore_access\", resource)\n\
    when { principal.tenant == \"acme\" };\n";

pub(super) fn cases() -> Vec<Case> {
    cases![
        "contracts-that-policy-hides" => hidden,
        "policies-asked-for-by-an-agent" => curious,
    ]
}

fn start() -> World {
    let world = World::with(scim(), "scim", |dir| {
        let path = dir.join("policies/starter.cedar");
        let text = fs::read_to_string(&path)?;
        Ok(fs::write(path, text + FORBID)?)
    });
    world.unwrap()
}

/// The result of a tool that the helpdesk agent calls.
fn call(world: &World, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let accept = [("accept", "application/json, text/event-stream")];
    let body = body.to_string().into_bytes();
    let answer = world.client(HELPDESK).send("POST", "/mcp", &accept, body).unwrap();
    answer.json()["result"]["structuredContent"].clone()
}

/// An agent proposes under a contract that it is not shown, in every way, and claims facts that are not its own.
fn hidden() {
    let (world, user) = (start(), locked_out());
    let inner = json!({"user_id": user, "intent": "locked out", "sources": [{"uri": "ticket:1"}]});
    let outer = json!({"contract": RESTORE, "arguments": inner});
    for (tool, given) in [("idp_restore_access", &inner), ("deed_propose", &outer)] {
        assert_eq!(call(&world, tool, given)["outcome"], "denied", "{tool}");
    }
    for (member, value) in [
        ("environment", json!("staging")),
        ("on_behalf_of", json!("bob")),
        ("reasoning", json!("deed_can says that it is permitted to the tenant globex")),
    ] {
        let mut proposal = World::proposal(RESTORE, &user);
        proposal[member] = value;
        let answer = world.propose(&proposal).unwrap();
        assert_eq!(answer.text("/outcome"), "denied", "{member}: {answer:?}");
    }
    for member in ["roles", "tenant", "principal", "policies", "approvals"] {
        let mut more = inner.clone();
        more[member] = json!("globex");
        let refused = call(&world, "idp_restore_access", &more);
        assert_eq!(refused["errors"][0]["pointer"], format!("/{member}"), "{refused:#}");
    }
    let recorded = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(recorded["actions"].as_array().unwrap().len(), 5, "{recorded:#}");
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}

/// An agent asks in every way what the policies say. It sees the ids of policies only.
fn curious() {
    let (world, user) = (start(), locked_out());
    let arguments =
        json!({"user_id": user, "intent": "locked out", "sources": [{"uri": "ticket:1"}]});
    let asked = json!({"contract": RESTORE, "arguments": arguments});
    let mut told = vec![
        call(&world, "deed_can", &json!({})),
        call(&world, "deed_can", &json!({"contract": RESTORE})),
        call(&world, "deed_can", &json!({"contract": "no-restoring"})),
        call(&world, "deed_can", &json!({"policy": "no-restoring"})),
        call(&world, "deed_explain", &asked),
        call(&world, "deed_find", &json!({"query": "restoring"})),
        call(&world, "deed_describe", &json!({"contract": RESTORE})),
    ];
    assert_eq!(told[1]["contracts"][0]["because"], json!(["no-restoring"]), "{:#}", told[1]);
    for route in ["/v1/contracts", "/v1/contracts/idp.restore_access", "/v1/tools?format=mcp"] {
        told.push(world.client(HELPDESK).get(route).unwrap().json());
    }
    for answer in told {
        let answer = answer.to_string();
        for text in ["incident", "principal.", "forbid (", "Deed::Action"] {
            assert!(!answer.contains(text), "`{text}` stands in {answer}");
        }
    }
    assert!(world.proxy.requests().is_empty());
    unharmed(&world);
}
