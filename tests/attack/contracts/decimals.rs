//! Amounts that compare wrongly as texts or as floating-point numbers: no amount passes a limit that it exceeds, in the
//! schema, in the conditions of a contract or in a policy.

use serde_json::json;

use super::stage::{JSON, Stage, contract, fresh, raw};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "amounts-of-an-agent-above-a-limit" => of_an_agent,
        "amounts-that-are-no-decimals" => no_decimals,
        "amounts-of-an-upstream-above-a-limit" => of_an_upstream,
        "amounts-of-an-upstream-that-are-not-exact" => not_exact,
        "amounts-in-a-policy" => in_a_policy,
    ]
}

const TABLES: &str = r#"
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
body     = { amount = "{amount}" }
[verify]
before     = ["dec(pre.charge.refunded) + dec(params.amount) <= dec(pre.charge.amount)"]
after      = ["dec(post.charge.refunded) == dec(pre.charge.refunded) + dec(params.amount)"]
may_change = ["/charge/refunded"]
"#;

/// Refunds of less than 10, and none of charges above 5000.
const LIMITS: &str = r#"
@id("small-refund")
forbid (principal, action == Deed::Action::"field.policy", resource)
unless { context.params.amount.lessThan(decimal("10.0")) };
@id("small-charge")
forbid (principal, action == Deed::Action::"field.policy", resource)
when { context has pre && context.pre has charge && context.pre.charge has amount &&
    context.pre.charge.amount.greaterThan(decimal("5000.0")) };
"#;

/// The contracts `schema`, which limits the amount to 9 by its schema, `policy`, which the policy limits, and `free`.
fn stage() -> Stage {
    let refund = |name: &'static str, more: &str| {
        let schema = format!("{{ type = \"decimal\", minimum = 0{more} }}");
        contract(name, "update", &[("amount", schema.as_str())], TABLES)
    };
    let contracts = [refund("schema", ", maximum = 9"), refund("policy", ""), refund("free", "")];
    Stage::with(&contracts, "", LIMITS)
}

/// A charge whose amounts are written exactly like this.
fn charge(stage: &Stage, amount: &str, before: &str, after: &str) {
    let body = |refunded: &str| format!("{{\"amount\":{amount},\"refunded\":{refunded}}}");
    let (before, after, mut written) = (body(before), body(after), false);
    stage.replies(move |request| {
        written |= request.is_write();
        raw(200, JSON, if written { &after } else { &before })
    });
}

fn params(amount: &str) -> String {
    format!("{{\"id\":\"{}\",\"amount\":{amount}}}", fresh())
}

/// Texts and numbers of 10 or more, most of which are less than 9 or 10 as texts.
const ABOVE: &str = r#"
10 "10" "10.0" "10.0000" "010" "00010.000000" "1e1" "1E1" "1e+1" "1e01" "100e-1" "0.1e2" "0.00001e7"
"1000000e-5" "1e2" "10.0001" "100" "9.9e1" "922337203685477.5807" "1000000000000000e-13"
"#;

fn of_an_agent() {
    let stage = stage();
    for amount in ABOVE.split_whitespace() {
        charge(&stage, "1e6", "0", "0");
        stage.refused(&stage.propose_text("schema", &params(amount)), 422, "is above 9", amount);
        charge(&stage, "9.9999", "0", "0");
        let answer = stage.propose_text("free", &params(amount));
        stage.judged(&answer, "denied", "does not hold", amount);
        assert!(stage.writes().is_empty(), "{amount}");
    }
    for (amount, sent) in [
        ("9", "9"),
        ("\"9.0\"", "9"),
        ("\"009\"", "9"),
        ("\"90e-1\"", "9"),
        ("\"0.9e1\"", "9"),
        ("\"-0\"", "0"),
        ("-0", "0"),
        ("\"-0.0\"", "0"),
        ("\"0e99999\"", "0"),
        ("\"8.9999\"", "8.9999"),
    ] {
        charge(&stage, "10", "0", sent);
        let answer = stage.propose_text("schema", &params(amount));
        stage.judged(&answer, "verified", "every expectation holds", amount);
        assert_eq!(stage.writes()[0].json(), json!({ "amount": sent }), "{amount}");
    }
    for below in ["-1", "\"-0.0001\"", "\"-1e1\"", "\"-10\""] {
        charge(&stage, "10", "0", "0");
        stage.refused(&stage.propose_text("schema", &params(below)), 422, "is below 0", below);
    }
    unharmed(&stage.world);
}

/// Texts and other values that are no decimal.
const NONE: &str = r#"
"9.99999" "0.00001" "1e-5" "1e400" "1e-400" "1e999999999999" "0e999999999999"
"922337203685477.5808" "-922337203685477.5809" "\uff19" "\u0661" "\u00209" "9\u0020" "9\n"
"9\u0000" "+9" "9." ".9" "--9" "0x9" "9_0"
"1,0" "1e" "1e1.0" "NaN" "Infinity" "10%" "" null true [9] {}
"#;
/// Numbers that parsers round differently, or that are no JSON.
const ROUNDED: &str = "1e1 10.0 9.5 1E400 9007199254740993 -1e0 99999999999999999999 010 +9 .9";

fn no_decimals() {
    let stage = stage();
    let long = format!("\"9.{}1\"", "0".repeat(5_000));
    for amount in NONE.split_whitespace().chain([long.as_str()]) {
        charge(&stage, "10", "0", "0");
        let answer = stage.propose_text("free", &params(amount));
        stage.refused(&answer, 422, "is not a decimal", amount);
    }
    for amount in ROUNDED.split_whitespace() {
        charge(&stage, "10", "0", "0");
        let answer = stage.propose_text("free", &params(amount));
        stage.refused(&answer, 400, "not strict JSON", amount);
    }
    unharmed(&stage.world);
}

fn of_an_upstream() {
    let stage = stage();
    // Each refund exceeds what is left of the charge, however the upstream writes the two amounts.
    for (amount, before, refund) in [
        ("10", "9", "2"),
        ("\"10\"", "\"9\"", "2"),
        ("1e1", "9", "1.0001"),
        ("1E+1", "9.0", "1.5"),
        ("10.0", "9.5", "1"),
        ("10.0000", "9.9999", "0.0002"),
        ("\"9\"", "\"10\"", "1"),
        ("99", "1e2", "1"),
        ("100e-1", "\"9.5\"", "0.6"),
        ("-0", "0", "0.0001"),
        ("-5", "0", "0"),
        ("\"-0.0\"", "-0", "0.0001"),
        ("2", "10", "0"),
        ("922337203685477.5807", "922337203685477.5807", "0.0001"),
        ("922337203685477.5807", "922337203685477", "1"),
    ] {
        charge(&stage, amount, before, amount);
        let variant = format!("{before} + {refund} of {amount}");
        let answer = stage.propose_text("free", &params(&format!("\"{refund}\"")));
        stage.judged(&answer, "denied", "does not hold", &variant);
        assert!(stage.writes().is_empty(), "{variant}");
    }
    for (after, outcome, why) in [
        ("9", "verified", "every expectation holds"),
        ("\"9.0\"", "verified", "every expectation holds"),
        ("0.9e1", "verified", "every expectation holds"),
        ("9.00000", "verified", "every expectation holds"),
        ("\"0009\"", "verified", "every expectation holds"),
        ("90", "mismatch", "does not hold"),
        ("\"90\"", "mismatch", "does not hold"),
        ("9e1", "mismatch", "does not hold"),
        ("-9", "mismatch", "does not hold"),
        ("8.9999", "mismatch", "does not hold"),
        ("9.0001", "mismatch", "does not hold"),
        ("\"09.01\"", "mismatch", "does not hold"),
    ] {
        charge(&stage, "10", "0", after);
        let answer = stage.propose_text("free", &params("\"9\""));
        stage.judged(&answer, outcome, why, after);
    }
    unharmed(&stage.world);
}

/// Amounts of an upstream that are no decimal, or no JSON.
const INEXACT: &str = r#"
10.00001 1e-5 1e400 1e-400 1e999999999999 922337203685477.5808 9223372036854775807 "ten"
"\u002010" "10\u0020" "+10" "1,000.00" "0x10" "NaN" "Infinity" "" "\u0661\u0660" true [10] {} null 010 +10 .5 5. NaN Infinity
"#;

fn not_exact() {
    let stage = stage();
    for written in INEXACT.split_whitespace() {
        charge(&stage, written, "0", "1");
        let answer = stage.propose_text("free", &params("\"1\""));
        stage.judged(&answer, "failed", "nothing was sent", written);
        assert!(stage.writes().is_empty(), "{written}");
        charge(&stage, "100", "0", written);
        let answer = stage.propose_text("free", &params("\"1\""));
        stage.judged(&answer, "indeterminate", "could not be observed", written);
    }
    unharmed(&stage.world);
}

fn in_a_policy() {
    let stage = stage();
    for amount in ABOVE.split_whitespace() {
        charge(&stage, "1000", "0", "0");
        let answer = stage.propose_text("policy", &params(amount));
        stage.judged(&answer, "denied", "small-refund", amount);
        assert!(stage.seen().is_empty(), "{amount}: {:?}", stage.seen());
    }
    for amount in
        ["6000", "6e3", "\"6000\"", "\"06e3\"", "5000.0001", "\"5000.0001\"", "50001e-1", "\"9e9\""]
    {
        charge(&stage, amount, "0", "1");
        let answer = stage.propose_text("policy", &params("\"1\""));
        stage.judged(&answer, "denied", "small-charge", amount);
        assert!(stage.writes().is_empty(), "{amount}");
    }
    for (amount, refund) in
        [("900", "9"), ("5000", "9.9999"), ("5e3", "99999e-4"), ("\"5000.0000\"", "0009.5")]
    {
        let after = if refund == "99999e-4" { "9.9999" } else { refund };
        charge(&stage, amount, "0", &format!("\"{after}\""));
        let answer = stage.propose_text("policy", &params(&format!("\"{refund}\"")));
        stage.judged(&answer, "verified", "every expectation holds", amount);
    }
    unharmed(&stage.world);
}
