//! `deed journal check`: checks all parts of a stopped host's directory, or of a backup, against each other.
//!
//! Prints a line per finding. Nothing is written or repaired.

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

/// Rebuild every action from the journal, and compare index, payloads, statements, receipts and log
///
/// Exits with 0 when all of it agrees, 1 when something does not, 2 when it cannot be checked: a host uses the
/// directory, keys are missing, or it is of a newer version. For a running host, check a backup.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// A served directory whose host is stopped, or a backup
    dir: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// Prints the findings; they determine the exit code.
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
