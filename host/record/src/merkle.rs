//! Merkle trees of the log (RFC 6962 §2.1, RFC 9162 §2.1): takes leaf hashes or a reader of stored
//! subtree hashes, gives roots and proofs, and checks proofs. It never reads storage itself and
//! never trusts a size or an index that came with a proof.

use sha2::{Digest as _, Sha256};

pub use prove::{OutOfRange, consistency_proof, inclusion_proof, proof, root_of};
pub use verify::{verify_consistency, verify_inclusion};

mod prove;
mod verify;

#[cfg(test)]
mod tests;

/// A node of the tree: 32 bytes of SHA-256.
pub type Hash = [u8; 32];

/// The hash of one entry: `SHA-256(0x00 || data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree over these leaf hashes, in their order; of no leaves, `SHA-256("")`.
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

/// The root of the empty tree: `SHA-256("")`.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The largest power of two below `n`, for `n` of at least 2.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}
