//! `deed log audit`: reads a whole log, from a directory or over HTTP, and recomputes all of its hashes.
//!
//! The auditor supplies the public keys and older checkpoints, because the log's own statements are not trusted. The
//! command does not write any files.

mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::bundle::Files;
use deed_spec::note::{LogPolicy, VerifierKey};
use deed_verify::audit::{self, Asked, Audit, Since};
use deed_verify::{Trust, Verdict};

use self::source::Source;
use super::client::Credentials;
use super::out::{self, Failure, Format};
use super::verify;

#[derive(Debug, clap::Subcommand)]
pub(super) enum LogCommand {
    Audit(AuditArgs),
}

/// Check a log's signature, entries, tiles and root, and that the log has only grown since an older checkpoint
///
/// Exits with 0 if every check passes, and with 1 at the first fault. Exits with 2 if the log cannot be checked because
/// no trusted key is given or the log cannot be reached. Keep the checkpoint of each audit for the next audit, because
/// an audit needs an older checkpoint to detect a log that was rolled back or forked.
#[derive(Debug, clap::Args)]
pub(super) struct AuditArgs {
    /// The log's directory (`state/log/TENANT`), or its address (`https://…/log/TENANT`)
    #[arg(value_name = "DIR|URL")]
    log: String,
    /// A file with an older checkpoint of this log; can be repeated
    #[arg(long, value_name = "FILE")]
    since: Vec<PathBuf>,
    /// File with the log's verifier keys, one key per line
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    vkey: Option<PathBuf>,
    /// Directory with log.vkey and log.policy; it must come from a different source than the log
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    format: Format,
}

/// Prints the report and returns its verdict as the exit code.
pub(super) fn run(command: &LogCommand) -> ExitCode {
    let LogCommand::Audit(args) = command;
    match report(args).and_then(|found| print(args, &found)) {
        Ok(verdict) => verify::code(verdict),
        Err(failure) => {
            out::note(&failure.to_string());
            // An error means that the log was not checked, so the verdict is `unverifiable` and not `failed`.
            verify::code(Verdict::Unverifiable)
        }
    }
}

fn report(args: &AuditArgs) -> Result<Audit, Failure> {
    let (keys, policy) = trusted(args)?;
    let since = args.since.iter().map(|path| {
        let text = |_| Failure::Failed(format!("`{}` is not text", path.display()));
        let note = String::from_utf8(verify::read(path)?).map_err(text)?;
        Ok(Since { name: path.display().to_string(), note })
    });
    let since = since.collect::<Result<Vec<_>, Failure>>()?;
    let source = Source::open(&args.log, &args.credentials)?;
    let head = source.head()?;
    let asked =
        Asked { keys: &keys, since: &since, head: head.as_deref(), witnesses: policy.as_ref() };
    Ok(audit::audit(asked, |path, max| source.fetch(path, max)))
}

/// The keys that may have signed the log, and the witness policy that its checkpoint must meet. Fails when the files of
/// keys or policy cannot be read.
fn trusted(args: &AuditArgs) -> Result<(Vec<VerifierKey>, Option<LogPolicy>), Failure> {
    if let Some(dir) = &args.trust {
        let trust = verify::trust(dir)?;
        return Ok((trust.log, trust.witnesses));
    }
    let Some(file) = &args.vkey else {
        return Ok((Vec::new(), None));
    };
    let files = Files::from([(Trust::LOG_KEYS.to_owned(), verify::read(file)?)]);
    let named = |e| Failure::Failed(format!("`{}`: {e}", file.display()));
    Ok((Trust::parse(&files).map_err(named)?.log, None))
}

fn print(args: &AuditArgs, found: &Audit) -> Result<Verdict, Failure> {
    args.format.print(found, |found| audit::page::lines(found, &args.log))?;
    Ok(found.verdict)
}
