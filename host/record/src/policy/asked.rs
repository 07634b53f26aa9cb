//! The policy question as signed statements describe it.

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};

use super::Snapshot;

/// The policy question, described by the digests of the canonical bytes of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Digest of `policy/entities.json`.
    pub entities_sha256: Digest,
    /// Digest of `policy/request.json`.
    pub request_sha256: Digest,
    /// Whether the request contains the state before the action, or the plan. An agent's copy of a bundle includes only
    /// a request without either.
    pub about_state: bool,
}

impl Question {
    /// Computes the digests of a question's files.
    ///
    /// # Errors
    ///
    /// Fails when the files have no canonical form.
    pub fn of(asked: &Snapshot) -> Result<Self, json::NotCanonical> {
        Ok(Self {
            entities_sha256: Digest::of(&json::to_canonical(&asked.entities)?),
            request_sha256: Digest::of(&json::to_canonical(&asked.request)?),
            about_state: ["/context/pre", "/context/plan"]
                .iter()
                .any(|pointer| asked.request.pointer(pointer).is_some()),
        })
    }
}
