//! Tests of changes while people think: an approval counts only for the plan that was shown.

use deed_test_support::office::{Case, Fault};
use deed_test_support::shared::ended;
use deed_tests::world::BOB;
use serde_json::json;

use super::{agreed, approved, build, building, built, proved, served, tag, waiting};

/// The text of the document is not a value on which approvals depend, but the planned write contains it.
#[test]
fn another_plan_is_shown_again() {
    let case = Case::tag_document().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &tag(&case));
    office.edit(|document| document["text"] = json!("Be kind, and be brief."));
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(!done, "{said}");
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let stale = "the plan changed after it was shown to the approver: write 1 differs at `/text`";
    assert_eq!(view["stale"], json!([stale]));
    assert_eq!(office.applied(), Vec::<String>::new());
    let (shown, view) = approved(&world, &id);
    assert!(shown.contains("\"Be kind, and be brief.\""), "{shown}");
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed_last(&receipt);
    assert_eq!(office.get("/documents/d-1")["text"], "Be kind, and be brief.");
    assert_eq!(office.applied(), ["PUT /documents/d-1"]);
    proved(&world, &view);
}

/// The first approval, of another plan, does not count.
fn agreed_last(receipt: &serde_json::Value) {
    let listed = receipt["approvals"].as_array().unwrap();
    let counted: Vec<_> = listed.iter().map(|one| &one["counted"]).collect();
    assert_eq!(counted, [false, true], "{receipt:#}");
}

/// The number of views is neither in the plan nor among the values on which approvals depend.
#[test]
fn a_change_that_leads_to_the_same_plan_is_not_stale() {
    let case = Case::tag_document().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &tag(&case));
    office.view();
    let (_, view) = approved(&world, &id);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.get("/documents/d-1")["views"], 4);
    assert_eq!(office.applied(), ["PUT /documents/d-1"]);
}

/// Another client changes the document directly before the write. The upstream refuses the write by its entity tag, and
/// people are asked about the new plan.
#[test]
fn a_change_before_the_write_is_not_overwritten() {
    let case = Case::tag_document().asking();
    let (office, world) = served(&case);
    office.next("PUT", "/documents", Fault::EditFirst);
    let view = world.run(&tag(&case)).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    assert_eq!(office.applied(), Vec::<String>::new());
    let (shown, view) = approved(&world, view["id"].as_str().unwrap());
    assert!(shown.contains("\"Somebody else was here.\""), "{shown}");
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["attempts"].as_array().unwrap().len(), 2, "{receipt:#}");
    assert_eq!(office.applied(), ["PUT /documents/d-1"]);
    let document = office.get("/documents/d-1");
    assert_eq!(document["text"], "Somebody else was here.");
    assert_eq!(document["tags"], json!(["rules", "reviewed"]));
}

/// The journal has the plan and the seed, so the approval counts after a restart. The host rehearses again at the gate.
#[test]
fn an_approval_outlives_a_restart() {
    let case = Case::build_thing().asking();
    let (office, mut world) = served(&case);
    let id = waiting(&world, &build(&case, "k-1"));
    world.restart().unwrap();
    let (_, view) = approved(&world, &id);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.applied(), building(&built(&office)));
    assert_eq!(office.reads("/kits/k-1/parts"), 2);
}

/// A read of the rehearsal at the gate fails once. The state is observed again before the next rehearsal, because the
/// attempt rests on both.
#[test]
fn the_state_is_observed_again_before_the_rehearsal_at_the_gate_is_repeated() {
    let case = Case::build_thing().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &build(&case, "k-1"));
    assert_eq!((office.reads("/kits/k-1"), office.reads("/kits/k-1/parts")), (1, 1));
    office.next("GET", "/kits/k-1/parts", Fault::Refuse(503));
    let (_, view) = approved(&world, &id);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.reads("/kits/k-1/parts"), 3);
    assert_eq!(office.reads("/kits/k-1"), 4, "twice at the gate and once after the attempt");
    assert_eq!(office.applied(), building(&built(&office)));
}

/// A read of the rehearsal at the gate fails each time. The looks between the rehearsals do not prolong the action.
#[test]
fn a_rehearsal_at_the_gate_is_not_repeated_without_end() {
    let case = Case::build_thing().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &build(&case, "k-1"));
    for _ in 0..4 {
        office.next("GET", "/kits/k-1/parts", Fault::Refuse(503));
    }
    let (_, view) = approved(&world, &id);
    ended(&world, &view, "failed", "the host rehearsed the action 4 times");
    assert_eq!((office.reads("/kits/k-1/parts"), office.applied()), (5, vec![]));
}

/// A read of the rehearsal fails once. It is repeated, as an observation is, and nothing is sent twice.
#[test]
fn a_read_that_fails_for_a_moment_is_repeated() {
    let case = Case::build_thing();
    let (office, world) = served(&case);
    office.next("GET", "/kits/k-1/parts", Fault::Refuse(503));
    let view = world.run(&build(&case, "k-1")).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(office.reads("/kits/k-1/parts"), 2);
    // The host also observes the state again, because the pause may be long.
    let looks = view["ledger"].as_array().unwrap().iter();
    let looks = looks.filter(|entry| entry["event"] == "observed").count();
    assert_eq!(looks, 3, "{view:#}");
    assert_eq!(office.applied(), building(&built(&office)));
}
