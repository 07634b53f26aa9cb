//! The right edge of the log's tree: computes tiles, entry bundles and the root from entries that are added one by one.
//! The right edge consists only of the unfinished entry bundle and the unfinished tile of each level, however large the
//! log is.

use super::Resource;
use super::tile::{self, HEIGHT, WIDTH};
use crate::merkle::{self, Hash, Peaks, leaf_hash};
use crate::note::Checkpoint;

/// The unfinished entry bundle and the unfinished tile of each level, from the leaves upwards.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    bundle: Vec<u8>,
    levels: Vec<Level>,
    /// The number of levels that changed since the last `finish`.
    touched: usize,
}

/// The unfinished tile of a level. The roots of the complete subtrees in the tile are stored too, so that computing the
/// root of the tree does not hash them again.
#[derive(Debug, Clone, Default)]
struct Level {
    hashes: Vec<Hash>,
    peaks: Peaks,
}

impl Frontier {
    /// Number of entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one entry. If the entry completes a bundle or tiles, the completed files are appended to `full`.
    pub fn push(&mut self, entry: &[u8], full: &mut Vec<Resource>) {
        self.push_hashed(entry, leaf_hash(entry), full);
    }

    /// Like [`Self::push`], for a caller that already has the entry's leaf hash.
    pub fn push_hashed(&mut self, entry: &[u8], hash: Hash, full: &mut Vec<Resource>) {
        let bundle_index = self.size / WIDTH;
        tile::push_entry(&mut self.bundle, entry);
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            let bytes = std::mem::take(&mut self.bundle);
            full.push(Resource { path: tile::entries_path(bundle_index, None), bytes });
        }
        self.add(0, hash, full);
    }

    /// Appends the partial bundle and the changed partial tiles to `partial`.
    pub fn finish(&mut self, partial: &mut Vec<Resource>) {
        let width = usize::try_from(self.size % WIDTH).unwrap_or_default();
        if self.touched > 0 && width > 0 {
            let path = tile::entries_path(self.size / WIDTH, Some(width));
            partial.push(Resource { path, bytes: self.bundle.clone() });
        }
        let touched = self.levels.iter().take(self.touched).map(|level| &level.hashes);
        for (level, hashes) in (0_u8..).zip(touched) {
            if !hashes.is_empty() {
                let path = tile::path(level, self.last_tile(level), Some(hashes.len()));
                partial.push(Resource { path, bytes: hashes.concat() });
            }
        }
        self.touched = 0;
    }

    /// The partial bundle and all partial tiles, changed or not. Together with the full tiles and bundles, these files
    /// contain the whole tree.
    pub fn unfinished(&self) -> Vec<Resource> {
        let mut all = self.clone();
        all.touched = all.levels.len();
        let mut partial = Vec::new();
        all.finish(&mut partial);
        partial
    }

    /// The tile at this level and index, if it is the unfinished tile of the level.
    pub fn partial(&self, level: u8, index: u64) -> Option<&[Hash]> {
        let hashes = &self.levels.get(usize::from(level))?.hashes;
        (index == self.last_tile(level)).then_some(hashes.as_slice())
    }

    /// The root of the tree (RFC 6962 §2.1).
    pub fn root(&self) -> Hash {
        // The hashes of a level cover complete subtrees of one size. The lower levels together form one smaller
        // subtree, which follows the subtrees of the level. By RFC 6962, the root over a level and all lower levels is
        // therefore the root over a list: the hashes of this level, then the root of the lower levels.
        let below = self.levels.iter().fold(None, |below: Option<Hash>, level| match below {
            Some(below) => level.peaks.clone().with(below).root(),
            None => level.peaks.root(),
        });
        below.unwrap_or_else(merkle::empty_root)
    }

    /// The unsigned checkpoint of this tree, for the log named `origin`.
    pub fn checkpoint(&self, origin: &str) -> Checkpoint {
        Checkpoint { origin: origin.to_owned(), size: self.size, root: self.root() }
    }

    /// Adds a hash to a level. If the hash fills a tile, the root of the tile is added to the level above.
    fn add(&mut self, level: u8, hash: Hash, full: &mut Vec<Resource>) {
        let position = usize::from(level);
        if self.levels.len() <= position {
            self.levels.push(Level::default());
        }
        self.touched = self.touched.max(position + 1);
        let Some(unfinished) = self.levels.get_mut(position) else { return };
        unfinished.hashes.push(hash);
        unfinished.peaks = std::mem::take(&mut unfinished.peaks).with(hash);
        if unfinished.hashes.len() as u64 == WIDTH {
            let Level { hashes, peaks } = std::mem::take(unfinished);
            // `size` already includes the new entry, so the tile that became full is the one before `last_tile`.
            let index = self.last_tile(level) - 1;
            full.push(Resource { path: tile::path(level, index, None), bytes: hashes.concat() });
            if let Some(root) = peaks.root() {
                self.add(level + 1, root, full);
            }
        }
    }

    /// Index of the tile to which the next hash of this level belongs.
    fn last_tile(&self, level: u8) -> u64 {
        let shift = u32::from(HEIGHT) * (u32::from(level) + 1);
        self.size.checked_shr(shift).unwrap_or_default()
    }
}
