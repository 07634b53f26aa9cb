//! Builds the relative paths of the files in a tiled log (C2SP tlog-tiles), and writes and parses their contents. This
//! module does no I/O.

use crate::merkle::Hash;

/// Number of tree levels in one tile.
pub const HEIGHT: u8 = 8;

/// Number of hashes in a full tile, and of entries in a full entry bundle.
pub const WIDTH: u64 = 1 << HEIGHT;

/// Maximum length of an entry in bytes. The length is stored in two bytes before the entry.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// `tile/<level>/<index>`, with `.p/<width>` if the tile is partial.
pub fn path(level: u8, index: u64, partial: Option<usize>) -> String {
    named(&level.to_string(), index, partial)
}

/// `tile/entries/<index>`, with `.p/<width>` if the bundle is partial.
pub fn entries_path(index: u64, partial: Option<usize>) -> String {
    named("entries", index, partial)
}

/// The directory for the partial versions of this tile or bundle.
pub fn partials(path: &str) -> String {
    format!("{path}.p")
}

/// Whether `path` names a partial tile or bundle.
pub fn is_partial(path: &str) -> bool {
    path.contains(".p/")
}

/// The hashes of a tile; `None` if the bytes are not a whole number of hashes.
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.to_vec())
}

/// Appends an entry to a bundle: two bytes with its length, big-endian, followed by its bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle; `None` if the lengths do not match the number of bytes.
pub fn split_entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

/// The path of a tile or bundle. The index is written in groups of three digits, and all groups but the last start with
/// `x`.
fn named(level: &str, index: u64, partial: Option<usize>) -> String {
    let mut number = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    let width = partial.map(|width| format!(".p/{width}")).unwrap_or_default();
    format!("tile/{level}/{number}{width}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(path(0, 1_234_067, None), "tile/0/x001/x234/067");
        assert_eq!(path(2, 0, Some(1)), "tile/2/000.p/1");
        assert_eq!(entries_path(273, Some(112)), "tile/entries/273.p/112");
    }

    #[test]
    fn bundles_read_back_and_cut_ones_do_not() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"one");
        push_entry(&mut bundle, b"");
        assert_eq!(bundle, b"\0\x03one\0\0");
        assert_eq!(split_entries(&bundle).unwrap(), [b"one".as_slice(), b""]);
        assert_eq!(split_entries(&bundle[..6]), None);
        assert_eq!(split_entries(&bundle[..4]), None);
    }
}
