//! Tests of what approvers see, and of what the upstream gets: a document that is put back, a thing whose id later
//! writes contain, and members of a group that are found on many pages.

use deed_test_support::office::Case;
use deed_test_support::shared::ended;
use deed_tests::world::HELPDESK;
use serde_json::{Value, json};

use super::{agreed, approved, build, building, built, proved, prune, served, tag, waiting};

#[test]
fn a_computed_document_is_put_back_as_it_was_shown() {
    let case = Case::tag_document().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &tag(&case));
    assert_eq!(office.applied(), Vec::<String>::new());
    let (shown, view) = approved(&world, &id);
    for part in [
        "PUT /documents/d-1",
        "\"Be kind to each other.\"",
        "\"reviewed\"",
        "exactly these will be sent",
        "it remains valid if other values of the state change, and the plan stays the same\n",
    ] {
        assert!(shown.contains(part), "no `{part}`: {shown}");
    }
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.applied(), ["PUT /documents/d-1"]);
    let text = "Be kind to each other.";
    let sent = json!({"title": "House rules", "text": text, "tags": ["rules", "reviewed"]});
    assert_eq!(office.bodies(), [sent]);
    let document = office.get("/documents/d-1");
    assert_eq!(
        (&document["tags"], &document["text"]),
        (&json!(["rules", "reviewed"]), &json!(text))
    );
    proved(&world, &view);
}

/// The contract takes the title and the text from the state, and leaves only the tags to the adapter.
#[test]
fn only_a_part_of_the_document_is_computed() {
    let part = r#"[perform.http.body]
title = "{pre.document.title}"
text  = "{pre.document.text}"
tags  = { any = { type = "array", maxItems = 20, items = { type = "string", maxLength = 40 } }, name = "tags" }
"#;
    let all = "[\"/document/tags\", \"/document/title\", \"/document/text\"]";
    let case = Case::tag_document()
        .with(super::closed::WHOLE, part)
        .with("depends_on = [\"/document/tags\"]", &format!("depends_on = {all}"))
        .asking();
    let (office, world) = served(&case);
    let (shown, view) = approved(&world, &waiting(&world, &tag(&case)));
    assert!(shown.contains("computed by the adapter, as `tags`"), "{shown}");
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.applied(), ["PUT /documents/d-1"]);
    assert_eq!(office.get("/documents/d-1")["tags"], json!(["rules", "reviewed"]));
    assert_eq!(office.get("/documents/d-1")["text"], "Be kind to each other.");
    proved(&world, &view);
}

#[test]
fn the_id_of_a_created_thing_is_in_later_writes() {
    let case = Case::build_thing().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &build(&case, "k-1"));
    assert_eq!(office.applied(), Vec::<String>::new());
    let (shown, view) = approved(&world, &id);
    for part in [
        "/things/<answer.create.id>/parts",
        "\"thing\": <answer.create.id>",
        "\"bulb\"",
        "\"fragile\"",
        "write 4 of 4",
    ] {
        assert!(shown.contains(part), "no `{part}`: {shown}");
    }
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    let thing = built(&office);
    assert_eq!(office.applied(), building(&thing));
    let parts = json!([{"sku": "bulb", "count": 2}, {"sku": "cable", "count": 4}]);
    assert_eq!(
        office.bodies()[1..],
        [
            json!({"parts": parts}),
            json!({"thing": thing, "shelf": "s-1", "total": 6}),
            json!({"thing": thing, "text": "fragile"}),
        ]
    );
    let made = office.get(&format!("/things/{thing}"));
    assert_eq!((&made["by"], &made["shelf"]), (&view["id"], &json!("s-1")), "{made:#}");
    assert_eq!((&made["parts"], &made["label"]), (&parts, &json!("fragile")), "{made:#}");
    assert_eq!(receipt["outputs"], json!({"thing": thing}));
    proved(&world, &view);
}

/// `deed act --explain` shows the same lists.
#[test]
fn an_explanation_lists_what_perform_reads_as_reads() {
    let case = Case::build_thing();
    let (office, world) = served(&case);
    let client = world.client(HELPDESK);
    let said = client.post("/v1/explain", &build(&case, "k-1")).unwrap().json();
    let lines = |list: &str| -> Vec<String> {
        let line = |one: &Value| {
            format!("{} {}", one["method"].as_str().unwrap(), one["path"].as_str().unwrap())
        };
        said[list].as_array().unwrap().iter().map(line).collect()
    };
    let read = ["GET /kits/k-1", "GET /things/{answer.create.id}", "GET /kits/k-1/parts"];
    assert_eq!(lines("would_read"), read);
    assert_eq!(lines("would_send"), building("{answer.create.id}"));
    assert_eq!(office.upstream.seen().len(), 0);
}

/// The members are on seven pages, which the rehearsals read and the attempt does not read again.
#[test]
fn the_wrong_members_of_a_large_group_are_removed() {
    let case = Case::prune_group().asking();
    let (office, world) = served(&case);
    let id = waiting(&world, &prune(&case));
    assert_eq!(office.reads("/groups/staff/members?page=7"), 1, "the rehearsal reads all pages");
    let (shown, view) = approved(&world, &id);
    let removed: Vec<String> = (2_993..3_000).map(|n| format!("m-{n}")).collect();
    for member in &removed {
        assert!(shown.contains(&format!("\"{member}\"")), "no `{member}`: {shown}");
    }
    assert!(!shown.contains("m-2992") && shown.contains("write 7 of 7"), "{shown}");
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.applied(), vec!["POST /groups/staff/remove"; 7]);
    let bodies: Vec<_> = removed.iter().map(|member| json!({ "member": member })).collect();
    assert_eq!(office.bodies(), bodies);
    assert_eq!(
        office.get("/groups/staff?outside=example.com"),
        json!({"size": 2993, "outside": 0})
    );
    for page in ["/groups/staff/members?page=1", "/groups/staff/members?page=7"] {
        assert_eq!(office.reads(page), 2, "before people are asked, and at the gate: {page}");
    }
    proved(&world, &view);
}

/// No code computes anything: the contract alone puts the id into later writes.
#[test]
fn the_adapter_declared_sends_values_of_answers() {
    let case = Case::order_thing().asking();
    let (office, world) = served(&case);
    let params = json!({"name": "lamp-1", "shelf": "s-1", "sku": "bulb", "units": 3});
    let (shown, view) = approved(&world, &waiting(&world, &case.proposal(params)));
    assert!(shown.contains("/things/<answer.create.id>/parts"), "{shown}");
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    let thing = built(&office);
    assert_eq!(office.applied(), building(&thing)[..3]);
    assert_eq!(office.bodies()[2], json!({"thing": thing, "shelf": "s-1"}));
    assert_eq!(receipt["outputs"], json!({"thing": thing}));
    proved(&world, &view);
}

/// The kit has no label, so the plan has no write for it.
#[test]
fn an_optional_write_may_be_left_out() {
    let case = Case::build_thing();
    let (office, world) = served(&case);
    let view = world.run(&build(&case, "k-2")).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(receipt.get("unsent"), None, "what is not in the plan is not unsent: {receipt:#}");
    assert_eq!(office.applied(), building(&built(&office))[..3]);
    proved(&world, &view);
    // The same write is not left out if the contract does not declare it as optional.
    let (office, world) = served(&case.with("optional = true\n", ""));
    let view = world.run(&build(&Case::build_thing(), "k-2")).unwrap();
    ended(&world, &view, "denied", "nothing was sent");
    assert_eq!(office.applied(), Vec::<String>::new());
}

/// Nobody is waited for, so there is one rehearsal, and the attempt gets the reads from its record.
#[test]
fn an_action_that_needs_no_approval_is_rehearsed_once() {
    let case = Case::build_thing();
    let (office, world) = served(&case);
    let view = world.run(&build(&case, "k-1")).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    agreed(&world, &view, &receipt);
    assert_eq!(office.reads("/kits/k-1/parts"), 1);
    let methods: Vec<_> = receipt["attempts"][0]["exchanges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["method"].as_str().unwrap())
        .collect();
    assert_eq!(methods, ["POST", "PUT", "POST", "POST"], "the attempt sends no read: {receipt:#}");
    assert_eq!(office.applied(), building(&built(&office)));
    proved(&world, &view);
}
