//! Tests that the bundle of an ended action never changes, whatever happens later. Persons always get the same bytes.
//! The agent gets its own copy, whose bytes never change either.

use deed_test_support::shared::{ended, locked_out, report, scim, user};
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::{Value, json};

const FURTHER: usize = 1_000;
/// The number of concurrent proposals, below the limit for one agent.
const CALLERS: usize = 8;

/// Each bundle in the version for persons and in the version for the proposing agent.
fn copies(world: &World, ids: &[String]) -> Vec<Vec<u8>> {
    let fetch = |id: &String, token| {
        let answer = world.client(token).get(&format!("/v1/actions/{id}/bundle")).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text("/detail"));
        answer.bytes
    };
    ids.iter().flat_map(|id| [fetch(id, BOB), fetch(id, HELPDESK)]).collect()
}

/// Runs cheap actions, which are reads that the upstream refuses. Each action still has a run, a receipt and a log
/// leaf.
fn further(world: &World, user: &str, count: usize) {
    world.proxy.set("GET", Fault::Refuse { status: 403 });
    let proposal = World::proposal("idp.read_user", user);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                for _ in 0..count / CALLERS {
                    let answer = world.propose(&proposal).unwrap();
                    assert_eq!(answer.text("/status"), "failed", "{:#}", answer.json());
                }
            });
        }
    });
}

fn entries(world: &World) -> usize {
    let note = world.client(BOB).get("/log/acme/checkpoint").unwrap().bytes;
    String::from_utf8(note).unwrap().lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_bundle_is_the_same_twice_after_a_restart_and_after_a_thousand_further_actions() {
    let mut world = World::start(scim()).unwrap();
    let approved = world.run(&World::proposal("idp.suspend_user", &user("stable", Some(true))));
    let allowed = world.run(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let mut elsewhere = World::proposal("idp.restore_access", &locked_out());
    elsewhere["environment"] = json!("staging");
    let denied = world.run(&elsewhere).unwrap();
    let views = [approved.unwrap(), allowed, denied];
    for (view, outcome) in views.iter().zip(["verified", "verified", "denied"]) {
        ended(&world, view, outcome, "");
    }
    let ids: Vec<String> =
        views.iter().map(|view: &Value| view["id"].as_str().unwrap().to_owned()).collect();
    let first = copies(&world, &ids);
    assert_eq!(first.len(), 6);
    assert!(first.iter().enumerate().all(|(n, one)| !first[..n].contains(one)), "six bundles");
    assert!(copies(&world, &ids) == first, "fetched twice");
    world.restart().unwrap();
    assert!(copies(&world, &ids) == first, "after a restart");
    let before = entries(&world);
    further(&world, &locked_out(), FURTHER);
    assert!(copies(&world, &ids) == first, "after {FURTHER} further actions");
    assert!(entries(&world) >= before + FURTHER, "each of them is in the log");
    world.restart().unwrap();
    assert!(copies(&world, &ids) == first, "after those and a restart");
    for id in &ids {
        let report = report(&world, id);
        assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    }
}
