//! The policy question as statements name it.

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};

use super::Snapshot;

/// The policy question, by the digests of its files' canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Digest of `policy/entities.json`.
    pub entities_sha256: Digest,
    /// Digest of `policy/request.json`.
    pub request_sha256: Digest,
    /// Whether the request contains the state before the action. If it does not, an agent's copy includes the request.
    pub about_state: bool,
}

impl Question {
    /// The question in the files. Fails when they have no canonical form.
    pub fn of(asked: &Snapshot) -> Result<Self, json::NotCanonical> {
        Ok(Self {
            entities_sha256: Digest::of(&json::to_canonical(&asked.entities)?),
            request_sha256: Digest::of(&json::to_canonical(&asked.request)?),
            about_state: asked.request.pointer("/context/pre").is_some(),
        })
    }
}
