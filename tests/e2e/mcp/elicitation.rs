//! Tests of calls that ask the user to open the page of an action, and of the calls with which a client goes on.

use std::thread;

use deed_test_support::shared::{is_active, locked_out};
use deed_tests::client::Answer;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::{Value, json};

use super::{
    OLD, READ, RESTORE, actions, arguments, declares, result, result_with, send_with, start,
};

fn pages() -> Value {
    declares(&json!({"elicitation": {"url": {}}}))
}

fn params(user: &str) -> Value {
    json!({"name": RESTORE, "arguments": arguments(user)})
}

/// A call that was answered with a request to open a page.
struct Asked {
    params: Value,
    state: String,
    action: String,
}

impl Asked {
    fn of(world: &World, user: &str) -> Self {
        Self::with(world, user, &pages())
    }

    /// The call of a client with these members of `_meta`.
    fn with(world: &World, user: &str, meta: &Value) -> Self {
        let params = params(user);
        let asked = result_with(world, meta, "tools/call", &params);
        assert_eq!(asked["resultType"], "input_required", "{asked:#}");
        let state = asked["requestState"].as_str().unwrap().to_owned();
        let action = state.split('.').next().unwrap().to_owned();
        let request = &asked["inputRequests"]["approval"];
        assert_eq!(request["method"], "elicitation/create", "{asked:#}");
        assert_eq!(request["params"]["mode"], "url", "{asked:#}");
        let url = request["params"]["url"].as_str().unwrap();
        let people = world.url().replace("127.0.0.1", "localhost");
        assert!(url.starts_with(&people) && url.contains(&action), "{asked:#}");
        let message = request["params"]["message"].as_str().unwrap();
        assert!(message.contains("1 approval by support-lead"), "{asked:#}");
        Self { params, state, action }
    }

    /// The request with which a client goes on after this answer of its user.
    fn retry(&self, answer: &str) -> Value {
        let mut params = self.params.clone();
        params["requestState"] = json!(self.state);
        params["inputResponses"] = json!({"approval": {"action": answer}});
        params
    }

    /// The result after this answer of the user.
    fn goes_on(&self, world: &World, answer: &str) -> Value {
        let result = result_with(world, &pages(), "tools/call", &self.retry(answer));
        assert_eq!(result["resultType"], "complete", "{result:#}");
        assert_eq!(result["structuredContent"]["action"], json!(self.action), "{result:#}");
        result
    }

    fn approve(&self, world: &World) {
        let (done, said) = world.approve(&self.action, "bob", BOB).unwrap();
        assert!(done, "{said}");
    }
}

fn tried(world: &World, token: &str, params: &Value) -> Answer {
    send_with(world, token, &pages(), "tools/call", params)
}

#[test]
fn a_call_goes_on_after_the_approval() {
    let (world, user) = (start(), locked_out());
    let asked = Asked::of(&world, &user);
    asked.approve(&world);
    for _ in 0..2 {
        let result = asked.goes_on(&world, "accept");
        assert_eq!(result["structuredContent"]["outcome"], "verified", "{result:#}");
        assert_eq!(result["isError"], false, "{result:#}");
    }
    assert!(is_active(&user));
    assert_eq!((actions(&world), world.proxy.carried_out(&user)), (1, 1));
}

#[test]
fn a_call_that_goes_on_waits_for_the_approval() {
    let (world, user) = (start(), locked_out());
    let asked = Asked::of(&world, &user);
    let result = thread::scope(|scope| {
        let waiting = scope.spawn(|| asked.goes_on(&world, "accept"));
        asked.approve(&world);
        waiting.join().unwrap()
    });
    assert_eq!(result["structuredContent"]["outcome"], "verified", "{result:#}");
    assert_eq!((actions(&world), world.proxy.carried_out(&user)), (1, 1));
}

/// That the user opened the page, or did not, decides nothing. The client is not asked again.
#[test]
fn an_opened_page_is_no_approval() {
    let (world, user) = (start(), locked_out());
    let asked = Asked::of(&world, &user);
    for answer in ["decline", "cancel", "accept"] {
        let result = asked.goes_on(&world, answer);
        assert_eq!(result["structuredContent"]["status"], "waiting", "{answer}: {result:#}");
    }
    let shown = world.show(&asked.action).unwrap();
    assert_eq!((&shown["status"], &shown["approvals"]), (&json!("waiting"), &json!([])));
    assert_eq!((actions(&world), world.proxy.count("PATCH")), (1, 0));
}

#[test]
fn a_call_that_joined_an_action_says_so_when_it_goes_on() {
    let (world, user) = (start(), locked_out());
    let (first, joined) = (Asked::of(&world, &user), Asked::of(&world, &user));
    assert_eq!((&first.action, actions(&world)), (&joined.action, 1));
    assert_ne!(first.state, joined.state);
    let told = |asked: &Asked| asked.goes_on(&world, "decline")["structuredContent"].clone();
    assert_eq!(told(&first).get("joined"), None);
    assert_eq!(told(&joined)["joined"], json!(joined.action));
    // The state of a call that joined cannot be made from that of another call.
    let mut changed = first.retry("decline");
    changed["requestState"] = json!(first.state.replace('.', ".joined."));
    assert_eq!(tried(&world, HELPDESK, &changed).json()["error"]["code"], -32602);
}

#[test]
fn a_call_goes_on_after_a_restart() {
    let (mut world, user) = (start(), locked_out());
    let asked = Asked::of(&world, &user);
    world.restart().unwrap();
    asked.approve(&world);
    let result = asked.goes_on(&world, "accept");
    assert_eq!(result["structuredContent"]["outcome"], "verified", "{result:#}");
    assert_eq!((actions(&world), world.proxy.carried_out(&user)), (1, 1));
}

#[test]
fn a_state_that_was_not_made_for_the_call_is_refused() {
    let (world, user) = (start(), locked_out());
    let asked = Asked::of(&world, &user);
    let other = Asked::of(&world, &locked_out());
    let with_state = |state: &str| {
        let mut params = asked.retry("accept");
        params["requestState"] = json!(state);
        params
    };
    let (id, tag) = asked.state.split_once('.').unwrap();
    let last = if tag.ends_with('0') { "1" } else { "0" };
    let changed = format!("{id}.{}{last}", tag.strip_suffix(|_: char| true).unwrap());
    let unknown = format!("act_00000000000000000000000000.{tag}");
    let swapped = format!("{}.{tag}", other.action);
    let mut refused = vec![
        with_state(&changed),
        with_state(&unknown),
        with_state(&swapped),
        with_state(&other.state),
        with_state(id),
        with_state(""),
        with_state("."),
    ];
    let mut arguments = asked.retry("accept");
    arguments["arguments"]["intent"] = json!("something else");
    let mut tool = asked.retry("accept");
    tool["name"] = json!(READ);
    let mut status = asked.retry("accept");
    status["name"] = json!("deed_status");
    refused.extend([arguments, tool, status]);
    let expected = tried(&world, HELPDESK, &with_state(".")).json();
    assert_eq!(expected["error"]["code"], -32602, "{expected:#}");
    for params in refused {
        assert_eq!(tried(&world, HELPDESK, &params).json(), expected, "{params:#}");
    }
    // Another agent learns nothing from a state that is valid for its owner.
    assert_eq!(tried(&world, STRANGER, &asked.retry("accept")).json(), expected);
    assert_eq!((actions(&world), world.proxy.count("PATCH")), (2, 0));
}

#[test]
fn a_response_that_cannot_be_read_proposes_nothing() {
    let (world, user) = (start(), locked_out());
    let asked = Asked::of(&world, &user);
    let mut without = asked.retry("accept");
    without.as_object_mut().unwrap().remove("requestState");
    for params in [without, asked.retry("approve"), asked.retry("")] {
        let answer = tried(&world, HELPDESK, &params).json();
        assert_eq!(answer["error"]["code"], -32602, "{params:#}: {answer:#}");
    }
    assert_eq!(actions(&world), 1);
    // A response to another question is ignored, as the protocol demands.
    let mut more = asked.retry("decline");
    more["inputResponses"]["other"] = json!({"roots": []});
    let result = result_with(&world, &pages(), "tools/call", &more);
    assert_eq!(result["structuredContent"]["status"], "waiting", "{result:#}");
    assert_eq!(actions(&world), 1);
}

#[test]
fn with_tasks_the_user_is_asked_before_there_is_a_task() {
    let (world, user) = (start(), locked_out());
    let both = declares(&json!({
        "elicitation": {"url": {}},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    }));
    let asked = Asked::with(&world, &user, &both);
    let task = result_with(&world, &both, "tools/call", &asked.retry("accept"));
    assert_eq!((&task["resultType"], &task["taskId"]), (&json!("task"), &json!(asked.action)));
    let params = json!({"taskId": asked.action});
    let open = result_with(&world, &both, "tasks/get", &params);
    assert_eq!(open["status"], "working", "{open:#}");
    assert!(open.get("inputRequests").is_none(), "{open:#}");
    assert_eq!(actions(&world), 1);
}

#[test]
fn only_a_client_that_opens_pages_is_asked() {
    let world = start();
    for capabilities in
        [json!({}), json!({"elicitation": {}}), json!({"elicitation": {"form": {}}})]
    {
        let (meta, params) = (declares(&capabilities), params(&locked_out()));
        let plain = result_with(&world, &meta, "tools/call", &params);
        assert_eq!(plain["resultType"], "complete", "{plain:#}");
        assert_eq!(plain["structuredContent"]["status"], "waiting", "{plain:#}");
    }
    // In the older revision, a declaration in the request has no meaning.
    let mut old = params(&locked_out());
    old["_meta"] = pages();
    let plain = result(&world, OLD, "tools/call", &old);
    assert_eq!(plain["structuredContent"]["status"], "waiting", "{plain:#}");
}
