//! Entity tags that change between an observation and the write, or that cannot be used as a precondition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_test_support::shared::{ended, is_active, scim, user};
use deed_tests::hostile::{Hostile, Script, Step, answer, says};
use deed_tests::proxy::Fault;
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

use super::stage::{Stage, fates, fresh};
use crate::case::{Case, cases, unharmed};

const SUSPEND: &str = "idp.suspend_user";

pub(super) fn cases() -> Vec<Case> {
    cases![
        "entity-tag-that-changes" => that_changes,
        "turns-away-what-it-carried-out" => carried_out,
        "turns-away-and-hides" => hides,
    ]
}

/// The user changes after each approval and before the approved write.
fn that_changes() {
    let (world, user) = (World::start(scim()).unwrap(), user("moving", Some(true)));
    let operations = json!([{ "op": "replace", "path": "displayName", "value": "moved {n}" }]);
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    world.proxy.set(
        "PATCH",
        Fault::PatchBefore { body: json!({ "schemas": schemas, "Operations": operations }) },
    );
    let mut view = world.run(&World::proposal(SUSPEND, &user)).unwrap();
    let id = view["id"].as_str().unwrap().to_owned();
    for turned_away in 1..3 {
        assert_eq!(view["status"], "waiting", "asked anew: {view:#}");
        assert_eq!(world.proxy.count("PATCH"), turned_away);
        let (done, said) = world.approve(&id, "bob", deed_tests::world::BOB).unwrap();
        assert!(done || said.contains("the approval does not count"), "{said}");
        view = world.settled(&id).unwrap();
    }
    let receipt = ended(&world, &view, "failed", "3 times; nothing was carried out");
    assert_eq!(receipt["guard"], "etag");
    assert!(is_active(&user), "nothing was carried out");
    assert_eq!(world.proxy.count("PATCH"), 3);
    let late = world.client(HELPDESK).post(&format!("/v1/actions/{id}/cancel"), &Value::Null);
    assert_eq!(late.unwrap().status, 409);
    world.proxy.set("PATCH", Fault::None);
    unharmed(&world);
}

/// A user whose entity tag changes with every write that arrives, and who is suspended after this many writes.
fn tagged(writes: &Arc<AtomicU32>, suspended_after: u32) -> Script {
    let writes = Arc::clone(writes);
    Arc::new(move |request| {
        let id = request.path.rsplit('/').next().unwrap_or_default();
        let written = writes.load(Ordering::SeqCst);
        let user = json!({
            "id": id, "userName": "honest@example.com", "active": written < suspended_after,
        });
        let head = format!("200 OK\r\ncontent-type: application/json\r\netag: \"{written}\"");
        vec![Step::Send(answer(&head, user.to_string()))]
    })
}

/// Answers a write as if its precondition had failed, and counts the write.
fn refuses(writes: &Arc<AtomicU32>) -> Script {
    let writes = Arc::clone(writes);
    Arc::new(move |_| {
        writes.fetch_add(1, Ordering::SeqCst);
        vec![Step::Send(answer("412 Precondition Failed", ""))]
    })
}

/// A gateway forwards the write, loses the answer, sends the write again and returns the second answer, which is 412.
/// The effect of the write is visible at once, or only after a while.
fn carried_out() {
    for late in [0, 2] {
        carried_out_and_seen(late);
    }
}

/// The first `late` reads after the write do not show the effect of the write yet.
fn carried_out_and_seen(late: usize) {
    let writes = Arc::default();
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "contracts/suspend_user.toml", "settle     = \"0s\"", "settle     = \"10s\"")
    });
    stage.hostile.lie("GET", 0, 1 + late, tagged(&writes, u32::MAX));
    stage.hostile.lie("GET", 0, 99, tagged(&writes, 1));
    stage.hostile.lie("PATCH", 0, 99, refuses(&writes));
    let view = stage.propose(SUSPEND, &fresh());
    let receipt = ended(&stage.world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["changes"][0]["pointer"], "/user/active", "{receipt:#}");
    assert_eq!(fates(&view, "perform"), [json!({"answered": {"status": 412}})]);
    assert_eq!(stage.hostile.count("PATCH"), 1, "it is not sent again");
    stage.hostile.be_honest();
    unharmed(&stage.world);
}

/// The upstream refuses the write, and then hides the state: either at once, or when the host reads the state before
/// another attempt.
fn hides() {
    let stage = Stage::new();
    let ends = [
        (2, "indeterminate", "the result could not be observed"),
        (3, "failed", "the state before the action could not be observed; nothing more was sent"),
    ];
    for (looks, outcome, reason) in ends {
        let writes = Arc::default();
        stage.hostile.forget();
        stage.hostile.lie("GET", 0, looks - 1, tagged(&writes, u32::MAX));
        stage.hostile.lie("GET", 0, 1, says(answer("500 Internal Server Error", "")));
        stage.hostile.lie("PATCH", 0, 1, refuses(&writes));
        let view = stage.propose(SUSPEND, &fresh());
        ended(&stage.world, &view, outcome, reason);
        assert_eq!(stage.hostile.count("PATCH"), 1);
        stage.hostile.be_honest();
    }
    unharmed(&stage.world);
}
