//! Tests of decimal amounts, which upstreams and agents write in many ways: they are compared by value, and sent as
//! text or as numbers.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, look, report};
use deed_tests::world::World;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, proposal, served};

fn refund(more: &str) -> String {
    contract(
        "update",
        r#"
[state.charge]
from = "GET /t/{id}"
required = ["amount", "refunded"]
properties.amount   = { type = "decimal" }
properties.refunded = { type = "decimal" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "POST /t/{id}/refunds"
body     = { amount = "{amount}", label = "refund-{amount}" }
[verify]
before     = ["dec(pre.charge.refunded) + dec(params.amount) <= dec(pre.charge.amount)"]
after      = ["dec(post.charge.refunded) == dec(pre.charge.refunded) + dec(params.amount)"]
may_change = ["/charge/refunded"]
"#,
    )
    .replace(
        "required = [\"id\"]",
        &format!("required = [\"id\", \"amount\"]\nproperties.amount = {{ type = \"decimal\", minimum = 0{more} }}"),
    )
}

/// An upstream with a charge of `amount`. The refunded part is `before` until the action's write and `after` from then
/// on. The upstream sends the three amounts exactly as the test writes them.
fn charge(amount: &'static str, before: &'static str, after: &'static str) -> Upstream {
    let mut done = false;
    Upstream::start(move |request| {
        done |= request.method == "POST";
        let refunded = if done { after } else { before };
        Reply::raw(200, &format!(r#"{{"amount":{amount},"refunded":{refunded}}}"#))
    })
}

fn tried(world: &World, amount: &Value) -> Value {
    world.run(&proposal(json!({"id": "a1", "amount": amount}))).unwrap()
}

#[test]
fn amounts_are_compared_by_value_however_they_are_written() {
    for (amount, before, after) in [
        ("10.50", "0", "1.50"),
        ("\"10.5\"", "\"0.00\"", "\"1.5\""),
        ("1.05e1", "0.0", "15e-1"),
        ("10.5000", "2.25", "3.75"),
    ] {
        let upstream = charge(amount, before, after);
        let world = served(&upstream, &refund(""), "");
        let view = tried(&world, &json!("1.50"));
        ended(&world, &view, "verified", "every expectation holds");
        assert_eq!(look(&world, &view, "pre")["state"]["charge"]["amount"], "10.5");
        assert_eq!(view["params"]["amount"], "1.5", "the record has one form of a value");
        assert_eq!(upstream.writes()[0].body, r#"{"amount":"1.5","label":"refund-1.5"}"#);
        let report = report(&world, view["id"].as_str().unwrap());
        assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    }
}

/// As text, 9.5 would be greater than 10.5, and 10.50 would differ from 10.5.
#[test]
fn an_amount_that_only_looks_larger_or_equal_is_not() {
    let upstream = charge("10.50", "9.5", "11");
    let world = served(&upstream, &refund(""), "");
    ended(&world, &tried(&world, &json!("1.01")), "denied", "does not hold");
    assert_eq!(upstream.writes().len(), 0);
    let upstream = charge("10.50", "9.5", "10.4999");
    let world = served(&upstream, &refund(""), "");
    ended(&world, &tried(&world, &json!("1")), "mismatch", "does not hold");
}

#[test]
fn an_amount_that_is_not_exact_is_not_read_and_not_sent() {
    for written in ["10.00001", "1e-5", "\"ten\"", "922337203685477.5808", "true", "\"1,000.00\""] {
        let upstream = charge(written, "0", "1");
        let world = served(&upstream, &refund(""), "");
        ended(&world, &tried(&world, &json!("1")), "failed", "is not a decimal");
        assert_eq!(upstream.writes().len(), 0, "{written}");
    }
    let upstream = charge("10", "0", "1");
    let world = served(&upstream, &refund(""), "");
    for wrong in [json!("1.00001"), json!("1e3x"), json!("-1"), json!(true), json!("")] {
        let answer = world.propose(&proposal(json!({"id": "a1", "amount": wrong}))).unwrap();
        let body = String::from_utf8_lossy(&answer.bytes);
        assert_eq!(answer.status, 422, "{wrong}: {body}");
        assert!(body.contains("/amount"), "{body}");
    }
}

#[test]
fn an_amount_is_sent_as_a_number_where_the_contract_says_so() {
    for (given, sent) in [(json!("1.50"), "1.5"), (json!(2), "2"), (json!("1e1"), "10")] {
        let upstream = charge("100", "0", "0");
        let world = served(&upstream, &refund(", as = \"number\""), "");
        let view = tried(&world, &given);
        ended(&world, &view, "mismatch", "nothing changed");
        let body = format!(r#"{{"amount":{sent},"label":"refund-{sent}"}}"#);
        assert_eq!(upstream.writes()[0].body, body);
    }
}

#[test]
fn a_policy_compares_amounts_by_value() {
    let upstream = charge("1000", "0", "9.75");
    let mut world = served(&upstream, &refund(""), "");
    let limit = r#"
@id("small")
forbid (principal, action == Deed::Action::"field.try", resource)
when { context.params.amount.greaterThan(decimal("9.75")) ||
    (context has pre && context.pre has charge && context.pre.charge has amount &&
     context.pre.charge.amount.lessThan(decimal("1.0"))) };
"#;
    let file = Path::new(world.path()).join("policies/field.cedar");
    let text = fs::read_to_string(&file).unwrap() + limit;
    fs::write(&file, text).unwrap();
    world.restart().unwrap();
    ended(&world, &tried(&world, &json!("9.7500")), "verified", "every expectation holds");
    ended(&world, &tried(&world, &json!("9.7501")), "denied", "small");
    ended(&world, &tried(&world, &json!("10")), "denied", "small");
}
