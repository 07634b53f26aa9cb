use serde_json::json;

use super::*;
use crate::action::id::ActionId;
use crate::action::{Proposal, render};

/// A contract with a write that creates, an optional read-modify-write of a document, and a repeated write.
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
[state.user]
from = "GET /docs/{id}"
required = ["label"]
properties.label = { type = "string" }
[[observe.http]]
upstream = "docs"
request = "GET /docs/{id}"
[[perform.http]]
upstream = "docs"
name = "create"
request = "POST /docs/{id}/parts"
body = { label = "{pre.user.label}" }
answer = { part = { type = "string", pattern = "^[a-z0-9]{16,32}$" } }
[[perform.http]]
upstream = "docs"
request = "PUT /docs/{id}"
optional = true
body.doc = { any = { required = ["n"], properties = { n = { type = "integer", minimum = 1 } } }, name = "doc" }
[[perform.http]]
upstream = "docs"
request = "POST /parts/{answer.create.part}/rows"
calls = 2
body = { any = { type = "string", maxLength = 5 }, name = "row" }
[verify]
after = ["post.user.label != \"\""]
may_change = ["/user"]
"#;

struct Case {
    contract: Contract,
    rules: Vec<Rendered>,
    plan: Plan,
}

/// The rules, and a plan with one document and two rows.
fn case() -> Case {
    let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
    let proposal = Proposal {
        contract: "docs.edit".into(),
        params: json!({"id": "1"}),
        intent: "try".into(),
        reasoning: None,
        on_behalf_of: None,
        sources: vec![],
        environment: None,
        expect: [].into(),
        dry_run: false,
    };
    let rules = render(&contract, &proposal, &ActionId::new(1, [0; 10])).unwrap().perform;
    let part = |at: &str, value: Value| BTreeMap::from([(at.to_owned(), value)]);
    let create = rules[0].with_state(&pre()).unwrap();
    let writes = vec![
        Planned { rule: 0, request: create },
        Planned { rule: 1, request: rules[1].with_any(&part("/doc", json!({"n": 1}))) },
        Planned { rule: 2, request: rules[2].with_any(&part("", json!("a"))) },
        Planned { rule: 2, request: rules[2].with_any(&part("", json!("b"))) },
    ];
    Case { contract, rules, plan: Plan { writes } }
}

fn pre() -> Value {
    json!({"user": {"label": "x"}})
}

/// The reason why the changed plan is not legal.
fn refused(change: impl FnOnce(&mut Vec<Planned>)) -> String {
    let mut case = case();
    change(&mut case.plan.writes);
    check(&case.contract, &case.rules, &pre(), &case.plan).unwrap_err()
}

#[test]
fn a_plan_of_the_contract_is_accepted_with_and_without_its_optional_write() {
    let mut case = case();
    assert_eq!(check(&case.contract, &case.rules, &pre(), &case.plan), Ok(()));
    case.plan.writes.remove(1);
    assert_eq!(check(&case.contract, &case.rules, &pre(), &case.plan), Ok(()));
    case.plan.writes.remove(2);
    assert_eq!(check(&case.contract, &case.rules, &pre(), &case.plan), Ok(()));
}

#[test]
fn a_write_that_is_not_of_its_rule_is_refused() {
    let path = refused(|writes| writes[1].request.path = "/docs/2".into());
    assert!(path.starts_with("write 2 differs from the rule `PUT /docs/1`"), "{path}");
    assert!(path.ends_with("in its path"), "{path}");
    let state = refused(|writes| writes[0].request.body = Some(json!({"label": "y"})));
    assert!(state.starts_with("write 1 ") && state.ends_with("at `/label` of its body"), "{state}");
    let more = refused(|writes| writes[1].request.body = Some(json!({"doc": {"n": 1}, "x": 1})));
    assert!(more.ends_with("at `/x` of its body"), "{more}");
    let hidden = refused(|writes| writes[1].request.any.clear());
    assert!(hidden.ends_with("outside its path and body"), "{hidden}");
    let rule = refused(|writes| writes[3].rule = 9);
    assert!(rule.contains("write 4 names rule 9"), "{rule}");
}

#[test]
fn a_part_that_is_absent_or_off_its_schema_is_refused() {
    let absent = refused(|writes| writes[1].request.body = Some(json!({})));
    assert_eq!(absent, "write 2 lacks the part `doc` at `/doc`");
    let whole = refused(|writes| writes[2].request.body = None);
    assert_eq!(whole, "write 3 lacks the part `row`");
    let small = refused(|writes| writes[1].request.body = Some(json!({"doc": {"n": 0}})));
    assert!(small.contains("the part `doc` at `/doc/n`"), "{small}");
    let long = refused(|writes| writes[3].request.body = Some(json!("abcdef")));
    assert!(long.contains("write 4 does not fit the schema of the part `row`"), "{long}");
}

#[test]
fn a_write_too_many_too_few_or_too_early_is_refused() {
    let many = refused(|writes| writes.push(writes[3].clone()));
    assert!(many.contains("write 5 repeats") && many.contains("more than 2 time(s)"), "{many}");
    let few = refused(|writes| writes.truncate(2));
    assert!(few.starts_with("the plan lacks `POST /parts/{answer.create.part}/rows`"), "{few}");
    let early = refused(|writes| writes.swap(0, 2));
    assert_eq!(early, "write 1 contains `answer.create.part`, which no earlier write gives");
}
