//! Reads those files of a log that belong to the tree of a given size. Each file must have exactly the length that its
//! name states. A full tile or bundle is accepted in place of a partial one that was removed.

use std::collections::HashMap;

use deed_spec::merkle::{self, Hash};
use deed_spec::tlog::tile::{self, HEIGHT, WIDTH};
use deed_spec::tlog::{CHECKPOINT, Resource};

use super::{Fault, Fetched};

/// Maximum size of a checkpoint in bytes. Even a note with 64 signatures is far smaller than this limit.
const NOTE_MAX: u64 = 64 << 10;
/// Maximum size of a tile in bytes: 256 hashes.
const TILE_MAX: u64 = WIDTH * 32;
/// Maximum size of an entry bundle in bytes: 256 entries of deed and their lengths, with room for the longest kind.
const BUNDLE_MAX: u64 = WIDTH * (2 + 126);

/// The files of a log, which are read through a function that fetches them.
pub(super) struct Files<F> {
    fetch: F,
    /// Tiles that the current proof has read, by level and index.
    tiles: HashMap<(u8, u64), Vec<Hash>>,
}

/// An entry bundle: its bytes, the number of entries that its name states, and the number of these entries that belong
/// to the tree.
pub(super) struct Bundle {
    pub(super) path: String,
    bytes: Vec<u8>,
    promised: usize,
    wanted: usize,
}

impl Bundle {
    /// The entries in this bundle that belong to the tree.
    pub(super) fn entries(&self) -> Result<Vec<&[u8]>, Fault> {
        let damaged = |why: String| Fault::Damaged { file: self.path.clone(), why };
        let mut entries = tile::split_entries(&self.bytes).ok_or_else(|| {
            damaged("is not an entry bundle: its lengths do not match".to_owned())
        })?;
        if entries.len() != self.promised {
            return Err(damaged(format!("has {} entries, not {}", entries.len(), self.promised)));
        }
        entries.truncate(self.wanted);
        Ok(entries)
    }
}

impl<F: FnMut(&str, u64) -> Result<Fetched, String>> Files<F> {
    pub(super) fn new(fetch: F) -> Self {
        Self { fetch, tiles: HashMap::new() }
    }

    /// The published checkpoint. `expected` is set if an older checkpoint proves that the log was published. In this
    /// case, a missing checkpoint proves a fault.
    pub(super) fn checkpoint(&mut self, expected: bool) -> Result<String, Fault> {
        let gone = if expected { Fault::CheckpointGone } else { Fault::NoCheckpoint };
        let bytes = self.get(CHECKPOINT, NOTE_MAX)?.ok_or(gone)?;
        let file = CHECKPOINT.to_owned();
        String::from_utf8(bytes).ok().ok_or(Fault::Damaged { file, why: "is not text".to_owned() })
    }

    /// The entry bundle with this index in the tree of `size` entries.
    pub(super) fn bundle(&mut self, index: u64, size: u64) -> Result<Bundle, Fault> {
        let wanted = width(index, size);
        let (path, bytes, promised) =
            self.stored(&tile::entries_path(index, None), wanted, BUNDLE_MAX)?;
        Ok(Bundle { path, bytes, promised, wanted })
    }

    /// Compares the tiles computed from the entries with the log's tiles, and returns the number of tiles.
    pub(super) fn compare(&mut self, made: &[Resource]) -> Result<u64, Fault> {
        let mut tiles = 0;
        for one in made.iter().filter(|one| !one.path.starts_with("tile/entries/")) {
            let full = one.path.split_once(".p/").map_or(one.path.as_str(), |(full, _)| full);
            let hashes = tile::hashes(&one.bytes).unwrap_or_default();
            let (path, found) = self.tile(full, hashes.len())?;
            let differ = hashes.iter().zip(&found).position(|(made, found)| made != found);
            if let Some(hash) = differ {
                return Err(Fault::Tile { file: path, hash });
            }
            tiles += 1;
        }
        Ok(tiles)
    }

    /// The hash of the complete subtree of 2^`level` leaves at `at`, computed from one tile.
    pub(super) fn node(&mut self, level: u8, at: u64, size: u64) -> Result<Hash, Fault> {
        let (tile_level, height) = (level / HEIGHT, level % HEIGHT);
        let first = at << height;
        let (index, skip) = (first / WIDTH, first % WIDTH);
        let path = tile::path(tile_level, index, None);
        if !self.tiles.contains_key(&(tile_level, index)) {
            let hashes = size.checked_shr(u32::from(HEIGHT) * u32::from(tile_level));
            let read = self.tile(&path, width(index, hashes.unwrap_or_default()))?;
            self.tiles.insert((tile_level, index), read.1);
        }
        let hashes = self.tiles.get(&(tile_level, index)).map(Vec::as_slice).unwrap_or_default();
        let below = hashes.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let below: Vec<Hash> = below.take(1 << height).copied().collect();
        if below.len() == 1 << height {
            return Ok(merkle::root(&below));
        }
        Err(Fault::Damaged { file: path, why: "is too short".to_owned() })
    }

    /// The first `wanted` hashes of a tile, and the path of the file that contains them.
    fn tile(&mut self, full: &str, wanted: usize) -> Result<(String, Vec<Hash>), Fault> {
        let (path, bytes, promised) = self.stored(full, wanted, TILE_MAX)?;
        match tile::hashes(&bytes) {
            Some(mut hashes) if hashes.len() == promised => {
                hashes.truncate(wanted);
                Ok((path, hashes))
            }
            _ => {
                let why = format!("has {} bytes, not {promised} hashes", bytes.len());
                Err(Fault::Damaged { file: path, why })
            }
        }
    }

    /// The path, the bytes and the width in the name of the partial file if it exists, otherwise of the full file.
    fn stored(
        &mut self,
        full: &str,
        wanted: usize,
        max: u64,
    ) -> Result<(String, Vec<u8>, usize), Fault> {
        let whole = usize::try_from(WIDTH).unwrap_or(usize::MAX);
        let named = if wanted == whole {
            full.to_owned()
        } else {
            let partial = format!("{}/{wanted}", tile::partials(full));
            if let Some(bytes) = self.get(&partial, max)? {
                return Ok((partial, bytes, wanted));
            }
            partial
        };
        match self.get(full, max)? {
            Some(bytes) => Ok((full.to_owned(), bytes, whole)),
            None => Err(Fault::Missing { file: named }),
        }
    }

    fn get(&mut self, path: &str, max: u64) -> Result<Option<Vec<u8>>, Fault> {
        let file = || path.to_owned();
        match (self.fetch)(path, max) {
            Ok(Fetched::Bytes(bytes)) => Ok(Some(bytes)),
            Ok(Fetched::Absent) => Ok(None),
            Ok(Fetched::TooLong) => {
                Err(Fault::Damaged { file: file(), why: format!("is longer than {max} bytes") })
            }
            Err(why) => Err(Fault::Fetch { file: file(), why }),
        }
    }
}

/// How many of `size` elements are in the group of 256 at `index`.
fn width(index: u64, size: u64) -> usize {
    let left = size.saturating_sub(index.saturating_mul(WIDTH));
    usize::try_from(left.min(WIDTH)).unwrap_or_default()
}
