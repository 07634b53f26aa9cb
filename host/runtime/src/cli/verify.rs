//! `deed verify`: checks a bundle against a trust directory, offline.
//!
//! The command prints one line per check and the verdict. The command does not contact a host, and does not trust any
//! key in the bundle.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_verify::{Report, Trust, Verdict, page, verify};
use deed_verify_cli::{ReadError, html};

use super::out::{self, Failure, Format};

/// Check a bundle's signatures, log, policy decision and outcome without asking the host
///
/// Exits with 0 for verified, 1 for failed, and 2 for unverifiable, which means that a key for a required check is
/// missing. An agent's copy has no evidence, so its outcome cannot be judged again; the verdict is then `VERIFIED
/// (signatures and inclusion only)` and the exit code is 3. For a complete check, verify a bundle that a person of the
/// tenant fetched, not an agent.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The `.deed` file
    #[arg(required_unless_present = "html")]
    bundle: Option<PathBuf>,
    /// Directory with receipt.pub, log.vkey, approvers.json and optionally log.policy; it must come from a different
    /// source than the bundle
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    /// Write a page that checks bundles in a browser to this new file, instead of checking a bundle
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "trust", "json"])]
    html: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// Prints the report and returns its verdict as the exit code, or writes the page.
pub fn run(args: &VerifyArgs) -> ExitCode {
    match done(args) {
        Ok(code) => code,
        Err(failure) => {
            out::note(&failure.to_string());
            // An error means that the bundle was not checked, so the verdict is `unverifiable` and not `failed`.
            code(Verdict::Unverifiable)
        }
    }
}

fn done(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    match args {
        VerifyArgs { html: Some(file), .. } => {
            html::write(file).map_err(Failure::failed)?;
            out::note(&format!("open `{}` in a browser; it needs no network", file.display()));
            Ok(ExitCode::SUCCESS)
        }
        VerifyArgs { bundle: Some(bundle), .. } => {
            print(args, bundle, &report(args, bundle)?).map(code)
        }
        VerifyArgs { .. } => Err(Failure::Usage("name the `.deed` file".to_owned())),
    }
}

fn report(args: &VerifyArgs, bundle: &Path) -> Result<Report, Failure> {
    let bundle = read(bundle)?;
    let trust = args.trust.as_deref().map(trust).transpose()?;
    Ok(verify(&bundle, trust.as_ref()))
}

/// Reads the keys of a trust directory. Fails when the directory cannot be read or is not valid.
pub(super) fn trust(dir: &Path) -> Result<Trust, Failure> {
    deed_verify_cli::trust(dir).map_err(|e| match e {
        ReadError::NoDirectory(_) => Failure::usage(e),
        ReadError::File(..) | ReadError::Trust(_) => Failure::failed(e),
    })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    deed_verify_cli::read(path).map_err(Failure::failed)
}

fn print(args: &VerifyArgs, bundle: &Path, report: &Report) -> Result<Verdict, Failure> {
    // If no trusted receipt names the action, the report shows the name of the bundle's file.
    let file = || bundle.file_name().unwrap_or_default().to_string_lossy().into_owned();
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
