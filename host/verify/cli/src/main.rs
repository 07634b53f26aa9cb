//! `deed-verify`: checks a bundle or a log against public keys, offline. The command needs no host, no WebAssembly
//! engine and no network.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use deed_spec::text::{plain_json, safe};
use deed_spec::tlog::{CHECKPOINT, HEAD};
use deed_verify::audit::{self, Asked, Fetched};
use deed_verify::{Trust, Verdict, page, verify};
use deed_verify_cli::html::{self, HtmlError};
use deed_verify_cli::{ReadError, read, trust};
use serde::Serialize;

/// Verify a bundle or audit a log with public keys from a source other than the bundle or log
///
/// Exits with 0 for verified, 1 for failed, 2 for unverifiable, and 3 for a copy without evidence.
#[derive(Debug, Parser)]
#[command(name = "deed-verify", version)]
struct Args {
    /// A `.deed` file, or the directory of a log
    #[arg(value_name = "FILE|DIR", required_unless_present = "html")]
    path: Option<PathBuf>,
    /// Directory of public keys, as `deed trust` writes it
    #[arg(long, value_name = "DIR", required_unless_present = "html")]
    trust: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Write a page that checks bundles in a browser to this new file, instead of checking a bundle
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "trust", "json"])]
    html: Option<PathBuf>,
}

/// Maximum size of `HEAD` in bytes. The file has only three short lines.
const HEAD_MAX: u64 = 4 << 10;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            // An input that cannot be read was not checked, so the result is "unverifiable", not "failed". If standard
            // error is closed, the message is dropped.
            drop(writeln!(io::stderr(), "error: {}", safe(&error.to_string())));
            ExitCode::from(Verdict::Unverifiable.exit_code())
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, CheckError> {
    match args {
        Args { html: Some(file), .. } => {
            html::write(file)?;
            Ok(ExitCode::SUCCESS)
        }
        Args { path: Some(path), trust: Some(dir), .. } => {
            Ok(ExitCode::from(check(args, path, &trust(dir)?)?.exit_code()))
        }
        Args { .. } => Err(CheckError::NoPath),
    }
}

fn check(args: &Args, path: &Path, trust: &Trust) -> Result<Verdict, CheckError> {
    if path.is_dir() {
        let name = path.display().to_string();
        let found = audited(path, trust)?;
        print(args, &found, |found| audit::page::lines(found, &name))?;
        return Ok(found.verdict);
    }
    let report = verify(&read(path)?, Some(trust));
    // Until a trusted receipt names the action, only the file name is known.
    let file = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = report.action.clone().unwrap_or_else(file);
    print(args, &report, |report| page::lines(report, &id))?;
    Ok(report.verdict)
}

fn audited(dir: &Path, trust: &Trust) -> Result<audit::Audit, CheckError> {
    if !dir.join(CHECKPOINT).is_file() {
        return Err(CheckError::NoLog(dir.to_owned()));
    }
    let head = match fetch(dir, HEAD, HEAD_MAX) {
        Ok(Fetched::Absent) => None,
        Ok(Fetched::Bytes(bytes)) => Some(
            String::from_utf8(bytes)
                .map_err(|_| CheckError::NoHead("the file is not text".to_owned()))?,
        ),
        Ok(Fetched::TooLong) => return Err(CheckError::NoHead("the file is too long".to_owned())),
        Err(why) => return Err(CheckError::NoHead(why)),
    };
    let witnesses = trust.witnesses.as_ref();
    let asked = Asked { keys: &trust.log, since: &[], head: head.as_deref(), witnesses };
    Ok(audit::audit(asked, |path, max| fetch(dir, path, max)))
}

/// Reads one file of the log, of at most `max` bytes. Links are not followed, and only regular files are opened. A copy
/// of a log needs neither links nor special files, and a read from a pipe might never end.
fn fetch(dir: &Path, path: &str, max: u64) -> Result<Fetched, String> {
    let mut place = dir.to_owned();
    for step in Path::new(path) {
        place.push(step);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_symlink() => {
                return Err(format!("`{}` is a link", place.display()));
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Fetched::Absent),
            Err(e) => return Err(e.to_string()),
        }
    }
    if !fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_file()) {
        return Err(format!("`{}` is not a regular file", place.display()));
    }
    let file = File::open(&place).map_err(|e| e.to_string())?;
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
    let shown =
        if args.json { plain_json(&serde_json::to_string_pretty(data)?) } else { text(data) };
    Ok(writeln!(io::stdout(), "{shown}")?)
}

/// Why the command cannot give a verdict.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("write `deed-verify FILE|DIR --trust DIR`")]
    NoPath,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Html(#[from] HtmlError),
    #[error("`{}` has no `{CHECKPOINT}`, so it is not a log; a host keeps one log per tenant in `state/log`", .0.display())]
    NoLog(PathBuf),
    #[error("`{HEAD}` of the log cannot be used: {0}")]
    NoHead(String),
    #[error("the report cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}
