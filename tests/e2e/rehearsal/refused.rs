//! Tests of rehearsals without a plan. Nothing is sent, nobody is asked, and the receipt says why.

use deed_test_support::office::{Case, Fault, Office};
use deed_test_support::shared::ended;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::{build, prune, served};

/// Runs an action that is denied because there is no plan, and returns the reason in its receipt.
fn denied(office: &Office, world: &World, proposal: &Value) -> String {
    let view = world.run(proposal).unwrap();
    let receipt = ended(world, &view, "denied", "nothing was sent");
    assert!(!view["ledger"].to_string().contains("\"event\":\"asked\""), "{view:#}");
    assert_eq!(receipt["rehearsal"].get("plan_sha256"), None, "{receipt:#}");
    assert_eq!(office.upstream.writes().len(), 0);
    receipt["rehearsal"]["problem"].as_str().unwrap().to_owned()
}

/// The contract allows 50 writes, and the adapter finds 51 members.
#[test]
fn a_repetition_is_bounded() {
    let case = Case::prune_group().asking();
    let (office, world) = served(&case);
    office.add_outsiders(44);
    let problem = denied(&office, &world, &prune(&case));
    assert!(problem.contains("/groups/staff/remove") && problem.contains("calls"), "{problem}");
    let case = Case::prune_group();
    let (office, world) = served(&case);
    office.add_outsiders(43);
    ended(&world, &world.run(&prune(&case)).unwrap(), "verified", "every expectation holds");
    assert_eq!(office.applied().len(), 50);
}

/// Six copies of a document of 900,000 characters are more than the 2 MiB that the computed parts of a plan may have.
#[test]
fn a_plan_has_a_largest_size() {
    let copies =
        |case: &Case, count: u32| case.proposal(json!({"document": "d-1", "copies": count}));
    let long = |document: &mut Value| document["text"] = json!("x".repeat(900_000));
    let case = Case::copy_document().asking();
    let (office, world) = served(&case);
    office.edit(long);
    let problem = denied(&office, &world, &copies(&case, 6));
    assert!(problem.contains("at most 2 MiB") && !problem.contains("xxx"), "{problem}");
    let case = Case::copy_document();
    let (office, world) = served(&case);
    office.edit(long);
    let view = world.run(&copies(&case, 2)).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(office.applied(), ["POST /copies", "POST /copies"]);
}

/// The parts do not fit the schema of the contract.
#[test]
fn a_computed_part_must_fit_its_schema() {
    let case = Case::build_thing().with("maxItems = 20", "maxItems = 1");
    let (office, world) = served(&case);
    let problem = denied(&office, &world, &build(&case, "k-1"));
    assert!(problem.contains("/parts"), "{problem}");
}

/// The adapter gives up because a read is refused, so the rehearsal did not end well.
#[test]
fn a_rehearsal_ends_well_or_there_is_no_plan() {
    let case = Case::build_thing().asking();
    let (office, world) = served(&case);
    office.next("GET", "/kits/k-1/parts", Fault::Refuse(403));
    let problem = denied(&office, &world, &build(&case, "k-1"));
    assert!(problem.contains("403"), "{problem}");
}
