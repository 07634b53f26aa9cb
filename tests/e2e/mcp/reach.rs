//! Tests of what an agent is told before it proposes an action: lists without the contracts that policy never lets it
//! use, and the answers of `deed_can` and `deed_explain`.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, scim, user};
use deed_tests::layout::hash;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

use super::{BOTH, NEW, READ, RESTORE, arguments, call, send};

const RESTORE_ACCESS: &str = "idp.restore_access";
const SUSPEND: &str = "idp.suspend_user";

/// The token of an agent that may only read.
const READER: &str = "deed_token-of-an-agent-that-only-reads";

const POLICIES: &str = r#"
@id("readers-read")
permit (principal, action == Deed::Action::"idp.read_user", resource)
when { principal.roles.contains("reader") };

@id("no-suspension-by-agents")
forbid (principal, action == Deed::Action::"idp.suspend_user", resource)
when { principal.tenant == "acme" };

@id("not-the-first-users")
forbid (principal, action == Deed::Action::"idp.restore_access", resource)
when { context.params.user_id like "000000*" && resource != Deed::Resource::"idp/users/none" };
"#;

/// Adds an agent with another role, and policies for both agents.
fn two_agents(dir: &Path) -> Result<()> {
    let add = |file: &str, more: &str| -> Result<()> {
        let text = fs::read_to_string(dir.join(file))?;
        Ok(fs::write(dir.join(file), text + more)?)
    };
    let token = hash(READER);
    let agent = format!(
        "\n[tenant.acme.agent.reader]\nperson = \"alice\"\nroles = [\"reader\"]\ntoken = \"{token}\"\n"
    );
    add("deed.toml", &agent)?;
    add("policies/starter.cedar", POLICIES)
}

fn start() -> World {
    World::with(scim(), "scim", two_agents).unwrap()
}

/// The structured result of a tool that this agent calls.
fn told(world: &World, token: &str, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    let answer = send(world, token, NEW, "tools/call", &params).json();
    answer["result"]["structuredContent"].clone()
}

/// What `deed_can` says about one contract.
fn can(world: &World, token: &str, contract: &str) -> Value {
    told(world, token, "deed_can", &json!({"contract": contract}))["contracts"][0].clone()
}

/// The names of the contracts' tools that MCP lists.
fn tools(world: &World, token: &str, revision: &str) -> Vec<String> {
    let listed = send(world, token, revision, "tools/list", &json!({})).json();
    let names = listed["result"]["tools"].as_array().unwrap().iter();
    let names = names.map(|tool| tool["name"].as_str().unwrap().to_owned());
    names.filter(|name| !name.starts_with("deed_")).collect()
}

/// The names of the contracts that the route lists.
fn contracts(world: &World, token: &str) -> Vec<String> {
    let listed = world.client(token).get("/v1/contracts").unwrap().json();
    let names = listed["contracts"].as_array().unwrap().iter();
    names.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_list_has_only_what_policy_may_permit_to_the_agent() {
    let world = start();
    for (token, expected) in [(HELPDESK, vec![READ, RESTORE]), (READER, vec![READ])] {
        for revision in BOTH {
            assert_eq!(tools(&world, token, revision), expected);
        }
        let of_route = world.client(token).get("/v1/tools?format=openai").unwrap().json();
        let named = of_route["contracts"].as_object().unwrap();
        assert_eq!(named.keys().collect::<Vec<_>>(), expected, "{of_route:#}");
        let with_dots = expected.iter().map(|name| name.replacen('_', ".", 1));
        assert_eq!(contracts(&world, token), with_dots.collect::<Vec<_>>());
    }
    // A person sees every contract, without an answer of policy.
    let all = ["idp.read_user", RESTORE_ACCESS, SUSPEND];
    assert_eq!(contracts(&world, BOB), all);
    let listed = world.client(BOB).get("/v1/contracts").unwrap().json();
    assert!(listed["contracts"][0].get("can").is_none(), "{listed:#}");
}

#[test]
fn a_list_is_the_same_between_calls_and_after_a_restart() {
    let mut world = start();
    let lists = |world: &World| {
        let routes = ["/v1/contracts", "/v1/tools?format=mcp"];
        let routes = routes.map(|route| world.client(READER).get(route).unwrap().bytes);
        let listed = send(world, READER, NEW, "tools/list", &json!({})).bytes;
        (routes, listed, told(world, READER, "deed_can", &json!({})).to_string())
    };
    let first = lists(&world);
    assert_eq!(lists(&world), first);
    world.restart().unwrap();
    assert_eq!(lists(&world), first);
}

#[test]
fn the_three_answers_name_facts_policies_and_approvals() {
    let world = start();
    let read = can(&world, HELPDESK, "idp.read_user");
    assert_eq!((&read["answer"], &read["approval"]), (&json!("always"), &json!([])), "{read:#}");
    let restore = can(&world, HELPDESK, RESTORE_ACCESS);
    assert_eq!(restore["answer"], "depends", "{restore:#}");
    assert_eq!(restore["depends_on"], json!(["params.user_id", "resource"]), "{restore:#}");
    assert_eq!(restore["policies"], json!(["not-the-first-users"]), "{restore:#}");
    let lead = json!({
        "count": 1,
        "role": "support-lead",
        "policy": "restore-needs-lead",
        "always": true,
    });
    assert_eq!(restore["approval"], json!([lead]), "{restore:#}");
    assert_eq!(restore["sources"], 1, "{restore:#}");
    let suspend = can(&world, HELPDESK, SUSPEND);
    assert_eq!(suspend["answer"], "never", "{suspend:#}");
    assert_eq!(suspend["because"], json!(["no-suspension-by-agents"]), "{suspend:#}");
    let restore = can(&world, READER, RESTORE_ACCESS);
    assert_eq!((&restore["answer"], &restore["because"]), (&json!("never"), &json!([])));
    assert_eq!(restore["why"], "no policy permits this action", "{restore:#}");
    // The route has the same answer.
    let shown = world.client(HELPDESK).get("/v1/contracts/idp.restore_access").unwrap().json();
    assert_eq!(shown["can"]["depends_on"], json!(["params.user_id", "resource"]), "{shown:#}");
    // The answers have no text of a policy.
    let all = told(&world, HELPDESK, "deed_can", &json!({})).to_string();
    for text in ["000000", "users/none", "Deed::", "principal"] {
        assert!(!all.contains(text), "`{text}` stands in {all}");
    }
}

#[test]
fn a_contract_that_is_not_granted_is_not_told_from_an_unknown_one() {
    let world = start();
    let unknown = can(&world, READER, "idp.no_such");
    let why = "no such contract is granted to you; call deed_can without arguments";
    assert_eq!(unknown, json!({"contract": "idp.no_such", "answer": "never", "why": why}));
    let describe =
        |contract: &str| told(&world, READER, "deed_describe", &json!({"contract": contract}));
    assert_eq!(describe(RESTORE_ACCESS), describe("idp.no_such"), "policy hides it");
    assert_eq!(describe("idp.read_user")["contract"], "idp.read_user");
}

#[test]
fn a_contract_can_be_named_by_its_tool() {
    let (world, user) = (start(), locked_out());
    assert_eq!(can(&world, HELPDESK, RESTORE), can(&world, HELPDESK, RESTORE_ACCESS));
    for tool in ["deed_describe", "deed_explain"] {
        let given = |contract: &str| {
            let mut given = json!({"contract": contract});
            if tool == "deed_explain" {
                given["arguments"] = arguments(&user);
            }
            given
        };
        let named = told(&world, HELPDESK, tool, &given(RESTORE));
        assert!(named.get("refused").is_none(), "{tool}: {named:#}");
        assert_eq!(named, told(&world, HELPDESK, tool, &given(RESTORE_ACCESS)), "{tool}");
    }
    // Policy hides a contract under both names.
    for contract in [RESTORE, RESTORE_ACCESS] {
        let refused = told(&world, READER, "deed_describe", &json!({"contract": contract}));
        assert_eq!(refused["refused"], "unknown contract", "{refused:#}");
        assert!(!refused.to_string().contains("GET "), "{refused:#}");
    }
}

#[test]
fn a_call_of_a_hidden_tool_is_denied_by_policy_and_recorded() {
    let (world, user) = (start(), locked_out());
    let inner = arguments(&user);
    let outer = json!({"contract": RESTORE_ACCESS, "arguments": inner});
    for (tool, given) in [(RESTORE, &inner), ("deed_propose", &outer)] {
        let denied = told(&world, READER, tool, given);
        assert_eq!(denied["outcome"], "denied", "{denied:#}");
        let view = world.show(denied["action"].as_str().unwrap()).unwrap();
        let receipt = ended(&world, &view, "denied", "no policy permits this action");
        assert_eq!(receipt["decision"]["verdict"], "deny", "{receipt:#}");
    }
    let denied = call(&world, NEW, "idp_suspend_user", &inner);
    let policies = &denied["structuredContent"]["policies"];
    assert!(policies.to_string().contains("no-suspension-by-agents"), "{denied:#}");
    assert!(world.proxy.requests().is_empty());
    assert!(!is_active(&user));
}

#[test]
fn an_explanation_is_that_of_the_route_and_leaves_no_action() {
    let (world, user) = (start(), locked_out());
    for (token, contract) in
        [(HELPDESK, RESTORE_ACCESS), (READER, RESTORE_ACCESS), (READER, "idp.read_user")]
    {
        let mut proposal = arguments(&user);
        let params = proposal.as_object_mut().unwrap().remove("user_id").unwrap();
        proposal["params"] = json!({"user_id": params});
        proposal["contract"] = json!(contract);
        let given = json!({"contract": contract, "arguments": arguments(&user)});
        let explained = told(&world, token, "deed_explain", &given);
        let of_route = world.client(token).post("/v1/explain", &proposal).unwrap();
        assert_eq!((of_route.status, &of_route.json()), (200, &explained));
    }
    let given = json!({"contract": RESTORE_ACCESS, "arguments": arguments(&user)});
    let explained = told(&world, HELPDESK, "deed_explain", &given);
    assert_eq!(explained["decision"]["verdict"], "ask", "{explained:#}");
    assert_eq!(explained["would_send"][0]["method"], "PATCH", "{explained:#}");
    for token in [HELPDESK, READER] {
        let listed = told(&world, token, "deed_list", &json!({}));
        assert_eq!(listed["actions"], json!([]), "{listed:#}");
    }
    assert!(world.proxy.requests().is_empty());
}

#[test]
fn an_explanation_can_be_a_dry_run() {
    let (world, user) = (start(), locked_out());
    let given = |rehearse: Value| {
        let mut given = json!({"contract": RESTORE_ACCESS, "arguments": arguments(&user)});
        given["rehearse"] = rehearse;
        given
    };
    for revision in BOTH {
        let made = call(&world, revision, "deed_explain", &given(json!(true)));
        let answer = &made["structuredContent"];
        assert_eq!((&made["isError"], &answer["outcome"]), (&json!(false), &json!("rehearsed")));
        assert!(answer["why"].as_str().unwrap().contains("1 × `support-lead`"), "{answer:#}");
        assert!(answer.get("approve_url").is_none(), "{answer:#}");
        let view = world.show(answer["action"].as_str().unwrap()).unwrap();
        ended(&world, &view, "rehearsed", "nothing was sent");
    }
    let explained = told(&world, HELPDESK, "deed_explain", &given(json!(false)));
    assert_eq!(explained["decision"]["verdict"], "ask", "without `rehearse`: {explained:#}");
    let refused = told(&world, HELPDESK, "deed_explain", &given(json!("yes")));
    assert_eq!(refused["errors"][0]["pointer"], "/rehearse", "{refused:#}");
    // The tools of contracts and deed_propose propose real actions only.
    let mut inner = arguments(&user);
    inner["dry_run"] = json!(true);
    let refused = told(&world, HELPDESK, RESTORE, &inner);
    assert_eq!(refused["errors"][0]["pointer"], "/dry_run", "{refused:#}");
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(&user));
}

#[test]
fn an_explanation_refuses_what_a_proposal_would_refuse() {
    let world = start();
    let given = json!({"contract": RESTORE_ACCESS, "arguments": arguments("../1")});
    let refused = told(&world, HELPDESK, "deed_explain", &given);
    assert_eq!(refused["errors"][0]["pointer"], "/arguments/user_id", "{refused:#}");
    let given =
        json!({"contract": "idp.no_such", "arguments": arguments(&user("explain", Some(true)))});
    let refused = told(&world, HELPDESK, "deed_explain", &given);
    assert_eq!(refused["refused"], "unknown contract", "{refused:#}");
}

/// Adds a policy with a chain of alternatives that is evaluated before a proposal, and one that is too long for that.
fn long_policies(dir: &Path) -> Result<()> {
    let chain = |terms: usize| -> String {
        let terms: Vec<String> = (0..terms).map(|time| format!("context.time == {time}")).collect();
        terms.join(" || ")
    };
    let policies = format!(
        "@id(\"long\")\nforbid (principal, action == Deed::Action::\"idp.read_user\", resource)\n\
         when {{ context.environment == \"none\" && ({}) }};\n\
         @id(\"too-long\")\nforbid (principal, action == Deed::Action::\"idp.suspend_user\", resource)\n\
         when {{ context.environment == \"none\" && ({}) }};\n",
        chain(90),
        chain(3_000)
    );
    let path = dir.join("policies/starter.cedar");
    let text = fs::read_to_string(&path)?;
    Ok(fs::write(path, text + &policies)?)
}

#[test]
fn long_policies_do_not_end_the_host() {
    let world = World::with(scim(), "scim", long_policies).unwrap();
    let can = |contract: &str| {
        let answer = told(&world, HELPDESK, "deed_can", &json!({"contract": contract}));
        answer["contracts"][0]["answer"].clone()
    };
    // What is said before a proposal holds for the proposal.
    assert_eq!((can("idp.read_user"), can(SUSPEND)), (json!("always"), json!("depends")));
    let read = told(&world, HELPDESK, READ, &arguments(&locked_out()));
    assert_eq!(read["status"], "verified", "{read:#}");
    assert_eq!(world.client(HELPDESK).get("/v1/contracts").unwrap().status, 200);
}
