//! Tests of closed contracts, which are not rehearsed.

use deed_record::bundle;
use deed_test_support::office::Case;
use deed_test_support::shared::ended;

use super::{approved, served, tag, waiting};

/// The body of the write in `tag_document.toml`, which the adapter computes.
pub(super) const WHOLE: &str = r#"[perform.http.body]
name = "document"

[perform.http.body.any]
required = ["title", "text", "tags"]
properties.title = { type = "string", maxLength = 200 }
properties.text  = { type = "string", maxLength = 10000 }
properties.tags  = { type = "array", maxItems = 20, items = { type = "string", maxLength = 40 } }
"#;

/// The same body, which the parameters and the state determine.
const FIXED: &str = r#"[perform.http.body]
title = "{pre.document.title}"
text  = "{pre.document.text}"
tags  = ["rules", "{tag}"]
"#;

/// A contract of `declared` that also reads something in `perform`.
fn case(body: &str) -> Case {
    let write = "[[perform.http]]\nupstream = \"office\"\nrequest  = \"PUT";
    let read =
        "[[perform.http]]\nupstream = \"office\"\nrequest  = \"GET /documents/{document}\"\n\n";
    let other = read.replace("/documents/{document}", "/kits/k-1/parts");
    let all = "depends_on = [\"/document/tags\", \"/document/title\", \"/document/text\"]";
    Case::tag_document()
        .with("adapter  = \"edits-a-document\"", "adapter  = \"declared\"")
        .with(&format!("{read}{write}"), &format!("{other}{write}"))
        .with("depends_on = [\"/document/tags\"]", all)
        .with(WHOLE, body)
        .asking()
}

/// The reads of `perform` show how often it ran.
#[test]
fn a_closed_contract_runs_once_and_has_no_rehearsal() {
    let case = case(FIXED);
    let (office, world) = served(&case);
    let id = waiting(&world, &tag(&case));
    assert_eq!(office.reads("/kits/k-1/parts"), 0, "nothing runs before the attempt");
    let (shown, view) = approved(&world, &id);
    assert!(!shown.contains("exactly these will be sent"), "{shown}");
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(office.reads("/kits/k-1/parts"), 1);
    assert_eq!((receipt.get("rehearsal"), receipt.get("unsent")), (None, None));
    let bundle = world.bundle(&id).unwrap();
    assert!(!bundle::read(&bundle).unwrap().contains_key("evidence/rehearsal.json"));
    assert!(!view["ledger"].to_string().contains("rehearsed"), "{view:#}");
    assert_eq!(office.applied(), ["PUT /documents/d-1"]);
}

/// One part that the adapter would compute makes the same contract open. `declared` computes nothing, so there is no
/// plan.
#[test]
fn one_open_part_makes_the_contract_open() {
    let part = "{ any = { type = \"array\", items = { type = \"string\" } }, name = \"tags\" }";
    let case = case(&FIXED.replace("[\"rules\", \"{tag}\"]", part));
    let (office, world) = served(&case);
    let view = world.run(&tag(&case)).unwrap();
    let receipt = ended(&world, &view, "denied", "nothing was sent");
    let problem = receipt["rehearsal"]["problem"].as_str().unwrap();
    assert!(problem.contains("the adapter did not fill in `tags`"), "{problem}");
    assert_eq!(office.reads("/kits/k-1/parts"), 1);
    assert_eq!(office.applied(), Vec::<String>::new());
}
