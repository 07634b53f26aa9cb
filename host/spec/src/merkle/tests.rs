use super::*;

mod vectors;

/// The leaves and roots of the Certificate Transparency reference tests.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn known_leaves() -> Vec<Hash> {
    LEAVES.iter().map(|data| leaf_hash(&unhex(data))).collect()
}

fn many(n: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

/// Computes the hash that a log with these leaves stores at this level and index. A read outside the log is a bug in
/// the prover.
fn stored(leaves: &[Hash], level: u8, index: u64) -> Result<Hash, OutOfRange> {
    let low = usize::try_from(index << level).unwrap();
    leaves
        .get(low..low + (1 << level))
        .map(root)
        .ok_or(OutOfRange { index, size: leaves.len() as u64 })
}

#[test]
fn roots_are_those_of_the_reference_tests() {
    let leaves = known_leaves();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(&leaves[..size]).to_vec(), unhex(expected), "{size} leaves");
        let read = root_of(size as u64, |level, at| stored(&leaves[..size], level, at)).unwrap();
        assert_eq!(read, root(&leaves[..size]));
    }
}

#[test]
fn a_known_audit_path() {
    // The path of leaf 5 of 8 has the hash of its sibling (leaf 4), of the other pair in its half (6 and 7), and of the
    // other half (0 to 3).
    let leaves = known_leaves();
    let path = inclusion_proof(5, &leaves).unwrap();
    let expected = [leaves[4], node_hash(&leaves[6], &leaves[7]), root(&leaves[..4])];
    assert_eq!(path, expected);
}

#[test]
fn every_leaf_of_every_small_tree_is_included_only_where_it_is() {
    for size in 1..=40 {
        let leaves = many(size);
        let top = root(&leaves);
        for index in 0..size {
            let path = inclusion_proof(index, &leaves).unwrap();
            let leaf = &leaves[usize::try_from(index).unwrap()];
            assert!(verify_inclusion(index, size, leaf, &path, &top));
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(!verify_inclusion(other, size, leaf, &path, &top), "{index} as {other}");
            }
        }
    }
}

#[test]
fn a_changed_audit_path_is_refused() {
    let leaves = many(21);
    let top = root(&leaves);
    let path = inclusion_proof(20, &leaves).unwrap();
    let mut longer = path.clone();
    longer.push(leaves[0]);
    let mut bent = path.clone();
    bent[0][0] ^= 1;
    for bad in [&path[..path.len() - 1], &longer, &bent, &[]] {
        assert!(!verify_inclusion(20, 21, &leaves[20], bad, &top));
    }
    assert!(!verify_inclusion(20, 21, &leaves[19], &path, &top));
}

#[test]
fn an_empty_path_is_good_for_a_tree_of_one_only() {
    let leaf = leaf_hash(b"x");
    assert!(verify_inclusion(0, 1, &leaf, &[], &leaf));
    for (index, size) in [(0, 0), (0, 2), (1, 2), (1, 1), (u64::MAX, u64::MAX)] {
        assert!(!verify_inclusion(index, size, &leaf, &[], &leaf));
    }
}

#[test]
fn every_small_tree_extends_its_prefixes() {
    let leaves = many(40);
    for size in 1..=40_usize {
        for old in 1..=size {
            let read = |level, at| stored(&leaves[..size], level, at);
            let path = consistency_proof(old as u64, size as u64, read).unwrap();
            let (before, after) = (root(&leaves[..old]), root(&leaves[..size]));
            let check = |path: &[Hash], before: &Hash, after: &Hash| {
                verify_consistency(old as u64, size as u64, before, after, path)
            };
            assert!(check(&path, &before, &after), "{old} to {size}");
            assert!(!check(&path, &leaf_hash(b"fork"), &after));
            assert!(!check(&path, &before, &leaf_hash(b"fork")));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!check(shorter, &before, &after));
            }
            assert!(!check(&[path.clone(), vec![after]].concat(), &before, &after));
        }
    }
}

#[test]
fn consistency_at_its_edges() {
    let top = root(&many(3));
    assert!(verify_consistency(0, 3, &empty_root(), &top, &[]));
    assert!(!verify_consistency(0, 3, &top, &top, &[]));
    assert!(!verify_consistency(2, 3, &top, &top, &[]));
    assert!(!verify_consistency(3, 2, &top, &top, &[]));
    assert!(!verify_consistency(3, 3, &top, &top, &[top]));
}

#[test]
fn proofs_outside_the_tree_are_refused() {
    assert_eq!(inclusion_proof(3, &many(3)), Err(OutOfRange { index: 3, size: 3 }));
    assert!(inclusion_proof(0, &[]).is_err());
    assert!(consistency_proof(0, 3, |_, at| stored(&many(3), 0, at)).is_err());
    assert!(consistency_proof(4, 3, |_, at| stored(&many(3), 0, at)).is_err());
}

#[test]
fn peaks_have_the_root_of_their_leaves() {
    let mut peaks = Peaks::default();
    assert_eq!(peaks.root(), None);
    for size in 1..=70 {
        peaks = peaks.with(*many(size).last().unwrap());
        assert_eq!(peaks.root(), Some(root(&many(size))), "{size}");
    }
}
