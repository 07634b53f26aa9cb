//! Stories on `localstripe`, a payment API.

use deed_test_support::stories::{Change, Row, Stories};
use deed_tests::services::localstripe::Localstripe;
use serde_json::{Value, json};

use crate::stripe::UPSTREAM;

fn served(stripe: &Localstripe, read: &str, write: &str) -> Stories {
    let upstream = UPSTREAM.replace("@base@", &stripe.base_url()).replace("\"2s\"", "\"5s\"");
    Stories::start("stripe", &upstream, &[("stripe_read", read), ("stripe_write", write)])
}

fn address(customer: &str, street: &str, addition: &str) -> Value {
    json!({
        "customer": customer, "line1": street, "line2": addition, "city": "Bonn",
        "postal_code": "53111", "state": "", "country": "DE",
    })
}

/// What the server says about the address of a customer.
fn lives(stripe: &Localstripe, customer: &str) -> String {
    let customer = stripe.get(&format!("/v1/customers/{customer}")).unwrap();
    let part = |name: &str| customer["address"][name].as_str().unwrap_or_default().to_owned();
    let parts = ["line1", "line2", "city"].map(part);
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}

pub(super) fn stories() -> Vec<Row> {
    let stripe = Localstripe::start().unwrap();
    let mut shop = served(&stripe, Localstripe::READ_KEY, Localstripe::WRITE_KEY);
    let customer = stripe.customer().unwrap();
    let lives = || lives(&stripe, &customer);
    let old = "Old street 1, Floor 3, Bonn";
    let change = Change { before: old, after: old, approvals: 0 };
    shop.verified("read_customer", json!({"customer": customer}), change, &lives);
    let change = Change { before: old, after: "New street 2, Bonn", approvals: 1 };
    let params = address(&customer, "New street 2", "");
    shop.verified("update_billing_address", params, change, &lives);
    coupons(&mut shop, &stripe);
    refunded(&mut shop, &stripe);
    let subscription = stripe.subscription(&customer).unwrap();
    let path = format!("/v1/subscriptions/{subscription}");
    let status = || stripe.get(&path).unwrap()["status"].as_str().unwrap().to_owned();
    let change = Change { before: "active", after: "canceled", approvals: 2 };
    let params = json!({"subscription": subscription, "customer": customer});
    shop.verified("cancel_subscription", params, change, &status);
    shop.rows()
}

fn coupons(shop: &mut Stories, stripe: &Localstripe) {
    let said = || match stripe.coupon("SPRING").unwrap() {
        Some(coupon) => format!("{} percent", coupon["percent_off"]),
        None => "no coupon".to_owned(),
    };
    let params = json!({"id": "SPRING", "percent_off": "12.5", "duration": "once"});
    let change = Change { before: "no coupon", after: "12.5 percent", approvals: 1 };
    shop.verified("create_coupon", params, change, &said);
    let change = Change { before: "12.5 percent", after: "no coupon", approvals: 2 };
    shop.verified("delete_coupon", json!({"id": "SPRING"}), change, &said);
}

fn refunded(shop: &mut Stories, stripe: &Localstripe) {
    let charge = stripe.charge(1000).unwrap();
    let said = || {
        let refunds = stripe.refunds(&charge).unwrap();
        let sum: i64 = refunds.iter().map(|one| one["amount"].as_i64().unwrap()).sum();
        format!("{sum} of 1000 refunded")
    };
    let change =
        Change { before: "0 of 1000 refunded", after: "300 of 1000 refunded", approvals: 2 };
    let params = json!({"charge": charge, "amount": 300});
    let view = shop.verified("refund_charge", params, change, &said);
    assert_eq!(view["outputs"]["refund"], stripe.refunds(&charge).unwrap()[0]["id"]);
}

/// The key that may write is refused, and then the key that may read. Each reason names the permission to grant.
#[test]
fn a_key_without_its_permission_is_named_with_the_permission() {
    let stripe = Localstripe::start().unwrap();
    let customer = stripe.customer().unwrap();
    let said = || lives(&stripe, &customer);
    let params = || address(&customer, "New street 2", "");
    let wrong = "rk_key-that-nobody-issued";
    let lacks = |kind: &str, permission: &str| {
        format!(
            "the `{kind}` credential of upstream `stripe` is not valid, or lacks the permission `{permission}`"
        )
    };
    let shop = served(&stripe, Localstripe::READ_KEY, wrong);
    let reason = lacks("write", "Customers: Write");
    shop.fails("update_billing_address", params(), ["failed", &reason], &said);
    let shop = served(&stripe, wrong, Localstripe::WRITE_KEY);
    let reason = lacks("read", "Customers: Read");
    shop.fails("update_billing_address", params(), ["failed", &reason], &said);
}

/// No approval permits a refund above the limit of the policy, although the charge is larger. Refunds that together
/// exceed the limit are refused too.
#[test]
fn a_refund_above_the_limit_is_denied() {
    let stripe = Localstripe::start().unwrap();
    let charge = stripe.charge(90_000).unwrap();
    let shop = served(&stripe, Localstripe::READ_KEY, Localstripe::WRITE_KEY);
    let said = || stripe.refunds(&charge).unwrap().len().to_string();
    let params = json!({"charge": charge, "amount": 50_001});
    let forbidden = "forbidden by `stripe-refund-limit`";
    shop.fails("refund_charge", params, ["denied", forbidden], &said);
    stripe.refund(&charge, 30_000).unwrap();
    let params = json!({"charge": charge, "amount": 20_001});
    shop.fails("refund_charge", params, ["denied", forbidden], &said);
}
