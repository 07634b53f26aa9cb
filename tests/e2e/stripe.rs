//! Tests of contracts without adapter code on a payment API: the server chooses the ids of refunds, and does not know
//! idempotency keys. The tests read the server directly and not through the host.

mod coupons;

use std::fs;

use deed_test_support::shared::{declared, ended, look, scim};
use deed_tests::proxy::{Fault, Proxy};
use deed_tests::record::{Fault as Once, How, Lands, On};
use deed_tests::services::localstripe::Localstripe;
use deed_tests::world::{self, World};
use serde_json::{Value, json};

const CONTRACTS: [(&str, &str); 3] = [
    ("refund_charge", include_str!("../../contracts/stripe/refund_charge.toml")),
    ("create_coupon", include_str!("../../contracts/stripe/create_coupon.toml")),
    ("delete_coupon", include_str!("../../contracts/stripe/delete_coupon.toml")),
];

const POLICY: &str = r#"
@id("helpdesk-payments")
permit (principal, action in [Deed::Action::"stripe.refund_charge",
    Deed::Action::"stripe.create_coupon", Deed::Action::"stripe.delete_coupon"], resource)
when { principal.roles.contains("helpdesk") };
"#;

pub(crate) const UPSTREAM: &str = r#"
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

/// A host with the three contracts, in front of a payment API with a faulty network.
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

/// The refund takes effect, but the answer is lost. The host finds the refund in the list and sends nothing again.
#[test]
fn a_lost_answer_never_causes_a_second_refund() {
    let (shop, holds) = (Shop::start(), "every expectation holds");
    let charge = shop.charge();
    for (fault, refunded) in
        [(Fault::DropAfter, vec![300]), (Fault::Status5xxAfter, vec![300, 300])]
    {
        shop.writes(fault);
        let view = shop.refund(REFUND, &charge, 300);
        let receipt = ended(&shop.world, &view, "verified", holds);
        assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (1, refunded));
        let refunds = shop.stripe.refunds(&charge).unwrap();
        let ours = refunds.iter().find(|one| one["metadata"]["deed_action"] == view["id"]).unwrap();
        assert_eq!(receipt["outputs"], json!({"refund": ours["id"]}));
    }
}

/// The list shows that a refund was not made, so it is sent again.
#[test]
fn a_lost_refund_is_sent_again() {
    let shop = Shop::start();
    let charge = shop.charge();
    shop.stripe.refund(&charge, 300).unwrap();
    shop.writes(Fault::None);
    let lost = Once { lands: Lands::Never, how: How::Close };
    shop.proxy.fail(&On::writes("refunds"), 0, lost);
    let view = shop.refund(REFUND, &charge, 300);
    ended(&shop.world, &view, "verified", "every expectation holds");
    assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (2, vec![300, 300]));
    shop.writes(Fault::DropBefore);
    let view = shop.refund(REFUND, &charge, 300);
    ended(&shop.world, &view, "failed", "nothing changed");
    assert_eq!((shop.proxy.count("POST"), shop.refunded(&charge)), (3, vec![300, 300]));
}

/// The server reports success but does not carry out the write, or returns the id of another refund.
#[test]
fn a_server_that_lies_is_found_out() {
    let shop = Shop::start();
    let charge = shop.charge();
    let foreign = shop.stripe.refund(&charge, 300).unwrap();
    for lie in [
        Fault::Lie2xx,
        Fault::LieWith { body: json!({"id": "re_false"}) },
        Fault::LieWith { body: json!({"id": foreign}) },
    ] {
        shop.writes(lie);
        ended(&shop.world, &shop.refund(REFUND, &charge, 300), "mismatch", "nothing changed");
    }
    assert_eq!(shop.refunded(&charge), [300]);
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
