//! `localstripe`: a payment API like that of Stripe, with form-urlencoded requests and JSON answers, in memory. The
//! server accepts every key that begins with `sk_`; only the host uses each key for its purpose. The server does not
//! know idempotency keys, and accepts refunds of more than the amount of the charge.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Result, START_PATIENCE, agent, free_address, venv, workspace};
use crate::child_guard::ChildGuard;

/// The server, without any objects at first. Dropping this value ends the server.
#[derive(Debug)]
pub struct Localstripe {
    child_guard: Option<ChildGuard>,
    process: Child,
    address: SocketAddr,
    log: PathBuf,
    agent: ureq::Agent,
}

impl Localstripe {
    pub const READ_KEY: &str = "sk_read-key-of-the-test-harness";
    pub const WRITE_KEY: &str = "sk_write-key-of-the-test-harness";

    /// Starts the server and waits until it answers.
    pub fn start() -> Result<Self> {
        let address = free_address()?;
        let log = std::env::temp_dir().join(format!("deed-localstripe-{}.log", address.port()));
        let program = venv().join("bin/python");
        let process = Command::new(&program)
            .arg("-I")
            .arg(workspace().join("tests/services/localstripe.py"))
            .arg(address.port().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .map_err(|error| {
                format!("`{}` does not start: {error}; run `make venv`", program.display())
            })?;
        let child_guard = Some(ChildGuard::to(process.id())?);
        let mut server = Self { child_guard, process, address, log, agent: agent() };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let end = Instant::now() + START_PATIENCE;
        while Instant::now() < end && self.process.try_wait()?.is_none() {
            if self.call("GET", "/v1/coupons", None).is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        Err(format!("localstripe does not answer at {}: {said}", self.address).into())
    }

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Charges a new card with this amount of cents, and returns the id of the charge.
    pub fn charge(&self, amount: i64) -> Result<String> {
        let card = json!({ "number": "4242424242424242", "exp_month": 12, "exp_year": 2099, "cvc": "123" });
        let method = self.create("payment_methods", &json!({ "type": "card", "card": card }))?;
        self.create("charges", &json!({ "amount": amount, "currency": "eur", "source": method }))
    }

    /// Refunds a part of a charge without the host, and returns the id of the refund.
    pub fn refund(&self, charge: &str, amount: i64) -> Result<String> {
        self.create("refunds", &json!({ "charge": charge, "amount": amount }))
    }

    /// Creates a coupon without the host.
    pub fn create_coupon(&self, id: &str, percent_off: i64) -> Result<()> {
        let coupon = json!({ "id": id, "percent_off": percent_off, "duration": "once" });
        self.create("coupons", &coupon).map(drop)
    }

    /// The refunds of a charge, read without the host.
    pub fn refunds(&self, charge: &str) -> Result<Vec<Value>> {
        let path = format!("/v1/refunds?charge={charge}&limit=100");
        match self.call("GET", &path, None)? {
            (200, list) => {
                Ok(list.get("data").and_then(Value::as_array).cloned().unwrap_or_default())
            }
            (status, answer) => Err(format!("`{path}` answered {status}: {answer}").into()),
        }
    }

    /// The coupon, read without the host; `None` if it does not exist.
    pub fn coupon(&self, id: &str) -> Result<Option<Value>> {
        match self.call("GET", &format!("/v1/coupons/{id}"), None)? {
            (200, coupon) => Ok(Some(coupon)),
            (404, _) => Ok(None),
            (status, answer) => Err(format!("reading `{id}` answered {status}: {answer}").into()),
        }
    }

    /// Creates a customer with an address and a card, and returns its id.
    pub fn customer(&self) -> Result<String> {
        let old = json!({
            "line1": "Old street 1", "line2": "Floor 3", "city": "Bonn", "postal_code": "53111", "country": "DE",
        });
        let customer = self.create("customers", &json!({ "name": "Zoe", "address": old }))?;
        let card = json!({ "number": "4242424242424242", "exp_month": 12, "exp_year": 2099, "cvc": "123" });
        let method = self.create("payment_methods", &json!({ "type": "card", "card": card }))?;
        let owner = json!({ "customer": customer });
        self.create(&format!("payment_methods/{method}/attach"), &owner)?;
        let paid_by = json!({ "invoice_settings": { "default_payment_method": method } });
        self.create(&format!("customers/{customer}"), &paid_by)
    }

    /// Subscribes a customer to a plan of 10.00 per month, and returns the id of the subscription.
    pub fn subscription(&self, customer: &str) -> Result<String> {
        let product = json!({ "name": "Basic" });
        let plan =
            json!({ "amount": 1000, "currency": "eur", "interval": "month", "product": product });
        let plan = self.create("plans", &plan)?;
        let items = json!([{ "plan": plan }]);
        self.create("subscriptions", &json!({ "customer": customer, "items": items }))
    }

    /// An object, read without the host.
    pub fn get(&self, path: &str) -> Result<Value> {
        match self.call("GET", path, None)? {
            (200, object) => Ok(object),
            (status, answer) => Err(format!("`{path}` answered {status}: {answer}").into()),
        }
    }

    /// Creates an object and returns its id.
    fn create(&self, kind: &str, object: &Value) -> Result<String> {
        let (status, created) = self.call("POST", &format!("/v1/{kind}"), Some(object))?;
        let id = created.get("id").and_then(Value::as_str).filter(|_| status == 200);
        Ok(id.ok_or_else(|| format!("creating {kind} answered {status}: {created}"))?.to_owned())
    }

    /// The server also accepts JSON bodies.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url()))
            .header("authorization", format!("Bearer {}", Self::WRITE_KEY))
            .header("content-type", "application/json")
            .body(body.map(Value::to_string).unwrap_or_default())?;
        let mut response = self.agent.run(request)?;
        let text = response.body_mut().read_to_string()?;
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        Ok((response.status().as_u16(), value))
    }
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        self.child_guard = None;
        // The process may have ended by itself, so errors are ignored here.
        self.process.kill().and_then(|()| self.process.wait()).ok();
        fs::remove_file(&self.log).ok();
    }
}
