//! Reads a package: the manifest and its signatures first, then the files.

use super::authors::Authors;
use super::content::{Content, Part, check_contract};
use super::error::PackageError;
use super::place::{self, ADAPTER_MAX, CONTRACT_MAX, Place};
use super::reference::Which;
use super::signature::{self, Signature};

/// A package whose files are not read yet.
#[derive(Clone, Debug)]
pub struct Package {
    pub content: Content,
    pub signatures: Vec<Signature>,
}

/// Reads the manifest of a package, and checks its signatures with the keys of these authors. Without authors, the
/// signatures are not read.
///
/// # Errors
///
/// Fails when the place has no such package, or when the manifest is not that of an adapter.
pub fn look(
    place: &dyn Place,
    which: &Which,
    authors: Option<&Authors>,
) -> Result<Package, PackageError> {
    let name = place.name();
    let Some(bytes) = place::manifest(place, which)? else {
        let missing = match which {
            Which::Tag(tag) => format!("there is no package with the tag `{tag}`"),
            Which::Digest(digest) => format!("there is no package with the digest {digest}"),
        };
        return Err(PackageError::place(&name, missing));
    };
    let content = Content::read(&name, &bytes)?;
    let signatures = match authors {
        Some(authors) => signature::all(place, &content, authors)?,
        None => Vec::new(),
    };
    Ok(Package { content, signatures })
}

/// Reads the component of a package, which has the digest and size of the manifest.
///
/// # Errors
///
/// Fails when the component is too large, or has another digest or size.
pub fn fetch(place: &dyn Place, content: &Content) -> Result<Vec<u8>, PackageError> {
    file(place, &content.adapter, ADAPTER_MAX)
}

/// Reads one contract of a package, which has the digest and size of the manifest.
///
/// # Errors
///
/// Fails when the file is too large, has another digest or size, or is not a contract for the adapter of the package.
pub fn fetch_contract(
    place: &dyn Place,
    content: &Content,
    part: &Part,
) -> Result<Vec<u8>, PackageError> {
    let bytes = file(place, part, CONTRACT_MAX)?;
    check_contract(&content.name, &part.file, &bytes).map_err(|why| {
        let file = &part.file;
        let why = format!("the file `{file}` is not a contract of this package: {why}");
        PackageError::refused(&place.name(), why)
    })?;
    Ok(bytes)
}

fn file(place: &dyn Place, part: &Part, max: u64) -> Result<Vec<u8>, PackageError> {
    place::blob(place, &format!("file `{}`", part.file), &part.digest, part.bytes, max)
}
