//! A served directory with ten tenants, and an upstream that takes its time for every look.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process;

use deed_spec::digest::Digest;
use deed_tests::client::Client;
use deed_tests::host::{self, Host};
use deed_tests::proxy::{Fault, Proxy};
use deed_tests::record::{Record, desk};
use deed_tests::services::Result;

pub(crate) const TENANTS: usize = 10;
/// Agents of the greedy tenant; the others have as many and use one.
pub(crate) const AGENTS: usize = 4;
/// Turns of the sandbox, and how long the upstream takes for a look: so many looks per second and no more.
const RUNS: u64 = 8;
const LOOK_MS: u64 = 250;
pub(crate) const CAPACITY: u64 = RUNS * 1_000 / LOOK_MS;
/// Actions that the host may carry at once.
pub(crate) const UNDER_WAY: u64 = 256;

pub(crate) struct Site {
    pub(crate) dir: PathBuf,
    pub(crate) proxy: Proxy,
    pub(crate) host: Host,
    _record: Record,
}

pub(crate) fn token(tenant: usize, agent: usize) -> String {
    format!("deed_token-of-agent-{agent}-of-tenant-{tenant}-of-the-crowd")
}

impl Site {
    pub(crate) fn serve() -> Result<Self> {
        let record = Record::start()?;
        let proxy = Proxy::start(&record.base_url())?;
        proxy.set("GET", Fault::Delay { ms: LOOK_MS });
        let dir = std::env::temp_dir().join(format!("deed-overload-{}", process::id()));
        desk::lay_out(&dir, proxy.base_url())?;
        desk::add_a_read(&dir)?;
        let permit = "@id(\"desk\")\npermit (principal, action, resource);\n";
        fs::write(dir.join("policies/all.cedar"), permit)?;
        fs::write(dir.join("deed.toml"), configuration(proxy.base_url())?)?;
        host::expect(&["pin", &dir.to_string_lossy()])?;
        let host = Host::serve(&dir)?;
        Ok(Self { dir, proxy, host, _record: record })
    }

    pub(crate) fn client(&self, tenant: usize, agent: usize) -> Client {
        Client::new(&self.host.url, &token(tenant, agent))
    }

    /// A metric, summed over its labels.
    pub(crate) fn metric(&self, name: &str) -> Result<u64> {
        let answer = Client::new(&self.host.operations, "").get("/metrics")?;
        let text = String::from_utf8(answer.bytes)?;
        let values = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (label, value) = line.rsplit_once(' ')?;
            let is_it = label == name || label.strip_prefix(name)?.starts_with('{');
            is_it.then(|| value.parse::<u64>().ok())?
        });
        Ok(values.sum())
    }

    /// Ends the host in order and has all that it wrote checked: what is found wrong.
    pub(crate) fn stopped(self) -> Result<Vec<String>> {
        let mut findings = Vec::new();
        let Self { dir, host, .. } = self;
        if !host.stop()? {
            findings.push("the host did not end in order".to_owned());
        }
        let output = host::run(&["journal", "check", &dir.to_string_lossy()], "")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            findings.push(format!("`deed journal check`: {}", String::from_utf8_lossy(&said)));
        }
        if std::env::var_os("KEEP").is_none() {
            fs::remove_dir_all(&dir)?;
        }
        Ok(findings)
    }
}

fn configuration(upstream: &str) -> Result<String> {
    let (tenant, agent) = (UNDER_WAY / 2, UNDER_WAY / 4);
    let mut toml = format!(
        r#"environment = "production"

[limits]
runs = {RUNS}
under_way = {{ host = {UNDER_WAY}, tenant = {tenant}, agent = {agent} }}

[http]
listen = "127.0.0.1:0"
operations = "127.0.0.1:0"

[log]
origin = "deed.example/logs"
"#
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
            let hash = Digest::of(token(tenant, agent).as_bytes());
            write!(
                toml,
                "\n[{name}.agent.a{agent}]\nperson = \"alice\"\nroles = []\ntoken = \"{hash}\"\n"
            )?;
        }
    }
    Ok(toml)
}
