//! Fixture: a served directory with ten tenants, and an upstream that answers every observation slowly.

use std::fmt::Write as _;
use std::fs;

use deed_tests::client::Client;
use deed_tests::home::Home;
use deed_tests::layout::{self, HEAD};
use deed_tests::proxy::{Fault, Proxy};
use deed_tests::record::{Record, contracts};
use deed_tests::services::Result;

pub(crate) const TENANTS: usize = 10;
/// The number of agents of each tenant. The greedy tenant uses all of its agents; the other tenants use one.
pub(crate) const AGENTS: usize = 4;
/// The number of run slots, and the time that the upstream takes to answer an observation. Together, these two numbers
/// determine how many observations per second are possible.
const RUNS: u64 = 8;
const LOOK_MS: u64 = 250;
pub(crate) const CAPACITY: u64 = RUNS * 1_000 / LOOK_MS;
/// The number of actions that the host may have under way.
pub(crate) const UNDER_WAY: u64 = 256;

pub(crate) struct Fixture {
    pub(crate) home: Home,
    pub(crate) proxy: Proxy,
    _record: Record,
}

pub(crate) fn token(tenant: usize, agent: usize) -> String {
    format!("deed_token-of-agent-{agent}-of-tenant-{tenant}-of-the-crowd")
}

impl Fixture {
    pub(crate) fn serve() -> Result<Self> {
        let record = Record::start()?;
        let proxy = Proxy::start(&record.base_url())?;
        proxy.set("GET", Fault::Delay { ms: LOOK_MS });
        let mut home = Home::new("overload");
        let dir = &home.dir;
        contracts::lay_out(dir, proxy.base_url())?;
        contracts::add_a_read(dir)?;
        let permit = "@id(\"desk\")\npermit (principal, action, resource);\n";
        fs::write(dir.join("policies/all.cedar"), permit)?;
        fs::write(dir.join("deed.toml"), configuration(proxy.base_url())?)?;
        home.pin()?;
        home.serve()?;
        Ok(Self { home, proxy, _record: record })
    }

    pub(crate) fn client(&self, tenant: usize, agent: usize) -> Client {
        self.home.client(&token(tenant, agent))
    }

    /// The value of a metric, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> Result<u64> {
        Ok(self.home.metric(name)?.unwrap_or(0))
    }

    /// Stops the host in order and checks everything that it wrote; returns what is wrong.
    pub(crate) fn stopped(mut self) -> Result<Vec<String>> {
        let ended = self.home.stop()?;
        let disorder = (!ended).then(|| "the host did not stop in order".to_owned());
        Ok([disorder, self.home.check()?].into_iter().flatten().collect())
    }
}

fn configuration(upstream: &str) -> Result<String> {
    let (tenant, agent) = (UNDER_WAY / 2, UNDER_WAY / 4);
    let mut toml = format!(
        "{HEAD}
[limits]
runs = {RUNS}
under_way = {{ host = {UNDER_WAY}, tenant = {tenant}, agent = {agent} }}
"
    );
    for tenant in 0..TENANTS {
        let name = format!("tenant.t{tenant}");
        write!(
            toml,
            r#"
[{name}]
policies = ["policies/all.cedar"]

[{name}.upstream.record]
base_url = "{upstream}"
addresses = ["loopback"]
timeout = "15s"

[{name}.person.alice]
roles = []

[{name}.grant."crash.set"]
upstreams = ["record"]

[{name}.grant."crash.set_read"]
upstreams = ["record"]
"#
        )?;
        for agent in 0..AGENTS {
            let hash = layout::hash(&token(tenant, agent));
            write!(
                toml,
                "\n[{name}.agent.a{agent}]\nperson = \"alice\"\nroles = []\ntoken = \"{hash}\"\n"
            )?;
        }
    }
    Ok(toml)
}
