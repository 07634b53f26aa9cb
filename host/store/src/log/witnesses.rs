//! Who is asked to vouch for a host's logs, how many of them count, and how long they are waited for.

use std::time::Duration;

use deed_spec::note::WitnessKey;

/// Everybody who is asked to vouch for this host's logs; nobody by default.
#[derive(Debug, Default)]
pub struct Witnesses {
    pub all: Vec<Witness>,
    /// How many of them make a checkpoint one that is waited for.
    pub quorum: usize,
    /// How long an action's last step waits for them at most.
    pub wait: Duration,
}

/// Somebody who sees every checkpoint and signs no two that contradict each other.
#[derive(Debug, Clone)]
pub struct Witness {
    pub name: String,
    pub key: WitnessKey,
    /// Submission prefix, without a slash at its end.
    pub url: String,
}
