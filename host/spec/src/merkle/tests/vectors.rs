//! Proofs from the Certificate Transparency reference tests, whose tree has the shape of the examples in RFC 6962
//! §2.1.3 and RFC 9162 §2.1.5. Property tests check that a proof is valid, and that any single change makes it invalid.

use proptest::prelude::*;

use super::*;

/// Leaf index (from 0), tree size, and the audit path (RFC 6962 §2.1.1, RFC 9162 §2.1.3.1).
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (0, 8, &[L1, N23, N4567]),
    (5, 8, &[L4, N67, N0123]),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, &["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", N23, L4]),
];

/// Old tree size, new tree size, and the consistency path (RFC 6962 §2.1.2, RFC 9162 §2.1.4.1).
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (1, 8, &[L1, N23, N4567]),
    (6, 8, &["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", N67, N0123]),
    (2, 5, &[N23, L4]),
];

const L1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const L4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const N23: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const N0123: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const N4567: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";

fn hashes(path: &[&str]) -> Vec<Hash> {
    path.iter().map(|hash| unhex(hash).try_into().unwrap()).collect()
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

#[test]
fn paths_are_those_of_the_reference_tests() {
    let leaves = known_leaves();
    for (index, of, expected) in INCLUSION {
        let tree = &leaves[..size(of)];
        let expected = hashes(expected);
        assert_eq!(inclusion_proof(index, tree).unwrap(), expected, "{index} of {of}");
        assert!(verify_inclusion(index, of, &tree[size(index)], &expected, &root(tree)));
    }
    for (old, new, expected) in CONSISTENCY {
        let tree = &leaves[..size(new)];
        let expected = hashes(expected);
        let path = consistency_proof(old, new, |level, at| stored(tree, level, at)).unwrap();
        assert_eq!(path, expected, "{old} to {new}");
        let (before, after) = (root(&tree[..size(old)]), root(tree));
        assert!(verify_consistency(old, new, &before, &after, &expected));
    }
}

/// The example of RFC 9162 §2.1.5 has seven leaves. The RFC shows the audit paths of `d0`, `d3`, `d4` and `d6`, and the
/// consistency paths from 3, 4 and 6 leaves.
#[test]
fn paths_have_the_shape_of_the_rfcs_example() {
    let leaves = many(7);
    // The diagram in the RFC names these nodes g (`d01`), h (`d23`), i (`d45`), j (`d6`), k (`left`) and l (`right`).
    let pair = |first: usize| node_hash(&leaves[first], &leaves[first + 1]);
    let (d01, d23, d45, d6) = (pair(0), pair(2), pair(4), leaves[6]);
    let (left, right) = (node_hash(&d01, &d23), node_hash(&d45, &d6));
    for (index, path) in [
        (0, vec![leaves[1], d23, right]),
        (3, vec![leaves[2], d01, right]),
        (4, vec![leaves[5], d6, left]),
        (6, vec![d45, left]),
    ] {
        assert_eq!(inclusion_proof(index, &leaves).unwrap(), path, "PATH({index}, D[7])");
    }
    for (old, path) in
        [(3, vec![leaves[2], leaves[3], d01, right]), (4, vec![right]), (6, vec![d45, d6, left])]
    {
        let found = consistency_proof(old, 7, |level, at| stored(&leaves, level, at)).unwrap();
        assert_eq!(found, path, "PROOF({old}, D[7])");
    }
}

/// All paths that differ from `path` in one place: one bit is changed, or one hash is missing, added or moved.
fn changed(path: &[Hash], at: usize, bit: u8) -> Vec<Vec<Hash>> {
    let mut all =
        vec![[path, &[leaf_hash(b"more")]].concat(), [&[leaf_hash(b"more")], path].concat()];
    if path.is_empty() {
        return all;
    }
    let at = at % path.len();
    let mut bent = path.to_vec();
    bent[at][usize::from(bit) % 32] ^= 1 << (bit % 8);
    let mut shorter = path.to_vec();
    shorter.remove(at);
    let mut twice = path.to_vec();
    twice.insert(at, path[at]);
    let mut moved = path.to_vec();
    moved.rotate_left(1);
    all.extend([bent, shorter, twice]);
    all.extend((moved != path).then_some(moved));
    all
}

fn bent(hash: &Hash, bit: u8) -> Hash {
    let mut bent = *hash;
    bent[usize::from(bit) % 32] ^= 1 << (bit % 8);
    bent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // The test never changes the size alone, because in RFC 6962 the size is not part of the root, and many sizes have
    // the same path. A checkpoint signs the size together with the root, so a changed size makes its signature invalid.
    #[test]
    fn inclusion_holds_and_any_single_change_breaks_it(
        of in 1..600_u64, place: u64, at: usize, bit: u8, other: u64,
    ) {
        let (leaves, index) = (many(of), place % of);
        let (leaf, top) = (leaves[size(index)], root(&leaves));
        let path = inclusion_proof(index, &leaves).unwrap();
        prop_assert!(verify_inclusion(index, of, &leaf, &path, &top));
        for path in changed(&path, at, bit) {
            prop_assert!(!verify_inclusion(index, of, &leaf, &path, &top));
        }
        prop_assert!(!verify_inclusion(index, of, &bent(&leaf, bit), &path, &top));
        prop_assert!(!verify_inclusion(index, of, &leaf, &path, &bent(&top, bit)));
        prop_assert!(other % (of + 2) == index || !verify_inclusion(other % (of + 2), of, &leaf, &path, &top));
    }

    #[test]
    fn consistency_holds_and_any_single_change_breaks_it(
        new in 1..600_u64, part: u64, at: usize, bit: u8,
    ) {
        let (leaves, old) = (many(new), part % new + 1);
        let (before, after) = (root(&leaves[..size(old)]), root(&leaves));
        let path = consistency_proof(old, new, |level, at| stored(&leaves, level, at)).unwrap();
        prop_assert!(verify_consistency(old, new, &before, &after, &path));
        for path in changed(&path, at, bit) {
            prop_assert!(!verify_consistency(old, new, &before, &after, &path));
        }
        prop_assert!(!verify_consistency(old, new, &bent(&before, bit), &after, &path));
        prop_assert!(!verify_consistency(old, new, &before, &bent(&after, bit), &path));
        prop_assert!(old == new || !verify_consistency(new, old, &after, &before, &path));
    }

    #[test]
    fn a_leaf_that_was_changed_after_it_was_logged_breaks_both(
        of in 2..300_u64, place: u64, old: u64,
    ) {
        let mut leaves = many(of);
        let (index, old) = (place % of, old % of + 1);
        let (before, top) = (root(&leaves[..size(old)]), root(&leaves));
        leaves[size(index)] = leaf_hash(b"another");
        let path = inclusion_proof(index, &leaves).unwrap();
        prop_assert!(!verify_inclusion(index, of, &leaves[size(index)], &path, &top));
        let path = consistency_proof(old, of, |level, at| stored(&leaves, level, at)).unwrap();
        prop_assert!(!verify_consistency(old, of, &before, &root(&leaves), &path) || index >= old);
    }
}
