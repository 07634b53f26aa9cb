//! Checks proofs (RFC 9162 §2.1.3.2 and §2.1.4.2) against sizes and hashes. The checks neither allocate nor recurse, so
//! their cost is at most proportional to the length of a hostile proof.

use super::{Hash, empty_root, node_hash};

/// Whether `proof` shows that `leaf` is at `index` in the tree of `size` leaves with `root`.
///
/// An empty proof is valid only for the leaf of a tree with one leaf.
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let mut walk = Walk { node: index, last: size - 1 };
    let mut hash = *leaf;
    for sibling in proof {
        match walk.step() {
            Some(Side::Left) => hash = node_hash(sibling, &hash),
            Some(Side::Right) => hash = node_hash(&hash, sibling),
            None => return false,
        }
    }
    walk.last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new_size` leaves extends the tree of `old_size` leaves.
///
/// If the sizes are equal, the roots must be equal and the proof must be empty. The empty tree is a prefix of every
/// tree, and its root is `SHA-256("")`.
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    extends(old_size, new_size, old_root, new_root, proof)
}

/// The algorithm of RFC 9162 §2.1.4.2 for `0 < old_size < new_size`.
fn extends(old_size: u64, new_size: u64, old: &Hash, new: &Hash, proof: &[Hash]) -> bool {
    let (first, rest) = match proof.split_first() {
        None => return false,
        // If the old size is a power of two, the old root is a node of the new tree, and the path omits it.
        Some(_) if old_size.is_power_of_two() => (old, proof),
        Some((first, rest)) => (first, rest),
    };
    let complete = (old_size - 1).trailing_ones();
    let mut walk = Walk { node: (old_size - 1) >> complete, last: (new_size - 1) >> complete };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        match walk.step() {
            Some(Side::Left) => {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
            }
            Some(Side::Right) => new_hash = node_hash(&new_hash, sibling),
            None => return false,
        }
    }
    walk.last == 0 && old_hash == *old && new_hash == *new
}

/// The position on the way from a leaf to the root: the current node, and the last node of the same level.
struct Walk {
    node: u64,
    last: u64,
}

/// The side of the current node on which its sibling is.
enum Side {
    Left,
    Right,
}

impl Walk {
    /// Moves up past one sibling; `None` if the root is already reached.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let left = self.node & 1 == 1 || self.node == self.last;
        if left {
            // The last node of a level has no sibling if its index is even. A node without a sibling moves up
            // unchanged.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
        }
        self.up();
        Some(if left { Side::Left } else { Side::Right })
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
