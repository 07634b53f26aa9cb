//! Compares the tiles, roots and consistency proofs of every tree up to 70,000 entries with the crate `tlog_tiles`,
//! which shares no code with this project.

use std::cell::RefCell;
use std::collections::BTreeMap;

use deed_spec::merkle::{self, OutOfRange};
use deed_spec::tlog::Resource;
use deed_spec::tlog::frontier::Frontier;
use tlog_tiles::{Hash, HashReader, Tile};

/// The storage of the oracle `tlog_tiles`: its own hashes in its own order.
#[derive(Default)]
struct Stored(RefCell<Vec<Hash>>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let all = self.0.borrow();
        Ok(indexes.iter().map(|index| all[usize::try_from(*index).unwrap()]).collect())
    }
}

impl Stored {
    fn append(&self, n: u64, entry: &[u8]) {
        let hashes = tlog_tiles::stored_hashes(n, entry, self).unwrap();
        self.0.borrow_mut().extend(hashes);
    }

    fn root(&self, size: u64) -> Hash {
        tlog_tiles::tree_hash(size, self).unwrap()
    }

    /// Gives this project's code the oracle's hash of a complete subtree.
    fn node(&self, level: u8, at: u64) -> merkle::Hash {
        let index = tlog_tiles::stored_hash_index(level, at);
        self.read_hashes(&[index]).unwrap()[0].0
    }
}

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}\n").into_bytes()
}

/// The oracle's tile names contain the tile height, as in Go's checksum database; C2SP names omit the height.
fn expected(stored: &Stored, old: u64, new: u64) -> BTreeMap<String, Vec<u8>> {
    let tiles = Tile::new_tiles(8, old, new);
    let path = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1);
    tiles.iter().map(|tile| (path(tile), tile.read_data(stored).unwrap())).collect()
}

fn hashes(made: Vec<Resource>) -> BTreeMap<String, Vec<u8>> {
    let tiles = made.into_iter().filter(|file| !file.path.starts_with("tile/entries/"));
    tiles.map(|file| (file.path, file.bytes)).collect()
}

/// Tree sizes at which partial tiles are compared: all small sizes, sizes on both sides of every full tile, and a
/// sample of others.
fn looked_at(size: u64) -> bool {
    size < 600 || size % 256 <= 1 || size % 256 == 255 || size.is_multiple_of(97) || size == 70_000
}

#[test]
fn every_tree_to_seventy_thousand_has_the_tiles_and_root_of_the_specification() {
    let (stored, mut edge) = (Stored::default(), Frontier::default());
    let (mut made, mut old) = (Vec::new(), 0);
    for size in 1..=70_000 {
        stored.append(size - 1, &entry(size - 1));
        edge.push(&entry(size - 1), &mut made);
        assert_eq!(edge.root(), stored.root(size).0, "root of {size}");
        if looked_at(size) {
            edge.finish(&mut made);
            let (ours, theirs) = (hashes(std::mem::take(&mut made)), expected(&stored, old, size));
            assert!(ours == theirs, "{old} to {size}: {:?} {:?}", ours.keys(), theirs.keys());
            old = size;
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_the_oracle_and_each_accepts_the_others() {
    let stored = Stored::default();
    (0..70_000).for_each(|n| stored.append(n, &entry(n)));
    let small = (1..=64).flat_map(|size| (1..=size).map(move |old| (old, size)));
    let large = [255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 69_999, 70_000];
    let large = large.into_iter().flat_map(|old| large.map(|size| (old, size)));
    for (old, size) in small.chain(large.filter(|(old, size)| old <= size)) {
        let node = |level, at| Ok::<_, OutOfRange>(stored.node(level, at));
        let ours = merkle::consistency_proof(old, size, node).unwrap();
        let theirs = tlog_tiles::prove_tree(size, old, &stored).unwrap();
        assert_eq!(ours, theirs.iter().map(|hash| hash.0).collect::<Vec<_>>(), "{old} to {size}");
        let (before, after) = (stored.root(old), stored.root(size));
        tlog_tiles::check_tree(&theirs, size, after, old, before).unwrap();
        assert!(merkle::verify_consistency(old, size, &before.0, &after.0, &ours));
        assert!(!merkle::verify_consistency(old, size, &after.0, &before.0, &ours) || old == size);
    }
}
