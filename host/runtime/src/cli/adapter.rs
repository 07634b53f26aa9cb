//! `deed adapter check`: reports whether a host would accept a component, and what the component imports.
//!
//! The command prints the component's digest, size, imports and exports. The command does not run the component.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use deed_sandbox::Sandbox;
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde::Serialize;

use super::out::{Failure, Format};
use super::text::line;
use crate::config::keys;

#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
    Check(CheckArgs),
}

/// Check that a host would accept an adapter, and print its digest, imports and exports
///
/// Exits with 1 if a host would refuse the adapter. The adapter is not run.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The adapter, a WebAssembly component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    file: String,
    /// The component's digest, which a grant must pin.
    digest: Digest,
    bytes: usize,
    imports: Vec<String>,
    exports: Vec<String>,
    /// Why a host would refuse the adapter; `None` if it would accept the adapter.
    refused: Option<String>,
}

pub(super) fn run(command: &AdapterCommand) -> Result<ExitCode, Failure> {
    let AdapterCommand::Check(args) = command;
    let failed = |e: std::io::Error| Failure::Failed(format!("`{}`: {e}", args.file.display()));
    let bytes = fs::read(&args.file).map_err(failed)?;
    let report = report(&args.file, &bytes)?;
    args.format.print(&report, summary)?;
    Ok(if report.refused.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(file: &Path, bytes: &[u8]) -> Result<Report, Failure> {
    let cache = Scratch::new()?;
    let sandbox = Sandbox::new(&cache.0, Clock::new()).map_err(Failure::failed)?;
    // Bytes that are not a component have no imports or exports; the call of `load` below reports the error.
    let names = sandbox.names(bytes).unwrap_or_default();
    Ok(Report {
        file: file.display().to_string(),
        digest: Digest::of(bytes),
        bytes: bytes.len(),
        imports: names.imports,
        exports: names.exports,
        refused: sandbox.load(bytes).err().map(|error| error.to_string()),
    })
}

fn summary(report: &Report) -> String {
    let mut text = match &report.refused {
        None => format!("{}: accepted\n", safe(&report.file)),
        Some(why) => format!("{}: refused; {}\n", safe(&report.file), safe(why)),
    };
    line(&mut text, format_args!("  digest   {}", report.digest));
    line(&mut text, format_args!("  size     {} bytes", report.bytes));
    for (title, names) in [("imports", &report.imports), ("exports", &report.exports)] {
        let names = if names.is_empty() { "none".to_owned() } else { safe(&names.join(", ")) };
        line(&mut text, format_args!("  {title:<8} {names}"));
    }
    text
}

/// A temporary compile cache, which is deleted when the command ends, so that no code of an adapter without a grant is
/// kept.
#[derive(Debug)]
pub(super) struct Scratch(pub(super) PathBuf);

/// How many times the removal of the cache directory is tried, and the pause between two tries. A background thread of
/// the cache may still be writing.
const REMOVALS: u32 = 20;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        let random = keys::random_hex::<16>().map_err(Failure::failed)?;
        let dir = std::env::temp_dir().join(format!("deed-adapter-check-{random}"));
        let made = DirBuilder::new().mode(0o700).create(&dir);
        made.map_err(|e| Failure::Failed(format!("`{}`: {e}", dir.display())))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(&self.0) {
                Ok(()) => return,
                Err(e) if e.kind() == ErrorKind::NotFound => return,
                Err(_) => std::thread::sleep(REMOVAL_PAUSE),
            }
        }
    }
}
