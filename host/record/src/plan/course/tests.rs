use deed_spec::digest::Digest;
use serde_json::{Value, json};

use super::*;
use crate::exchange::Fate;
use crate::plan::draft::Draft;
use crate::plan::sent::{unsent, with_answers_so_far};
use crate::plan::tests::{
    CONTRACT, asked, contract, course, exchange, line_of, order, perform, plan, write,
};

const LINES: &str = "/orders/{answer.create.id}/lines";

fn create() -> Requested<'static> {
    asked("POST", "/orders", Some(order("Chairs")))
}

fn lines(sku: &str) -> Requested<'static> {
    asked("PUT", LINES, Some(line_of(&Value::Null, sku)))
}

fn note() -> Requested<'static> {
    asked("POST", "/notes", Some(json!("hello")))
}

fn done() -> Requested<'static> {
    asked("PUT", "/orders/{answer.create.id}/done?n={answer.create.number}", None)
}

fn refusal(course: &mut Course, one: &Requested<'_>) -> String {
    course.take(one).unwrap_err()
}

/// A course whose first write created the order with this answer.
fn created(body: Value) -> (Course, Exchange) {
    let mut course = course(&plan(), vec![]);
    let (n, request) = write(&mut course, &create());
    let one = exchange(request, 201, body);
    course.answered(n, &one);
    (course, one)
}

fn known() -> Value {
    json!({"id": "a@1", "number": 7, "state": "new", "more": 1})
}

/// Sends the read between the writes, which is answered with this number. No write contains it.
fn looked(course: &mut Course, number: i64) -> Exchange {
    let Step::Read(request) = course.take(&asked("GET", "/orders/a%401", None)).unwrap() else {
        panic!("the read was not sent")
    };
    assert_eq!(request.public.path, "/orders/a%401");
    exchange(request.public, 200, json!({ "number": number }))
}

#[test]
fn an_attempt_sends_the_planned_writes_with_the_real_values() {
    let (mut course, _) = created(known());
    looked(&mut course, 8);
    let filled = asked("PUT", "/orders/a%401/lines", Some(line_of(&json!("a@1"), "oak")));
    let (n, request) = write(&mut course, &filled);
    assert_eq!((n, request.path.as_str()), (1, "/orders/a%401/lines"));
    assert_eq!(request.body, Some(line_of(&json!("a@1"), "oak")));
    let (n, request) = write(&mut course, &lines("pine"));
    assert_eq!((n, request.body), (2, Some(line_of(&json!("a@1"), "pine"))));
    assert_eq!(write(&mut course, &note()).0, 3);
    let (n, request) = write(&mut course, &asked("PUT", "/orders/a%401/done?n=7", None));
    assert_eq!((n, request.path.as_str()), (4, "/orders/a%401/done?n=7"));
    let why = refusal(&mut course, &note());
    let wanted = "denied by the plan: it has 5 writes, and the adapter asked for `POST /notes`";
    assert!(why.starts_with(wanted) && is_other_write(&why), "{why}");
}

#[test]
fn an_optional_write_may_be_skipped_and_does_not_come_later() {
    let (mut course, _) = created(known());
    looked(&mut course, 7);
    write(&mut course, &lines("oak"));
    write(&mut course, &lines("pine"));
    assert_eq!(write(&mut course, &done()).0, 4);
    let why = refusal(&mut course, &note());
    assert!(why.contains("after the last one"), "{why}");
}

#[test]
fn the_first_difference_ends_the_writes() {
    let deviations: [(Requested<'static>, &str); 9] = [
        (
            lines("pine"),
            "write 2 differs from the plan at `/lines/0/sku`: an adapter whose writes depend on",
        ),
        (
            create(),
            "write 2 is `PUT /orders/{answer.create.id}/lines` to `shop`, and the adapter asked for `POST /orders`",
        ),
        (note(), "write 2 is"),
        (done(), "write 2 is"),
        (asked("PUT", LINES, None), "write 2 differs from the plan in its body: "),
        (asked("PUT", "/orders/b/lines", Some(line_of(&Value::Null, "oak"))), "and no other write"),
        (
            asked("PUT", LINES, Some(line_of(&json!("b"), "oak"))),
            "differs from the plan at `/order`",
        ),
        (Requested { upstream: "bank", ..lines("oak") }, "to `bank`"),
        (asked("DELETE", "/orders/a%401", None), "asked for `DELETE /orders/a%401` to `shop`"),
    ];
    for (one, wanted) in deviations {
        let (mut course, _) = created(known());
        let why = refusal(&mut course, &one);
        assert!(why.contains(wanted) && is_other_write(&why), "{why}");
        assert_eq!(refusal(&mut course, &lines("oak")), why);
    }
}

#[test]
fn a_write_is_not_sent_twice() {
    let (mut course, _) = created(known());
    write(&mut course, &lines("oak"));
    let why = refusal(&mut course, &lines("oak"));
    assert!(why.contains("write 3 differs from the plan at `/lines/0/sku`"), "{why}");
}

#[test]
fn without_a_usable_answer_the_writes_that_need_it_are_denied() {
    type End = (Value, fn(Exchange) -> Exchange, &'static str);
    let redacted = |one: Exchange| Exchange { redacted: vec!["/id".to_owned()], ..one };
    let lost = |one: Exchange| Exchange { fate: Fate::NoAnswer, response: None, ..one };
    let same = |one: Exchange| one;
    let ends: [End; 7] = [
        (json!({"state": "new"}), same, "has no `id`"),
        (json!({"id": "A/B", "state": "new"}), same, "does not fit `answer.id`"),
        (json!({"id": 7, "state": "new"}), same, "does not fit `answer.id`"),
        (json!({"id": "a", "number": 7, "state": "lost"}), same, "does not fit `answer.state`"),
        (known(), redacted, "held a secret in `id`"),
        (known(), lost, "has no definite answer"),
        (json!({"id": "..", "number": 7, "state": "new"}), same, "is empty or a dot segment"),
    ];
    for (body, end, wanted) in ends {
        let mut course = course(&plan(), vec![]);
        let (n, request) = write(&mut course, &create());
        course.answered(n, &end(exchange(request, 201, body)));
        let read = course.take(&asked("GET", "/orders/{answer.create.id}", None)).unwrap_err();
        let why = refusal(&mut course, &lines("oak"));
        assert!(why.contains(wanted), "{why}: {wanted}");
        assert!(read.contains(wanted), "{read}: {wanted}");
    }
    let mut early = course(&plan(), vec![]);
    let why = refusal(&mut early, &lines("oak"));
    assert!(why.contains("write 1 is `POST /orders`"), "{why}");
}

/// The last write contains values of two answers. The second one is the answer to the note. The guest
/// fills in the first value and leaves the placeholder of the second one.
fn with_two_answers(said: Value) -> Result<Step, String> {
    let text = CONTRACT
        .replace(
            "request = \"POST /notes\"\noptional = true",
            "request = \"POST /notes\"\nname = \"note\"\nanswer.key = { type = \"integer\" }",
        )
        .replace("done?n={answer.create.number}", "done/{answer.note.key}");
    let contract = Contract::from_toml("c.toml", &text).unwrap();
    let done = "/orders/{answer.create.id}/done/{answer.note.key}";
    let mut draft = Draft::new(&contract, perform(&contract), vec![], Digest::of(b"seed"));
    for one in [create(), lines("oak"), note(), asked("PUT", done, None)] {
        draft.take(&one).unwrap();
    }
    let plan = draft.finish().unwrap();
    let mut course = Course::new(&contract, perform(&contract), &plan, vec![]);
    let (n, request) = write(&mut course, &create());
    course.answered(n, &exchange(request, 201, known()));
    write(&mut course, &lines("oak"));
    let (n, request) = write(&mut course, &note());
    course.answered(n, &exchange(request, 200, said));
    course.take(&asked("PUT", "/orders/a%401/done/{answer.note.key}", None))
}

#[test]
fn a_write_with_a_value_and_a_placeholder_is_sent_only_with_both_values() {
    match with_two_answers(json!({"key": 5})).unwrap() {
        Step::Write { n: 3, request } => {
            assert_eq!(request.public.path, "/orders/a%401/done/5");
        }
        other => panic!("{other:?}"),
    }
    let why = with_two_answers(json!({})).unwrap_err();
    assert!(why.contains("write 4 needs `answer.note.key`, which is not known"), "{why}");
    assert!(why.contains("has no `key`"), "{why}");
}

#[test]
fn a_request_is_not_filled_in_part() {
    let lines = perform(&contract()).remove(3);
    let why = filled(&Answers::default(), &lines).unwrap_err();
    assert!(why.contains("needs `answer.create.id`, which is not known"), "{why}");
}

/// An adapter may put the value of an answer into a path although the host cannot use the value.
#[test]
fn the_reason_for_an_unusable_answer_does_not_depend_on_the_path() {
    for (id, segment) in [("T/../t-29", "T%2F..%2Ft-29"), ("A/B", "A%2FB"), ("T", "T"), ("T", "t")]
    {
        let (mut course, _) = created(json!({"id": id, "state": "new"}));
        let path = format!("/orders/{segment}/lines");
        let body = Some(line_of(&json!(id), "oak"));
        let why = refusal(&mut course, &asked("PUT", &path, body));
        let wanted = "denied by the plan: write 2 needs `answer.create.id`, which is not known: the answer to the \
                      write of `POST /orders` does not fit `answer.id` of the contract: does not match";
        assert!(why.starts_with(wanted), "{why}");
        let (mut course, _) = created(json!({"id": id, "state": "new", "number": 5}));
        let path = format!("/orders/{segment}");
        let why = refusal(&mut course, &asked("GET", &path, None));
        let wanted = "denied by the plan: `GET /orders/{answer.create.id}` to `shop` needs `answer.create.id`, which";
        assert!(why.starts_with(wanted), "{why}");
        assert_eq!(refusal(&mut course, &lines("oak")), why, "every later write fails");
    }
    let (mut course, _) = created(json!({"id": "..", "state": "new", "number": 5}));
    let why = refusal(&mut course, &lines("oak"));
    let wanted = "denied by the host: write 2 cannot be sent: the answer to a write gives `..`";
    assert!(why.starts_with(wanted), "{why}");
    let mut early = self::course(&plan(), vec![]);
    let why = refusal(&mut early, &asked("GET", "/orders/t", None));
    assert!(why.contains("write 1 is `POST /orders`"), "{why}");
}

#[test]
fn reads_of_the_rehearsal_are_answered_from_its_record() {
    let template = perform(&contract()).remove(0).public;
    let reads = vec![
        exchange(template.clone(), 200, json!({"first": 1})),
        exchange(template, 200, json!({"second": 2})),
    ];
    let mut course = course(&plan(), reads);
    for wanted in ["first", "second"] {
        let Step::Recorded(one) = course.take(&asked("GET", "/template", None)).unwrap() else {
            panic!("the read was sent")
        };
        assert!(one.response.unwrap().get(wanted).is_some());
    }
    let why = refusal(&mut course, &asked("GET", "/template", None));
    assert!(why.contains("the rehearsal sent `GET /template` to `shop` less often"), "{why}");
    assert_eq!(write(&mut course, &create()).0, 0);
}

#[test]
fn a_read_with_a_value_is_sent_as_often_as_its_rule_allows() {
    let (mut course, _) = created(known());
    looked(&mut course, 7);
    let why = refusal(&mut course, &asked("GET", "/orders/a%401", None));
    assert!(why.contains("as often as one run may"), "{why}");
    let why = refusal(&mut course, &asked("GET", "/orders/other", None));
    assert!(why.contains("the adapter asked for `GET /orders/other`"), "{why}");
}

#[test]
fn a_later_attempt_keeps_the_values_of_earlier_attempts() {
    let (mut first, create_) = created(known());
    let look = looked(&mut first, 7);
    let mut again = course(&plan(), vec![]).knowing(&[&create_, &look]);
    write(&mut again, &create());
    again.answered(0, &create_);
    looked(&mut again, 8);
    write(&mut again, &lines("oak"));
    write(&mut again, &lines("pine"));
    assert_eq!(write(&mut again, &done()).1.path, "/orders/a%401/done?n=7");
    let (mut other, one) = created(known());
    other.answered(0, &exchange(one.request, 201, json!({"id": "b", "number": 7, "state": "new"})));
    let why = refusal(&mut other, &lines("oak"));
    assert!(why.contains("was answered twice, with different values"), "{why}");
}

#[test]
fn a_plan_of_another_contract_sends_nothing() {
    let mut plan = plan();
    plan.writes[1].request.path = "/other".to_owned();
    let why = refusal(&mut course(&plan, vec![]), &create());
    assert!(why.contains("a write that the contract does not render"), "{why}");
    plan.writes[1].rule = 99;
    assert!(course(&plan, vec![]).take(&create()).is_err());
    assert_eq!(course(&plan, vec![]).plan(), &plan);
}

#[test]
fn the_writes_of_a_plan_get_the_values_that_are_known() {
    let (contract, plan) = (contract(), plan());
    let filled = |sent: &[&Exchange]| with_answers_so_far(&contract, &plan, sent);
    let (mut course, create) = created(known());
    let look = looked(&mut course, 7);
    let planned: Vec<Rendered> = plan.writes.iter().map(|one| one.request.clone()).collect();
    assert_eq!(filled(&[]), planned);
    let lost = Exchange { fate: Fate::NoAnswer, ..create.clone() };
    assert_eq!(filled(&[&lost]), planned);
    assert_eq!(filled(&[&create]), filled(&[&create, &look]));
    let all = filled(&[&lost, &create, &look]);
    assert_eq!(all[0], planned[0]);
    assert_eq!(all[1], write(&mut course, &lines("oak")).1);
    assert_eq!(all[4].path, "/orders/a%401/done?n=7");
    let body = json!({"id": "b", "number": 7, "state": "new"});
    let other = Exchange { response: Some(body), ..create.clone() };
    assert_eq!(filled(&[&create, &other]), planned);
}

#[test]
fn writes_that_no_attempt_sent_are_listed() {
    let (contract, plan) = (contract(), plan());
    let (mut course, create) = created(known());
    let look = looked(&mut course, 7);
    let found = |sent: &[&Exchange]| -> Vec<(u32, bool)> {
        let filled = with_answers_so_far(&contract, &plan, sent);
        unsent(&plan, sent, &filled).iter().map(|one| (one.write, one.optional)).collect()
    };
    let first = vec![(1, false), (2, false), (3, false), (4, true), (5, false)];
    assert_eq!(found(&[]), first);
    let oak =
        Exchange { ordinal: 2, ..exchange(write(&mut course, &lines("oak")).1, 200, json!({})) };
    let look = Exchange { ordinal: 1, ..look };
    assert_eq!(found(&[&create, &look, &oak]), [(3, false), (4, true), (5, false)]);
    let kept = Exchange { fate: Fate::NotSent, ..oak.clone() };
    let carried = Exchange { carried_from: Some(1), ..create.clone() };
    assert_eq!(found(&[&create, &look, &kept, &carried])[0], (2, false));
    assert_eq!(found(&[&create, &look, &oak, &carried, &oak]), [(3, false), (4, true), (5, false)]);
    let lost = Exchange { fate: Fate::NoAnswer, ..oak };
    assert_eq!(found(&[&create, &look, &lost])[0], (3, false));
}

#[test]
fn a_write_that_its_guard_rejected_counts_as_unsent() {
    let (contract, mut plan) = (contract(), plan());
    plan.writes[0].request.guard = Some(crate::exchange::Guard::Absent);
    let count = |status| {
        let one = exchange(plan.writes[0].request.clone(), status, json!({}));
        let filled = with_answers_so_far(&contract, &plan, &[&one]);
        unsent(&plan, &[&one], &filled).len()
    };
    assert_eq!((count(412), count(403)), (5, 4));
}

#[test]
fn equal_writes_are_told_apart_by_their_order() {
    let contract = contract();
    let mut plan = plan();
    plan.writes[2] = plan.writes[1].clone();
    let (mut course, create) = {
        let mut course = course(&plan, vec![]);
        let (n, request) = write(&mut course, &create());
        let one = exchange(request, 201, known());
        course.answered(n, &one);
        (course, one)
    };
    let at = |ordinal, one: &Exchange| Exchange { ordinal, ..one.clone() };
    let (n, request) = write(&mut course, &lines("oak"));
    let (next, equal) = write(&mut course, &lines("oak"));
    assert_eq!((n, next, &request), (1, 2, &equal));
    let oak = exchange(request, 200, json!({}));
    let found = |sent: &[&Exchange]| -> Vec<u32> {
        let filled = with_answers_so_far(&contract, &plan, sent);
        unsent(&plan, sent, &filled).iter().map(|one| one.write).collect()
    };
    let lost = Exchange { fate: Fate::NoAnswer, ..at(1, &oak) };
    let again = [&create, &lost, &create, &at(1, &oak)];
    assert_eq!(found(&again), [3, 4, 5]);
    assert_eq!(found(&[&create, &at(1, &oak), &at(2, &oak)]), [4, 5]);
}
