//! Contracts whose tools would get the same name as another tool.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deed_test_support::shared::{scim, user};
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World};
use serde_json::{Value, json};

use crate::callers::mcp::{call, message, proposal, send};
use crate::callers::unharmed;

const NAME_MAX: usize = 64;

/// Adds copies of the contract that reads a user, under these names, and permits them.
fn copies(dir: &Path, names: &[String]) -> Result<()> {
    let contract = fs::read_to_string(dir.join("contracts/read_user.toml"))?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    for (number, name) in names.iter().enumerate() {
        let copy = contract.replace("\"idp.read_user\"", &format!("\"{name}\""));
        fs::write(dir.join(format!("contracts/copy_{number}.toml")), copy)?;
        toml.extend(["\n[tenant.acme.grant.\"", name, "\"]\nupstreams = [\"idp\"]\n"]);
    }
    let policy = dir.join("policies/starter.cedar");
    let mut policies = fs::read_to_string(&policy)?;
    policies += "\n@id(\"all\")\npermit (principal, action, resource);\n";
    fs::write(policy, policies)?;
    Ok(fs::write(dir.join("deed.toml"), toml)?)
}

/// The tools that the agent is offered.
fn tools(world: &World) -> Vec<Value> {
    let answer = send(world, HELPDESK, &[], &message("tools/list", &json!({}))).json();
    answer["result"]["tools"].as_array().unwrap().clone()
}

/// Every name is distinct and short, and a call of each contract's tool is an action of that contract.
fn distinct(world: &World, contracts: usize) {
    let listed = tools(world);
    let names: BTreeSet<&str> = listed.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), listed.len(), "{names:?}");
    assert!(names.iter().all(|name| name.len() <= NAME_MAX), "{names:?}");
    let shown = world.client(HELPDESK).get("/v1/tools?format=mcp").unwrap().json();
    let of = shown["contracts"].as_object().unwrap();
    assert_eq!(of.len(), contracts, "{of:?}");
    let user = user("names", Some(true));
    for (tool, contract) in of {
        assert!(names.contains(tool.as_str()), "{tool} is not listed");
        let answer = call(world, HELPDESK, tool, &proposal(&user));
        let id = answer["result"]["structuredContent"]["action"].as_str().unwrap();
        assert_eq!(&world.show(id).unwrap()["contract"], contract, "{tool}");
    }
}

/// Names that are equal with underscores in place of dots, that are equal in their first 64 characters, and whose
/// digests begin alike.
pub(super) fn meeting() {
    let (start, long) = (format!("a.{}", "b".repeat(60)), "c".repeat(64));
    let names = [
        "idp.read.user".to_owned(),
        "idp_read.user".to_owned(),
        "idp-read_user".to_owned(),
        format!("{long}.{}", "d".repeat(60)),
        format!("{long}.{}", "e".repeat(60)),
        // These two were searched for. Their digests have the same first 12 digits.
        format!("{start}.b6eed2"),
        format!("{start}.138357a"),
    ];
    let world = World::with(scim(), "scim", |dir| copies(dir, &names)).unwrap();
    distinct(&world, 3 + names.len());
    unharmed(&world);
}

/// A contract must not take the place of a tool of the host, such as the one that shows an action.
pub(super) fn shadows() {
    let own = ["status", "list", "cancel", "can", "find", "describe", "propose", "explain"];
    let names = own.map(|name| format!("deed.{name}"));
    let world = World::with(scim(), "scim", |dir| copies(dir, &names)).unwrap();
    let plain = World::start(scim()).unwrap();
    let of_host = |world: &World| -> Vec<Value> {
        let is_own = |tool: &Value| tool["name"].as_str().unwrap().starts_with("deed_");
        tools(world).into_iter().filter(is_own).collect()
    };
    assert_eq!(of_host(&world), of_host(&plain));
    let before = world.proxy.requests().len();
    let unknown = json!({"action": "act_00000000000000000000000000"});
    for tool in ["deed_status", "deed_cancel"] {
        let answer = call(&world, HELPDESK, tool, &unknown);
        assert_eq!(answer, call(&plain, HELPDESK, tool, &unknown));
        assert_eq!(answer["result"]["structuredContent"]["refused"], "not found", "{answer:#}");
    }
    assert_eq!(world.proxy.requests().len(), before);
    distinct(&world, 3 + names.len());
    unharmed(&world);
}
