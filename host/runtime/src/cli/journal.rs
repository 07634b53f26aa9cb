//! `deed journal check`: checks whether the files of a stopped host's directory, or of a backup, agree with each other.
//!
//! The command prints one line per finding. The command does not write or repair anything.

use std::path::PathBuf;
use std::process::ExitCode;

use deed_spec::text::safe;

use super::out::{self, Failure, Format};
use super::text::line;
use crate::maintenance::check::{self, Checked, Finding};

#[derive(Debug, clap::Subcommand)]
pub(super) enum JournalCommand {
    Check(CheckArgs),
}

/// Rebuild every action from the journal, and compare the result with index, payloads, statements, receipts and log
///
/// Exits with 0 if everything agrees, and with 1 if anything differs. Exits with 2 if the directory cannot be checked
/// because a host uses it, keys are missing, or a newer version wrote it. If the host is running, make a backup and
/// check the backup.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// A served directory whose host is stopped, or a backup
    dir: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// Prints the findings, and returns the exit code that corresponds to them.
pub(super) fn run(command: &JournalCommand) -> ExitCode {
    let JournalCommand::Check(args) = command;
    let checked = check::check(&args.dir).map_err(Failure::failed);
    let printed = checked.and_then(|checked| {
        args.format.print(&checked, |checked| lines(args, checked))?;
        Ok(checked)
    });
    match printed {
        Ok(checked) if checked.findings.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            out::note(&failure.to_string());
            ExitCode::from(2)
        }
    }
}

fn lines(args: &CheckArgs, found: &Checked) -> String {
    let mut text = String::new();
    for one in &found.findings {
        line(&mut text, format_args!("FINDING  {}", finding(one)));
    }
    for note in &found.notes {
        line(&mut text, format_args!("note     {}", safe(note)));
    }
    let (actions, open, records) = (found.actions, found.open, found.records);
    line(&mut text, format_args!("actions  {actions}, {open} of them open"));
    line(&mut text, format_args!("journal  {records} records in {} segment(s)", found.segments));
    line(
        &mut text,
        format_args!("stored   {} payload(s), {} statement(s)", found.payloads, found.statements),
    );
    for log in &found.logs {
        line(&mut text, format_args!("log      {}: {} entries", safe(&log.tenant), log.size));
    }
    let dir = safe(&args.dir.display().to_string());
    match found.findings.len() {
        0 => line(&mut text, format_args!("CLEAN {dir}")),
        n => line(&mut text, format_args!("{n} FINDING(S) {dir}")),
    }
    text
}

fn finding(one: &Finding) -> String {
    let place = one.offset.map(|offset| format!(" at {offset}")).unwrap_or_default();
    let action = one.action.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    safe(&format!("{}{place}{action}: {}", one.file, one.what))
}
