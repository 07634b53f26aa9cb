//! Tests of the ordinary course of an action, checked against the SCIM server itself.

use deed_test_support::shared::scim;
use deed_tests::services::ScimServer;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

/// A user without the fields that the server changes by itself.
fn stable(scim: &ScimServer, id: &str) -> Value {
    let mut user = scim.get_user(id).unwrap();
    user.as_object_mut().unwrap().remove("meta");
    user
}

fn without(mut user: Value, field: &str) -> Value {
    user.as_object_mut().unwrap().remove(field);
    user
}

#[test]
fn restore_changes_exactly_the_approved_field_and_suspend_is_the_way_back() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("story@example.com", Some(false)).unwrap();
    let before = stable(scim(), &user);

    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    let after = stable(scim(), &user);
    assert_eq!(without(before.clone(), "active"), without(after.clone(), "active"));
    assert_eq!((&before["active"], &after["active"]), (&json!(false), &json!(true)));
    // The signed values equal the values on the server.
    let receipt =
        deed_test_support::shared::ended(&world, &view, "verified", "nothing else changed");
    let changed =
        json!([{"pointer": "/user/active", "old": before["active"], "new": after["active"]}]);
    assert_eq!(receipt["changes"], changed);

    let view = world.run(&World::proposal("idp.suspend_user", &user)).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    assert_eq!(stable(scim(), &user), before);
    assert_eq!(world.proxy.count("PATCH"), 2);
}

#[test]
fn the_adapter_holds_no_credential_and_each_phase_has_its_own() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("phases@example.com", Some(false)).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    for request in world.proxy.requests() {
        let token = match request.method.as_str() {
            "PATCH" => ScimServer::WRITE_TOKEN,
            _ => ScimServer::READ_TOKEN,
        };
        let sent = request.header("authorization").unwrap_or_default();
        assert_eq!(sent, format!("Bearer {token}"), "{} {}", request.method, request.path);
    }
}

#[test]
fn a_read_is_one_look_without_approval() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("read@example.com", Some(true)).unwrap();
    let view = world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!(view.status, 200);
    assert_eq!(view.text("/status"), "verified");
    assert_eq!(view.json()["result"]["user"]["userName"], "read@example.com");
    assert_eq!(world.proxy.count("GET"), 1);
    assert!(view.json()["receipt"]["index"].is_u64());
}

#[test]
fn an_agent_sees_no_state_until_the_end() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("hidden@example.com", Some(false)).unwrap();
    let waiting = world.propose(&World::proposal("idp.restore_access", &user)).unwrap();
    assert_eq!(waiting.status, 202);
    assert_eq!(waiting.json()["obligations"], json!(["approve:1:support-lead"]));
    let text = String::from_utf8_lossy(&waiting.bytes).into_owned();
    assert!(!text.contains("hidden@example.com"), "{text}");
    let path = format!("/v1/actions/{}/approval_request", waiting.text("/id"));
    assert_eq!(world.client(HELPDESK).get(&path).unwrap().status, 403);
    let shown = world.client(BOB).get(&path).unwrap();
    assert_eq!(shown.json()["pre"]["user"]["userName"], "hidden@example.com");
}

#[test]
fn show_tells_the_whole_story_on_a_page() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("page@example.com", Some(false)).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    let id = view["id"].as_str().unwrap();
    let page =
        deed_tests::host::expect(&["show", id, "--url", world.url(), "--token", BOB]).unwrap();
    for word in [
        "idp.restore_access",
        "verified",
        "ticket:4711",
        "alice",
        "bob",
        "PATCH",
        "restore-needs-lead",
        "204",
    ] {
        assert!(page.contains(word), "`{word}` is missing:\n{page}");
    }
    assert!(page.lines().count() <= 70, "more than a page:\n{page}");
}

#[test]
fn explain_answers_without_doing_anything() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("explain@example.com", Some(false)).unwrap();
    let param = format!("user_id={user}");
    let args = [
        "act",
        "idp.restore_access",
        "--param",
        &param,
        "--intent",
        "locked out",
        "--source",
        "ticket:1",
        "--explain",
        "--url",
        world.url(),
        "--token",
        HELPDESK,
    ];
    let said = deed_tests::host::expect(&args).unwrap();
    for word in ["PATCH", "support-lead", "restore-needs-lead"] {
        assert!(said.contains(word), "`{word}` is missing:\n{said}");
    }
    assert!(world.proxy.requests().is_empty());
    let listed = world.client(BOB).get("/v1/actions").unwrap();
    assert_eq!(listed.json()["actions"], json!([]));
}

#[test]
fn an_approver_can_answer_with_the_command_line_and_sees_what_is_signed() {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user("signed@example.com", Some(false)).unwrap();
    let id = world.propose(&World::proposal("idp.restore_access", &user)).unwrap().text("/id");
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    for word in ["PATCH", &user, "production", "Restore a locked-out user's access", "false"] {
        assert!(said.contains(word), "`{word}` is missing:\n{said}");
    }
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
}

#[test]
fn a_read_that_policy_asks_about_shows_nothing_before_a_person_agreed() {
    let world = World::with(scim(), "scim", |dir| {
        let path = dir.join("policies/starter.cedar");
        let mut text = std::fs::read_to_string(&path)?;
        text += "\n@id(\"reads-need-lead\")\n@obligation(\"approve:1:support-lead\")\n\
                 forbid (principal, action == Deed::Action::\"idp.read_user\", resource);\n";
        Ok(std::fs::write(path, text)?)
    });
    let world = world.unwrap();
    let user = scim().create_user("asked@example.com", Some(true)).unwrap();
    let answer = world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!((answer.status, answer.text("/status").as_str()), (202, "waiting"), "{answer:?}");
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("asked@example.com"));
    let id = answer.text("/id");
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    assert_eq!(view["result"]["user"]["userName"], "asked@example.com");
    let report = deed_test_support::shared::report(&world, &id);
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:?}");
}

#[test]
fn basic_and_header_slots_and_secrets_of_the_environment_reach_the_upstream() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let toml = "deed.toml";
    let edits = [
        (
            "secret = \"idp_read\", slot = \"bearer\"",
            "secret = \"idp_read\", slot = { header = { name = \"x-api-key\" } }",
        ),
        (
            "secret = \"idp_write\", slot = \"bearer\"",
            "secret = \"idp_write\", slot = { basic = { user = \"deed\" } }",
        ),
        ("file = \"secrets/idp_read\"", "env = \"DEED_TEST_SECRET\""),
    ];
    for (from, to) in edits {
        deed_tests::world::edit(&world.dir, toml, from, to).unwrap();
    }
    deed_tests::host::expect(&["pin", world.path()]).unwrap();
    // Without the environment variable, the host does not start and its error names the variable.
    let refused = world.serve().unwrap_err().to_string();
    assert!(refused.contains("DEED_TEST_SECRET"), "{refused}");
    let value = "a-secret-of-the-environment";
    world.serve_with(&[("DEED_TEST_SECRET", value)]).unwrap();
    // The upstream accepts neither credential slot, so the observation fails. The test checks only the request that
    // reached the upstream.
    let user = deed_test_support::shared::locked_out();
    world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    let sent = world.proxy.requests();
    assert_eq!(sent[0].header("x-api-key"), Some(value));
    assert_eq!(sent[0].header("authorization"), None);
}

#[test]
fn the_approvers_client_signs_nothing_that_is_not_what_it_shows() {
    use deed_record::statement::approval::{Answer, ApprovalRequest};

    let world = World::start(scim()).unwrap();
    let user = deed_test_support::shared::locked_out();
    let proposal = World::proposal("idp.restore_access", &user);
    let id = world.propose(&proposal).unwrap().text("/id");
    let path = format!("/v1/actions/{id}/approval_request");
    let honest = world.client(BOB).get(&path).unwrap().json();
    let refused = |value: &Value| {
        let request: ApprovalRequest = serde_json::from_value(value.clone()).unwrap();
        request.terms(Answer::Approve, "bob", "support-lead").err().map(|e| e.to_string())
    };
    assert_eq!(refused(&honest), None);
    // A dishonest host shows the approver one change and asks for a signature of another change.
    let lies = [
        ("/perform/0/path", json!("/Users/ffffffffffffffffffffffffffffffff")),
        ("/perform/0/body/Operations/0/value", json!(false)),
        ("/pre/user/active", json!(true)),
        ("/bindings/idp/base_url", json!("https://elsewhere.example")),
        ("/proposal/params/user_id", json!("f".repeat(32))),
        ("/contract/verify/may_change", json!([])),
        ("/action/resource", json!("idp/users/another")),
    ];
    for (pointer, value) in lies {
        let mut shown = honest.clone();
        *shown.pointer_mut(pointer).unwrap() = value;
        assert!(refused(&shown).is_some(), "{pointer} was not noticed");
    }
}
