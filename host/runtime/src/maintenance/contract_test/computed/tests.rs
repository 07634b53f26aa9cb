use deed_record::lifecycle::outcome::Outcome;
use serde_json::json;

use super::*;
use crate::maintenance::contract_test::{ContractTest, Tested};

const CONTRACT: &str = r#"
format = 2
[action]
name = "docs.edit"
version = "1.0.0"
title = "Edit"
verb = "update"
mode = "write"
effect = "observable"
resource = "docs/{id}"
adapter = "edits"
[params]
required = ["id"]
properties.id = { type = "string", pattern = "^[0-9a-f]{1,32}$" }
[state.doc]
from = "GET /docs/{id}"
required = ["rows"]
properties.rows = { type = "integer" }
[[observe.http]]
upstream = "docs"
request = "GET /docs/{id}"
[[perform.http]]
upstream = "docs"
request = "GET /templates/{id}"
[[perform.http]]
upstream = "docs"
name = "create"
request = "POST /docs/{id}/parts"
answer = { part = { type = "string", pattern = "^[a-z0-9]{16,32}$" } }
[[perform.http]]
upstream = "docs"
request = "POST /parts/{answer.create.part}/rows"
calls = 3
body.row = { any = { type = "string", maxLength = 5 }, name = "row" }
[[perform.http]]
upstream = "docs"
request = "DELETE /drafts/{id}"
optional = true
[verify]
before = ["pre.doc.rows == 0"]
after = ["post.doc.rows == 2"]
may_change = ["/doc/rows"]
"#;

const CREATE: &str = "POST /docs/{id}/parts";
const ROWS: &str = "POST /parts/{answer.create.part}/rows";
const DRAFT: &str = "DELETE /drafts/{id}";
const GET: &str = "GET /docs/{id}";

fn answer(request: &str, status: u16, body: &Value) -> RecordedAnswer {
    serde_json::from_value(json!({"request": request, "status": status, "body": body})).unwrap()
}

/// Runs a case in which the document has no rows before the action and this many rows after it.
fn run(
    computed: &Value,
    writes: &[RecordedAnswer],
    rows: u32,
) -> Result<Tested, ContractTestError> {
    let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
    let computed: BTreeMap<String, Value> = serde_json::from_value(computed.clone()).unwrap();
    let test = ContractTest {
        contract: &contract,
        params: &json!({"id": "1"}),
        computed: &computed,
        before: &[answer(GET, 200, &json!({"rows": 0}))],
        writes,
        after: &[answer(GET, 200, &json!({"rows": rows}))],
    };
    test.run()
}

fn created() -> RecordedAnswer {
    answer(CREATE, 201, &json!({"part": "abcdefghijklmnop"}))
}

fn row() -> RecordedAnswer {
    answer(ROWS, 200, &json!({}))
}

fn refused(computed: &Value, writes: &[RecordedAnswer]) -> String {
    run(computed, writes, 2).unwrap_err().to_string()
}

#[test]
fn a_plan_that_is_carried_out_is_judged_by_the_state() {
    let two = json!({"row": ["a", "b"]});
    let tested = run(&two, &[created(), row(), row()], 2).unwrap();
    assert_eq!(tested.judgement.outcome, Outcome::Verified, "{tested:?}");
    let draft = answer(DRAFT, 204, &Value::Null);
    let tested = run(&two, &[created(), row(), row(), draft], 2).unwrap();
    assert_eq!(tested.judgement.outcome, Outcome::Verified, "{tested:?}");
    let tested = run(&two, &[created(), row(), row()], 3).unwrap();
    assert_eq!(tested.judgement.outcome, Outcome::Mismatch, "{tested:?}");
}

#[test]
fn a_planned_write_without_an_answer_was_not_sent() {
    let tested = run(&json!({"row": ["a", "b"]}), &[created(), row()], 2).unwrap();
    assert_eq!(tested.judgement.outcome, Outcome::Mismatch, "{tested:?}");
    assert_eq!(tested.judgement.unsent.len(), 1, "{tested:?}");
}

#[test]
fn a_write_that_was_refused_may_be_answered_again() {
    let busy = answer(ROWS, 503, &json!({}));
    let tested = run(&json!({"row": ["a", "b"]}), &[created(), busy, row(), row()], 2).unwrap();
    assert_eq!(tested.judgement.outcome, Outcome::Verified, "{tested:?}");
}

/// An adapter of an open contract ends `perform` at the first write that is not answered with 2xx. The write `DRAFT` is
/// optional, so an adapter may go on after it; the adapter `declared` does not.
#[test]
fn no_write_follows_one_that_was_refused_or_lost() {
    let two = json!({"row": ["a", "b"]});
    let lost = serde_json::from_value(json!({"request": ROWS})).unwrap();
    let draft = answer(DRAFT, 204, &Value::Null);
    for (failed, how) in
        [(answer(ROWS, 422, &json!({})), "was answered 422"), (lost, "got no answer")]
    {
        let said = refused(&two, &[created(), row(), failed, draft.clone()]);
        let why = format!(
            "`{DRAFT}` is not sent then: write 3 {how}, and `perform` ends at the first write"
        );
        assert!(said.contains(&why), "{said}");
    }
    let first = |adapter: &str| {
        let draft = "[[perform.http]]\nupstream = \"docs\"\nrequest = \"DELETE /drafts/{id}\"\noptional = true\n";
        let create = "[[perform.http]]\nupstream = \"docs\"\nname = \"create\"";
        let text = CONTRACT.replace(draft, "").replace(create, &format!("{draft}{create}"));
        let text = text.replace(
            "body.row = { any = { type = \"string\", maxLength = 5 }, name = \"row\" }",
            "",
        );
        let text = text.replace("\"edits\"", &format!("\"{adapter}\"")).replace("calls = 3\n", "");
        let contract = Contract::from_toml("c.toml", &text).unwrap();
        let writes = [answer(DRAFT, 404, &json!({})), created(), row()];
        let test = ContractTest {
            contract: &contract,
            params: &json!({"id": "1"}),
            computed: &BTreeMap::new(),
            before: &[answer(GET, 200, &json!({"rows": 0}))],
            writes: &writes,
            after: &[answer(GET, 200, &json!({"rows": 2}))],
        };
        test.run().map(|tested| tested.judgement.outcome).map_err(|error| error.to_string())
    };
    assert_eq!(first("edits"), Ok(Outcome::Verified));
    let said = first("declared").unwrap_err();
    assert!(
        said.contains(&format!("`{CREATE}` is not sent then: write 1 was answered 404")),
        "{said}"
    );
}

/// In a closed contract, only the adapter `declared` is known to stop.
#[test]
fn the_order_of_a_closed_contract_is_that_of_declared() {
    let run = |adapter: &str, statuses: &[(&str, u16)]| {
        let rules = "[[perform.http]]\nupstream = \"docs\"\nrequest = \"PUT /docs/{id}\"\nbody = { rows = 2 }\n\
                     [[perform.http]]\nupstream = \"docs\"\nrequest = \"POST /shelf\"\n";
        let (head, rest) = CONTRACT.split_once("[[perform.http]]").unwrap();
        let (_, verify) = rest.split_once("[verify]").unwrap();
        let text = format!("{head}{rules}[verify]{verify}");
        let text = text.replace("\"edits\"", &format!("\"{adapter}\""));
        let contract = Contract::from_toml("c.toml", &text).unwrap();
        let writes: Vec<RecordedAnswer> =
            statuses.iter().map(|(request, status)| answer(request, *status, &json!({}))).collect();
        let test = ContractTest {
            contract: &contract,
            params: &json!({"id": "1"}),
            computed: &BTreeMap::new(),
            before: &[answer(GET, 200, &json!({"rows": 0}))],
            writes: &writes,
            after: &[answer(GET, 200, &json!({"rows": 2}))],
        };
        test.run().map(|tested| tested.judgement.outcome).map_err(|error| error.to_string())
    };
    let (put, shelf) = ("PUT /docs/{id}", "POST /shelf");
    let refused = [(put, 422), (shelf, 200)];
    let said = run("declared", &refused).unwrap_err();
    assert!(
        said.contains("`POST /shelf` is not sent then: `PUT /docs/1` was answered 422"),
        "{said}"
    );
    assert_eq!(run("edits", &refused), Ok(Outcome::Verified));
    assert_eq!(run("declared", &[(put, 503), (put, 200), (shelf, 200)]), Ok(Outcome::Verified));
    assert!(run("declared", &[(put, 422)]).is_ok());
}

#[test]
fn what_the_adapter_computes_must_fit_the_contract() {
    let writes = [created(), row(), row()];
    for (computed, why) in [
        (json!({}), "add `row` to `computed` of the case"),
        (json!({"row": "a"}), "`computed.row` must be a list with one value for each call"),
        (json!({"row": ["a"], "line": "x"}), "`computed.line` is not a part of a write"),
        (json!({"row": ["a", "too long"]}), "the plan is refused: "),
        (json!({"row": ["a", "b", "c", "d"]}), "the plan is refused: "),
    ] {
        let said = refused(&computed, &writes);
        assert!(said.contains(why), "no `{why}` in: {said}");
    }
}

#[test]
fn answers_to_what_would_not_be_sent_are_refused() {
    let two = json!({"row": ["a", "b"]});
    for (writes, why) in [
        (vec![row()], "is not sent then"),
        (vec![answer(CREATE, 422, &json!({})), row()], "is not sent then"),
        (vec![answer(CREATE, 201, &json!({"part": "x"})), row()], "is not sent then"),
        (vec![created(), row(), row(), row()], "the plan has no such write left"),
        (vec![answer("GET /templates/{id}", 200, &json!({}))], "leave the answer out"),
        (vec![answer("GET /else", 200, &json!({}))], "no rule of the contract has the request"),
    ] {
        let said = refused(&two, &writes);
        assert!(said.contains(why), "no `{why}` in: {said}");
    }
}
