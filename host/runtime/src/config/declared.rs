//! The adapter `declared`, which ships with the host and sends the requests that a contract declares.
//!
//! A grant pins this adapter by digest, like any other adapter. Every release of the host contains all earlier versions
//! of the adapter, so that a new release does not void what operators and approvers accepted.

use deed_record::contract::Contract;
use deed_spec::digest::Digest;

/// The name by which a contract selects this adapter.
pub const NAME: &str = "declared";

/// Every version of the adapter, the newest last.
const VERSIONS: [&[u8]; 1] = [include_bytes!("../../../../adapters/declared/declared.wasm")];

/// Whether a contract selects this adapter. In a contract of format 1, the name `declared` has no special meaning.
pub fn is_named_by(contract: &Contract) -> bool {
    contract.format == 2 && contract.action.adapter == NAME
}

/// The version of the adapter that `deed pin` writes into grants: its digest and its bytes.
pub fn newest() -> (Digest, &'static [u8]) {
    let [.., newest] = VERSIONS;
    (Digest::of(newest), newest)
}

/// The bytes of the adapter version with this digest.
pub fn version(digest: Digest) -> Option<&'static [u8]> {
    VERSIONS.into_iter().find(|bytes| Digest::of(bytes) == digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest of every version that the host has ever contained. Append a new version, and change no other line.
    const KNOWN: [&str; 1] =
        ["sha256:e70e584d7a20107aee8c4899b2ee719a71359d0922c09bed1d297cc1e60cda0e"];

    #[test]
    fn every_known_version_is_loadable_by_its_digest() {
        for known in KNOWN {
            let digest: Digest = known.parse().unwrap();
            let bytes = version(digest).unwrap_or_else(|| panic!("{known} is missing"));
            assert_eq!(Digest::of(bytes), digest);
        }
        let shipped = VERSIONS.map(|bytes| Digest::of(bytes).to_string());
        assert_eq!(shipped.as_slice(), KNOWN, "append the digest of a new version to `KNOWN`");
        assert_eq!(newest().0.to_string(), shipped[shipped.len() - 1]);
    }
}
