//! Tests of contracts without adapter code on a payment API: the server chooses the ids of refunds, and does not know
//! idempotency keys. The tests read the server directly and not through the host.

mod coupons;

use std::fs;

use deed_test_support::shared::{declared, ended, look, scim};
use deed_tests::proxy::{Fault, Proxy};
use deed_tests::record::{Fault as Once, How, Lands, On};
use deed_tests::services::localstripe::Localstripe;
use deed_tests::wait::until;
use deed_tests::world::{self, HELPDESK, World};
use serde_json::{Value, json};

const CONTRACTS: [(&str, &str); 4] = [
    ("refund_charge", include_str!("../../contracts/stripe/refund_charge.toml")),
    ("refund_charge_once", include_str!("../../contracts/stripe/refund_charge_once.toml")),
    ("create_coupon", include_str!("../../contracts/stripe/create_coupon.toml")),
    ("delete_coupon", include_str!("../../contracts/stripe/delete_coupon.toml")),
];

const POLICY: &str = r#"
@id("helpdesk-payments")
permit (principal, action in [Deed::Action::"stripe.refund_charge",
    Deed::Action::"stripe.refund_charge_once", Deed::Action::"stripe.create_coupon",
    Deed::Action::"stripe.delete_coupon"], resource)
when { principal.roles.contains("helpdesk") };
"#;

const UPSTREAM: &str = r#"
[tenant.acme.upstream.stripe]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "2s"
read  = { secret = "stripe_read", slot = "bearer" }
write = { secret = "stripe_write", slot = "bearer" }

[tenant.acme.secret.stripe_read]
file = "secrets/stripe_read"

[tenant.acme.secret.stripe_write]
file = "secrets/stripe_write"
"#;

const REFUND: &str = "stripe.refund_charge";
const ONCE: &str = "stripe.refund_charge_once";

/// A host with the four contracts, in front of a payment API with a faulty network. Carol is an operator.
struct Shop {
    world: World,
    stripe: Localstripe,
    proxy: Proxy,
}

impl Shop {
    fn start() -> Self {
        let stripe = Localstripe::start().unwrap();
        let proxy = Proxy::start(&stripe.base_url()).unwrap();
        let world = World::with(scim(), "scim", |dir| {
            for (name, text) in CONTRACTS {
                fs::write(dir.join(format!("contracts/stripe_{name}.toml")), text)?;
            }
            fs::write(dir.join("policies/stripe.cedar"), POLICY)?;
            let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
            world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/stripe.cedar\""))?;
            world::with_operator(dir)?;
            let mut text = fs::read_to_string(dir.join("deed.toml"))?;
            text += &UPSTREAM.replace("@base@", proxy.base_url());
            for (name, _) in CONTRACTS {
                text += "\n[tenant.acme.grant.\"stripe.";
                text += name;
                text += "\"]\nupstreams = [\"stripe\"]\n";
            }
            fs::write(dir.join("deed.toml"), text)?;
            world::store(dir, "stripe_read", Localstripe::READ_KEY)?;
            world::store(dir, "stripe_write", Localstripe::WRITE_KEY)
        })
        .unwrap();
        Self { world, stripe, proxy }
    }

    fn run(&self, contract: &str, params: Value) -> Value {
        self.world.run(&declared(contract, params)).unwrap()
    }

    fn refund(&self, contract: &str, charge: &str, amount: i64) -> Value {
        self.run(contract, json!({"charge": charge, "amount": amount}))
    }

    /// A new charge of 10.00.
    fn charge(&self) -> String {
        self.stripe.charge(1000).unwrap()
    }

    /// The amounts of the refunds of the charge, sorted.
    fn refunded(&self, charge: &str) -> Vec<i64> {
        let refunds = self.stripe.refunds(charge).unwrap();
        let mut all: Vec<i64> = refunds.iter().map(|one| one["amount"].as_i64().unwrap()).collect();
        all.sort_unstable();
        all
    }

    /// From now on writes have this fault, and no request has arrived yet.
    fn writes(&self, fault: Fault) {
        self.proxy.set("POST", fault);
        self.proxy.forget();
    }
}

#[test]
fn a_charge_is_refunded_in_parts_up_to_its_amount() {
    let (shop, holds) = (Shop::start(), "every expectation holds");
    let charge = shop.charge();
    let view = shop.refund(REFUND, &charge, 300);
    ended(&shop.world, &view, "verified", holds);
    assert_eq!(look(&shop.world, &view, "pre")["state"]["refund"], Value::Null);
    let refund = look(&shop.world, &view, "post")["state"]["refund"].clone();
    assert_eq!(refund["metadata"]["deed_action"], view["id"]);
    let requests = shop.proxy.requests();
    let write = requests.iter().find(|one| one.method == "POST").unwrap();
    let id = view["id"].as_str().unwrap();
    let form = format!("amount=300&charge={charge}&metadata%5Bdeed_action%5D={id}");
    assert_eq!(write.body, form);
    let kind = write.header("content-type").unwrap();
    assert!(kind.starts_with("application/x-www-form-urlencoded"), "{kind}");

    let over = shop.refund(REFUND, &charge, 701);
    ended(&shop.world, &over, "denied", "does not hold");
    ended(&shop.world, &shop.refund(REFUND, &charge, 700), "verified", holds);
    let over = shop.refund(REFUND, &charge, 1);
    ended(&shop.world, &over, "denied", "does not hold");
    assert_eq!(shop.proxy.count("POST"), 2);
    assert_eq!(shop.refunded(&charge), [300, 700]);
    // The server itself refuses nothing: without `before`, the charge would be refunded twice.
    shop.stripe.refund(&charge, 1000).unwrap();
    assert_eq!(shop.refunded(&charge), [300, 700, 1000]);
}

/// The refund takes effect, but its id does not arrive. The host sends nothing again, and no other action refunds the
/// charge before an operator has stated what happened.
#[test]
fn a_lost_answer_never_causes_a_second_refund() {
    let shop = Shop::start();
    for fault in [Fault::DropAfter, Fault::Status5xxAfter] {
        let charge = shop.charge();
        shop.writes(fault);
        let view = shop.refund(REFUND, &charge, 300);
        ended(&shop.world, &view, "indeterminate", "has no definite answer");
        assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (1, vec![300]));
        let refunds = look(&shop.world, &view, "post")["state"]["refunds"]["data"].clone();
        assert_eq!(refunds[0]["metadata"]["deed_action"], view["id"]);

        shop.writes(Fault::None);
        let rest = declared(REFUND, json!({"charge": charge, "amount": 700}));
        let proposed = shop.world.client(HELPDESK).propose(&rest, &[("prefer", "wait=0")]).unwrap();
        let (open, next) = (view["id"].as_str().unwrap(), proposed.text("/id"));
        until("it waits", || shop.world.show(&next).unwrap()["held_by"] == open);
        let reason = "one refund of the charge has the id of the action";
        let (done, said) = shop.world.resolve(open, "applied", reason).unwrap();
        assert!(done, "{said}");
        let line = format!("\"deed_action\": \"{open}\"");
        assert!(said.matches(&line).count() >= 2, "in the write and in the refund: {said}");
        let view = shop.world.settled(&next).unwrap();
        ended(&shop.world, &view, "verified", "every expectation holds");
        assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (1, vec![300, 700]));
    }
}

/// Without the id, the host does not know either that a refund did not take effect.
#[test]
fn a_lost_refund_is_not_sent_again() {
    let shop = Shop::start();
    let charge = shop.charge();
    shop.writes(Fault::DropBefore);
    let view = shop.refund(REFUND, &charge, 300);
    ended(&shop.world, &view, "indeterminate", "has no definite answer");
    assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (1, vec![]));
}

/// The only refund of a charge is found without its id.
#[test]
fn the_first_refund_is_found_again_or_sent_again() {
    let (shop, holds) = (Shop::start(), "every expectation holds");
    let charge = shop.charge();
    shop.writes(Fault::DropAfter);
    ended(&shop.world, &shop.refund(ONCE, &charge, 300), "verified", holds);
    assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (1, vec![300]));
    let again = shop.refund(ONCE, &charge, 300);
    ended(&shop.world, &again, "denied", "does not hold");
    assert_eq!(shop.refunded(&charge), [300]);

    let charge = shop.charge();
    shop.writes(Fault::None);
    let lost = Once { lands: Lands::Never, how: How::Close };
    shop.proxy.fail(&On::writes("refunds"), 0, lost);
    ended(&shop.world, &shop.refund(ONCE, &charge, 300), "verified", holds);
    assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (2, vec![300]));
}

/// The server reports success but does not carry out the write.
#[test]
fn a_server_that_lies_is_found_out() {
    let shop = Shop::start();
    let kept = shop.charge();
    let foreign = shop.stripe.refund(&kept, 300).unwrap();
    shop.writes(Fault::LieWith { body: json!({"id": "re_false"}) });
    for (contract, params) in [
        (REFUND, json!({"charge": kept, "amount": 100})),
        (ONCE, json!({"charge": shop.charge(), "amount": 100})),
    ] {
        ended(&shop.world, &shop.run(contract, params), "mismatch", "nothing changed");
    }
    // The id of another refund, and no id.
    shop.writes(Fault::LieWith { body: json!({"id": foreign}) });
    let view = shop.refund(REFUND, &kept, 300);
    ended(&shop.world, &view, "mismatch", "`post.charge.amount_refunded ==");
    shop.writes(Fault::Lie2xx);
    let view = shop.refund(REFUND, &kept, 100);
    ended(&shop.world, &view, "indeterminate", "has no `id`");
    assert_eq!(shop.refunded(&kept), [300]);
}

/// Another client refunds the charge between the observation and the write. The server accepts both refunds, and the
/// host reports this.
#[test]
fn a_refund_of_another_client_at_the_same_time_is_a_mismatch() {
    let shop = Shop::start();
    let charge = shop.charge();
    shop.writes(Fault::PatchBefore { body: json!({"charge": charge, "amount": 900}) });
    let view = shop.refund(REFUND, &charge, 300);
    ended(&shop.world, &view, "mismatch", "`post.charge.amount_refunded ==");
    assert_eq!(shop.refunded(&charge), [300, 900]);
}
