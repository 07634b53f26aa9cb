//! `deed pin`: accepts the present contracts and adapters, and shows what changed.
//!
//! The command writes the digests of the contracts and adapters into `deed.toml`. The command writes nothing if a host
//! would refuse one of the adapters.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_spec::digest::Digest;
use deed_spec::json;
use deed_spec::text::safe;
use serde::Serialize;

use super::adapter::loader::{KEPT, Loader};
use super::check::{self, refused};
use super::out::{self, Failure, Format};
use super::text::{join, line};
use crate::config::{Change, Done, Fault, PinError, Pinned, Plan};

/// Accept the present contracts and adapters: write their digests into the grants
///
/// Prints for each grant what changed since the last `deed pin`. The accepted contracts are kept in `accepted/` of the
/// served directory, so that the next `deed pin` can show which members of a contract differ.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(super) struct PinArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    tenant: &'a str,
    grant: &'a str,
    contract: String,
    adapter: String,
    contract_was: Option<&'a str>,
    adapter_was: Option<&'a str>,
    /// `new`, `changed` or `unchanged`.
    contract_change: &'static str,
    adapter_change: &'static str,
    /// Members of the contract that differ, by JSON pointer; null when `accepted/` does not have the earlier contract.
    differs: Option<&'a [json::Change]>,
}

pub(super) fn run(args: &PinArgs) -> Result<ExitCode, Failure> {
    let plan = Plan::make(&args.dir).map_err(|error| failure(&error))?;
    let unknown = plan.unknown().to_vec();
    let Done { pinned, is_given } = carry_out(&args.dir, plan)?;
    let reports: Vec<Report<'_>> = pinned.iter().map(report).collect();
    args.format
        .print(&reports, |_| join(pinned.iter().map(|one| text(one).trim_end().to_owned())))?;
    for grant in &unknown {
        let grant = safe(grant);
        out::note(&format!("{grant}: no file under contracts/ has this name; nothing was pinned"));
    }
    if reports.is_empty() {
        out::note(
            "no grant has a contract to pin; add [tenant.NAME.grant.\"CONTRACT\"] to deed.toml",
        );
    }
    warn(is_given);
    args.format.next(&format!("deed check {}", out::shell(&args.dir)));
    Ok(ExitCode::SUCCESS)
}

/// Pins all granted contracts and adapters of a served directory. Fails when a file has a fault or cannot be written.
pub(super) fn all(dir: &Path) -> Result<Vec<Pinned>, Failure> {
    let plan = Plan::make(dir).map_err(|error| failure(&error))?;
    let Done { pinned, is_given } = carry_out(dir, plan)?;
    warn(is_given);
    Ok(pinned)
}

fn warn(is_given: bool) {
    if !is_given {
        out::note(
            "warning: accepted/ cannot be given to the owner of deed.toml, so that user cannot read it; \
             run `deed pin` as that user or as root",
        );
    }
}

/// Writes the digests if a host would accept every adapter.
fn carry_out(dir: &Path, plan: Plan) -> Result<Done, Failure> {
    let loader = loader(dir)?;
    let adapters = plan.adapters();
    let faults: Vec<Fault> =
        adapters.filter_map(|(file, wasm, world)| refused(&loader, file, wasm, world)).collect();
    if !faults.is_empty() {
        let lines = join(faults.iter().map(Fault::to_string));
        return Err(Failure::Failed(format!("nothing was pinned\n{lines}")));
    }
    plan.carry_out().map_err(|error| failure(&error))
}

/// If `state/` belongs to this user, the code is also kept for the host. Otherwise it is not, because the host creates
/// `state/` and may run as another user.
fn loader(dir: &Path) -> Result<Loader, Failure> {
    let state = fs::symlink_metadata(dir.join("state"));
    if state.is_ok_and(|state| state.uid() == rustix::process::geteuid().as_raw())
        && let Ok(loader) = check::loader(dir)
    {
        return Ok(loader);
    }
    Loader::new()
}

fn failure(error: &PinError) -> Failure {
    match error {
        PinError::Adapter(..) => {
            Failure::Failed(format!("{error}; copy the adapter there, then run `deed pin` again"))
        }
        error => Failure::failed(error),
    }
}

fn report(pinned: &Pinned) -> Report<'_> {
    Report {
        tenant: &pinned.tenant,
        grant: &pinned.grant,
        contract: pinned.contract.now.to_string(),
        adapter: pinned.adapter.now.to_string(),
        contract_was: was(&pinned.contract),
        adapter_was: was(&pinned.adapter),
        contract_change: word(&pinned.contract),
        adapter_change: word(&pinned.adapter),
        differs: pinned.differs.as_deref(),
    }
}

/// The digest that the grant named before. Another text is not shown, because it may be a secret in the wrong place.
fn was(change: &Change) -> Option<&str> {
    change.was.as_deref().filter(|text| text.parse::<Digest>().is_ok())
}

fn word(change: &Change) -> &'static str {
    match &change.was {
        None => "new",
        Some(_) if change.is_unchanged() => "unchanged",
        Some(_) => "changed",
    }
}

fn text(pinned: &Pinned) -> String {
    let mut text = format!("{}/{}\n", safe(&pinned.tenant), safe(&pinned.grant));
    line(&mut text, format_args!("  contract  {}", digests(&pinned.contract)));
    match &pinned.differs {
        Some(changes) => {
            for change in changes {
                line(&mut text, format_args!("    {}", member(change)));
            }
        }
        None => line(
            &mut text,
            format_args!(
                "    accepted/ does not have the earlier contract, so the differences are not known"
            ),
        ),
    }
    line(&mut text, format_args!("  adapter   {}", digests(&pinned.adapter)));
    text
}

fn digests(change: &Change) -> String {
    match &change.was {
        Some(_) if !change.is_unchanged() => {
            format!("{} → {}", was(change).unwrap_or("…"), change.now)
        }
        _ => format!("{}  {}", change.now, word(change)),
    }
}

/// Formats one changed member. A value is never shortened, because the user would accept the omitted part unseen.
fn member(change: &json::Change) -> String {
    let value = |value: Option<&serde_json::Value>| {
        value.map_or("(absent)".to_owned(), |value| safe(&value.to_string()))
    };
    format!(
        "{}: {} → {}",
        safe(&change.pointer),
        value(change.old.as_ref()),
        value(change.new.as_ref())
    )
}
