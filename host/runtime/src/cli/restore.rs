//! `deed restore`: replaces a stopped host's state by a backup, and asks before anything is lost.
//!
//! Without a terminal it cannot ask, and only --accept-older permits a loss.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use deed_spec::text::safe;
use serde_json::json;

use super::out::{self, Failure, Format};
use super::text::line;
use crate::maintenance::restore::{Loss, Restore, Restored};

/// Put the state of a backup in the place of a directory's own, or make a directory of it
///
/// The host must be stopped. Says what would be lost and asks; the state that was there is moved aside, not
/// deleted. Configuration, keys and secrets are put back where there are none, and never replaced.
///
/// A log that goes back is a fork for everybody who saw it further: witnesses refuse what this host signs
/// next, and `deed log audit --since` says so. What happened after the backup was made, and may have changed
/// systems, is not known here any more.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// What `deed backup` made
    backup: PathBuf,
    /// The served directory; made when it is not there
    dir: PathBuf,
    /// Lose what the backup does not have, without being asked
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
        if !args.accept_older && !confirm()? {
            return Err(Failure::Failed("nothing was restored".to_owned()));
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
        "has_keys": done.has_keys,
    });
    args.format.print(&data, |_| lines(args, records, &logs, &done))?;
    Ok(ExitCode::SUCCESS)
}

fn lost(loss: &Loss) -> String {
    let mut text = "this directory has more than the backup; restoring loses it:\n".to_owned();
    line(&mut text, format_args!("  {} action(s) that began since", loss.begun));
    line(&mut text, format_args!("  {} action(s) that went on since", loss.changed));
    for log in &loss.logs {
        let (tenant, now, then) = (safe(&log.tenant), log.now, log.then);
        line(&mut text, format_args!("  log of {tenant}: {now} entries now, {then} in the backup"));
    }
    if let Some(why) = &loss.unread {
        line(&mut text, format_args!("  and what cannot be counted: {}", safe(why)));
    }
    if !loss.logs.is_empty() {
        text += "a log that goes back is a fork: witnesses and auditors who saw it further will say so\n";
    }
    text
}

fn confirm() -> Result<bool, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Failed(
            "nobody is there to ask, so nothing was restored; scripts say --accept-older"
                .to_owned(),
        ));
    }
    let mut err = io::stderr().lock();
    write!(err, "lose it? [y/N] ").and_then(|()| err.flush()).map_err(Failure::failed)?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(Failure::failed)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn lines(args: &RestoreArgs, records: u64, logs: &[(String, u64)], done: &Restored) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("journal  {records} records"));
    for (tenant, size) in logs {
        line(&mut text, format_args!("log      {}: {size} entries", safe(tenant)));
    }
    if let Some(aside) = &done.aside {
        let aside = safe(&aside.display().to_string());
        line(&mut text, format_args!("aside    what was there is in {aside}"));
    }
    for path in &done.kept {
        line(&mut text, format_args!("kept     {} is not as it was in the backup", safe(path)));
    }
    if !done.has_keys {
        line(
            &mut text,
            format_args!("keys     put keys/*.key and secrets/ back before you serve it"),
        );
    }
    let dir = safe(&args.dir.display().to_string());
    line(
        &mut text,
        format_args!("restored {dir}; `deed journal check` says whether all of it agrees"),
    );
    text
}
