//! `deed-verify`: checks a bundle or a log against public keys, offline. It has no host, no engine and no network.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use deed_spec::text::safe;
use deed_spec::tlog::{CHECKPOINT, HEAD};
use deed_verify::audit::{self, Asked, Fetched};
use deed_verify::{Trust, Verdict, page, verify};
use deed_verify_cli::{ReadError, read, trust};
use serde::Serialize;

/// Check a bundle, or a whole log, against public keys that came from another source
///
/// Exits with 0 for verified, 1 for failed, 2 for unverifiable, and 3 for a copy without evidence.
#[derive(Debug, Parser)]
#[command(name = "deed-verify", version)]
struct Args {
    /// A `.deed` file, or the directory of a log
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Directory of public keys, as `deed trust` writes it
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match check(&args) {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => {
            // Nothing was checked, so nothing failed. A stderr that is closed has no reader.
            drop(writeln!(io::stderr(), "error: {}", safe(&error.to_string())));
            ExitCode::from(Verdict::Unverifiable.exit_code())
        }
    }
}

fn check(args: &Args) -> Result<Verdict, CheckError> {
    let trust = trust(&args.trust)?;
    let name = args.path.display().to_string();
    if args.path.is_dir() {
        let found = audited(&args.path, &trust)?;
        print(args, &found, |found| audit::page::lines(found, &name))?;
        return Ok(found.verdict);
    }
    let report = verify(&read(&args.path)?, Some(&trust));
    let id = report.action.clone().unwrap_or(name);
    print(args, &report, |report| page::lines(report, &id))?;
    Ok(report.verdict)
}

fn audited(dir: &Path, trust: &Trust) -> Result<audit::Audit, CheckError> {
    if !dir.join(CHECKPOINT).is_file() {
        return Err(CheckError::NoLog(dir.to_owned()));
    }
    let head = if dir.join(HEAD).is_file() { Some(text(&dir.join(HEAD))?) } else { None };
    let witnesses = trust.witnesses.as_ref();
    let asked = Asked { keys: &trust.log, since: &[], head: head.as_deref(), witnesses };
    Ok(audit::audit(asked, |path, max| fetch(&dir.join(path), max)))
}

fn text(path: &Path) -> Result<String, CheckError> {
    String::from_utf8(read(path)?).map_err(|_| CheckError::NoText(path.to_owned()))
}

/// One file of the log, of at most `max` bytes.
fn fetch(path: &Path, max: u64) -> Result<Fetched, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Fetched::Absent),
        Err(e) => return Err(e.to_string()),
    };
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let is_too_long = u64::try_from(bytes.len()).is_ok_and(|len| len > max);
    Ok(if is_too_long { Fetched::TooLong } else { Fetched::Bytes(bytes) })
}

fn print<T: Serialize>(
    args: &Args,
    data: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), CheckError> {
    let shown = if args.json { serde_json::to_string_pretty(data)? } else { text(data) };
    Ok(writeln!(io::stdout(), "{shown}")?)
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("`{}` has no `{CHECKPOINT}`, so it is not a log; a host keeps one per tenant in `state/log`", .0.display())]
    NoLog(PathBuf),
    #[error("`{}` is not text", .0.display())]
    NoText(PathBuf),
    #[error("the report cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error("the report is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}
