//! Simulates a power cut: turns the image of a disk into a random one of the images that the disk could have after the
//! cut. Durable data stays. Of the data that is not durable, any part may remain, in any order, and a write may be torn
//! at any byte.

use std::collections::BTreeMap;

use super::contents::{Change, Contents, Kept};
use super::entries::Entries;
use super::image::{Body, Image, Node, ROOT};
use crate::rng::Rng;

/// How much of the data that was not synced remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Nothing remains, as on a system that writes only when it must.
    Bare,
    /// All data remains, as after a killed process.
    Full,
    /// Everything up to a point remains, and the next write is torn, as on a disk that keeps the order.
    Ordered,
    /// Each change remains or is lost independently, and many writes are torn, as on a disk that reorders.
    Mixed,
}

impl Manner {
    pub const ALL: [Self; 4] = [Self::Bare, Self::Full, Self::Ordered, Self::Mixed];

    /// Chooses at random how much of the unsynced data remains. The more destructive choices are more frequent.
    pub fn any(rng: &mut Rng) -> Self {
        match rng.below(10) {
            0..2 => Self::Bare,
            2 => Self::Full,
            3..6 => Self::Ordered,
            _ => Self::Mixed,
        }
    }
}

impl Image {
    /// The image that remains if the power is cut now.
    #[must_use]
    pub fn cut(&self, manner: Manner, rng: &mut Rng) -> Self {
        let mut fate = Fate::new(self, manner, rng);
        let mut left = BTreeMap::new();
        let mut open = vec![ROOT];
        while let Some(number) = open.pop() {
            let Ok(node) = self.node(number) else { continue };
            let body = match &node.body {
                Body::File(contents) => {
                    Body::File(Contents::with(contents.after(|change| fate.of(change))))
                }
                Body::Folder(entries) => {
                    let names = entries.after(|order| fate.keeps(order));
                    open.extend(names.values().filter(|child| !left.contains_key(*child)));
                    Body::Folder(Entries::with(names))
                }
            };
            left.insert(number, Node { mode: node.mode, body });
        }
        Self::of(left)
    }
}

/// Decides about each open change.
struct Fate<'a> {
    manner: Manner,
    /// With ordered writes, changes up to this number are kept.
    last: u64,
    /// Without an order, the percentage of changes that is kept.
    share: u64,
    rng: &'a mut Rng,
}

impl<'a> Fate<'a> {
    fn new(image: &Image, manner: Manner, rng: &'a mut Rng) -> Self {
        let last = rng.below(image.order() + 1);
        let share = rng.one(&[5, 25, 50, 75, 95]).copied().unwrap_or(50);
        Self { manner, last, share, rng }
    }

    fn keeps(&mut self, order: u64) -> bool {
        match self.manner {
            Manner::Bare => false,
            Manner::Full => true,
            Manner::Ordered => order <= self.last,
            Manner::Mixed => self.rng.percent(self.share),
        }
    }

    fn of(&mut self, change: &Change) -> Kept {
        let torn = match self.manner {
            Manner::Ordered => change.order == self.last + 1,
            Manner::Mixed => self.rng.percent(25),
            Manner::Bare | Manner::Full => false,
        };
        if torn && change.size() > 0 {
            return self.torn(change.size());
        }
        if self.keeps(change.order) { Kept::Whole } else { Kept::Nothing }
    }

    /// Usually keeps the beginning of a write, up to any byte. A disk that reorders may also keep the end of the write.
    fn torn(&mut self, size: usize) -> Kept {
        let at = usize::try_from(self.rng.below(size as u64)).unwrap_or_default();
        if self.manner == Manner::Mixed && self.rng.percent(30) {
            Kept::Part(at, size)
        } else {
            Kept::Part(0, at)
        }
    }
}
