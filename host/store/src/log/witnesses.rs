//! The witnesses of a host's logs, the size of their quorum, and how long to wait for them.

use std::time::Duration;

use deed_spec::note::WitnessKey;

/// All witnesses of this host's logs. By default, a host has no witnesses.
#[derive(Debug, Default)]
pub struct Witnesses {
    pub all: Vec<Witness>,
    /// Number of witnesses that must cosign a checkpoint before an action stops waiting for cosignatures.
    pub quorum: usize,
    /// Maximum time that the last step of an action waits for witnesses.
    pub wait: Duration,
}

/// A party that gets every checkpoint and never cosigns two checkpoints that contradict each other.
#[derive(Debug, Clone)]
pub struct Witness {
    pub name: String,
    pub key: WitnessKey,
    /// URL prefix for submissions, without a slash at its end.
    pub url: String,
}
