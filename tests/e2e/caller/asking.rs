//! Tests of `deed act`. The contract determines the type of each parameter. The command prints the action's id before
//! it waits, and the command to approve last.

use std::path::Path;

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::json;

use super::{RESTORE, Said, to};

/// A contract with parameters of every type, and with an id that may consist of digits only.
fn of_all_types(dir: &Path) -> Result<()> {
    let contract = "contracts/restore_access.toml";
    edit(dir, contract, ", pattern = \"^[0-9a-f]{32}$\"", "")?;
    let more = "properties.level = { type = \"integer\" }\nproperties.urgent = { type = \"boolean\" }\n\
        properties.tags = { type = \"array\", items = { type = \"string\" } }\n\n[state.user]";
    edit(dir, contract, "[state.user]", more)?;
    let body = "body     = { level = \"{level}\", urgent = \"{urgent}\", tags = \"{tags}\", ";
    edit(dir, contract, "body     = { ", body)
}

fn act(world: &World, contract: &str, more: &[&str]) -> Said {
    let args = ["act", contract, "--intent", "locked out", "--source", "ticket:1"];
    to(world, HELPDESK, &[&args, more].concat())
}

#[test]
fn a_parameter_has_the_type_of_the_contract() {
    let world = World::with(scim(), "scim", of_all_types).unwrap();
    let explain = |params: &[&str]| {
        let params = params.iter().flat_map(|param| ["--param", param]);
        let args: Vec<&str> = ["--explain", "--json"].into_iter().chain(params).collect();
        act(&world, RESTORE, &args)
    };
    for (text, path) in [("123", "123"), ("true", "true"), ("\"1\"", "%221%22")] {
        let said = explain(&[&format!("user_id={text}")]);
        assert_eq!(said.code, 0, "{text}: {said:?}");
        assert_eq!(said.json()["would_send"][0]["path"], format!("/Users/{path}"), "{text}");
    }
    let said = explain(&["user_id=1", "level=7", "urgent=false", "tags=[\"a\"]"]);
    let body = &said.json()["would_send"][0]["body"];
    let sent = (&body["level"], &body["urgent"], &body["tags"]);
    assert_eq!(sent, (&json!(7), &json!(false), &json!(["a"])), "{said:?}");
    for (param, words) in [
        ("level=high", "`high` for --param level: `idp.restore_access` declares an integer"),
        ("level=\"7\"", "declares an integer"),
        ("urgent=yes", "--param urgent: `idp.restore_access` declares a boolean"),
        ("tags=a", "declares an array"),
    ] {
        let said = explain(&["user_id=1", param]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{param}: {said:?}");
        assert!(said.err.contains(words), "{param}: {}", said.err);
    }
    // The host refuses a parameter that the contract does not declare.
    let said = explain(&["user_id=1", "colour=red"]);
    assert!(said.code == 1 && said.err.contains("/params/colour"), "{said:?}");
    // Parameters that are given as JSON are passed unchanged.
    let said = act(&world, RESTORE, &["--explain", "--params", "{\"user_id\": 123}"]);
    assert!(said.code == 1 && said.err.contains("/params/user_id"), "{said:?}");
    assert!(world.proxy.requests().is_empty());
}

#[test]
fn a_contract_that_is_not_granted_is_the_hosts_to_refuse() {
    let world = World::start(scim()).unwrap();
    for more in
        [&["--param", "user_id=1"][..], &["--params", "{}"], &["--param", "n=x", "--explain"]]
    {
        let said = act(&world, "idp.no_such", more);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.contains("no contract of this name is granted"), "{more:?}: {}", said.err);
    }
}

#[test]
fn the_id_is_told_before_the_wait_and_the_line_to_approve_at_the_end() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let param = format!("user_id={user}");
    let said = act(&world, RESTORE, &["--param", &param]);
    assert_eq!(said.code, 0, "{said:?}");
    let id = said.out.split(' ').next().unwrap();
    let approve = format!(
        "deed approve {id} --key FILE --person NAME --role support-lead --url {}",
        world.url()
    );
    assert_eq!(said.next(), [approve.as_str()], "{said:?}");
    let first = said.err.lines().next().unwrap();
    // The action waits by now, so its first status is not told.
    assert_eq!(first, format!("action {id} is recorded"), "{}", said.err);
    // With `--json`, the command also prints the id to stderr.
    let said = act(&world, RESTORE, &["--param", &param, "--json"]);
    let id = said.json()["id"].as_str().unwrap().to_owned();
    assert!(said.err.contains(&id) && said.next().is_empty(), "{said:?}");
}

#[test]
fn who_gives_up_waiting_has_the_id() {
    let (world, user) = (World::start(scim()).unwrap(), user("slow", Some(true)));
    world.proxy.set("GET", Fault::Delay { ms: 1_500 });
    let param = format!("user_id={user}");
    let said = act(&world, "idp.read_user", &["--param", &param, "--wait", "0"]);
    assert_eq!(said.code, 1, "{said:?}");
    let id = said.out.split(' ').next().unwrap().to_owned();
    assert!(said.err.starts_with(&format!("action {id} is ")), "{said:?}");
    assert_eq!(said.next(), [format!("deed show {id} --url {}", world.url())], "{said:?}");
    // `deed act` waits until the action ends.
    let said = act(&world, "idp.read_user", &["--param", &param, "--wait", "30"]);
    assert!(said.code == 0 && said.out.contains("  verified\n"), "{said:?}");
    let id = said.out.split(' ').next().unwrap();
    assert_eq!(said.next(), [format!("deed bundle {id} -o {id}.deed --url {}", world.url())]);
    assert_eq!(world.settled(id).unwrap()["status"], "verified");
    assert_eq!(to(&world, BOB, &["ls", "--status", "verified"]).code, 0);
}

#[test]
fn a_wait_is_a_preference_that_the_host_caps() {
    let world = World::start(scim()).unwrap();
    let proposal = World::proposal("idp.read_user", &user("capped", Some(true))).to_string();
    for wait in ["wait=60", "wait=86400"] {
        let client = world.client(HELPDESK);
        let headers = [("prefer", wait)];
        let answer = client.send("POST", "/v1/actions", &headers, proposal.clone().into_bytes());
        assert_eq!(answer.unwrap().text("/status"), "verified");
    }
}

#[test]
fn a_member_that_is_missing_is_pointed_at() {
    let world = World::start(scim()).unwrap();
    let whole = World::proposal(RESTORE, "1");
    let without = |place: &str, name: &str| {
        let mut body = whole.clone();
        body.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name);
        body
    };
    for (body, pointer, detail) in [
        (without("", "intent"), "/intent", "at `/intent`: missing field `intent`"),
        (without("", "contract"), "/contract", "at `/contract`: missing field `contract`"),
        (
            without("/sources/0", "uri"),
            "/sources/0/uri",
            "at `/sources/0/uri`: missing field `uri`",
        ),
        (json!("restore"), "", "the body: invalid type: string \"restore\", expected an object"),
        (json!(7), "", "the body: invalid type: integer `7`, expected an object"),
    ] {
        for route in ["/v1/actions", "/v1/explain"] {
            let answer = world.client(HELPDESK).post(route, &body).unwrap();
            assert_eq!(answer.status, 422, "{body}");
            let told = (answer.text("/errors/0/pointer"), answer.text("/detail"));
            assert_eq!(told, (pointer.to_owned(), detail.to_owned()), "{route} {body}");
        }
    }
}
