use serde_json::json;

use super::*;
use crate::plan::tests::{answered, asked, created, draft, line_of, new_order, order, plan};

fn refusal(draft: &mut Draft, one: &Requested<'_>) -> String {
    draft.take(one).unwrap_err()
}

#[test]
fn the_plan_has_the_writes_in_their_order_with_placeholders() {
    let plan = plan();
    let lines: Vec<(u32, &str, &str)> = plan
        .writes
        .iter()
        .map(|one| (one.rule, one.request.method.as_str(), one.request.path.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (1, "POST", "/orders"),
            (3, "PUT", "/orders/{answer.create.id}/lines"),
            (3, "PUT", "/orders/{answer.create.id}/lines"),
            (4, "POST", "/notes"),
            (5, "PUT", "/orders/{answer.create.id}/done?n={answer.create.number}"),
        ]
    );
    assert_eq!(plan.writes[0].request.body, Some(order("Chairs")));
    assert_eq!(plan.writes[2].request.body, Some(line_of(&Value::Null, "pine")));
    assert_eq!(plan.writes[3].request.body, Some(json!("hello")));
    let bare = crate::plan::tests::perform(&crate::plan::tests::contract());
    for write in &plan.writes {
        let rule = &bare[usize::try_from(write.rule).unwrap()].public;
        assert_eq!(write.request.without_state(), *rule);
    }
}

#[test]
fn the_plan_does_not_depend_on_the_seed() {
    let mut first = draft(&[]);
    let mut second = first.again(Digest::of(b"other"));
    assert_eq!(second.seed(), Digest::of(b"other"));
    let mut ids = Vec::new();
    for draft in [&mut first, &mut second] {
        assert!(!draft.gave_tokens());
        let id = created(draft);
        assert!(draft.gave_tokens());
        answered(draft, &asked("GET", &format!("/orders/{id}"), None));
        let lines = format!("/orders/{id}/lines");
        answered(draft, &asked("PUT", &lines, Some(line_of(&json!(id), "oak"))));
        let done = "/orders/{answer.create.id}/done?n={answer.create.number}";
        answered(draft, &asked("PUT", done, None));
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
    let (first, second) = (first.finish().unwrap(), second.finish().unwrap());
    assert_eq!(first, second);
    assert_eq!(first.digest().unwrap(), second.digest().unwrap());
}

#[test]
fn an_adapter_may_leave_the_placeholders() {
    let mut draft = draft(&[]);
    created(&mut draft);
    answered(&mut draft, &asked("GET", "/orders/{answer.create.id}", None));
    let path = "/orders/{answer.create.id}/lines";
    answered(&mut draft, &asked("PUT", path, Some(line_of(&Value::Null, "oak"))));
    answered(&mut draft, &asked("PUT", path, Some(line_of(&Value::Null, "pine"))));
    answered(&mut draft, &asked("POST", "/notes", Some(json!("hello"))));
    let done = "/orders/{answer.create.id}/done?n={answer.create.number}";
    answered(&mut draft, &asked("PUT", done, None));
    assert_eq!(draft.finish().unwrap(), plan());
}

#[test]
fn reads_are_sent_and_are_not_in_the_plan() {
    let mut draft = draft(&[]);
    let read = |draft: &mut Draft| draft.take(&asked("GET", "/template", None));
    for _ in 0..2 {
        assert!(matches!(read(&mut draft), Ok(Taken::Read(_))));
    }
    let why = read(&mut draft).unwrap_err();
    assert!(why.contains("as often as one run may"), "{why}");
}

#[test]
fn a_write_without_an_answer_gets_an_empty_answer() {
    let mut draft = draft(&[]);
    let answer = answered(&mut draft, &asked("POST", "/notes", Some(json!("x"))));
    assert_eq!(answer, Answered { status: 200, headers: BTreeMap::new(), body: None });
    assert!(!draft.gave_tokens());
}

#[test]
fn a_request_that_no_rule_has_is_refused_with_a_reason() {
    let body = order("Chairs");
    let sent = |body: Value| Some(body);
    for (one, wanted) in [
        (
            asked("DELETE", "/orders", None),
            "is none of this run's requests; it may send `GET /template`",
        ),
        (asked("GET", "/orders", None), "is none of this run's requests"),
        (Requested { upstream: "bank", ..asked("GET", "/template", None) }, "to `bank` is none"),
        (asked("GET", "/template", sent(json!({}))), "has no body"),
        (asked("POST", "/orders", None), "has a body, and the adapter sent none"),
        (asked("POST", "/orders", sent(json!({"title": "x"}))), "differs from its rule at `/by`"),
        (
            asked("POST", "/orders", sent(json!({"title": "x", "by": "me"}))),
            "differs from its rule at `/by`",
        ),
        (
            asked("POST", "/orders", sent(json!({"by": body["by"]}))),
            "differs from its rule at `/title`",
        ),
        (
            asked("POST", "/orders", sent(json!({"title": "x", "by": body["by"], "admin": true}))),
            "differs from its rule at `/admin`",
        ),
        (
            asked("POST", "/orders", sent(order(&"x".repeat(41)))),
            "does not fit its schema at `/title`: has 41",
        ),
        (
            asked("POST", "/orders", sent(json!({"title": 1, "by": body["by"]}))),
            "`1` is not a string",
        ),
        (asked("POST", "/notes", None), "has a body, and the adapter sent none"),
        (asked("POST", "/notes", sent(Value::Null)), "is null; the adapter did not fill in `note`"),
        (
            asked("POST", "/orders", sent(json!({"title": null, "by": body["by"]}))),
            "does not fit its schema at `/title`: `null` is not a string; the adapter did not fill in `title`",
        ),
        (
            asked("POST", "/orders", sent(json!([1]))),
            "the body of `POST /orders` to `shop` differs from its rule; `any` in the rule",
        ),
        (
            asked("POST", "/notes", sent(json!(1))),
            "the part `note` of `POST /notes` to `shop` does not fit its schema: `1` is not a string",
        ),
        (asked("POST", "/notes", sent(json!(["x"]))), "the part `note` of `POST /notes`"),
        (
            asked("GET", "/orders/{answer.create.id}", None),
            "the request `create` must be sent before it",
        ),
        (
            asked("PUT", "/orders/{answer.create.id}/lines", sent(line_of(&Value::Null, "x"))),
            "the request `create` must be sent before it",
        ),
    ] {
        let why = refusal(&mut draft(&[]), &one);
        assert!(why.contains(wanted), "{why}");
        assert!(why.starts_with("denied by contract `shop.order`: "), "{why}");
    }
}

#[test]
fn a_token_stands_only_where_the_rule_has_it() {
    type Ask = fn(&str) -> Requested<'static>;
    fn put(order: &Value, line: &Value) -> Requested<'static> {
        let body = json!({"order": order, "lines": [line]});
        asked("PUT", "/orders/{answer.create.id}/lines", Some(body))
    }
    let asks: [(Ask, &str); 7] = [
        (
            |id| put(&json!(null), &json!({"sku": format!("of {id}")})),
            "the value of an answer at `/lines/0/sku`",
        ),
        (
            |id| put(&json!(null), &json!({id: "x", "sku": "y"})),
            "the value of an answer at `/lines/0`,",
        ),
        (
            |id| asked("POST", "/notes", Some(json!(format!("<{id}>")))),
            "write `{answer.create.id}` there in the rule, as the whole value",
        ),
        (
            |id| put(&json!(id.get(1..)), &json!({"sku": "x"})),
            "must be the value of `answer.create.id` or null",
        ),
        (
            |_| put(&json!(7), &json!({"sku": "x"})),
            "must be the value of `answer.create.id` or null",
        ),
        (
            |id| {
                let body = json!({"order": null, "lines": [{"sku": "x"}], "copy": id});
                asked("PUT", "/orders/{answer.create.id}/lines", Some(body))
            },
            "the value of an answer at `/copy`",
        ),
        (
            |_| put(&json!({"a": 1}), &json!({"sku": "x"})),
            "must be the value of `answer.create.id` or null",
        ),
    ];
    for (ask, wanted) in asks {
        let mut draft = draft(&[]);
        let id = created(&mut draft);
        let why = refusal(&mut draft, &ask(&id));
        assert!(why.contains(wanted), "{why}");
    }
    let mut draft = draft(&[]);
    let id = created(&mut draft);
    let why = refusal(&mut draft, &asked("GET", &format!("/things/{id}"), None));
    assert!(why.contains("contains the value of `answer.create.id`, and no rule has"), "{why}");
}

#[test]
fn an_integer_token_is_found_as_a_number_and_as_text() {
    let note = |number: &Value| json!(format!("number {number}"));
    let mut draft = draft(&[]);
    let number = new_order(&mut draft)["number"].clone();
    let why =
        refusal(&mut draft.again(draft.seed()), &asked("POST", "/notes", Some(number.clone())));
    assert!(why.contains("is not a string"), "{why}");
    let why = refusal(&mut draft, &asked("POST", "/notes", Some(note(&number))));
    assert!(why.contains("write `{answer.create.number}` there"), "{why}");
}

#[test]
fn a_value_of_the_answer_to_a_read_has_no_place_in_a_plan() {
    let mut draft = draft(&[]);
    let id = created(&mut draft);
    let look = answered(&mut draft, &asked("GET", "/orders/{answer.create.id}", None));
    let number = look.body.unwrap()["number"].clone();
    let path = format!("/orders/{id}/lines");
    let body = json!({"order": null, "lines": [{"sku": number.to_string()}]});
    let why = refusal(&mut draft, &asked("PUT", &path, Some(body)));
    assert!(why.contains("the value of an answer at `/lines/0/sku`"), "{why}");
    assert!(why.contains("no request can contain a value of the answer to a read"), "{why}");
    let mut draft = draft.again(draft.seed());
    created(&mut draft);
    answered(&mut draft, &asked("GET", "/orders/{answer.create.id}", None));
    let done = format!("/orders/{{answer.create.id}}/done?n={number}");
    let why = refusal(&mut draft, &asked("PUT", &done, None));
    assert!(why.contains("contains the value of `answer.look.number`, and no rule has"), "{why}");
}

#[test]
fn a_private_value_is_in_no_part() {
    let bodies = [json!("my s3cret-value!"), json!({"s3cret-value": 1}), json!([["s3cret-value"]])];
    for body in bodies {
        let mut draft = draft(&["", "s3cret-value"]);
        let why = refusal(&mut draft, &asked("POST", "/notes", Some(body)));
        assert!(why.contains("has a private value at"), "{why}");
        assert!(!why.contains("s3cret") && !format!("{draft:?}").contains("s3cret-value"), "{why}");
    }
    let mut draft = draft(&["s3cret-value"]);
    let why = refusal(&mut draft, &asked("GET", "/x/s3cret-value", None));
    assert!(why.contains("has a private value") && !why.contains("s3cret"), "{why}");
}

#[test]
fn after_the_first_refusal_there_is_no_plan() {
    let mut draft = draft(&[]);
    let first = refusal(&mut draft, &asked("DELETE", "/x", None));
    let next = refusal(&mut draft, &asked("POST", "/notes", Some(json!("x"))));
    assert_eq!(next, first);
    let reason = draft.reason().unwrap().to_owned();
    assert!(first.starts_with("denied by contract `shop.order`: `DELETE /x` to `shop`"), "{first}");
    assert!(reason.starts_with("denied by contract `shop.order`: a `DELETE` request to `shop`"));
    draft.refuse("another refusal".to_owned());
    assert_eq!(draft.finish(), Err(reason));
    let mut draft = self::draft(&[]);
    draft.refuse("a refusal elsewhere".to_owned());
    assert_eq!(draft.finish(), Err("a refusal elsewhere".to_owned()));
}

/// The agent sees the reason before anybody agreed to the action. The adapter may have read what it asks for.
#[test]
fn the_reason_of_a_refusal_has_no_value_that_was_read_or_computed() {
    const READ: &str = "what was read";
    let by = order("Chairs")["by"].clone();
    let lines = "/orders/{answer.create.id}/lines";
    let line = |line: Value| asked("PUT", lines, Some(json!({"order": null, "lines": [line]})));
    for (one, wanted) in [
        (asked("GET", "/what was read", None), "a `GET` request to `shop` is none of this run's"),
        (asked("WHAT WAS READ", "/", None), ": a request to `shop` is none of this run's requests"),
        (
            Requested { upstream: READ, ..asked("GET", "/", None) },
            "a `GET` request to another upstream is none",
        ),
        (
            asked("POST", "/orders", Some(json!({"title": {READ: READ}, "by": by.clone()}))),
            "does not fit its schema at `/title`: it must be a string with at most 40 characters",
        ),
        (
            asked("POST", "/orders", Some(json!({"title": "x", "by": by.clone(), READ: 1}))),
            "differs from its rule",
        ),
        (
            asked("POST", "/orders", Some(json!({"title": "x", "by": READ}))),
            "differs from its rule at `/by`",
        ),
        (
            line(json!({"sku": "x", READ: 1})),
            "at `/lines/0`: it must be an object with no other members than `n`, `sku` (required)",
        ),
        (line(json!({"sku": "x", "n": READ})), "at `/lines/0/n`: it must be an integer"),
    ] {
        let mut draft = draft(&[]);
        if one.method != "POST" {
            created(&mut draft);
        }
        let told = refusal(&mut draft, &one);
        let reason = draft.reason().unwrap();
        assert!(reason.contains(wanted), "{reason}");
        assert!(!reason.to_lowercase().contains(READ), "{reason}");
        assert!(told.to_lowercase().contains(READ) || told.contains("at `/by`"), "{told}");
    }
    // The place of a token or of a private value may have such a name too.
    let mut draft = self::draft(&["s3cret-value"]);
    let id = created(&mut draft);
    let mut other = draft.again(draft.seed());
    created(&mut other);
    refusal(&mut draft, &line(json!({"sku": "x", READ: {"a": id}})));
    refusal(&mut other, &line(json!({"sku": "x", READ: ["s3cret-value"]})));
    for (draft, why) in [(draft, "has the value of an answer"), (other, "has a private value")] {
        let reason = draft.reason().unwrap();
        assert!(reason.contains(&format!("{why} at `/lines/0`")), "{reason}");
        assert!(!reason.contains(READ), "{reason}");
    }
}

#[test]
fn a_plan_has_every_write_that_is_not_optional() {
    let mut draft = draft(&[]);
    let id = created(&mut draft);
    answered(&mut draft, &asked("GET", &format!("/orders/{id}"), None));
    let done = "/orders/{answer.create.id}/done?n={answer.create.number}";
    answered(&mut draft, &asked("PUT", done, None));
    let why = draft.finish().unwrap_err();
    let wanted = "the plan lacks `PUT /orders/{answer.create.id}/lines` to `shop`: the adapter did not send it";
    assert!(why.starts_with(wanted), "{why}");
}

#[test]
fn a_write_is_planned_as_often_as_its_rule_allows() {
    let mut draft = draft(&[]);
    created(&mut draft);
    let path = "/orders/{answer.create.id}/lines";
    for sku in ["a", "a", "b"] {
        answered(&mut draft, &asked("PUT", path, Some(line_of(&Value::Null, sku))));
    }
    let why = refusal(&mut draft, &asked("PUT", path, Some(line_of(&Value::Null, "c"))));
    assert!(why.contains("as often as one run may; a larger `calls`"), "{why}");
    let mut draft = self::draft(&[]);
    created(&mut draft);
    let why = refusal(&mut draft, &asked("POST", "/orders", Some(order("Tables"))));
    assert!(why.contains("as often as one run may"), "{why}");
}

#[test]
fn a_plan_is_bounded() {
    let mut draft = draft(&[]);
    let big = "x".repeat(BYTES_MAX);
    let why = refusal(&mut draft, &asked("POST", "/notes", Some(json!(big))));
    assert!(why.contains("at most 256 writes and 4 MiB"), "{why}");
    let why = refusal(&mut self::draft(&[]), &asked("GET", &"/x".repeat(BYTES_MAX), None));
    assert!(why.chars().count() <= 2 << 10, "{}", why.len());
}

#[test]
fn the_values_of_a_plan_are_bounded() {
    let path = "/orders/{answer.create.id}/lines";
    // The schema does not bound the number of lines.
    let text = crate::plan::tests::CONTRACT.replace(
        "body.lines = [{ name = \"line\", any = { type = \"object\", required = [\"sku\"], properties = { sku = { type = \"string\" }, n = { type = \"integer\" } } } }]",
        "body.lines = { name = \"line\", any = { type = \"array\", items = { type = \"decimal\" } } }",
    );
    let contract = Contract::from_toml("c.toml", &text).unwrap();
    let lines = |count: usize, text: &str| {
        let body = json!({"order": null, "lines": vec![text; count]});
        asked("PUT", path, Some(body))
    };
    let draft = || {
        let perform = crate::plan::tests::perform(&contract);
        let mut draft = Draft::new(&contract, perform, vec![], Digest::of(b"seed"));
        created(&mut draft);
        draft
    };
    let mut all = draft();
    answered(&mut all, &lines(VALUES_MAX / 2, "1"));
    let why = refusal(&mut all, &lines(VALUES_MAX / 2, "1"));
    assert!(why.contains("at most 20000 values"), "{why}");
    assert_eq!(all.reason(), Some(why.as_str()));
    // The plan would have 9 bytes for each decimal, and policies about 40.
    let schemas = [(String::new(), contract.part_schema(3, "line"))].into();
    let parts = [(String::new(), json!(vec!["1.5"; 1_000]))].into();
    let seen = bounds::for_policies(&schemas, &parts);
    assert!((35_000..50_000).contains(&seen), "{seen}");
}

#[test]
fn a_location_has_the_members_that_its_form_names() {
    let text = crate::plan::tests::CONTRACT
        .replace("created = [201]", "accepted = [202]\nlocation = \"/jobs/{job}\"")
        .replace(
            "answer.state",
            "answer.job = { type = \"string\", pattern = \"^[a-z]{20}$\" }\nanswer.state",
        );
    let contract = Contract::from_toml("c.toml", &text).unwrap();
    let perform = crate::plan::tests::perform(&contract);
    let mut draft = Draft::new(&contract, perform, vec![], Digest::of(b"seed"));
    let answer = answered(&mut draft, &asked("POST", "/orders", Some(order("Chairs"))));
    assert_eq!(answer.status, 202);
    let job = answer.headers["location"].strip_prefix("/jobs/").unwrap();
    assert!(job.len() == 20 && answer.body.as_ref().unwrap().get("job").is_none(), "{answer:?}");
    assert!(answer.body.unwrap()["id"].is_string());
    let why = refusal(&mut draft, &asked("POST", "/notes", Some(json!(job))));
    assert!(why.contains("write `{answer.create.job}` there"), "{why}");
}
