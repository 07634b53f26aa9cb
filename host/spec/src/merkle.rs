//! Merkle trees of the log (RFC 6962 §2.1, RFC 9162 §2.1). This module computes roots and proofs from leaf hashes or
//! from a function that reads stored subtree hashes, and checks proofs. The module does no I/O itself, and never trusts
//! a size or an index that came with a proof.

use sha2::{Digest as _, Sha256};

pub use prove::{OutOfRange, consistency_proof, inclusion_proof, proof, root_of};
pub use verify::{verify_consistency, verify_inclusion};

mod prove;
mod verify;

#[cfg(test)]
mod tests;

/// A node of the tree: a SHA-256 hash of 32 bytes.
pub type Hash = [u8; 32];

/// The hash of one entry: `SHA-256(0x00 || data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree over these leaf hashes in the given order. Without leaves, the root is `SHA-256("")`.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The roots of the complete subtrees over a list of leaves, the largest subtree first. The roots of the complete
/// subtrees suffice to compute the root of the whole list, and to add more leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks(Vec<(u64, Hash)>);

impl Peaks {
    /// Returns the peaks (roots of complete subtrees) of the list with `leaf` added at its end.
    #[must_use]
    pub fn with(mut self, leaf: Hash) -> Self {
        let mut last = (1, leaf);
        while let Some((width, left)) = self.0.pop_if(|(width, _)| *width == last.0) {
            last = (width * 2, node_hash(&left, &last.1));
        }
        self.0.push(last);
        self
    }

    /// The root over all leaves; `None` if there are no leaves.
    pub fn root(&self) -> Option<Hash> {
        let hashes = self.0.iter().rev().map(|(_, hash)| *hash);
        hashes.reduce(|right, left| node_hash(&left, &right))
    }
}

/// The root of the empty tree: `SHA-256("")`.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The largest power of two below `n`, for `n` of at least 2.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}
