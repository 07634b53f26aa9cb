//! The revisions of the protocol that the server speaks.

use rmcp::model::ProtocolVersion;

/// In the older two, a client begins with `initialize`.
pub(super) static SPOKEN: [ProtocolVersion; 3] =
    [ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28];

/// Whether the server speaks this revision.
pub(super) fn is_spoken(revision: &str) -> bool {
    SPOKEN.iter().any(|one| one.as_str() == revision)
}

/// The names of the revisions, for a client that asked for another one.
pub(super) fn names() -> Vec<&'static str> {
    SPOKEN.iter().map(ProtocolVersion::as_str).collect()
}
