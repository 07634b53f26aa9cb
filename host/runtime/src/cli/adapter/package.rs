//! What the commands about packages share: references, the credentials of a registry, trusted authors, and the lines
//! about a package.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use deed_author::package::{
    Authors, Content, Credentials, Location, PackageError, Part, Place, Reference, open,
};
use deed_spec::text::safe;
use deed_system::files::{Files, NAMES_MAX, PEM_MAX};

use super::Loader;
use crate::cli::out::{self, Failure};
use crate::cli::text::line;

/// The name and password for a registry.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RegistryArgs {
    /// Your name at the registry, if it asks for one
    #[arg(long, value_name = "NAME", env = "DEED_REGISTRY_USER", hide_env_values = true)]
    registry_user: Option<String>,
    /// Your password at the registry; the environment variable is safer, because other users can see command-line
    /// arguments
    #[arg(long, value_name = "PASSWORD", env = "DEED_REGISTRY_PASSWORD", hide_env_values = true)]
    registry_password: Option<String>,
}

impl RegistryArgs {
    /// Opens the place of a reference. Fails if only one of name and password is given.
    pub(super) fn open(&self, location: &Location) -> Result<Box<dyn Place>, Failure> {
        let given = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
        let user = given(self.registry_user.as_deref());
        let credentials = match (user, given(self.registry_password.as_deref())) {
            (Some(user), Some(password)) => Some(Credentials { user, password }),
            (None, None) => None,
            _ => {
                return Err(Failure::usage(
                    "set both DEED_REGISTRY_USER and DEED_REGISTRY_PASSWORD, or neither",
                ));
            }
        };
        open(location, credentials, out::note).map_err(|error| failure(&error))
    }
}

pub(super) fn reference(text: &str) -> Result<Reference, Failure> {
    text.parse().map_err(|error| failure(&error))
}

/// A name that the caller wrote is a usage error; everything else is a failure.
pub(super) fn failure(error: &PackageError) -> Failure {
    match error {
        PackageError::Name { .. } => Failure::usage(error),
        error => Failure::failed(error),
    }
}

/// Reads a directory of trusted authors. Fails when the directory or a file in it is writable by every user.
pub(super) fn authors(dir: &Path) -> Result<Authors, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(format!("`{}`: {e}", dir.display()));
    let entries = fs::read_dir(dir).map_err(|e| failed(&e))?;
    let name = |entry: io::Result<DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let names: io::Result<Vec<String>> = entries.take(NAMES_MAX + 1).map(name).collect();
    let mut names = names.map_err(|e| failed(&e))?;
    if names.len() > NAMES_MAX {
        return Err(failed(&format!("the directory has more than {NAMES_MAX} files")));
    }
    names.sort();
    let files = Files::open(dir).map_err(|e| failed(&e))?;
    let text = |file: &str| files.text(file, PEM_MAX).map_err(|error| error.to_string());
    Authors::new(dir, &names, text).map_err(|error| failure(&error))
}

/// The names of a component's imports and exports. The component is compiled, and is not run.
pub(super) fn names(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let loader = Loader::new()?;
    let names = loader.announced("the adapter", bytes).names(bytes).map_err(Failure::failed)?;
    Ok((names.imports, names.exports))
}

/// Appends the lines about a package.
pub(super) fn list(text: &mut String, content: &Content) {
    line(text, format_args!("  package   {}", content.package));
    line(text, format_args!("  adapter   {}", part(&content.adapter)));
    for contract in &content.contracts {
        line(text, format_args!("  contract  {}", part(contract)));
    }
}

fn part(part: &Part) -> String {
    format!("{}  {}  {} bytes", part.digest, safe(&part.file), part.bytes)
}
