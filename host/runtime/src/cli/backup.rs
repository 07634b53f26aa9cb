//! `deed backup`: copies a served directory to a new path while its host runs, and prints what the copy contains and
//! what it omits.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde_json::json;

use super::out::{Failure, Format};
use super::text::line;
use crate::maintenance::backup::{self, Manifest};

/// Copy a served directory as it is at one moment, even while a host serves it
///
/// The copy contains the journal, the logs, all files that these need, the configuration and the public keys. You can
/// check the copy with `deed journal check` and `deed log audit`, and restore it with `deed restore`. The copy contains
/// the host's private keys and secrets only if --with-keys is given. No copy contains the private keys of approvers.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// The directory that the host serves
    dir: PathBuf,
    /// The path of the copy; it must not exist yet
    target: PathBuf,
    /// Also copy private keys and secrets; the holder of the copy can then act and sign as this host
    #[arg(long)]
    with_keys: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let made = backup::backup(&args.dir, &args.target, args.with_keys, &Clock::default());
    let made = made.map_err(Failure::failed)?;
    let logs: Vec<_> =
        made.logs.iter().map(|(tenant, log)| json!({"tenant": tenant, "size": log.size})).collect();
    let data = json!({
        "target": args.target.display().to_string(),
        "records": made.journal.records,
        "logs": logs,
        "files": made.files.len(),
        "with_keys": made.with_keys,
    });
    args.format.print(&data, |_| lines(&made, &args.target))?;
    Ok(ExitCode::SUCCESS)
}

fn lines(made: &Manifest, target: &Path) -> String {
    let mut text = String::new();
    let (records, files) = (made.journal.records, made.files.len());
    line(&mut text, format_args!("journal  {records} records"));
    for (tenant, log) in &made.logs {
        line(&mut text, format_args!("log      {}: {} entries", safe(tenant), log.size));
    }
    let keys = if made.with_keys {
        "with private keys and secrets: the holder of the copy can act and sign as this host"
    } else {
        "without private keys and secrets (keys/*.key, secrets/): keep those elsewhere"
    };
    line(&mut text, format_args!("keys     {keys}"));
    line(&mut text, format_args!("{files} files in {}", safe(&target.display().to_string())));
    text
}
