//! The witnesses of a host's logs, the size of their quorum, and how long to wait for them.

use std::time::Duration;

use deed_spec::note::WitnessKey;

/// All witnesses of this host's logs; none by default.
#[derive(Debug, Default)]
pub struct Witnesses {
    pub all: Vec<Witness>,
    /// How many of them must cosign a checkpoint so that waiting for it ends.
    pub quorum: usize,
    /// How long an action's last step waits for them at most.
    pub wait: Duration,
}

/// A party that gets every checkpoint and never cosigns two that contradict each other.
#[derive(Debug, Clone)]
pub struct Witness {
    pub name: String,
    pub key: WitnessKey,
    /// Submission prefix, without a slash at its end.
    pub url: String,
}
