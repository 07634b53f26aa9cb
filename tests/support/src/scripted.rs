//! The scripted upstream `desk`, and contracts for it. The contracts have parts of format 2 that no real server of the
//! tests shows, such as jobs, rate limits and refusals with status 200.

mod data;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use deed_record::contract::Contract;
use deed_tests::services::Result;
use deed_tests::world;

use self::data::Data;
use crate::upstream::Upstream;

/// The upstream, with values that a test can change.
#[derive(Debug)]
pub struct Desk {
    upstream: Upstream,
    data: Arc<Mutex<Data>>,
}

/// The first test that needs the upstream starts it.
pub fn desk() -> &'static Desk {
    static DESK: OnceLock<Desk> = OnceLock::new();
    DESK.get_or_init(Desk::start)
}

impl Desk {
    fn start() -> Self {
        let data: Arc<Mutex<Data>> = Arc::default();
        let served = Arc::clone(&data);
        let upstream = Upstream::start(move |request| locked(&served).reply(request));
        Self { upstream, data }
    }

    /// Counts one more login of this user.
    pub fn log_in(&self, user: &str) {
        locked(&self.data).log_in(user);
    }

    /// Completes every job that is still running.
    pub fn finish_jobs(&self) {
        locked(&self.data).finish_jobs();
    }
}

fn locked(data: &Mutex<Data>) -> MutexGuard<'_, Data> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}

const CONTRACTS: [(&str, &str); 4] = [
    ("refund_charge", include_str!("scripted/refund_charge.toml")),
    ("set_limit", include_str!("scripted/set_limit.toml")),
    ("suspend_user", include_str!("scripted/suspend_user.toml")),
    ("reserve_name", include_str!("scripted/reserve_name.toml")),
];

const POLICY: &str = r#"
@id("desk-by-helpdesk")
permit (principal, action in [Deed::Action::"desk.refund_charge", Deed::Action::"desk.set_limit",
    Deed::Action::"desk.suspend_user", Deed::Action::"desk.reserve_name"], resource)
when { principal.roles.contains("helpdesk") };

@id("desk-refunds-are-small")
forbid (principal, action == Deed::Action::"desk.refund_charge", resource)
when { context.params.amount.greaterThan(decimal("500.0")) };

@id("desk-suspend-needs-a-lead")
@obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"desk.suspend_user", resource);
"#;

/// Adds the upstream `desk` and its contracts to a directory, with grants and a policy that lets the helpdesk use them.
pub fn declare(dir: &Path, desk: &Desk) -> Result<()> {
    for (name, text) in CONTRACTS {
        fs::write(dir.join(format!("contracts/desk_{name}.toml")), text)?;
    }
    fs::write(dir.join("policies/desk.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/desk.cedar\""))?;
    let mut text = fs::read_to_string(dir.join("deed.toml"))?;
    text += &binding(desk);
    for (name, contract) in CONTRACTS {
        text += &grant(name, contract);
    }
    Ok(fs::write(dir.join("deed.toml"), text)?)
}

/// The upstream's table, with a header that the operator adds to every request.
fn binding(desk: &Desk) -> String {
    format!(
        r#"
[tenant.acme.upstream.desk]
base_url  = "http://{}"
addresses = ["loopback"]
timeout   = "2s"
headers   = {{ X-Tenant = "main" }}
read  = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}
"#,
        desk.upstream.address
    )
}

/// A grant that permits every search of the contract.
fn grant(name: &str, text: &str) -> String {
    let contract = Contract::from_toml("desk.toml", text).unwrap();
    let searches = contract.observe.http.iter().filter(|rule| rule.request.starts_with("POST "));
    let safe: Vec<String> = searches
        .map(|rule| {
            let digest = contract.reviewed(rule).unwrap();
            format!("safe = {{ \"{}\" = \"{digest}\" }}\n", rule.request)
        })
        .collect();
    format!("\n[tenant.acme.grant.\"desk.{name}\"]\nupstreams = [\"desk\"]\n{}", safe.concat())
}
