//! Tests of a tenant with more contracts than a list of tools should have.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World};
use serde_json::json;

use super::{NEW, READ, RESTORE, arguments, call, names, send};

const MORE: usize = 40;
/// The bytes that the list may have, however many contracts there are.
const BYTES_MAX: usize = 4_000;

/// Adds copies of the contract that reads a user, and a policy that permits them.
fn many(dir: &Path) -> Result<()> {
    more(dir)?;
    let path = dir.join("policies/starter.cedar");
    let permit =
        "@id(\"reads\") permit (principal, action, resource) when { context.verb == \"read\" };\n";
    let text = fs::read_to_string(&path)?;
    Ok(fs::write(path, text + permit)?)
}

/// Adds copies of the contract that reads a user.
fn more(dir: &Path) -> Result<()> {
    let contract = fs::read_to_string(dir.join("contracts/read_user.toml"))?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    for number in 0..MORE {
        let name = format!("idp.read_user_{number}");
        let copy = contract.replace("\"idp.read_user\"", &format!("\"{name}\""));
        fs::write(dir.join(format!("contracts/read_user_{number}.toml")), copy)?;
        toml.extend(["\n[tenant.acme.grant.\"", &name, "\"]\nupstreams = [\"idp\"]\n"]);
    }
    Ok(fs::write(dir.join("deed.toml"), toml)?)
}

#[test]
fn three_tools_stand_for_many_contracts() {
    let world = World::with(scim(), "scim", many).unwrap();
    let expected = [
        "deed_describe",
        "deed_find",
        "deed_propose",
        "deed_can",
        "deed_cancel",
        "deed_explain",
        "deed_list",
        "deed_status",
    ];
    assert_eq!(names(&world, NEW), expected);
    let answer = send(&world, HELPDESK, NEW, "tools/list", &json!({}));
    assert!(answer.bytes.len() <= BYTES_MAX, "{} bytes", answer.bytes.len());
    let found = call(&world, NEW, "deed_find", &json!({"query": "RESTORE access"}));
    let contracts = &found["structuredContent"]["contracts"];
    assert_eq!(contracts[0]["contract"], "idp.restore_access", "{found:#}");
    let found = call(&world, NEW, "deed_find", &json!({"query": "read", "limit": 3}));
    assert_eq!(found["structuredContent"]["contracts"].as_array().unwrap().len(), 3, "{found:#}");
    assert_eq!(found["structuredContent"]["more"], MORE + 1 - 3, "{found:#}");
    for limit in [0, 51] {
        let refused = call(&world, NEW, "deed_find", &json!({"limit": limit}));
        assert_eq!(refused["structuredContent"]["errors"][0]["pointer"], "/limit", "{refused:#}");
    }
    let described = call(&world, NEW, "deed_describe", &json!({"contract": "idp.restore_access"}));
    let tool = &described["structuredContent"]["tool"];
    assert_eq!(tool["name"], RESTORE, "{described:#}");
    assert!(tool["inputSchema"]["properties"]["user_id"].is_object(), "{described:#}");
    let given = json!({"contract": "idp.restore_access", "arguments": arguments(&locked_out())});
    let proposed = call(&world, NEW, "deed_propose", &given);
    assert_eq!(proposed["structuredContent"]["status"], "waiting", "{proposed:#}");
    // The tool of a contract can still be called by its name.
    let read = call(&world, NEW, READ, &arguments(&user("mcp-many", Some(true))));
    assert_eq!(read["structuredContent"]["outcome"], "verified", "{read:#}");
}

#[test]
fn a_proposal_through_the_three_tools_is_refused_like_any_other() {
    let world = World::with(scim(), "scim", many).unwrap();
    let wrong = json!({"contract": "idp.read_user", "arguments": arguments("../1")});
    let refused = call(&world, NEW, "deed_propose", &wrong);
    let errors = &refused["structuredContent"]["errors"];
    assert_eq!(errors[0]["pointer"], "/arguments/user_id", "{refused:#}");
    for (tool, given) in [
        ("deed_propose", json!({"contract": "idp.no_such", "arguments": {}})),
        ("deed_describe", json!({"contract": "idp.no_such"})),
    ] {
        let refused = call(&world, NEW, tool, &given);
        assert_eq!(refused["structuredContent"]["refused"], "unknown contract", "{refused:#}");
    }
}

/// Contracts that policy never lets the agent use do not count.
#[test]
fn many_contracts_of_which_policy_permits_few_are_listed_one_by_one() {
    let world = World::with(scim(), "scim", more).unwrap();
    let contracts = [READ, RESTORE, "idp_suspend_user"];
    assert_eq!(names(&world, NEW)[..3], contracts);
    assert_eq!(names(&world, NEW).iter().filter(|name| name.starts_with("idp_")).count(), 3);
    let hidden = "idp.read_user_7";
    let found = call(&world, NEW, "deed_find", &json!({"query": hidden}));
    assert_eq!(found["structuredContent"], json!({"contracts": [], "more": 0}), "{found:#}");
    let describe = |contract: &str| {
        call(&world, NEW, "deed_describe", &json!({"contract": contract}))["structuredContent"]
            .clone()
    };
    assert_eq!(describe(hidden), describe("idp.no_such"));
}
