//! A place where packages are kept. The functions of this file compare all bytes with their digest, so that no place
//! can forget it.

use deed_spec::digest::Digest;

use super::error::PackageError;
use super::manifest::MANIFEST_MAX;
use super::reference::Which;

/// The largest adapter, as for a host.
pub const ADAPTER_MAX: u64 = 64 << 20;
/// The largest contract.
pub const CONTRACT_MAX: u64 = 1 << 20;

/// A place where packages are kept. What the functions return is not checked yet.
pub trait Place {
    /// The name of the place, for errors.
    fn name(&self) -> String;

    /// The bytes of a manifest, at most 4 MiB; `None` if the place does not have it.
    ///
    /// # Errors
    ///
    /// Fails when the place does not answer, or when the manifest is too large.
    fn read_manifest(&self, which: &Which) -> Result<Option<Vec<u8>>, PackageError>;

    /// The bytes of a blob, of which at most `size` are read.
    ///
    /// # Errors
    ///
    /// Fails when the place does not have the blob, or has a larger one.
    fn read_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, PackageError>;

    /// Stores a blob under its digest.
    ///
    /// # Errors
    ///
    /// Fails when the place refuses the blob.
    fn write_blob(&self, bytes: &[u8]) -> Result<(), PackageError>;

    /// Stores a manifest under a tag, which then no longer names another manifest.
    ///
    /// # Errors
    ///
    /// Fails when the place refuses the manifest.
    fn write_manifest(&self, tag: &str, bytes: &[u8]) -> Result<(), PackageError>;
}

/// Reads a manifest, and checks it if its digest is known.
pub(super) fn manifest(place: &dyn Place, which: &Which) -> Result<Option<Vec<u8>>, PackageError> {
    let Some(bytes) = place.read_manifest(which)? else { return Ok(None) };
    if let Which::Digest(wanted) = which {
        check(&place.name(), "manifest", wanted, &bytes)?;
    }
    Ok(Some(bytes))
}

/// Stores a manifest under a tag, unless it is larger than what is read again.
pub(super) fn write_manifest(
    place: &dyn Place,
    tag: &str,
    bytes: &[u8],
) -> Result<(), PackageError> {
    if bytes.len() as u64 > MANIFEST_MAX {
        let why = format!("the manifest would have more than {MANIFEST_MAX} bytes");
        return Err(PackageError::place(&place.name(), why));
    }
    place.write_manifest(tag, bytes)
}

/// Reads a blob that has exactly this digest and size.
pub(super) fn blob(
    place: &dyn Place,
    what: &str,
    digest: &Digest,
    size: u64,
    max: u64,
) -> Result<Vec<u8>, PackageError> {
    let name = place.name();
    if size > max {
        let why = format!("the {what} has {size} bytes; at most {max} are allowed");
        return Err(PackageError::refused(&name, why));
    }
    let bytes = place.read_blob(digest, size)?;
    if bytes.len() as u64 != size {
        let found = bytes.len();
        let why = format!("the {what} has {found} bytes, but the manifest says {size}");
        return Err(PackageError::refused(&name, why));
    }
    check(&name, what, digest, &bytes)?;
    Ok(bytes)
}

fn check(place: &str, what: &str, wanted: &Digest, bytes: &[u8]) -> Result<(), PackageError> {
    let found = Digest::of(bytes);
    if found == *wanted {
        return Ok(());
    }
    let why = format!("the {what} has the digest {found}, but {wanted} was asked for");
    Err(PackageError::refused(place, why))
}
