//! A table from leaf hashes to leaf indexes. The table uses eight bytes per entry and does not store whole hashes, so a
//! lookup returns candidate indexes, and the caller compares the hash with the hash in the tile.
//!
//! A log has a few entries for every action that its tenant ever took, and this table keeps the indexes of all entries
//! in memory.

use deed_spec::merkle::Hash;

/// Maximum number of entries, because an index has 32 bits. This number of entries would take 64 GiB of tiles, and also
/// 64 GiB of memory.
pub(super) const PLACES_MAX: u64 = u32::MAX as u64 - 1;

/// At most three of every four slots are used, so that runs of used slots are short.
const TAKEN: usize = 3;
const OF: usize = 4;

/// A hash table with open addressing. A slot holds the first 32 bits of a hash and the leaf index plus one. A free slot
/// is 0.
#[derive(Debug, Default)]
pub(super) struct LeafIndex {
    slots: Vec<u64>,
    held: usize,
}

impl LeafIndex {
    /// Reserves space for a total of `entries`, so that the table does not grow step by step.
    pub(super) fn expect(&mut self, entries: u64) {
        let wanted = usize::try_from(entries).unwrap_or(usize::MAX).min(1 << 32);
        self.grow_to(wanted.saturating_mul(OF) / TAKEN + 1);
    }

    /// Adds the index of an entry, unless the index is beyond [`PLACES_MAX`].
    pub(super) fn add(&mut self, hash: &Hash, place: u64) {
        let Some(number) = u32::try_from(place).ok().and_then(|place| place.checked_add(1)) else {
            return;
        };
        if (self.held + 1) * OF > self.slots.len() * TAKEN {
            self.grow_to((self.slots.len() + self.slots.len() / 2).max(64));
        }
        self.held += 1;
        put(&mut self.slots, (u64::from(tag(hash)) << 32) | u64::from(number));
    }

    /// Every index that an entry with this hash may have. Nearly always, there is at most one such index.
    pub(super) fn of(&self, hash: &Hash) -> impl Iterator<Item = u64> + use<'_> {
        let (tag, slots) = (tag(hash), self.slots.len());
        let (before, from) = self.slots.split_at(first(tag, slots));
        let run = from.iter().chain(before).take_while(|slot| **slot != 0);
        run.filter(move |slot| **slot >> 32 == u64::from(tag)).map(|slot| (slot & 0xffff_ffff) - 1)
    }

    fn grow_to(&mut self, slots: usize) {
        if slots <= self.slots.len() {
            return;
        }
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        old.into_iter().filter(|slot| *slot != 0).for_each(|slot| put(&mut self.slots, slot));
    }
}

fn tag(hash: &Hash) -> u32 {
    hash.first_chunk::<4>().map_or(0, |first| u32::from_be_bytes(*first))
}

/// The slot where the search for a tag begins. The slot is proportional to the tag, so it depends on the high bits of
/// the tag, not on the low bits.
fn first(tag: u32, slots: usize) -> usize {
    let share = (u128::from(tag) * slots as u128) >> 32;
    usize::try_from(share).unwrap_or_default()
}

/// Stores a value in the first free slot from the slot where the search for its tag begins. At least a quarter of the
/// slots is always free.
fn put(slots: &mut [u64], slot: u64) {
    let tag = u32::try_from(slot >> 32).unwrap_or_default();
    let first = first(tag, slots.len());
    let (before, from) = slots.split_at_mut(first);
    if let Some(free) = from.iter_mut().chain(before).find(|slot| **slot == 0) {
        *free = slot;
    }
}

#[cfg(test)]
mod tests {
    use deed_spec::merkle::leaf_hash;

    use super::*;

    #[test]
    fn every_place_is_found_while_it_grows_and_nothing_else() {
        let hash = |n: u64| leaf_hash(&n.to_be_bytes());
        let mut places = LeafIndex::default();
        assert_eq!(places.of(&hash(0)).count(), 0);
        for n in 0..10_000 {
            places.add(&hash(n), n);
            if n % 997 == 0 {
                (0..=n).for_each(|n| assert!(places.of(&hash(n)).any(|found| found == n)));
            }
        }
        assert_eq!((10_000..20_000).flat_map(|n| places.of(&hash(n))).count(), 0);
        assert!(places.slots.len() < 10_000 * 2);
        let slots = places.slots.len();
        places.expect(100);
        assert_eq!(places.slots.len(), slots);
        places.expect(20_000);
        (0..10_000).for_each(|n| assert!(places.of(&hash(n)).eq([n])));
    }

    #[test]
    fn equal_tags_at_the_very_end_go_on_at_the_beginning() {
        let mut places = LeafIndex::default();
        for place in [3, 1, 2] {
            places.add(&[0xff; 32], place);
        }
        places.add(&[0; 32], 9);
        let mut found: Vec<u64> = places.of(&[0xff; 32]).collect();
        found.sort_unstable();
        assert_eq!(found, [1, 2, 3]);
        assert!(places.of(&[0; 32]).eq([9]));
        places.add(&[7; 32], PLACES_MAX + 1);
        assert_eq!(places.of(&[7; 32]).count(), 0);
    }
}
