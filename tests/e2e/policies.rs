//! Tests that policy fails closed: errors and missing policies cause a denial, mistakes are refused at load, and
//! policies see only facts about the action.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, scim, user};
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, World, edit};
use serde_json::{Value, json};

const RESTORE: &str = "idp.restore_access";
const READ: &str = "idp.read_user";
const STARTER: &str = "policies/starter.cedar";

/// Adds a policy after the starter policies; returns the line on which it begins.
fn append(dir: &Path, policy: &str) -> Result<usize> {
    let path = dir.join(STARTER);
    let text = fs::read_to_string(&path)?;
    fs::write(path, format!("{text}{policy}\n"))?;
    Ok(text.lines().count() + 1)
}

fn with_policy(policy: &str) -> World {
    World::with(scim(), "scim", |dir| append(dir, policy).map(drop)).unwrap()
}

fn propose(world: &World, proposal: &Value) -> Value {
    world.propose(proposal).unwrap().json()
}

#[test]
fn a_forbid_that_errors_denies() {
    // Cedar's integers have 64 bits: multiplied by this number, every time after the start of 1970 overflows.
    let world = with_policy(
        "@id(\"breaks\") forbid (principal, action, resource) when { context.time * 9223372036854775807 < 0 };",
    );
    let user = locked_out();
    for contract in [READ, RESTORE] {
        let view = propose(&world, &World::proposal(contract, &user));
        let receipt = ended(&world, &view, "denied", "an error denies");
        let errors = receipt["decision"]["errors"].to_string();
        assert!(errors.contains("breaks") && errors.contains("overflow"), "{errors}");
    }
    assert!(world.proxy.requests().is_empty());
    assert!(!is_active(&user));
}

#[test]
fn an_empty_policy_set_denies() {
    let none = |dir: &Path| {
        edit(dir, "deed.toml", "policies = [\"policies/starter.cedar\"]", "policies = []")
    };
    let empty = |dir: &Path| Ok(fs::write(dir.join(STARTER), "// nothing yet\n")?);
    let user = locked_out();
    for world in
        [World::with(scim(), "scim", none).unwrap(), World::with(scim(), "scim", empty).unwrap()]
    {
        for contract in [READ, RESTORE] {
            let view = propose(&world, &World::proposal(contract, &user));
            ended(&world, &view, "denied", "there are no policies");
        }
        assert!(world.proxy.requests().is_empty());
    }
    assert!(!is_active(&user));
}

#[test]
fn what_no_policy_permits_is_denied() {
    let change = |dir: &Path| {
        edit(
            dir,
            "deed.toml",
            "person = \"alice\"\nroles = [\"helpdesk\"]",
            "person = \"alice\"\nroles = []",
        )
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let view = propose(&world, &World::proposal(RESTORE, &user));
    ended(&world, &view, "denied", "no policy permits this action");
    assert!(world.proxy.requests().is_empty());
    assert!(!is_active(&user));
}

#[test]
fn policies_see_on_behalf_of_sources_and_parameters() {
    let user = locked_out();
    let world = with_policy(&format!(
        "@id(\"only-with-ticket\") forbid (principal, action == Deed::Action::\"{READ}\", resource) unless {{ \
         context has on_behalf_of && context.on_behalf_of like \"*@example.com\" \
         && context.sources.contains(\"ticket:4711\") && context.params.user_id == \"{user}\" }};"
    ));
    let good = World::proposal(READ, &user);
    ended(&world, &propose(&world, &good), "verified", "the host read the state");
    let other = self::user("other", Some(true));
    let changes = [
        ("on_behalf_of", json!("user@example.org")),
        ("on_behalf_of", Value::Null),
        ("sources", json!([{"uri": "ticket:4712"}])),
        ("params", json!({"user_id": other})),
    ];
    for (field, value) in changes {
        let mut proposal = good.clone();
        match value {
            Value::Null => drop(proposal.as_object_mut().unwrap().remove(field)),
            value => proposal[field] = value,
        }
        ended(&world, &propose(&world, &proposal), "denied", "forbidden by `only-with-ticket`");
    }
    assert_eq!(world.proxy.requests().len(), 1, "only the good one looked");
}

#[test]
fn the_environment_decides_whether_people_are_asked() {
    let change = |dir: &Path| {
        edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")
    };
    let (world, user) = (World::with(scim(), "scim", change).unwrap(), locked_out());
    let view = propose(&world, &World::proposal(RESTORE, &user));
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["approvals"], json!([]));
    assert_eq!(receipt["decision"]["verdict"], "allow");
    assert_eq!(world.proxy.count("PATCH"), 1);
    assert!(is_active(&user));
}

const NO_VIP: &str = "@id(\"no-vip\") forbid (principal, action == Deed::Action::\"idp.restore_access\", resource) \
    when { context has pre && context.pre has user && context.pre.user has displayName \
    && context.pre.user.displayName like \"VIP*\" };";

fn rename(user: &str, name: &str) {
    scim()
        .patch(user, &json!([{ "op": "replace", "path": "displayName", "value": name }]))
        .unwrap();
}

#[test]
fn a_forbid_over_the_observed_state_denies_before_anybody_signs() {
    let (world, vip, other) = (with_policy(NO_VIP), locked_out(), locked_out());
    rename(&vip, "VIP Jensen");
    rename(&other, "Jensen");
    let view = propose(&world, &World::proposal(RESTORE, &vip));
    let receipt = ended(&world, &view, "denied", "forbidden by `no-vip`");
    let pre = deed_test_support::shared::look(&world, &view, "pre");
    assert_eq!(pre["state"]["user"]["displayName"], "VIP Jensen");
    assert_eq!(receipt["approvals"], json!([]));
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(&vip));
    let view = world.run(&World::proposal(RESTORE, &other)).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
}

#[test]
fn a_forbid_over_the_observed_state_denies_at_the_gate() {
    let (world, user) = (with_policy(NO_VIP), locked_out());
    let asked = propose(&world, &World::proposal(RESTORE, &user));
    assert_eq!(asked["status"], "waiting", "{asked:#}");
    rename(&user, "VIP meanwhile");
    let id = asked["id"].as_str().unwrap();
    let (done, said) = world.approve(id, "bob", BOB).unwrap();
    assert!(!done && said.contains("the action ended as `denied`"), "{said}");
    let receipt = ended(&world, &world.settled(id).unwrap(), "denied", "forbidden by `no-vip`");
    assert_eq!(receipt["approvals"][0]["counted"], false);
    assert_eq!(world.proxy.count("PATCH"), 0);
    assert!(!is_active(&user));
}

const VIP_NEEDS_TWO: &str = "@id(\"vip-needs-two\") @obligation(\"approve:2:support-lead\") \
    forbid (principal, action == Deed::Action::\"idp.restore_access\", resource) \
    when { context has pre && context.pre has user && context.pre.user has displayName \
    && context.pre.user.displayName like \"VIP*\" };";

/// Before the observation, policy knows nothing of a VIP.
#[test]
fn the_record_has_the_decision_for_which_people_were_asked() {
    let (world, vip, later) = (with_policy(VIP_NEEDS_TWO), locked_out(), locked_out());
    rename(&vip, "VIP Jensen");
    let both = [json!("restore-needs-lead"), json!("vip-needs-two")];
    let ask = |user: &str| {
        let view = propose(&world, &World::proposal(RESTORE, user));
        assert_eq!(view["status"], "waiting", "{view:#}");
        view["id"].as_str().unwrap().to_owned()
    };
    let policies = |record: &Value| -> Vec<Value> {
        let obligations = record["decision"]["obligations"].as_array().unwrap();
        obligations.iter().map(|one| one["policy"].clone()).collect()
    };
    let first = ask(&vip);
    let second = ask(&later);
    assert_eq!(policies(&world.show(&second).unwrap()), both[..1]);
    // The approval goes stale, and people are asked again, now about a VIP.
    rename(&later, "VIP meanwhile");
    assert!(!world.approve(&second, "bob", BOB).unwrap().0);
    for id in [first, second] {
        assert_eq!(policies(&world.show(&id).unwrap()), both, "{id}");
        assert!(world.answer("deny", &id, "bob", BOB).unwrap().0);
        let receipt = ended(&world, &world.settled(&id).unwrap(), "denied", "denied");
        assert_eq!(policies(&receipt), both, "{id}");
    }
    assert_eq!(world.proxy.count("PATCH"), 0);
}

#[test]
fn policies_that_could_be_overlooked_are_refused_at_load() {
    let cases = [
        (
            "@id(\"x\") @obligation(\"approve:1:support-lead\") permit (principal, action, resource);",
            "`@obligation`",
        ),
        ("permit (principal, action, resource);", "`@id`"),
        ("@id(\"helpdesk-reads\") permit (principal, action, resource);", "its id is already used"),
        (
            "@id(\"x\") permit (principal, action == Deed::Action::\"idp.restore_access\", resource) \
             when { context has pre };",
            "reads `context.pre`",
        ),
        (
            "@id(\"x\") @obligation(\"approve:1:janitor\") forbid (principal, action, resource);",
            "janitor",
        ),
        (
            "@id(\"x\") @obligation(\"call:1:support-lead\") forbid (principal, action, resource);",
            "approve:",
        ),
        ("@id(\"boss's-word\") permit (principal, action, resource);", "a quotation mark"),
        ("@id(\"a`b\") permit (principal, action, resource);", "a backquote"),
        ("@id(\"a\\\\b\") permit (principal, action, resource);", "a backslash"),
        ("@id(\"a\\u{202e}b\") permit (principal, action, resource);", "an invisible character"),
        ("@id(\"x\") @owner(\"bob\") permit (principal, action, resource);", "owner"),
        (
            "@id(\"x\") forbid (principal, action, resource) when { context.colour == \"red\" };",
            "colour",
        ),
        (
            "@id(\"x\") forbid (principal, action == Deed::Action::\"idp.no_such\", resource);",
            "idp.no_such",
        ),
        (
            "@id(\"x\") forbid (principal, action, resource) when { context.time > \"noon\" };",
            "policy `x`",
        ),
        (
            "@id(\"x\") forbid (principal, action, resource) when { context has pre.usr.active };",
            "no contract that this policy concerns has a state `usr`; the states are",
        ),
        ("@id(\"x\") forbid (principal, action, resource", "policies/starter.cedar"),
    ];
    let starter = fs::read_to_string(
        deed_tests::services::workspace().join("contracts/policies/starter.cedar"),
    )
    .unwrap();
    let mut world = World::lay_out(scim(), "scim").unwrap();
    for (policy, fragment) in cases {
        fs::write(world.dir.join(STARTER), &starter).unwrap();
        assert!(
            host::run(&["check", world.path()], "").unwrap().status.success(),
            "the starter policies are fine"
        );
        let line = append(&world.dir, policy).unwrap();
        let output = host::run(&["check", world.path()], "").unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{policy}\n{said}");
        let place = format!("{STARTER}:{line}: ");
        let named =
            said.lines().any(|l| l.starts_with(&place) && l.contains(fragment) && l.contains(';'));
        assert!(named, "no line `{place}…{fragment}…; remedy` for\n{policy}\nin\n{said}");
        let refusal = world.serve().unwrap_err().to_string();
        assert!(refusal.contains(&place), "{refusal}");
    }
}
