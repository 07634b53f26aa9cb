//! `deed adapter inspect`: shows what a component or a package says about itself, and who signed the package.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_author::package::{
    self, ADAPTER_MAX, Content, Package, PackageError, Reference, Sections, Signature, State,
};
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use serde::Serialize;

use super::package::{RegistryArgs, authors, failure, list, names, reference};
use crate::cli::out::{Failure, Format, shell};
use crate::cli::quote::quoted;
use crate::cli::text::line;

/// Show what an adapter or a package contains, and who signed the package
///
/// Shows the digest, size, imports and exports of the component, and what the component says about its version,
/// licence, source, tools and dependencies. Nobody has checked what a component says about itself. For a package, also
/// shows its contracts and signatures; nothing is written.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InspectArgs {
    /// A WebAssembly component, or a package: HOST/NAME:TAG, HOST/NAME@sha256:… or oci:DIR:TAG
    #[arg(value_name = "FILE.wasm|REF")]
    subject: String,
    /// The directory with the public keys of the authors whom you trust; only for a package
    #[arg(long, value_name = "DIR")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    subject: String,
    digest: Digest,
    bytes: usize,
    /// Null if they are not known.
    imports: Option<Vec<String>>,
    exports: Option<Vec<String>>,
    /// Why the imports and exports are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    /// What the component says about itself.
    sections: Sections,
    /// Only for a package.
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signatures: Option<Vec<Signature>>,
}

/// How many characters of a text of the component are shown, and how many names of a list.
const TEXT_MAX: usize = 300;
const NAMES_MAX: usize = 40;

pub(super) fn run(args: &InspectArgs) -> Result<ExitCode, Failure> {
    let file = Path::new(&args.subject);
    let is_package = !file.exists() && Reference::is_one(&args.subject);
    if !is_package && args.trust.is_some() {
        return Err(Failure::usage("a file has no signatures; use --trust with a package"));
    }
    let (bytes, package) = if is_package { fetched(args)? } else { (read(file)?, None) };
    let (names, unknown) = match names(&bytes) {
        Ok(names) => (Some(names), None),
        Err(why) => (None, Some(why.what())),
    };
    let (imports, exports) = names.unzip();
    let (package, signatures) = package.map(|one| (one.content, one.signatures)).unzip();
    let report = Report {
        subject: args.subject.clone(),
        digest: Digest::of(&bytes),
        bytes: bytes.len(),
        imports,
        exports,
        unknown,
        sections: Sections::of(&bytes),
        package,
        signatures,
    };
    args.format.print(&report, text)?;
    args.format.next(&if is_package {
        format!("deed adapter pull {} --trust DIR", quoted(&args.subject))
    } else {
        format!("deed adapter check {}", shell(file))
    });
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    package::read(file, ADAPTER_MAX).map_err(|error| failure(&error))
}

/// The component of a package, and the package with its signatures.
fn fetched(args: &InspectArgs) -> Result<(Vec<u8>, Option<Package>), Failure> {
    let reference = reference(&args.subject)?;
    let authors = args.trust.as_deref().map(authors).transpose()?.unwrap_or_default();
    let place = args.registry.open(&reference.location)?;
    let read = || -> Result<(Vec<u8>, Option<Package>), PackageError> {
        let package = package::look(&*place, &reference.which, Some(&authors))?;
        let bytes = package::fetch(&*place, &package.content)?;
        Ok((bytes, Some(package)))
    };
    read().map_err(|error| failure(&error))
}

fn text(report: &Report) -> String {
    let mut text = format!("{}\n", safe(&report.subject));
    line(&mut text, format_args!("  digest    {}", report.digest));
    line(&mut text, format_args!("  size      {} bytes", report.bytes));
    for (title, found) in [("imports", &report.imports), ("exports", &report.exports)] {
        let why = report.unknown.as_deref().unwrap_or_default();
        let found = found.as_deref().map_or_else(|| format!("unknown: {}", short(why)), listed);
        line(&mut text, format_args!("  {title:<9} {found}"));
    }
    sections(&mut text, &report.sections);
    if let Some(content) = &report.package {
        list(&mut text, content);
    }
    for signature in report.signatures.iter().flatten() {
        line(&mut text, format_args!("  signature {}", signed(signature)));
    }
    if report.signatures.as_ref().is_some_and(Vec::is_empty) {
        line(&mut text, format_args!("  signature none"));
    }
    text
}

fn sections(text: &mut String, sections: &Sections) {
    let texts = sections.texts();
    if texts.is_empty() {
        line(text, format_args!("  the component does not say its version, licence or source"));
    } else {
        line(text, format_args!("  the component says, unchecked:"));
    }
    for (title, value) in texts {
        line(text, format_args!("    {title:<12} {}", short(value)));
    }
    let made: Vec<String> =
        sections.producers.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
    line(text, format_args!("    {:<12} {}", "made with", listed(&made)));
    match &sections.dependencies {
        None => line(text, format_args!("    {:<12} no list", "dependencies")),
        Some(all) => {
            let names: Vec<String> =
                all.iter().map(|one| format!("{} {}", one.name, one.version)).collect();
            let count = names.len();
            line(text, format_args!("    {:<12} {count}: {}", "dependencies", listed(&names)));
        }
    }
    for problem in &sections.problems {
        line(text, format_args!("    {:<12} {}", "problem", short(problem)));
    }
}

fn signed(signature: &Signature) -> String {
    let state = match signature.state {
        State::Valid => "valid",
        State::Untrusted => "untrusted",
        State::Revoked => "revoked",
        State::Invalid => "invalid",
    };
    let author = signature.author.as_deref().unwrap_or("unknown");
    let keyid = signature.keyid.as_deref().unwrap_or("unknown");
    let why = signature.why.as_deref().map_or_else(String::new, |why| format!("; {}", short(why)));
    format!("{state}, by {} (key {keyid}){why}", safe(author))
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let shown: String = text.chars().take(TEXT_MAX).collect();
    if shown.len() < text.len() { format!("{}…", safe(&shown)) } else { safe(&shown) }
}

/// The first names of a list.
fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| short(name)).collect();
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown.join(", "),
        more => format!("{} … and {more} more", shown.join(", ")),
    }
}
