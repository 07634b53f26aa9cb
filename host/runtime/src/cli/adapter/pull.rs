//! `deed adapter pull`: fetches a package, and writes its files after the signature and all digests were checked.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_author::package::{self, Content, NewFile, Package, Place, Sections, Signature};
use deed_spec::text::safe;
use serde::Serialize;

use super::package::{RegistryArgs, authors, failure, list, reference};
use crate::cli::out::{self, Failure, Format};
use crate::cli::text::{join, line};

/// Fetch a package, and write its adapter and contracts
///
/// Nothing is written before a signature by a trusted author and the digests of all files were checked. One valid
/// signature is enough. The directory of authors has the file NAME.pub for each trusted key; an empty file NAME.revoked
/// beside it revokes the key.
///
/// If the output directory is one that a host serves, the files go to `adapters/` and `contracts/` in it. The host uses
/// them only after `deed pin`. Nothing is written through a link.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PullArgs {
    /// The package: HOST/NAME:TAG, HOST/NAME@sha256:…, oci:DIR:TAG or oci:DIR@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    /// The directory with the public keys of the authors whom you trust
    #[arg(
        long,
        value_name = "DIR",
        required_unless_present = "unsigned",
        conflicts_with = "unsigned"
    )]
    trust: Option<PathBuf>,
    /// Where to write the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    replace: bool,
    /// Accept the package without a signature
    #[arg(long)]
    unsigned: bool,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    /// The package as it was named.
    reference: String,
    #[serde(flatten)]
    content: Content,
    /// The version that the component states; nobody has checked it.
    version: Option<String>,
    /// The signature that was accepted; null with `--unsigned`.
    signature: Option<Signature>,
    /// The files, in the order of the adapter and the contracts.
    files: Vec<String>,
}

pub(super) fn run(args: &PullArgs) -> Result<ExitCode, Failure> {
    let reference = reference(&args.reference)?;
    let authors = args.trust.as_deref().map(authors).transpose()?;
    let place = args.registry.open(&reference.location)?;
    let package = package::look(&*place, &reference.which, authors.as_ref());
    let Package { content, signatures } = package.map_err(|error| failure(&error))?;
    let signature = if authors.is_some() {
        let found = package::trusted(&reference.to_string(), &signatures);
        Some(found.map_err(|error| failure(&error))?.clone())
    } else {
        out::note(
            "warning: with --unsigned, the files can be from anybody who can write to that place",
        );
        None
    };
    let files = files(&*place, &content, &args.output)?;
    let version = files.first().and_then(|adapter| Sections::texts_of(&adapter.bytes).version);
    package::write(&args.output, &files, args.replace).map_err(|error| failure(&error))?;
    let paths = files.iter().map(|file| file.path.display().to_string()).collect();
    let report =
        Report { reference: reference.to_string(), content, version, signature, files: paths };
    args.format.print(&report, text)?;
    args.format.next(&next(&args.output, &files));
    Ok(ExitCode::SUCCESS)
}

/// Whether a host serves this directory.
fn is_served(dir: &Path) -> bool {
    dir.join("deed.toml").is_file()
}

/// Reads all files of a package, the adapter first.
fn files(place: &dyn Place, content: &Content, output: &Path) -> Result<Vec<NewFile>, Failure> {
    let (adapters, contracts) = if is_served(output) {
        (output.join("adapters"), output.join("contracts"))
    } else {
        (output.to_owned(), output.to_owned())
    };
    let adapter = package::fetch(place, content).map_err(|error| failure(&error))?;
    let mut files = vec![NewFile { path: adapters.join(&content.adapter.file), bytes: adapter }];
    for part in &content.contracts {
        let bytes = package::fetch_contract(place, content, part);
        let bytes = bytes.map_err(|error| failure(&error))?;
        files.push(NewFile { path: contracts.join(&part.file), bytes });
    }
    Ok(files)
}

fn text(report: &Report) -> String {
    let mut text = format!("{}: fetched\n", safe(&report.reference));
    list(&mut text, &report.content);
    let version = report.version.as_deref().unwrap_or("none");
    line(&mut text, format_args!("  version   {} (stated by the component)", safe(version)));
    let signed = match &report.signature {
        Some(Signature { author: Some(author), keyid: Some(keyid), .. }) => {
            format!("{} (key {keyid})", safe(author))
        }
        _ => "nobody; not checked".to_owned(),
    };
    line(&mut text, format_args!("  signed by {signed}"));
    text + &join(report.files.iter().map(|file| format!("wrote {}", safe(file))))
}

fn next(output: &Path, files: &[NewFile]) -> String {
    if is_served(output) {
        return format!("deed pin {}", out::shell(output));
    }
    let adapter = files.first().map_or(output, |file| file.path.as_path());
    format!("deed adapter check {}", out::shell(adapter))
}
