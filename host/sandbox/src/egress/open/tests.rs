use deed_record::contract::Contract;
use deed_record::exchange::Rendered;
use serde_json::{Value, json};

use super::*;
use crate::tests::{open, support};

fn request(method: &str, path: &str, body: Option<&Value>) -> Request {
    Request {
        upstream: "idp".into(),
        method: method.into(),
        path: path.into(),
        headers: Vec::new(),
        body: body.map(Value::to_string),
    }
}

fn rehearsal(contract: &Contract) -> Open {
    Open::rehearsal(open::draft(contract))
}

#[test]
fn the_numbers_count_the_accepted_requests() {
    let mut rehearsal = rehearsal(&open::contract(""));
    let read = request("GET", "/Users/42", None);
    let create = request("POST", "/notes", Some(&json!({"text": "hello"})));
    let (number, next) = rehearsal.take(&read).unwrap_or_else(|why| panic!("{why}"));
    assert!(number == 0 && matches!(next, Next::Read(_)));
    let with_header = Request { headers: vec![("x".into(), "y".into())], ..create.clone() };
    assert!(rehearsal.take(&with_header).is_err_and(|why| why.contains("header `x`")));
    let (number, next) = rehearsal.take(&create).unwrap_or_else(|why| panic!("{why}"));
    assert!(number == 1 && matches!(next, Next::Made(_)));
}

#[test]
fn a_body_that_would_change_when_it_is_parsed_is_refused() {
    for body in ["{\"text\":1.5}", "{\"text\":9007199254740992}", "{\"text\":1,\"text\":2}", "{"] {
        let mut rehearsal = rehearsal(&open::contract(""));
        let asked = Request { body: Some(body.into()), ..request("POST", "/notes", None) };
        let refused = rehearsal.take(&asked).err().unwrap();
        assert!(refused.contains("the body is no strict JSON"), "{refused}");
    }
}

#[test]
fn the_values_of_a_body_are_counted_before_it_is_parsed() {
    for (text, count) in [
        ("1", 1),
        ("\"a,[{\\\",[\"", 1),
        ("[]", 1),
        ("[ ]", 1),
        ("[1]", 2),
        ("[1, 2,3]", 4),
        ("[[],[],{}]", 4),
        ("[[[[\"x\"]]]]", 5),
        ("{\"a\":{\"b\":[1,2]},\"c\" : null}", 6),
        ("{\"a\":\"x\\\\\",\"b\":1}", 3),
    ] {
        assert_eq!(values(text), count, "{text}");
    }
    let items = |count: usize| json!({"text": vec![0; count]});
    let refusal = |count: usize| {
        let asked = request("POST", "/notes", Some(&items(count)));
        rehearsal(&open::contract("")).take(&asked).err().unwrap()
    };
    assert!(refusal(limits::VALUES).contains("has more than 20000 values"));
    assert!(refusal(limits::VALUES - 2).contains("does not fit its schema"));
}

/// The agent sees the reason, and the adapter chooses headers and names.
#[test]
fn the_reason_of_a_refusal_does_not_quote_the_request() {
    let read = "what-was-read";
    let create = request("POST", "/notes", Some(&json!({"text": "hello"})));
    let body = |body: &str| Request { body: Some(body.into()), ..create.clone() };
    for asked in [
        Request { headers: vec![(read.into(), read.into())], ..create.clone() },
        body("{\"what-was-read\":1,\"what-was-read\":2}"),
        body("{\"text\":\"what-was-read"),
        request("GET", "/what-was-read", None),
        request("WHAT-was-read", "/notes", None),
    ] {
        let mut rehearsal = rehearsal(&open::contract(""));
        let told = rehearsal.take(&asked).err().unwrap();
        let draft = Rules::Open(rehearsal).into_draft().unwrap();
        let reason = draft.reason().unwrap();
        assert!(reason.starts_with("denied by ") && !reason.contains("was-read"), "{reason}");
        assert!(told.starts_with("denied by "), "{told}");
    }
}

#[test]
fn what_may_write_is_never_sent_outside_of_a_plan() {
    let plain = |request| only_read(Prepared::plain(request));
    assert!(plain(support::get("/Users/42")).is_ok());
    let post = Rendered { method: "POST".into(), ..support::get("/Users/42") };
    let marked = Rendered { writes: true, ..support::get("/Users/42") };
    let with_body = Rendered { body: Some(json!({})), ..support::get("/Users/42") };
    for other in [support::patch("/Users/42"), post, marked, with_body] {
        assert!(plain(other).is_err_and(|why| why.contains("has no place in the plan")));
    }
}

#[test]
fn the_number_of_requests_is_bounded() {
    let rule = |n| {
        format!("[[perform.http]]\nupstream = \"idp\"\nrequest = \"GET /Users/{n}\"\ncalls = 64\n")
    };
    let contract = open::contract(&(0..6).map(rule).collect::<Vec<_>>().concat());
    let mut rehearsal = rehearsal(&contract);
    let mut accepted = 0;
    for n in 0..6 {
        let asked = request("GET", &format!("/Users/{n}"), None);
        accepted += (0..64).filter(|_| rehearsal.take(&asked).is_ok()).count();
    }
    assert_eq!(accepted, limits::PLANNED_EXCHANGES);
    let refused = rehearsal.take(&request("GET", "/Users/42", None)).err().unwrap();
    assert!(refused.contains("320 exchanges at most"), "{refused}");
}

#[test]
fn a_refusal_is_short_and_printable() {
    let long = format!("/{}\n", "x".repeat(100_000));
    let mut rehearsal = rehearsal(&open::contract(""));
    let refused = rehearsal.take(&request("GET", &long, None)).err().unwrap();
    assert!(refused.len() <= REFUSAL && !refused.contains('\n'));
}
