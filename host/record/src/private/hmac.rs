//! HMAC-SHA-256 (RFC 2104) with a key of 32 bytes, over the hash that this crate has anyway.

use sha2::{Digest as _, Sha256};

/// Bytes that SHA-256 takes at a time; a shorter key is filled up with zeros.
const BLOCK: usize = 64;

pub(super) fn sha256(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 sections 4.2 and 4.3, whose keys are filled up with zeros all the same.
    #[test]
    fn it_is_the_one_of_the_standard() {
        let key = |short: &[u8]| {
            let mut key = [0; 32];
            key[..short.len()].copy_from_slice(short);
            key
        };
        let hex = |key, text| data_encoding::HEXLOWER.encode(&sha256(&key, text));
        assert_eq!(
            hex(key(&[0x0b; 20]), b"Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hex(key(b"Jefe"), b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
