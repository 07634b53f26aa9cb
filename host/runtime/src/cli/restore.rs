//! `deed restore`: replaces a stopped host's state with that of a backup, and asks for confirmation before any data is
//! lost.
//!
//! Without a terminal the command cannot ask for confirmation, so a restore that loses data then needs
//! `--accept-older`.

use std::path::PathBuf;
use std::process::ExitCode;

use deed_spec::text::safe;
use serde_json::json;

use super::confirm::confirm;
use super::out::{self, Failure, Format};
use super::text::line;
use crate::maintenance::restore::{Loss, Restore, Restored};

/// Replace the state of a directory with the state in a backup, or create a directory from a backup
///
/// The host must be stopped. The command prints what would be lost and asks for confirmation. The present state is
/// moved aside, not deleted. Configuration, keys and secrets are restored only where they are missing; existing files
/// are never replaced. Tokens of agents are restored only into a directory without deed.toml.
///
/// If the log is rolled back, every party that saw the newer log sees a fork: witnesses refuse the next checkpoints of
/// this host, and `deed log audit --since` reports the fork. After a restore, the host no longer knows the actions
/// that started after the backup, although these actions may have changed other systems.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// The copy that `deed backup` created
    backup: PathBuf,
    /// The directory that the host serves; it is created if it does not exist
    dir: PathBuf,
    /// Discard the present data that the backup does not have, without asking for confirmation
    #[arg(long)]
    accept_older: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &RestoreArgs) -> Result<ExitCode, Failure> {
    let restore = Restore::plan(&args.backup, &args.dir).map_err(Failure::failed)?;
    let loss = restore.loss().cloned();
    if let Some(loss) = &loss {
        out::note(&lost(loss));
        if !args.accept_older {
            confirm("lose it?", "restored", "--accept-older")?;
        }
    }
    let records = restore.manifest().journal.records;
    let logs: Vec<_> = restore.manifest().logs.iter().map(|(t, l)| (t.clone(), l.size)).collect();
    let done = restore.carry_out().map_err(Failure::failed)?;
    let data = json!({
        "dir": args.dir.display().to_string(),
        "records": records,
        "logs": logs.iter().map(|(tenant, size)| json!({"tenant": tenant, "size": size})).collect::<Vec<_>>(),
        "lost": loss,
        "aside": done.aside.as_ref().map(|path| path.display().to_string()),
        "kept": done.kept,
        "tokens": done.tokens,
        "has_keys": done.has_keys,
    });
    args.format.print(&data, |_| lines(args, records, &logs, &done))?;
    Ok(ExitCode::SUCCESS)
}

fn lost(loss: &Loss) -> String {
    let mut text = "restoring loses what this directory has and the backup does not:\n".to_owned();
    line(&mut text, format_args!("  {} action(s) that started since", loss.begun));
    line(&mut text, format_args!("  {} action(s) that continued since", loss.changed));
    for log in &loss.logs {
        let (tenant, now, then) = (safe(&log.tenant), log.now, log.then);
        line(&mut text, format_args!("  log of {tenant}: {now} entries now, {then} in the backup"));
    }
    if let Some(why) = &loss.unread {
        line(&mut text, format_args!("  and parts that cannot be counted: {}", safe(why)));
    }
    if !loss.logs.is_empty() {
        text += "a log that is rolled back is a fork: witnesses and auditors that saw it later will report it\n";
    }
    text
}

fn lines(args: &RestoreArgs, records: u64, logs: &[(String, u64)], done: &Restored) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("journal  {records} records"));
    for (tenant, size) in logs {
        line(&mut text, format_args!("log      {}: {size} entries", safe(tenant)));
    }
    if let Some(aside) = &done.aside {
        let aside = safe(&aside.display().to_string());
        line(&mut text, format_args!("aside    the previous state is in {aside}"));
    }
    for path in &done.kept {
        line(&mut text, format_args!("kept     {} differs from the backup", safe(path)));
    }
    if done.tokens > 0 {
        let tokens = done.tokens;
        line(
            &mut text,
            format_args!(
                "tokens   {tokens} of agents; revoke those that were revoked since the backup"
            ),
        );
    }
    if !done.has_keys {
        line(
            &mut text,
            format_args!("keys     restore keys/*.key and secrets/ before you serve it"),
        );
    }
    let dir = safe(&args.dir.display().to_string());
    line(&mut text, format_args!("restored {dir}; run `deed journal check` to check it"));
    text
}
