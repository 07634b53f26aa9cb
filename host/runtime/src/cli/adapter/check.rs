//! `deed adapter check`: reports whether a host would accept a component, and what the component imports.
//!
//! The command prints the component's digest, size, imports and exports. The command does not run the component.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_sandbox::World;
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use serde::Serialize;

use super::super::out::{Failure, Format};
use super::super::text::line;
use super::loader::{KEPT, Loader};

/// Check that a host would accept an adapter, and print its digest, imports and exports
///
/// Exits with 1 if a host would refuse the adapter. The adapter is not run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = KEPT)]
pub(in crate::cli) struct CheckArgs {
    /// The adapter, a WebAssembly component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    /// The component's digest, which a grant must pin.
    digest: Digest,
    bytes: usize,
    pub(super) imports: Vec<String>,
    exports: Vec<String>,
    /// Whether a grant must have `wasi = true` for this adapter.
    wasi: bool,
    /// Why a host would refuse the adapter; `None` if it would accept the adapter.
    pub(super) refused: Option<String>,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let failed = |e: std::io::Error| Failure::Failed(format!("`{}`: {e}", args.file.display()));
    let bytes = fs::read(&args.file).map_err(failed)?;
    let report = report(&args.file, &bytes)?;
    args.format.print(&report, summary)?;
    Ok(if report.refused.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loads a component as a host does. A component that a host would refuse is not an error.
pub(super) fn report(file: &Path, bytes: &[u8]) -> Result<Report, Failure> {
    let loader = Loader::new()?;
    let sandbox = loader.announced(file.display(), bytes);
    // Bytes that are not a component have no imports or exports; the call of `load` below reports the error.
    let names = sandbox.names(bytes).unwrap_or_default();
    let loaded = sandbox.load(bytes, World::Wasi);
    Ok(Report {
        file: file.display().to_string(),
        digest: Digest::of(bytes),
        bytes: bytes.len(),
        imports: names.imports,
        exports: names.exports,
        wasi: loaded.as_ref().is_ok_and(|adapter| adapter.world() == World::Wasi),
        refused: loaded.err().map(|error| error.to_string()),
    })
}

pub(super) fn summary(report: &Report) -> String {
    let mut text = match &report.refused {
        None if report.wasi => {
            format!("{}: accepted if the grant has `wasi = true`\n", safe(&report.file))
        }
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
