//! The adapter `declared`, which ships with the host: it sends what a contract declares.
//!
//! A grant pins it by digest, as any other adapter. A host keeps every version that it ever shipped, so that a new
//! release does not void what operators and approvers accepted.

use deed_record::contract::Contract;
use deed_spec::digest::Digest;

/// The name in a contract.
pub const NAME: &str = "declared";

/// Every version, the newest last.
const VERSIONS: [&[u8]; 1] = [include_bytes!("../../../../adapters/declared/declared.wasm")];

/// Whether a contract means this adapter. In format 1 the name is like any other.
pub fn is_named_by(contract: &Contract) -> bool {
    contract.format == 2 && contract.action.adapter == NAME
}

/// The version that `deed pin` writes.
pub fn newest() -> (Digest, &'static [u8]) {
    let [.., newest] = VERSIONS;
    (Digest::of(newest), newest)
}

/// The version with this digest.
pub fn version(digest: Digest) -> Option<&'static [u8]> {
    VERSIONS.into_iter().find(|bytes| Digest::of(bytes) == digest)
}
