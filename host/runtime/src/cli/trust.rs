//! `deed trust`: the public half of a host, for those who check its receipts without asking it.
//!
//! Takes a served directory, gives a trust directory. Never overwrites one: an auditor may have edited it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::envelope;
use deed_record::note::VerifierKey;
use deed_record::verify::{Approver, Trust};

use super::out::{self, Failure};
use crate::config::{self, Config, Tenant};
use crate::keys::{self, Keys};

/// Write the public keys that `deed verify` needs: of receipts, logs and approvers
///
/// Hand the directory to auditors on another way than the bundles: it is all that they trust.
#[derive(Debug, clap::Args)]
pub(super) struct TrustArgs {
    /// The served directory
    dir: PathBuf,
    /// Where to write receipt.pub, log.vkey and approvers.json; made when it is not there
    out: PathBuf,
    /// Only this tenant, for auditors who must not learn of the others
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

pub(super) fn run(args: &TrustArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&args.dir).map_err(Failure::failed)?;
    let keys = keys::load(&args.dir).map_err(Failure::failed)?;
    let tenants = chosen(&config, args.tenant.as_deref())?;
    let files = trust(&config, &keys, &tenants)?.files().map_err(Failure::failed)?;
    super::init::must_be_empty(&args.out)?;
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Failure::Failed(format!("`{}`: {e}", args.out.display())))?;
    for (name, bytes) in files {
        keys::write_new(&args.out.join(name), &bytes, 0o644).map_err(Failure::failed)?;
    }
    out::progress(&format!("deed verify BUNDLE --trust {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(config: &'a Config, only: Option<&str>) -> Result<Vec<&'a Tenant>, Failure> {
    let tenants = config.tenants.values().map(AsRef::as_ref);
    let chosen: Vec<&Tenant> =
        tenants.filter(|tenant| only.is_none_or(|name| name == tenant.name)).collect();
    match only {
        Some(name) if chosen.is_empty() => {
            Err(Failure::Failed(format!("deed.toml has no [tenant.{name}]")))
        }
        _ => Ok(chosen),
    }
}

fn trust(config: &Config, keys: &Keys, tenants: &[&Tenant]) -> Result<Trust, Failure> {
    // One key signs the logs of all tenants, each under the log's own name.
    let log = |tenant: &&Tenant| {
        VerifierKey::new(
            &format!("{}/{}", config.log_origin, tenant.name),
            keys.log.verifying_key(),
        )
    };
    Ok(Trust {
        receipt_keys: vec![keys.receipt.verifying_key()],
        log: tenants.iter().map(log).collect::<Result<_, _>>().map_err(Failure::failed)?,
        approvers: Some(approvers(tenants)?),
    })
}

/// Each person's keys, once each, with the roles that the person has in any of these tenants.
fn approvers(tenants: &[&Tenant]) -> Result<Vec<Approver>, Failure> {
    let mut found = BTreeMap::new();
    for (name, person) in tenants.iter().flat_map(|tenant| &tenant.persons) {
        for key in &person.keys {
            let id = envelope::key_id(key).map_err(Failure::failed)?;
            let (_, roles) =
                found.entry((name.clone(), id)).or_insert_with(|| (*key, BTreeSet::new()));
            roles.extend(person.roles.iter().cloned());
        }
    }
    let approver =
        |((person, _), (key, roles)): ((String, String), (_, BTreeSet<String>))| Approver {
            person,
            roles: roles.into_iter().collect(),
            key,
            from_index: Some(0),
            until_index: None,
        };
    Ok(found.into_iter().map(approver).collect())
}
