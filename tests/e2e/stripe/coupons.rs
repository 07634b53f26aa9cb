//! Coupons, which have ids that the agent chooses.

use deed_test_support::shared::ended;
use deed_tests::proxy::Fault;
use serde_json::{Value, json};

use super::Shop;

fn coupon(id: &str) -> Value {
    json!({"id": id, "percent_off": "12.5", "duration": "once"})
}

#[test]
fn a_coupon_is_created_and_deleted() {
    let (shop, holds) = (Shop::start(), "every expectation holds");
    for fault in [Fault::None, Fault::DropAfter] {
        shop.writes(fault.clone());
        assert_eq!(shop.stripe.coupon("SPRING").unwrap(), None);
        let view = shop.run("stripe.create_coupon", coupon("SPRING"));
        ended(&shop.world, &view, "verified", holds);
        let created = shop.stripe.coupon("SPRING").unwrap().unwrap();
        assert_eq!(created["metadata"]["deed_action"], view["id"], "{fault:?}");
        assert_eq!(created["percent_off"], 12.5);
        let again = shop.run("stripe.create_coupon", coupon("SPRING"));
        ended(&shop.world, &again, "denied", "does not hold");
        assert_eq!(shop.proxy.count("POST"), 1);

        shop.proxy.set("DELETE", fault);
        let gone = json!({"id": "SPRING"});
        ended(&shop.world, &shop.run("stripe.delete_coupon", gone.clone()), "verified", holds);
        assert_eq!(shop.stripe.coupon("SPRING").unwrap(), None);
        let again = shop.run("stripe.delete_coupon", gone);
        ended(&shop.world, &again, "denied", "does not hold");
        assert_eq!(shop.proxy.count("DELETE"), 1);
    }
}

/// Another client creates an equal coupon between the observation and the write. The server answers 409.
#[test]
fn a_coupon_of_another_client_is_not_taken_for_ours() {
    let shop = Shop::start();
    shop.writes(Fault::PatchBefore { body: coupon("TAKEN") });
    let view = shop.run("stripe.create_coupon", coupon("TAKEN"));
    ended(&shop.world, &view, "indeterminate", "nothing proves that this action created it");
    let kept = shop.stripe.coupon("TAKEN").unwrap().unwrap();
    assert_eq!(kept["metadata"], json!({}));
}

/// The server reports success but does not carry out the write.
#[test]
fn a_server_that_lies_about_coupons_is_found_out() {
    let shop = Shop::start();
    assert_eq!(shop.stripe.coupon("NEW").unwrap(), None);
    shop.writes(Fault::Lie2xx);
    let view = shop.run("stripe.create_coupon", coupon("NEW"));
    ended(&shop.world, &view, "mismatch", "nothing changed");
    assert_eq!(shop.stripe.coupon("NEW").unwrap(), None);

    shop.stripe.create_coupon("OLD", 10).unwrap();
    shop.proxy.set("DELETE", Fault::Lie2xx);
    let view = shop.run("stripe.delete_coupon", json!({"id": "OLD"}));
    ended(&shop.world, &view, "mismatch", "nothing changed");
    assert!(shop.stripe.coupon("OLD").unwrap().is_some());
}
