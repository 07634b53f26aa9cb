//! Snapshots of problem documents, which an HTTP caller receives when a request is refused.

use deed_test_support::shared::{locked_out, scim};
use deed_tests::client::{Answer, Client};
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::{Value, json};

use super::transcript::Transcript;

const RESTORE: &str = "idp.restore_access";
const UNKNOWN: &str = "/v1/actions/act_00000000000000000000000000";

type Headers<'a> = &'a [(&'a str, &'a str)];

fn send(client: &Client, method: &str, path: &str, headers: Headers<'_>, body: &str) -> Answer {
    client.send(method, path, headers, body.as_bytes().to_vec()).unwrap()
}

#[test]
fn requests_that_cannot_be_read() {
    let world = World::start(scim()).unwrap();
    let (agent, bob) = (world.client(HELPDESK), world.client(BOB));
    let mut transcript = Transcript::of(&world);
    let mut ask = |what: &str,
                   client: &Client,
                   (method, path): (&str, &str),
                   headers: Headers<'_>,
                   body: &str| {
        let answer = send(client, method, path, headers, body);
        transcript.answer(&format!("{method} {path}: {what}"), &answer);
    };
    let propose = ("POST", "/v1/actions");
    ask("no token", &world.client(""), propose, &[], "{}");
    ask("a wrong token", &world.client("deed_wrong"), ("GET", "/v1/contracts"), &[], "");
    ask("no such path", &agent, ("GET", "/v1/nothing"), &[], "");
    ask("no such method", &agent, ("PUT", "/v1/actions"), &[], "{}");
    ask("an unknown action", &agent, ("GET", UNKNOWN), &[], "");
    ask("an id that is none", &agent, ("GET", "/v1/actions/act_1"), &[], "");
    ask("an unknown contract", &agent, ("GET", "/v1/contracts/idp.no_such"), &[], "");
    ask("another tenant's log", &agent, ("GET", "/log/globex/checkpoint"), &[], "");
    ask("not JSON", &agent, propose, &[], "{");
    ask("a key twice", &agent, propose, &[], r#"{"contract":"a.b","contract":"a.b"}"#);
    ask("an empty object", &agent, propose, &[], "{}");
    ask("a large body", &agent, propose, &[], &" ".repeat(300 * 1024));
    ask("a wait that is none", &agent, propose, &[("prefer", "wait=soon")], "{}");
    ask("a key that is none", &agent, propose, &[("idempotency-key", "a b")], "{}");
    ask("a trace that is none", &agent, propose, &[("traceparent", "1")], "{}");
    ask("a limit that is none", &agent, ("GET", "/v1/actions?limit=many"), &[], "");
    ask("an unknown filter", &agent, ("GET", "/v1/actions?colour=red"), &[], "");
    ask("an unknown status", &agent, ("GET", "/v1/actions?status=nonsense"), &[], "");
    ask("a person proposes", &bob, propose, &[], "{}");
    transcript.check("problems-unreadable");
}

/// A valid proposal with one member set to something else.
fn with(member: &str, value: Value) -> Value {
    let mut proposal = World::proposal(RESTORE, &"0".repeat(32));
    proposal[member] = value;
    proposal
}

#[test]
fn proposals_that_do_not_fit() {
    let world = World::start(scim()).unwrap();
    let mut transcript = Transcript::of(&world);
    let cases = [
        ("an unknown contract", with("contract", json!("idp.no_such"))),
        ("no parameters", with("params", json!({}))),
        ("an unknown parameter", with("params", json!({"user_id": "0".repeat(32), "admin": true}))),
        ("a number for a text", with("params", json!({"user_id": 7}))),
        ("a text off its pattern", with("params", json!({"user_id": "short"}))),
        ("parameters that are a list", with("params", json!([]))),
        ("an unknown member", with("urgency", json!(true))),
        ("an empty intent", with("intent", json!(""))),
        ("a long intent", with("intent", json!("x".repeat(5_000)))),
        ("a source without a URI", with("sources", json!([{"uri": ""}]))),
        ("a source twice", with("sources", json!([{"uri": "a:1"}, {"uri": "a:1"}]))),
        ("an unknown expectation", with("expect", json!({"/user/colour": "red"}))),
        ("a fraction", with("expect", json!({"/user/active": 1.5}))),
        ("a huge number", with("params", json!({"user_id": 9_007_199_254_740_993_u64}))),
    ];
    for (what, proposal) in cases {
        transcript.answer(what, &world.propose(&proposal).unwrap());
    }
    transcript.check("problems-proposals");
}

#[test]
fn what_comes_too_late_or_from_the_wrong_caller() {
    let world = World::start(scim()).unwrap();
    let (agent, bob, stranger) =
        (world.client(HELPDESK), world.client(BOB), world.client(STRANGER));
    let mut transcript = Transcript::of(&world);
    let proposal = World::proposal(RESTORE, &locked_out());
    let key = [("idempotency-key", "k1")];
    let id = send(&agent, "POST", "/v1/actions", &key, &proposal.to_string()).text("/id");
    let other = World::proposal(RESTORE, &locked_out()).to_string();
    let mut note = |what: &str, answer: Answer| transcript.answer(what, &answer);
    note("the same key, another body", send(&agent, "POST", "/v1/actions", &key, &other));
    let path = |tail: &str| format!("/v1/actions/{id}{tail}");
    note("the bundle of what has not ended", bob.get(&path("/bundle")).unwrap());
    note("an agent reads what approvers see", agent.get(&path("/approval_request")).unwrap());
    note("an agent approves", agent.post(&path("/approvals"), &json!({})).unwrap());
    note("an approval that is no envelope", bob.post(&path("/approvals"), &json!({})).unwrap());
    note("a stranger looks", stranger.get(&path("")).unwrap());
    note("nothing to resolve", bob.get(&path("/resolution_request")).unwrap());
    let foreign = approval(&world, &bob, &other);
    note("the approval of another action", bob.post(&path("/approvals"), &foreign).unwrap());
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    note("cancelled after the end", agent.post(&path("/cancel"), &json!({})).unwrap());
    note("asked for after the end", bob.get(&path("/approval_request")).unwrap());
    transcript.check("problems-late");
}

/// Runs a new action to its end. Returns the signed approval from the action's record.
fn approval(world: &World, bob: &Client, proposal: &str) -> Value {
    let agent = world.client(HELPDESK);
    let id = send(&agent, "POST", "/v1/actions", &[], proposal).text("/id");
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    let bundle = bob.get(&format!("/v1/actions/{id}/bundle")).unwrap();
    let files = deed_record::bundle::read(&bundle.bytes).unwrap();
    let chain = std::str::from_utf8(&files[deed_record::bundle::CHAIN]).unwrap();
    // The first line of the chain is the activation statement.
    serde_json::from_str(chain.lines().nth(1).unwrap()).unwrap()
}

#[test]
fn there_is_no_room() {
    let tight = "[limits]\nwaiting = { host = 4, tenant = 2, agent = 1 }\n[http]\n";
    let world = World::with(scim(), "scim", |dir| edit(dir, "deed.toml", "[http]\n", tight));
    let world = world.unwrap();
    let mut transcript = Transcript::of(&world);
    let propose = || world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(propose().text("/status"), "waiting");
    transcript.answer("one more waits for people than may", &propose());
    transcript.check("problems-room");
}
