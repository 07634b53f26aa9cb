//! `deed adapter sign`: adds a signature to a published package, for example by a new key.

use std::path::PathBuf;
use std::process::ExitCode;

use deed_author::package::{self, Which};
use deed_spec::dsse;

use super::package::{RegistryArgs, failure, reference};
use super::push::{Report, text};
use crate::cli::out::{Failure, Format};
use crate::cli::quote::quoted;
use crate::config::keys;

/// Add your signature to a published package
///
/// The package must be named by its digest, so that you sign exactly what you have checked. The signatures that the
/// package has already remain. Before a key is replaced, let the old and the new key sign, so that a package can be
/// fetched with either of them.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SignArgs {
    /// The package: HOST/NAME@sha256:… or oci:DIR@sha256:…
    #[arg(value_name = "REF")]
    reference: String,
    /// Your private key; `deed key new` creates one
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &SignArgs) -> Result<ExitCode, Failure> {
    let reference = reference(&args.reference)?;
    let Which::Digest(digest) = &reference.which else {
        return Err(Failure::usage(
            "a tag can name another package later; write the digest that `deed adapter push` printed: NAME@sha256:…",
        ));
    };
    let key = keys::read(&args.key).map_err(Failure::failed)?;
    let place = args.registry.open(&reference.location)?;
    let content = package::sign(&*place, digest, &key).map_err(|error| failure(&error))?;
    let keyid = dsse::key_id(&key.verifying_key()).map_err(Failure::failed)?;
    let report = Report { reference: reference.to_string(), keyid, content };
    args.format.print(&report, |report| text("signed", report))?;
    args.format.next(&format!("deed adapter inspect {}", quoted(&report.reference)));
    Ok(ExitCode::SUCCESS)
}
