//! Tests of documents that can only be replaced as a whole: the host takes the values that must not change from the
//! state that it read.

use deed_record::contract::Contract;
use deed_test_support::shared::{ended, look, report};
use deed_tests::people::{BOB, HELPDESK};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, proposal, served, served_asking, tried};

const TABLES: &str = r#"
[state.user]
from = "GET /t/{id}"
required = ["enabled", "email", "profile", "roles"]
volatile = ["/seen"]
properties.enabled = { type = "boolean" }
properties.email = { type = "string" }
properties.nick = { type = "string" }
properties.seen = { type = "integer" }
properties.profile = { type = "object", required = ["level"], properties = { level = { type = "integer" } } }
properties.roles = { type = "array", unordered = true, items = { type = "string" } }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { enabled = false, email = "{pre.user.email}", level = "{pre.user.profile.level}", roles = "{pre.user.roles}", by = "{action.id}" }
[verify]
before     = ["pre.user.enabled"]
after      = ["!post.user.enabled"]
may_change = ["/user/enabled"]
"#;

fn disable(tables: &str) -> String {
    contract("update", tables)
}

/// An upstream with one user that a PUT replaces. The user's address is `email` at the first read and `later` from the
/// second read until the PUT.
fn user(email: &'static str, later: &'static str) -> Upstream {
    let mut document =
        json!({"enabled": true, "email": email, "profile": {"level": 3}, "roles": ["b", "a"]});
    let mut reads = 0;
    Upstream::start(move |request| {
        if request.method == "PUT" {
            let sent = request.json();
            document = json!({"enabled": sent["enabled"], "email": sent["email"], "roles": sent["roles"],
                "profile": {"level": sent["level"]}});
            return Reply::empty(204);
        }
        reads += 1;
        if reads == 2 {
            document["email"] = json!(later);
        }
        Reply::json(200, document.clone())
    })
}

#[test]
fn a_replaced_document_keeps_what_the_host_read() {
    for email in ["a@example.com", "{action.id}", "\"}, {pre.user.nick}"] {
        let upstream = user(email, email);
        let world = served(&upstream, &disable(TABLES), "");
        let view = tried(&world);
        ended(&world, &view, "verified", "every expectation holds");
        let sent = upstream.writes()[0].json();
        let wanted = json!({"enabled": false, "email": email, "level": 3, "roles": ["a", "b"], "by": view["id"]});
        assert_eq!(sent, wanted);
        let report = report(&world, view["id"].as_str().unwrap());
        assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
        assert_eq!(look(&world, &view, "post")["state"]["user"]["email"], json!(email));
    }
}

/// The agent sees which values of a write come from the state, but not the values.
#[test]
fn an_agent_sees_the_source_of_a_value_and_not_the_value() {
    let upstream = user("secret@example.com", "secret@example.com");
    let world = served(&upstream, &disable(TABLES), "");
    let told = tried(&world);
    assert_eq!(told["writes"][0]["body"]["email"], "secret@example.com", "a person sees them");
    let path = format!("/v1/actions/{}", told["id"].as_str().unwrap());
    let view: Value =
        serde_json::from_slice(&world.client(HELPDESK).get(&path).unwrap().bytes).unwrap();
    assert_eq!(view["writes"][0]["pre"]["/email"], "/user/email", "{view:#}");
    assert_eq!(view["writes"][0]["body"]["email"], Value::Null, "{view:#}");
    assert!(!view["writes"].to_string().contains("secret@example.com"));
}

/// The approver sees the values of the state that the write would send.
#[test]
fn an_approver_sees_the_values_that_would_be_sent() {
    let upstream = user("kept@example.com", "kept@example.com");
    let world = served_asking(&upstream, &disable(TABLES));
    let id = world.propose(&proposal(json!({"id": "a1"}))).unwrap().text("/id");
    let (done, page) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{page}");
    let (_, sent) = page.split_once("\nwould send\n").unwrap();
    let (sent, _) = sent.split_once("\nmay change;").unwrap();
    assert!(sent.contains("\"email\": \"kept@example.com\""), "{page}");
    assert!(sent.contains("body /email: pre.user.email, the state before the action"), "{page}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(upstream.writes()[0].json()["email"], "kept@example.com");
}

/// The state changes between the read and the write. The guard rejects the first write, and the host sends the write
/// again with the new values.
#[test]
fn a_value_that_changed_meanwhile_is_sent_as_it_is_now() {
    let (mut tag, mut email, mut enabled) = (1, "old@example.com", true);
    let upstream = Upstream::start(move |request| {
        let document = |email: &str, enabled: bool, tag: u32| {
            let body =
                json!({"enabled": enabled, "email": email, "profile": {"level": 3}, "roles": []});
            let mut reply = Reply::json(200, body);
            reply.headers.push(("etag", format!("\"{tag}\"")));
            reply
        };
        if request.method != "PUT" {
            return document(email, enabled, tag);
        }
        if tag == 1 {
            // Another client changes the address just before the write arrives.
            (tag, email) = (2, "new@example.com");
        }
        if request.header("if-match") != Some(&format!("\"{tag}\"")) {
            return Reply::json(412, json!({}));
        }
        assert_eq!(request.json()["email"], email);
        (tag, enabled) = (3, false);
        Reply::empty(204)
    });
    let guarded = TABLES
        .replace("request  = \"PUT /t/{id}\"", "request  = \"PUT /t/{id}\"\nguard = \"etag\"");
    let world = served(&upstream, &disable(&guarded), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    let sent: Vec<Value> =
        upstream.writes().iter().map(|one| one.json()["email"].clone()).collect();
    assert_eq!(sent, [json!("old@example.com"), json!("new@example.com")]);
    let report = report(&world, view["id"].as_str().unwrap());
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
}

/// The upstream clears a field although the write contained its value.
#[test]
fn a_field_that_is_lost_is_a_mismatch() {
    let mut replaced = false;
    let upstream = Upstream::start(move |request| {
        replaced |= request.method == "PUT";
        let email = if replaced { "" } else { "a@example.com" };
        Reply::json(
            200,
            json!({"enabled": !replaced, "email": email, "profile": {"level": 3}, "roles": []}),
        )
    });
    let world = served(&upstream, &disable(TABLES), "");
    ended(&world, &tried(&world), "mismatch", "`/user/email` changed, which is not allowed");
}

#[test]
fn a_value_that_may_be_missing_or_escape_an_approval_is_refused() {
    let email = "email = \"{pre.user.email}\"";
    for (new, why) in [
        ("email = \"{pre.user.nick}\"", "can be absent or null"),
        ("email = \"{pre.user.seen}\"", "can be absent or null"),
        ("email = \"{pre.user}\"", "is not a placeholder"),
        ("email = \"{pre.user.none}\"", "is not a property of a declared state"),
        ("email = \"{pre.other.email}\"", "is not a property of a declared state"),
        ("email = \"{pre.user.roles.0}\"", "is not a property of a declared state"),
        ("email = \"x-{pre.user.email}\"", "can only be a whole value"),
        ("email = \"{pre.user.email?}\"", "is not a placeholder"),
    ] {
        let text = disable(&TABLES.replace(email, new));
        let refused = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(refused.contains(why), "{new}: {refused}");
    }
    let seen = TABLES
        .replace("\"roles\"]", "\"roles\", \"seen\"]")
        .replace(email, "email = \"{pre.user.seen}\"");
    for (text, why) in [
        (seen, "is `volatile`"),
        (TABLES.replace("PUT /t/{id}", "PUT /t/{pre.user.email}"), "can only be a whole value"),
        (
            TABLES.replace("\"GET /t/{id}\"", "\"GET /t/{pre.user.email}\""),
            "can only be a whole value",
        ),
    ] {
        let refused = Contract::from_toml("c.toml", &disable(&text)).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
}
