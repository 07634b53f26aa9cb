//! Randomness of a run: SHA-256 of the action's id and a counter. The numbers differ between actions and are equal in
//! each run of one action. They are public, so a guest must not use them as secrets.

use deed_record::action::id::ActionId;
use deed_spec::digest::Digest;

use crate::limits;

/// A stream of bytes that depends on the action's id only.
pub(in crate::wasi) struct Random {
    seed: Digest,
    block: u64,
    /// Bytes of the last block that were not used yet.
    left: Vec<u8>,
}

impl Random {
    pub(in crate::wasi) fn new(action: &ActionId) -> Self {
        let seed = Digest::of(format!("deed wasi:random\n{action}").as_bytes());
        Self { seed, block: 0, left: Vec::new() }
    }

    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.left.pop() {
                return byte;
            }
            let input = [self.seed.as_bytes().as_slice(), &self.block.to_be_bytes()].concat();
            self.left = Digest::of(&input).as_bytes().to_vec();
            self.block = self.block.wrapping_add(1);
        }
    }

    pub(in crate::wasi) fn bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let len = usize::try_from(len).ok().filter(|len| *len <= limits::RANDOM);
        let most = limits::RANDOM;
        let len = len.ok_or_else(|| {
            wasmtime::format_err!("one call returns at most {most} random bytes; ask for fewer")
        })?;
        Ok((0..len).map(|_| self.byte()).collect())
    }

    pub(in crate::wasi) fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| (number << 8) | u64::from(self.byte()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(id: &ActionId) -> (Vec<u8>, u64) {
        let mut random = Random::new(id);
        (random.bytes(100).unwrap(), random.number())
    }

    #[test]
    fn randomness_depends_on_the_action_alone() {
        let [one, other] = [[1; 10], [2; 10]].map(|random| ActionId::new(1, random));
        assert_eq!(drawn(&one), drawn(&one));
        assert_ne!(drawn(&one).0, drawn(&other).0);
        assert_ne!(drawn(&one).1, drawn(&other).1);
    }

    #[test]
    fn a_call_is_bounded() {
        let mut random = Random::new(&ActionId::new(1, [1; 10]));
        assert!(random.bytes(u64::MAX).is_err());
        assert_eq!(
            random.bytes(u64::try_from(limits::RANDOM).unwrap()).unwrap().len(),
            limits::RANDOM
        );
    }
}
