//! Rewrites the journal as an attacker would who knows its format: every checksum and hash is recomputed, so the file
//! itself does not show the change.

use std::fs;
use std::path::Path;

use deed_tests::journal::bodies;
use sha2::{Digest as _, Sha256};

/// Passes the bodies of all records to `change`, and rewrites the first segment with the changed bodies.
pub(super) fn rewrite(dir: &Path, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let file = dir.join("state/segments/00000001.journal");
    let segment = fs::read(&file).unwrap();
    let mut bodies: Vec<Vec<u8>> = bodies(&segment).into_iter().map(<[u8]>::to_vec).collect();
    change(&mut bodies);
    let (mut bytes, mut hash) = (Vec::new(), [0; 32]);
    for body in &bodies {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        let crc = [&length[..], &hash, body].concat();
        bytes.extend([&length[..], &crc32c::crc32c(&crc).to_le_bytes(), &hash, body].concat());
        hash = Sha256::new().chain_update(hash).chain_update(body).finalize().into();
    }
    let hex = data_encoding::HEXLOWER.encode(&hash);
    let head = format!("deed journal 1\n1 {} {} {hex}\n", bytes.len(), bodies.len());
    fs::write(file, bytes).unwrap();
    fs::write(dir.join("state/segments/HEAD"), head).unwrap();
    fs::remove_dir_all(dir.join("state/index")).unwrap();
}

/// The index of the last record that contains this text.
pub(super) fn last(bodies: &[Vec<u8>], words: &str) -> usize {
    bodies.iter().rposition(|body| find(body, words).is_some()).unwrap()
}

pub(super) fn find(body: &[u8], words: &str) -> Option<usize> {
    body.windows(words.len()).position(|window| window == words.as_bytes())
}

/// Replaces a text by another text of the same length, so that all length fields stay correct.
pub(super) fn swap(body: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let at = find(body, from).unwrap();
    body[at..at + to.len()].copy_from_slice(to.as_bytes());
}
