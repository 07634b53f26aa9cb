//! The charges, accounts, users and names of the scripted upstream, and its answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::upstream::{Reply, Request};

/// The upstream writes its amounts and its lists in another way at every other read.
#[derive(Debug, Default)]
pub(super) struct Data {
    /// Whether the number of reads of charges is odd.
    is_odd: bool,
    charges: BTreeMap<String, Charge>,
    /// The limit of the only account, once it was set.
    limit: Option<Value>,
    users: BTreeMap<String, User>,
    names: Vec<String>,
}

#[derive(Debug, Default)]
struct Charge {
    tries: usize,
    /// The amount of the second refund and the id of its action.
    refund: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct User {
    logins: usize,
    /// The number of the job that suspends the user, and whether the job is done.
    job: Option<(usize, bool)>,
}

/// The account that the second page of the members lists as an owner.
const ACCOUNT: &str = "a-1";
const FIRST_JOB: usize = 7;

impl Data {
    pub(super) fn log_in(&mut self, user: &str) {
        self.users.entry(user.to_owned()).or_default().logins += 1;
    }

    pub(super) fn finish_jobs(&mut self) {
        self.users.values_mut().filter_map(|user| user.job.as_mut()).for_each(|job| job.1 = true);
    }

    pub(super) fn reply(&mut self, request: &Request) -> Reply {
        let target = request.target.trim_start_matches('/');
        let steps: Vec<&str> = target.split('/').collect();
        match (request.method.as_str(), steps.as_slice()) {
            ("GET", ["me"]) => Reply::json(200, json!({"name": "desk"})),
            ("GET", ["charges", charge]) => self.charge(charge),
            ("GET", ["charges", charge, "refunds"]) => self.refunds(charge),
            ("POST", ["charges", charge, "refunds"]) => self.refund(charge, &request.body),
            ("POST", ["graphql?op=account"]) => self.account(),
            ("GET", ["members?page=1"]) => members(&["b-2", "c-3"], "reader"),
            ("GET", ["members?page=2"]) => members(&[ACCOUNT], "owner"),
            ("PUT", ["accounts", ACCOUNT]) => {
                self.limit = Some(request.json()["limit"].clone());
                Reply::json(200, json!({"saved": true}))
            }
            ("GET", ["users", user]) => self.user(user),
            ("POST", ["users", user, "suspend"]) => self.suspend(user),
            ("GET", ["jobs", job]) => self.job(job),
            ("GET", ["names", name]) if self.names.iter().any(|taken| taken == name) => {
                Reply::json(200, json!({"owner": "helpdesk"}))
            }
            ("PUT", ["names", name]) => self.reserve(name),
            _ => Reply::json(404, json!({"detail": "not found"})),
        }
    }

    /// The charge, with its amounts as numbers or as texts.
    fn charge(&mut self, charge: &str) -> Reply {
        self.is_odd = !self.is_odd;
        let is_refunded = self.charges.get(charge).is_some_and(|one| one.refund.is_some());
        let refunded = if is_refunded { "3.50" } else { "2.00" };
        let (amount, refunded, tags) = if self.is_odd {
            ("\"4e1\"", format!("\"{refunded}\""), r#"["eu","new"]"#)
        } else {
            ("40.00", refunded.to_owned(), r#"["new","eu"]"#)
        };
        let text =
            format!(r#"{{"amount":{amount},"refunded":{refunded},"dispute":null,"tags":{tags}}}"#);
        Reply::raw(200, &text)
    }

    /// The refunds of the charge, of which the first has nothing to do with the action.
    fn refunds(&self, charge: &str) -> Reply {
        let refund = |id: &str, amount: &str, action: &str| {
            let metadata = json!({ "action": action });
            json!({"id": id, "amount": amount, "note": null, "metadata": metadata})
        };
        let mut data = vec![refund("re-1", "2.00", "another")];
        if let Some((amount, action)) = self.charges.get(charge).and_then(|one| one.refund.as_ref())
        {
            data.push(refund("re-2", amount, action));
        }
        Reply::json(200, json!({ "data": data }))
    }

    /// Rejects the first request for a refund of a charge because of a rate limit.
    fn refund(&mut self, charge: &str, form: &str) -> Reply {
        let field = |name: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        let charge = self.charges.entry(charge.to_owned()).or_default();
        charge.tries += 1;
        if charge.tries == 1 {
            return Reply::json(403, json!({"detail": "slow down"})).header("retry-after", "1");
        }
        charge.refund = field("amount").zip(field("metadata%5Baction%5D"));
        Reply::json(200, json!({"id": "re-2"}))
    }

    fn account(&self) -> Reply {
        match &self.limit {
            None => Reply::raw(200, r#"{"data":{"account":{"limit":10.00,"manager":"zoe"}}}"#),
            Some(limit) => {
                let account = json!({"limit": limit, "manager": null});
                Reply::json(200, json!({"data": {"account": account}}))
            }
        }
    }

    fn user(&mut self, name: &str) -> Reply {
        let user = self.users.entry(name.to_owned()).or_default();
        let suspended = user.job.is_some_and(|(_, done)| done);
        let email = format!("{name}@example.com");
        Reply::json(200, json!({"active": !suspended, "email": email, "logins": user.logins}))
    }

    fn suspend(&mut self, name: &str) -> Reply {
        let number = FIRST_JOB + self.users.values().filter(|user| user.job.is_some()).count();
        self.users.entry(name.to_owned()).or_default().job = Some((number, false));
        Reply::json(202, json!({})).header("location", &format!("/jobs/{number}"))
    }

    fn job(&self, number: &str) -> Reply {
        let mut jobs = self.users.values().filter_map(|user| user.job);
        match jobs.find(|(known, _)| known.to_string() == number) {
            Some((_, true)) => Reply::json(200, json!({"status": "done"})),
            Some((_, false)) => Reply::json(200, json!({"status": "running"})),
            None => Reply::json(404, json!({})),
        }
    }

    /// Refuses names that begin with `locked`, with status 200.
    fn reserve(&mut self, name: &str) -> Reply {
        let text = |text: &str| Reply::bytes("text/plain; charset=utf-8", text);
        if name.starts_with("locked") {
            return text("ERROR: locked");
        }
        self.names.push(name.to_owned());
        text("OK").with(201)
    }
}

/// A page of the members, each of another account.
fn members(accounts: &[&str], role: &str) -> Reply {
    let items: Vec<Value> = accounts
        .iter()
        .enumerate()
        .map(|(id, account)| json!({"id": id, "account": account, "role": role}))
        .collect();
    Reply::json(200, json!({ "items": items }))
}
