//! Tests of private parameters in open contracts. At the end of each test, all files of the host are searched for the
//! private value.

use deed_test_support::office::Case;
use deed_test_support::shared::ended;
use deed_tests::canary::Canary;
use deed_tests::world::World;
use serde_json::json;

use super::{approved, building, built, proved, served, waiting};

const NOTE: &str = "nobody may keep this note";

fn hide(world: &mut World) {
    world.canaries.push(Canary::private("a private parameter", NOTE.as_bytes()));
}

/// The upstream and the approver get the value. The plan, like every record, has a commitment in its place.
#[test]
fn a_private_parameter_is_sent_and_the_plan_has_a_commitment() {
    let note =
        "properties.note  = { type = \"string\", minLength = 8, maxLength = 60, private = true }";
    let case = Case::build_thing()
        .with("\"shelf\", \"units\"]", "\"shelf\", \"units\", \"note\"]")
        .with("properties.units", &format!("{note}\nproperties.units"))
        .with("by = \"{action.id}\" }", "by = \"{action.id}\", note = \"{note}\" }")
        .asking();
    let (office, mut world) = served(&case);
    hide(&mut world);
    let params = json!({"kit": "k-1", "name": "lamp-1", "shelf": "s-1", "units": 2, "note": NOTE});
    let id = waiting(&world, &case.proposal(params));
    let (shown, view) = approved(&world, &id);
    assert!(shown.contains(NOTE), "{shown}");
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(office.bodies()[0]["note"], NOTE);
    assert_eq!(office.applied(), building(&built(&office)));
    proved(&world, &view);
}

/// The adapter computes a body with the private value, which would be recorded with the plan.
#[test]
fn a_computed_part_cannot_have_a_private_value() {
    let case = Case::tag_document()
        .with("minLength = 1, maxLength = 40 }", "minLength = 8, maxLength = 40, private = true }")
        .with("before     = [\"!pre.document.tags.exists(t, t == params.tag)\"]\n", "")
        .with(
            "post.document.tags.exists(t, t == params.tag)",
            "size(post.document.tags) > size(pre.document.tags)",
        )
        .asking();
    let (office, mut world) = served(&case);
    hide(&mut world);
    let view = world.run(&case.proposal(json!({"document": "d-1", "tag": NOTE}))).unwrap();
    ended(&world, &view, "denied", "nothing was sent");
    assert!(view["reason"].as_str().unwrap().contains("private"), "{view:#}");
    assert_eq!(office.upstream.writes().len(), 0);
}
