//! Tests of policies that read the plan: they may forbid an action, or ask people, by what the adapter computed.

use deed_test_support::office::Case;
use deed_test_support::shared::ended;
use serde_json::json;

use super::{approved, proved, prune, served, waiting};

/// A policy that keeps this member in every group.
fn keeps(member: &str) -> String {
    format!(
        r#"
@id("office-keeps-{member}")
forbid (principal, action == ACTION, resource)
when {{ context has plan.any.member && context.plan.any.member.contains("{member}") }};
"#
    )
}

/// A policy that requires an approval for plans with more than this many writes.
fn asks_above(count: usize) -> String {
    format!(
        r#"
@id("office-many-writes")
@obligation("approve:1:support-lead")
forbid (principal, action == ACTION, resource)
when {{ context has plan && context.plan.count > {count} }};
"#
    )
}

/// People are not asked about a plan that policy forbids.
#[test]
fn a_policy_forbids_what_the_adapter_computed() {
    let case = Case::prune_group().asking().under(&keeps("m-2995"));
    let (office, world) = served(&case);
    let view = world.run(&prune(&case)).unwrap();
    ended(&world, &view, "denied", "forbidden by `office-keeps-m-2995`");
    assert!(!view["ledger"].to_string().contains("\"event\":\"asked\""), "{view:#}");
    assert_eq!(office.applied(), Vec::<String>::new());
    // The adapter does not remove this member, so the policy does not apply.
    let case = Case::prune_group().under(&keeps("m-0001"));
    let (office, world) = served(&case);
    let view = world.run(&prune(&case)).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(office.applied().len(), 7);
}

#[test]
fn a_policy_asks_people_about_large_plans_only() {
    let case = Case::prune_group().under(&asks_above(6));
    let (office, world) = served(&case);
    let id = waiting(&world, &prune(&case));
    assert_eq!(office.applied(), Vec::<String>::new());
    let (shown, view) = approved(&world, &id);
    // Nobody was asked before, so nothing became void.
    assert!(!shown.contains("asked again"), "{shown}");
    assert_eq!(view["stale"], json!([]), "{view:#}");
    let ledger = view["ledger"].to_string();
    assert!(ledger.contains("\"policy requires approval for the planned writes\""), "{ledger}");
    assert!(!ledger.contains("are void"), "{ledger}");
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(office.applied().len(), 7);
    proved(&world, &view);
    let case = Case::prune_group().under(&asks_above(7));
    let (office, world) = served(&case);
    let view = world.run(&prune(&case)).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["approvals"].as_array().map_or(0, Vec::len), 0, "{receipt:#}");
    assert_eq!(office.applied().len(), 7);
}
