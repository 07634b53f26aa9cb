//! `deed verify`: checks a bundle against a trust directory, offline.
//!
//! Prints a line per check and the verdict. It does not contact a host, and does not trust the bundle.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_verify::{Report, Trust, Verdict, page, verify};
use deed_verify_cli::ReadError;

use super::out::{self, Failure, Format};

/// Check a bundle's signatures, log, policy decision and outcome without asking the host
///
/// Exits with 0 for verified, 1 for failed, 2 for unverifiable: trust for a required check is missing. A copy without
/// evidence, as agents get it, is `VERIFIED (signatures and inclusion only)` with 3: the outcome cannot be judged again
/// from it. Verify the bundle that a person of the tenant fetches.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The `.deed` file
    bundle: PathBuf,
    /// Directory with receipt.pub, log.vkey, approvers.json and optionally log.policy, from another source than the
    /// bundle
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

fn report(args: &VerifyArgs) -> Result<Report, Failure> {
    let bundle = read(&args.bundle)?;
    let trust = args.trust.as_deref().map(trust).transpose()?;
    Ok(verify(&bundle, trust.as_ref()))
}

/// The keys of a trust directory. Fails when it cannot be read or is not valid.
pub(super) fn trust(dir: &Path) -> Result<Trust, Failure> {
    deed_verify_cli::trust(dir).map_err(|e| match e {
        ReadError::NoDirectory(_) => Failure::usage(e),
        ReadError::File(..) | ReadError::Trust(_) => Failure::failed(e),
    })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    deed_verify_cli::read(path).map_err(Failure::failed)
}

fn print(args: &VerifyArgs, report: &Report) -> Result<Verdict, Failure> {
    // Until a trusted receipt states which action it is, there is only the file's name.
    let file = || args.bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = report.action.clone().unwrap_or_else(file);
    args.format.print(report, |report| page::lines(report, &id))?;
    if report.verdict == Verdict::Unverifiable && !args.format.json {
        out::note(match &args.trust {
            None => {
                "no trust directory was given; use --trust DIR with one that the operator creates with `deed trust`"
            }
            Some(_) => {
                "the trust directory lacks keys that the checks need; `deed trust` writes a complete one"
            }
        });
    }
    Ok(report.verdict)
}

pub(super) fn code(verdict: Verdict) -> ExitCode {
    ExitCode::from(verdict.exit_code())
}
