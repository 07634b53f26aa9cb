//! `deed adapter push`: publishes an adapter and its contracts as a signed package.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_author::package::{self, ADAPTER_MAX, CONTRACT_MAX, Content, Offer, Which};
use deed_spec::dsse;
use deed_spec::text::safe;
use serde::Serialize;

use super::package::{RegistryArgs, failure, list, names, reference};
use crate::cli::out::{Failure, Format};
use crate::cli::quote::quoted;
use crate::cli::text::line;
use crate::config::keys;

/// Publish an adapter and its contracts as a signed package
///
/// The package is an OCI artifact: in a registry (HOST/NAME:TAG), or in a directory as an OCI image layout
/// (oci:DIR:TAG). The signature covers the adapter and the contracts. The same files always give the same package.
///
/// Plain HTTP is used only for a registry on this machine.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PushArgs {
    /// Where to publish the package: HOST/NAME:TAG or oci:DIR:TAG
    #[arg(value_name = "REF")]
    reference: String,
    /// The adapter, a WebAssembly component; the name of the package is this name without `.wasm`
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// A contract for this adapter; the option can be repeated
    #[arg(long = "contract", value_name = "FILE.toml")]
    contracts: Vec<PathBuf>,
    /// Your private key; `deed key new` creates one
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Move the tag if it names another package
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    format: Format,
}

/// The printed report, also of `deed adapter sign`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The package by its digest.
    pub(super) reference: String,
    pub(super) keyid: String,
    #[serde(flatten)]
    pub(super) content: Content,
}

pub(super) fn run(args: &PushArgs) -> Result<ExitCode, Failure> {
    let reference = reference(&args.reference)?;
    let Which::Tag(tag) = &reference.which else {
        return Err(Failure::usage(
            "the package has no digest yet; name it by a tag: HOST/NAME:TAG",
        ));
    };
    let key = keys::read(&args.key).map_err(Failure::failed)?;
    let adapter = read(&args.file, ADAPTER_MAX)?;
    let (imports, exports) = names(&adapter)?;
    let contracts: Result<Vec<(String, Vec<u8>)>, Failure> =
        args.contracts.iter().map(|path| Ok((file(path)?, read(path, CONTRACT_MAX)?))).collect();
    let (name, contracts) = (file(&args.file)?, contracts?);
    let offer = Offer {
        file: &name,
        adapter: &adapter,
        contracts: &contracts,
        imports: &imports,
        exports: &exports,
    };
    let place = args.registry.open(&reference.location)?;
    let content = package::push(&*place, tag, &offer, &key, args.replace);
    let content = content.map_err(|error| failure(&error))?;
    let at = reference.at(content.package).to_string();
    let keyid = dsse::key_id(&key.verifying_key()).map_err(Failure::failed)?;
    let report = Report { reference: at.clone(), keyid, content };
    args.format.print(&report, |report| text("published", report))?;
    args.format.next(&format!("deed adapter pull {} --trust DIR", quoted(&at)));
    Ok(ExitCode::SUCCESS)
}

/// The lines of a report; `what` says what was done.
pub(super) fn text(what: &str, report: &Report) -> String {
    let mut text = format!("{}: {what}\n", safe(&report.reference));
    list(&mut text, &report.content);
    line(&mut text, format_args!("  signed by {}", report.keyid));
    text
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    package::read(path, max).map_err(|error| failure(&error))
}

/// The name of a file without its folder.
fn file(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::usage(format!("`{}` names no file", path.display())))?;
    Ok(name.to_owned())
}
