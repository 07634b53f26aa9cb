//! `deed apply`: shows what a running host would change, and makes it reload its directory.
//!
//! The command has no way of its own into the host: it sends SIGHUP, as its user could do, and reads the file in which
//! the host says how the reload ended.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use deed_spec::text::safe;
use serde::Serialize;

use super::check;
use super::confirm::confirm;
use super::out::{self, Failure, Format, shell};
use super::text::line;
use crate::config::{Config, Fault, PartChange};
use crate::maintenance::in_use;
use crate::process::serving::Serving;

/// Make the running host of a directory use its present configuration
///
/// Checks the directory, shows which parts differ from the configuration in force, and asks for confirmation. The host
/// then reads the directory again: it puts all of the configuration in force, or nothing of it. The contents of secrets
/// are not compared. If no host serves the directory, nothing is done; the next `deed serve` uses the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

/// How long to wait for the result. The host loads adapters that this command has compiled already, but its logs may
/// wait for witnesses.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Debug, Serialize)]
struct Report {
    /// `applied`, `unchanged`, `refused` or `no_host`.
    result: String,
    changes: Vec<PartChange>,
    faults: Vec<String>,
}

pub(super) fn run(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let (config, faults) = check::faults(&args.dir);
    let Some(config) = config.filter(|_| faults.is_empty()) else {
        return Err(faulty(&faults));
    };
    let Some(host) = Serving::find(&args.dir).map_err(Failure::Failed)? else {
        return not_found(args);
    };
    out::note(&difference(&host.parts.changes(&config.parts)));
    if !args.yes {
        confirm("apply it?", "applied", "--yes")?;
    }
    // The host may have reloaded while the person was asked. Such a reload must not count as the result.
    let host = Serving::find(&args.dir).map_err(Failure::Failed)?.ok_or_else(gone)?;
    let changes = host.parts.changes(&config.parts);
    let after = reload(&args.dir, &host, &config)?;
    let is_refused = after.result == "refused";
    let report = report(&after.result, changes, after.faults);
    args.format.print(&report, text)?;
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report(result: &str, changes: Vec<PartChange>, faults: Vec<String>) -> Report {
    Report { result: result.to_owned(), changes, faults }
}

fn faulty(faults: &[Fault]) -> Failure {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n{fault}")).collect();
    Failure::Failed(format!(
        "nothing was applied, because the directory has faults:{}",
        lines.concat()
    ))
}

/// Nothing is done if no host serves the directory. Fails if a host may serve it that this command cannot find.
fn not_found(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    if in_use::is_in_use(&args.dir).map_err(Failure::Failed)? {
        return Err(Failure::Failed(unseen(&args.dir)));
    }
    let report = report("no_host", Vec::new(), Vec::new());
    args.format.print(&report, |_| no_host(&args.dir))?;
    Ok(ExitCode::SUCCESS)
}

fn unseen(dir: &Path) -> String {
    format!(
        "nothing was applied: `state/` of {} is in use, but `state/serving.json` does not lead to the host; if the \
         host runs in another container, or has just started, send SIGHUP to it, and it logs the result",
        shell(dir)
    )
}

fn no_host(dir: &Path) -> String {
    let dir = shell(dir);
    format!(
        "no host serves {dir} on this machine; the next `deed serve {dir}` uses this configuration"
    )
}

fn difference(changes: &[PartChange]) -> String {
    if changes.is_empty() {
        return "nothing differs from the configuration in force, except possibly the contents of secrets\n".to_owned();
    }
    let mut text = "this differs from the configuration in force:\n".to_owned();
    for PartChange { part, change } in changes {
        line(&mut text, format_args!("  {change:<8} {}", safe(part)));
    }
    text
}

fn gone() -> Failure {
    Failure::Failed("the host ended; its next start uses this configuration".to_owned())
}

/// Makes the host reload, and waits for the result of a reload that began after `before` was read. A reload that was
/// under way then may have read earlier files. The signal causes one more.
fn reload(dir: &Path, before: &Serving, config: &Config) -> Result<Serving, Failure> {
    if !before.hang_up(dir).map_err(Failure::Failed)? {
        return Err(gone());
    }
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let host = Serving::find(dir).map_err(Failure::Failed)?.ok_or_else(gone)?;
        if host.pid != before.pid {
            return Err(gone());
        }
        if host.reads > before.begun {
            return of_this(host, config);
        }
        thread::sleep(LOOK_EVERY);
    }
    let what = "the host did not report a result within two minutes, so this configuration may come into force later; \
                the log of the host says what happens";
    Err(Failure::Failed(what.to_owned()))
}

/// Fails if the host put another configuration in force than the one that was checked and shown.
fn of_this(host: Serving, config: &Config) -> Result<Serving, Failure> {
    if host.result == "refused" || host.asked == Some(config.parts.digest()) {
        return Ok(host);
    }
    let what = "files of the directory changed after this command had read them, and the host uses the changed ones; \
                `deed apply` shows whether anything still differs";
    Err(Failure::Failed(what.to_owned()))
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for fault in &report.faults {
        line(&mut text, format_args!("{}", safe(fault)));
    }
    text += match report.result.as_str() {
        "applied" => "applied: the configuration is in force",
        "unchanged" => "unchanged: no file has changed since the configuration in force was read",
        _ => "refused: the configuration before stays in force",
    };
    text
}
