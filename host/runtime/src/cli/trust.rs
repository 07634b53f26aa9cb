//! `deed trust`: the public half of a host, for those who check its receipts without asking it.
//!
//! Takes a served directory, gives a trust directory. Never overwrites one: an auditor may have edited it.

use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::note::{LogPolicy, VerifierKey};
use deed_record::verify::{Approver, Trust};

use super::out::{self, Failure};
use crate::config::{self, Config, Tenant, Witnesses};
use crate::keys::{self, Keys};

/// Write the public keys that `deed verify` needs: of receipts, one tenant's log, its approvers and witnesses
///
/// Hand the directory to auditors on another way than the bundles: it is all that they trust. A
/// tenant's approvers count for that tenant alone, so each tenant has a directory of its own.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// The served directory
    dir: PathBuf,
    /// Where to write receipt.pub, log.vkey, approvers.json and, with witnesses, log.policy; made when
    /// it is not there
    out: PathBuf,
    /// Whose log and approvers; needed when there are several tenants
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

pub(super) fn run(args: &TrustArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&args.dir).map_err(Failure::failed)?;
    let keys = keys::load(&args.dir).map_err(Failure::failed)?;
    let tenant = chosen(&config, args.tenant.as_deref())?;
    let files = trust(&config, &keys, tenant)?.files().map_err(Failure::failed)?;
    super::dir::must_be_empty(&args.out)?;
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Failure::Failed(format!("`{}`: {e}", args.out.display())))?;
    for (name, bytes) in files {
        keys::write_new(&args.out.join(name), &bytes, 0o644).map_err(Failure::failed)?;
    }
    out::progress(&format!("deed verify BUNDLE --trust {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Tenant, Failure> {
    let mut tenants = config.tenants.values().map(AsRef::as_ref);
    match (name, config.tenants.len()) {
        (Some(name), _) => tenants
            .find(|tenant| tenant.name == name)
            .ok_or_else(|| Failure::Failed(format!("deed.toml has no [tenant.{name}]"))),
        (None, 0 | 1) => {
            tenants.next().ok_or_else(|| Failure::Failed("deed.toml has no [tenant.NAME]".into()))
        }
        (None, _) => {
            let names: Vec<&str> = config.tenants.keys().map(String::as_str).collect();
            let names = names.join("`, `");
            Err(Failure::Usage(format!("name one of the tenants `{names}` with --tenant")))
        }
    }
}

fn trust(config: &Config, keys: &Keys, tenant: &Tenant) -> Result<Trust, Failure> {
    // One key signs the logs of all tenants, each under the log's own name.
    let origin = format!("{}/{}", config.log_origin, tenant.name);
    let log = VerifierKey::new(&origin, keys.log.verifying_key()).map_err(Failure::failed)?;
    let log = vec![log];
    let witnesses = policy(&config.witnesses, &log)?;
    Ok(Trust {
        receipt_keys: vec![keys.receipt.verifying_key()],
        log,
        approvers: Some(approvers(tenant)),
        witnesses,
    })
}

/// The witnesses that the host asks and how many of them must vouch; none where there are none.
fn policy(witnesses: &Witnesses, logs: &[VerifierKey]) -> Result<Option<LogPolicy>, Failure> {
    if witnesses.all.is_empty() {
        return Ok(None);
    }
    let all = witnesses.all.iter().map(|one| (one.name.as_str(), &one.key, one.url.as_str()));
    let all: Vec<_> = all.collect();
    LogPolicy::of(logs, &all, witnesses.quorum).map(Some).map_err(Failure::failed)
}

/// Every key of every person, with the roles that the person has.
fn approvers(tenant: &Tenant) -> Vec<Approver> {
    let keys = tenant.persons.iter().flat_map(|(name, person)| {
        person.keys.iter().map(move |key| Approver {
            person: name.clone(),
            roles: person.roles.iter().cloned().collect(),
            key: *key,
            from_index: Some(0),
            until_index: None,
        })
    });
    keys.collect()
}
