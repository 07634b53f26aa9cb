//! Fix billing: a refund and another billing address, on `localstripe`. The server itself counts the refunds.

use deed_tests::record::contracts::Kind;
use deed_tests::services::Result;
use deed_tests::services::localstripe::Localstripe;
use serde_json::json;

use super::system::{Action, Item, Read, Setup, System};

const REFUND: &str = "stripe.refund_charge";

const ACTIONS: [Action; 2] = [
    Action {
        folder: "stripe",
        contract: REFUND,
        kind: Kind::Find,
        reads: &[Read::Named, Read::Named],
    },
    Action {
        folder: "stripe",
        contract: "stripe.update_billing_address",
        kind: Kind::Add,
        reads: &[Read::Named],
    },
];

const UPSTREAM: &str = r#"
[tenant.acme.upstream.stripe]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "5s"
read  = { secret = "stripe_read", slot = "bearer" }
write = { secret = "stripe_write", slot = "bearer" }

[tenant.acme.secret.stripe_read]
file = "secrets/stripe_read"

[tenant.acme.secret.stripe_write]
file = "secrets/stripe_write"
"#;

/// The street that the action writes.
const STREET: &str = "New street 2";

pub(super) struct Stripe(Localstripe);

impl Stripe {
    pub(super) fn start() -> Result<Self> {
        Ok(Self(Localstripe::start()?))
    }
}

impl System for Stripe {
    fn actions(&self) -> &'static [Action] {
        &ACTIONS
    }

    fn at_once(&self) -> usize {
        4
    }

    fn base_url(&self) -> String {
        self.0.base_url()
    }

    fn setup(&self, url: &str) -> Setup {
        let secrets =
            [("stripe_read", Localstripe::READ_KEY), ("stripe_write", Localstripe::WRITE_KEY)];
        let secrets = secrets.map(|(name, value)| (name, value.to_owned())).to_vec();
        Setup { upstreams: UPSTREAM.replace("@base@", url), secrets, settle: None }
    }

    /// The server chooses the ids of charges and customers.
    fn make(&self, action: &Action, _name: &str) -> Result<Item> {
        if action.contract == REFUND {
            let charge = self.0.charge(1_000)?;
            let params = json!({"charge": charge, "amount": 300});
            return Ok(Item { text: charge, params });
        }
        let customer = self.0.customer()?;
        let params = json!({
            "customer": customer, "line1": STREET, "line2": "", "city": "Bonn",
            "postal_code": "53111", "state": "", "country": "DE",
        });
        Ok(Item { text: customer, params })
    }

    fn shown(&self, action: &Action, item: &Item) -> Result<usize> {
        if action.contract == REFUND {
            return Ok(self.0.refunds(&item.text)?.len());
        }
        let customer = self.0.get(&format!("/v1/customers/{}", item.text))?;
        Ok(usize::from(customer["address"]["line1"] == json!(STREET)))
    }
}
