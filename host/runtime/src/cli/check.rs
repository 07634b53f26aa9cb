//! `deed check`: checks the configuration, keys and adapters of a served directory.

mod expiring;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_sandbox::World;
use deed_spec::text::safe;
use deed_store::journal::version;
use deed_store::log::witnesses::{Witness, Witnesses};
use deed_system::files;
use serde::Serialize;

use self::expiring::ExpiryReport;
use super::adapter::loader::{KEPT, Loader};
use super::out::{Failure, Format, shell};
use super::text::{join, line};
use crate::config::{self, Bounds, COMPILE_CACHE, CodeCache, Config, Fault, Limits, Tenant, keys};

/// Check a served directory and report every fault with its file and line
///
/// Reads every file that the host reads when it starts, and compiles every adapter.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(super) struct CheckArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    environment: String,
    limits: LimitReport,
    tenants: Vec<TenantReport>,
    witnesses: WitnessReport,
    faults: Vec<FaultReport>,
    /// Settings that are allowed but probably not intended.
    warnings: Vec<FaultReport>,
}

#[derive(Debug, Serialize)]
struct TenantReport {
    name: String,
    agents: Vec<String>,
    people: Vec<String>,
    upstreams: Vec<String>,
    /// How many runs may use each upstream at the same time.
    concurrency: BTreeMap<String, usize>,
    /// When the client certificate of each upstream expires.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    client_certificates: BTreeMap<String, String>,
    /// What expires, the earliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expires: Vec<ExpiryReport>,
    grants: Vec<String>,
    policy_set: String,
}

/// The host's limits on concurrent work.
#[derive(Debug, Default, Serialize)]
struct LimitReport {
    runs: u32,
    under_way: BoundReport,
    waiting: BoundReport,
}

#[derive(Debug, Default, Serialize)]
struct BoundReport {
    host: usize,
    tenant: usize,
    agent: usize,
}

#[derive(Debug, Default, Serialize)]
struct WitnessReport {
    names: Vec<String>,
    quorum: usize,
    wait_ms: u128,
}

#[derive(Debug, Serialize)]
struct FaultReport {
    file: String,
    line: usize,
    what: String,
}

pub(super) fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let (config, faults) = faults(&args.dir);
    let report = report(config.as_ref(), &faults);
    args.format.print(&report, summary)?;
    if !report.faults.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    args.format.next(&format!("deed serve {}", shell(&args.dir)));
    Ok(ExitCode::SUCCESS)
}

/// The configuration of a directory, if it can be read, and every fault of the directory.
pub(super) fn faults(dir: &Path) -> (Option<Config>, Vec<Fault>) {
    let (config, mut faults) = match config::load(dir) {
        Ok(config) => (Some(config), vec![]),
        Err(faults) => (None, faults.list().to_vec()),
    };
    // A directory without deed.toml is not a served directory, so its missing keys are not reported as another fault.
    let is_served = dir.join("deed.toml").exists();
    match (keys::load(dir), &config) {
        (Err(error), _) if is_served => faults.push(Fault::new("keys", 0, error.to_string())),
        (Ok(keys), Some(config)) => faults.extend(config.check_keys(&keys.public()).err()),
        _ => {}
    }
    if let Some(config) = &config {
        faults.extend(adapters(config));
    }
    (config, faults)
}

/// Compiles every granted adapter once. The compiled code stays in the cache for `deed serve`.
fn adapters(config: &Config) -> Vec<Fault> {
    let loader = match loader(&config.dir) {
        Ok(loader) => loader,
        Err(fault) => return vec![fault],
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut faults = Vec::new();
    for granted in config.tenants.values().flat_map(|tenant| tenant.grants.values()) {
        if seen.insert(granted.adapter) {
            let file = format!("adapters/{}.wasm", granted.contract.action.adapter);
            let wasm = config.adapters.get(&granted.adapter);
            faults.extend(wasm.and_then(|wasm| refused(&loader, &file, wasm, granted.world)));
        }
    }
    faults
}

/// Keeps code in the compile cache of a served directory. Fails when `state/` or a cache cannot be used.
pub(super) fn loader(dir: &Path) -> Result<Loader, Fault> {
    // The format version of `state/` is checked before anything is created there, because a newer version of the host
    // may use the same paths for other data.
    version(&dir.join("state")).map_err(|e| Fault::new("state", 0, e.to_string()))?;
    files::make_state(dir).map_err(|e| Fault::new("state", 0, e.to_string()))?;
    let own = CodeCache::of_user().map_err(|e| Fault::new(COMPILE_CACHE, 0, e.to_string()))?;
    let loader = Loader::of_host(&dir.join("state/cache"), own);
    loader.map_err(|failure| Fault::new("state/cache", 0, failure.what()))
}

/// Why a host would refuse this adapter; `None` if it would accept the adapter.
pub(super) fn refused(loader: &Loader, file: &str, wasm: &[u8], world: World) -> Option<Fault> {
    let sandbox = loader.announced(file, wasm);
    sandbox.load(wasm, world).err().map(|error| Fault::new(file, 0, error.to_string()))
}

fn report(config: Option<&Config>, faults: &[Fault]) -> Report {
    let fault =
        |f: &Fault| FaultReport { file: f.file.clone(), line: f.line, what: f.what.clone() };
    let tokens = config.and_then(|c| c.tokens.read().ok()).unwrap_or_default();
    let expires = |tenant: &Tenant| {
        config.map(|c| expiring::of(c, &tenant.name, &tokens.valid)).unwrap_or_default()
    };
    let tenant = |tenant: &std::sync::Arc<Tenant>| TenantReport {
        name: tenant.name.clone(),
        agents: tenant.agents.keys().cloned().collect(),
        people: tenant.persons.keys().cloned().collect(),
        upstreams: tenant.upstreams.keys().cloned().collect(),
        concurrency: tenant.upstreams.iter().map(|(n, u)| (n.clone(), u.concurrency)).collect(),
        client_certificates: client_certificates(tenant),
        expires: expires(tenant),
        grants: tenant.grants.keys().cloned().collect(),
        policy_set: tenant.policies.digest().to_string(),
    };
    Report {
        environment: config.map(|c| c.environment.clone()).unwrap_or_default(),
        limits: config.map(|c| limits(&c.limits)).unwrap_or_default(),
        tenants: config.map(|c| c.tenants.values().map(tenant).collect()).unwrap_or_default(),
        witnesses: config.map(|c| witnesses(&c.witnesses)).unwrap_or_default(),
        faults: faults.iter().map(fault).collect(),
        warnings: config.map(|c| c.warnings.iter().map(fault).collect()).unwrap_or_default(),
    }
}

fn client_certificates(tenant: &Tenant) -> BTreeMap<String, String> {
    let certificates = tenant.upstreams.iter().filter_map(|(name, upstream)| {
        let (at, _) = upstream.client_certificate.as_ref()?.expires();
        Some((name.clone(), at))
    });
    certificates.collect()
}

fn limits(limits: &Limits) -> LimitReport {
    let bounds = |Bounds { host, tenant, agent }: Bounds| BoundReport { host, tenant, agent };
    let (under_way, waiting) = (bounds(limits.under_way), bounds(limits.waiting));
    LimitReport { runs: limits.runs, under_way, waiting }
}

/// Formats the host's limits on concurrent work as one line.
fn limit_text(report: &LimitReport) -> String {
    let bounds = |BoundReport { host, tenant, agent }: &BoundReport| {
        format!("{host} (tenant {tenant}, agent {agent})")
    };
    let LimitReport { runs, under_way, waiting } = report;
    let (under_way, waiting) = (bounds(under_way), bounds(waiting));
    format!("limits     {runs} runs; actions under way {under_way}, waiting for people {waiting}")
}

fn witnesses(witnesses: &Witnesses) -> WitnessReport {
    let name = |one: &Witness| format!("{} ({})", one.name, one.url);
    WitnessReport {
        names: witnesses.all.iter().map(name).collect(),
        quorum: witnesses.quorum,
        wait_ms: witnesses.wait.as_millis(),
    }
}

/// Formats the witnesses of the logs as one line.
fn witness_text(report: &WitnessReport) -> String {
    let WitnessReport { names, quorum, wait_ms } = report;
    match names.as_slice() {
        [] => "witnesses  none: only a witness can detect a host that forks its log".to_owned(),
        names => format!(
            "witnesses  {}; {quorum} of {} make a quorum; an action waits at most {wait_ms} ms",
            names.join(", "),
            names.len()
        ),
    }
}

fn summary(report: &Report) -> String {
    if !report.faults.is_empty() {
        return join(report.faults.iter().map(fault_text));
    }
    let mut text = format!("no faults; environment {}\n", report.environment);
    line(&mut text, format_args!("{}", witness_text(&report.witnesses)));
    line(&mut text, format_args!("{}", limit_text(&report.limits)));
    for tenant in &report.tenants {
        line(&mut text, format_args!("tenant {}", tenant.name));
        let reached = |(name, most): (&String, &usize)| format!("{name} ({most} runs at once)");
        let upstreams = tenant.concurrency.iter().map(reached).collect();
        let lists = [
            ("grants", &tenant.grants),
            ("upstreams", &upstreams),
            ("agents", &tenant.agents),
            ("people", &tenant.people),
        ];
        for (title, names) in lists {
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            line(&mut text, format_args!("  {title:<10} {names}"));
        }
        for one in &tenant.expires {
            line(&mut text, format_args!("  {:<10} {}", "expires", one.text()));
        }
        line(&mut text, format_args!("  {:<10} {}", "policies", tenant.policy_set));
    }
    text + &join(report.warnings.iter().map(|warning| format!("warning: {}", fault_text(warning))))
}

fn fault_text(fault: &FaultReport) -> String {
    safe(&format!("{}: {}", config::place(&fault.file, fault.line), fault.what))
}
