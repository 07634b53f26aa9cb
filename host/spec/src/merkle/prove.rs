//! Computes roots and proofs from stored hashes, which a function `(level, index) -> Hash` reads. Proofs are audit
//! paths and consistency paths in the order of RFC 6962 (from the leaf upwards). The function that reads hashes is
//! called only for complete subtrees: `(level, index)` stands for the 2^level leaves that start at index * 2^level.

use super::{Hash, empty_root, node_hash, root};

/// The audit path (RFC 6962 §2.1.1) of leaf `index` in the tree of the first `size` leaves.
///
/// # Errors
///
/// Fails with [`OutOfRange`] when `index` is not below `size`, and with any error of `read`.
pub fn proof<E: From<OutOfRange>>(
    index: u64,
    size: u64,
    mut read: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if index >= size {
        return Err(OutOfRange { index, size }.into());
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range(middle, high, &mut read)?);
            high = middle;
        } else {
            path.push(range(low, middle, &mut read)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency path (RFC 6962 §2.1.2) from the tree of `old` leaves to the tree of `size` leaves.
///
/// The path is empty when the sizes are equal.
///
/// # Errors
///
/// Fails with [`OutOfRange`] when `old` is 0 or above `size`, and with any error of `read`.
pub fn consistency_proof<E: From<OutOfRange>>(
    old: u64,
    size: u64,
    mut read: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if old == 0 || old > size {
        return Err(OutOfRange { index: old, size }.into());
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high != old {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range(middle, high, &mut read)?);
            high = middle;
        } else {
            path.push(range(low, middle, &mut read)?);
            low = middle;
        }
    }
    // The verifier knows the old root, so the path omits that root if it is a node of the new tree.
    if low != 0 {
        path.push(range(low, high, &mut read)?);
    }
    path.reverse();
    Ok(path)
}

/// The root (RFC 6962 §2.1) of the tree of the first `size` leaves.
///
/// # Errors
///
/// Fails with any error of `read`.
pub fn root_of<E>(size: u64, mut read: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(empty_root()) } else { range(0, size, &mut read) }
}

/// The audit path of leaf `index` in the tree over exactly these leaf hashes.
///
/// # Errors
///
/// Fails when the tree has no leaf `index`.
pub fn inclusion_proof(index: u64, leaves: &[Hash]) -> Result<Vec<Hash>, OutOfRange> {
    proof(index, leaves.len() as u64, |level, at| {
        let missing = OutOfRange { index: at, size: leaves.len() as u64 };
        let low = usize::try_from(at << level).ok().ok_or(missing)?;
        leaves.get(low..low + (1 << level)).map(root).ok_or(missing)
    })
}

/// A proof was requested for a leaf or a size that the tree does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("index {index} is outside a tree of {size} leaves; use an index inside the tree")]
pub struct OutOfRange {
    pub index: u64,
    pub size: u64,
}

/// The hash over leaves `low..high`. `low` must be a multiple of the largest power of two that fits into the range.
fn range<E>(
    low: u64,
    high: u64,
    read: &mut impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let width = high - low;
    if width.is_power_of_two() {
        let level = width.ilog2();
        return read(u8::try_from(level).unwrap_or(u8::MAX), low >> level);
    }
    let middle = low + split(width);
    let left = range(low, middle, read)?;
    Ok(node_hash(&left, &range(middle, high, read)?))
}

/// The largest power of two below `n`, for `n` of at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}
