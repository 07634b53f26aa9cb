//! `deed trust`: exports the public keys of a host, for auditors who check its receipts without asking the host.
//!
//! An existing trust directory is not overwritten, because an auditor may have edited it.

use std::path::PathBuf;
use std::process::ExitCode;

use super::out::{self, Failure};
use crate::config::{self, Config, Tenant, keys};
use crate::maintenance::trust_export;

/// Write the public keys that `deed verify` needs: the receipt keys, and those of one tenant's log, approvers and
/// witnesses
///
/// The directory also contains retired keys and removed approvers, each with the log index up to which it is valid.
/// Therefore `deed verify` still accepts older signatures by retired keys and removed approvers, but not newer ones.
/// Write a new directory after a key rotation, or when approvers change.
///
/// Send the directory to auditors over a different channel than the bundles, because auditors trust only the
/// keys in it. The approvers of a tenant are valid for that tenant only, so each tenant has its own directory.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// The directory that the host serves
    dir: PathBuf,
    /// A new or empty directory for the files of `deed verify --trust`; it is created if it does not exist
    out: PathBuf,
    /// The tenant; required if the host has several tenants
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

pub(super) fn run(args: &TrustArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&args.dir).map_err(Failure::failed)?;
    let keys = keys::load(&args.dir).map_err(Failure::failed)?;
    let tenant = chosen(&config, args.tenant.as_deref())?;
    let trust = trust_export::trust(&config, &keys, tenant).map_err(Failure::failed)?;
    let files = trust.files().map_err(Failure::failed)?;
    super::dir::must_be_empty(&args.out)?;
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Failure::Failed(format!("`{}`: {e}", args.out.display())))?;
    for (name, bytes) in files {
        keys::write_new(&args.out.join(name), &bytes, 0o644).map_err(Failure::failed)?;
    }
    out::next(&format!("deed verify FILE.deed --trust {}", out::shell(&args.out)));
    Ok(ExitCode::SUCCESS)
}

/// The tenant with this name, or the only one.
pub(super) fn chosen<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Tenant, Failure> {
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
