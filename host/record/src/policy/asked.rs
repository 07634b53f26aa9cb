//! What policy was asked, as statements name it.

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};

use super::Snapshot;

/// The question that policy was asked, by the digests of its files' canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Of `policy/entities.json`.
    pub entities_sha256: Digest,
    /// Of `policy/request.json`.
    pub request_sha256: Digest,
    /// Whether that asks about the state before: an agent's copy has it when it does not.
    pub about_state: bool,
}

impl Question {
    /// That of the files.
    pub fn of(asked: &Snapshot) -> Result<Self, json::NotCanonical> {
        Ok(Self {
            entities_sha256: Digest::of(&json::to_canonical(&asked.entities)?),
            request_sha256: Digest::of(&json::to_canonical(&asked.request)?),
            about_state: asked.request.pointer("/context/pre").is_some(),
        })
    }
}
