//! Repeatable random numbers: the same seed gives the same sequence (`SplitMix64`; Steele, Lea, Flood 2014).

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::services::Result;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A separate stream, which is seeded with the next number of this stream. Draws from one stream do not affect the
    /// others.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.roll())
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// An index below `end`; 0 when `end` is 0.
    pub fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or_default()
    }

    /// True in the given percentage of the calls.
    pub fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// True once in `times` calls on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.index(times) == 0
    }

    /// One item of the slice; `None` when the slice is empty.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len()))
    }

    /// Shuffles in place.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.index(at + 1));
        }
    }
}

/// The environment variable `SEED`, or a new seed. Fails when `SEED` is not a number.
pub fn seed() -> Result<u64> {
    match std::env::var_os("SEED") {
        Some(text) => Ok(text.to_string_lossy().parse()?),
        None => Ok(RandomState::new().build_hasher().finish() >> 32),
    }
}
