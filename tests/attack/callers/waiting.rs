//! Callers that fill the queue of actions that people must answer.

use std::path::Path;

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::Value;

use super::overload::{OTHERS, ask, becomes, prepare, read};
use super::{counted, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "waiting-without-end" => waiting,
        "waiting-without-end-after-the-look" => after_the_look,
    ]
}

const WAITING: &str = "deed_tenant_actions{tenant=\"acme\",state=\"waiting\"}";
const FEW: &str = "[limits]\nwaiting = { host = 16, tenant = 8, agent = 4 }\n";

fn asked() -> Value {
    World::proposal("idp.restore_access", &locked_out())
}

/// Proposes actions that wait for people until the host refuses one. Returns the waiting actions and the refusal.
fn until_full(world: &World, token: &str) -> (Vec<String>, Answer) {
    let mut all = Vec::new();
    loop {
        let answer = ask(world, token, &asked(), "wait=60");
        if answer.status != 202 {
            return (all, answer);
        }
        assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
        all.push(answer.text("/id"));
        assert!(all.len() <= 4, "all of them may wait");
    }
}

/// The queue of actions that wait for people is bounded. When the queue is full, actions that need no person continue,
/// and a restart loses no waiting action.
fn waiting() {
    let mut world = World::with(scim(), "scim", |dir| prepare(dir, FEW)).unwrap();
    let (all, over) = until_full(&world, HELPDESK);
    assert_eq!((all.len(), over.status), (4, 429));
    assert_eq!((over.text("/limit").as_str(), over.retry_after), ("agent_waiting", Some(60)));
    let reading = ask(&world, HELPDESK, &read(&user("r", Some(true))), "wait=60");
    assert_eq!(
        reading.text("/status"),
        "verified",
        "what needs nobody is taken: {}",
        reading.json()
    );
    world.restart().unwrap();
    assert_eq!(counted(&world, WAITING), 4);
    assert_eq!(ask(&world, HELPDESK, &asked(), "wait=60").status, 429);
    // Other agents of the tenant can still propose actions until the tenant's limit is reached.
    let rest: usize = OTHERS.iter().map(|token| until_full(&world, token).0.len()).sum();
    assert!((2..=4).contains(&rest), "{rest}");
    // An approver's answer makes room for a new action.
    for id in &all[..3] {
        assert!(world.answer("deny", id, "bob", BOB).unwrap().0);
        assert_eq!(world.settled(id).unwrap()["status"], "denied");
    }
    // An action is shown as denied shortly before it leaves its place.
    becomes(&world, WAITING, |waiting| waiting == 1 + u64::try_from(rest).unwrap());
    assert_eq!(ask(&world, HELPDESK, &asked(), "wait=60").text("/status"), "waiting");
    unharmed(&world);
}

/// The policy requires approval only because of the observed state, so the need for approval is not yet known when the
/// action is proposed.
fn after_the_look() {
    let seen = "context has pre && context.pre has user && context.pre.user has active && !context.pre.user.active";
    let change = |dir: &Path| -> Result<()> {
        prepare(dir, FEW)?;
        edit(dir, "policies/starter.cedar", "context.environment == \"production\"", seen)
    };
    let mut world = World::with(scim(), "scim", change).unwrap();
    let (all, over) = until_full(&world, HELPDESK);
    assert_eq!((all.len(), over.status), (4, 429));
    assert_eq!((over.text("/limit").as_str(), over.retry_after), ("agent_waiting", Some(60)));
    // A policy cannot require approval for a read, regardless of the observed state.
    let reading = ask(&world, HELPDESK, &read(&user("r", Some(true))), "wait=60");
    assert_eq!(reading.text("/status"), "verified", "{}", reading.json());
    world.restart().unwrap();
    assert_eq!(ask(&world, HELPDESK, &asked(), "wait=60").text("/limit"), "agent_waiting");
    assert_eq!(counted(&world, WAITING), 4);
    assert!(world.answer("deny", &all[0], "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&all[0]).unwrap()["status"], "denied");
    becomes(&world, WAITING, |waiting| waiting == 3);
    assert_eq!(ask(&world, HELPDESK, &asked(), "wait=60").text("/status"), "waiting");
    unharmed(&world);
}
