//! `deed verify`: checks a bundle against a trust directory, offline.
//!
//! Takes two paths, gives a line per check and the verdict. Never asks a host, and never trusts the bundle.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_record::bundle::Files;
use deed_record::verify::{Report, Status, Trust, Verdict, verify};

use super::out::{self, Failure, Format};
use super::text;

/// Check a bundle's signatures, log, policy decision and outcome without asking the host
///
/// Exits with 0 for verified, 1 for failed, 2 for unverifiable: trust for a needed check is missing. A copy without
/// evidence, as agents get it, is `VERIFIED (signatures and inclusion only)` with 3: what came of the action
/// cannot be judged again from it. Check the bundle that a person of the tenant fetches.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The `.deed` file
    bundle: PathBuf,
    /// Directory with receipt.pub, log.vkey, approvers.json and perhaps log.policy, from another source
    /// than the bundle
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// Prints the report; its verdict is the exit code.
pub fn run(args: &VerifyArgs) -> ExitCode {
    match report(args).and_then(|report| print(args, &report)) {
        Ok(verdict) => code(verdict),
        Err(failure) => {
            out::note(&failure.to_string());
            // Nothing was checked, so nothing failed.
            code(Verdict::Unverifiable)
        }
    }
}

/// The largest file that is read: a bundle has at most 64 MiB, and one byte more is refused.
const READ_MAX: u64 = (64 << 20) + 1;

fn report(args: &VerifyArgs) -> Result<Report, Failure> {
    let bundle = read(&args.bundle)?;
    let trust = args.trust.as_deref().map(trust).transpose()?;
    Ok(verify(&bundle, trust.as_ref()))
}

pub(super) fn trust(dir: &Path) -> Result<Trust, Failure> {
    if !fs::metadata(dir).is_ok_and(|meta| meta.is_dir()) {
        return Err(Failure::Usage(format!("`{}` is no directory of keys", dir.display())));
    }
    let mut files = Files::new();
    for name in Trust::FILES {
        let path = dir.join(name);
        if path.exists() {
            files.insert(name.to_owned(), read(&path)?);
        }
    }
    Trust::parse(&files).map_err(Failure::failed)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| Failure::Failed(format!("`{}`: {e}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(READ_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn print(args: &VerifyArgs, report: &Report) -> Result<Verdict, Failure> {
    // Before a trusted receipt says which action it is, there is only the file's name.
    let file = || args.bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = report.action.clone().unwrap_or_else(file);
    args.format.print(report, |report| lines(report, &id))?;
    if report.verdict == Verdict::Unverifiable && !args.format.json {
        out::note(match &args.trust {
            None => {
                "no trust was given; the operator makes a trust directory with `deed trust`: --trust DIR"
            }
            Some(_) => {
                "the trust directory lacks keys that the checks need; `deed trust` writes a whole one"
            }
        });
    }
    Ok(report.verdict)
}

pub(super) fn lines(report: &Report, id: &str) -> String {
    let mut lines = Vec::new();
    for line in &report.checks {
        let mark = match line.status {
            Status::Pass => "pass",
            Status::Fail => "FAIL",
            Status::Skip => "skip",
        };
        lines.push(format!("{mark}  {:<17}  {}", line.name, text::safe(&line.detail)));
    }
    if let Some(outcome) = report.outcome {
        lines.push(format!("the receipt says: {}", outcome.as_str()));
    }
    if let Some(settled) = report.settled {
        lines.push(format!("settled later: {}", settled.as_str()));
    }
    lines.push(format!("{} {}", said(report.verdict), text::safe(id)));
    lines.join("\n")
}

/// The verdict as the last line has it: a copy without evidence must not pass for a whole one.
fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::SignaturesOnly => "VERIFIED (signatures and inclusion only)".to_owned(),
        Verdict::Verified | Verdict::Failed | Verdict::Unverifiable => {
            verdict.as_str().to_uppercase()
        }
    }
}

pub(super) fn code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Verified => ExitCode::SUCCESS,
        Verdict::Failed => ExitCode::FAILURE,
        Verdict::Unverifiable => ExitCode::from(2),
        Verdict::SignaturesOnly => ExitCode::from(3),
    }
}
