//! Adapters as OCI artifacts: push, pull, signatures.
//!
//! A package is a manifest, the component, and the contracts beside it. A place is where packages are kept: an OCI
//! image layout in a directory, or a registry. Everything from a place is untrusted: its size is bounded, and its bytes
//! are compared with their digest before anything else reads them.

mod authors;
mod content;
mod cosign;
mod error;
mod files;
mod layout;
mod manifest;
mod place;
mod pull;
mod push;
mod reference;
mod registry;
mod sections;
mod short;
mod signature;
mod statement;
mod title;

pub use self::authors::Authors;
pub use self::content::{Content, Part};
pub use self::error::PackageError;
pub use self::files::{NewFile, read, write};
pub use self::place::{ADAPTER_MAX, CONTRACT_MAX, Place};
pub use self::pull::{Package, fetch, fetch_contract, look};
pub use self::push::{Offer, push, sign};
pub use self::reference::{Location, Reference, Which};
pub use self::registry::Credentials;
pub use self::sections::{Dependency, Producer, Sections};
pub use self::signature::{Signature, State, trusted};

/// Opens the place that a reference names. `tell` gets what the person should know before it happens, such as the host
/// of another party to which the credentials are sent.
///
/// # Errors
///
/// Fails when the address of a registry is not valid.
pub fn open(
    location: &Location,
    credentials: Option<Credentials>,
    tell: fn(&str),
) -> Result<Box<dyn Place>, PackageError> {
    Ok(match location {
        Location::Layout(dir) => Box::new(layout::Layout::new(dir.clone())),
        Location::Registry { host, name } => {
            Box::new(registry::Registry::new(host, name, credentials, tell)?)
        }
    })
}
