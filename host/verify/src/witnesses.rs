//! Checks that enough witnesses of the reader's policy cosigned a checkpoint that its log signed. Only by cosignatures
//! can a reader detect a log that shows different trees to different readers.

use deed_spec::note::{LogPolicy, Witnessed};

use super::{Finding, Found, pass};

/// Text for a reader without a witness policy, who cannot detect a forked log.
const NOBODY: &str = "so no witness confirms that all readers see the same log: only witnesses can detect a host that \
                      forks its log";

pub(super) fn check(note: &str, policy: Option<&LogPolicy>) -> Found {
    let Some(policy) = policy else {
        return Ok(Finding::Skip(format!("there is no log.policy, {NOBODY}")));
    };
    let found = policy.check(note).map_err(|e| e.to_string())?;
    if !policy.asks() {
        return Ok(Finding::Skip(format!("log.policy requires no witness, {NOBODY}")));
    }
    match shortfall(&found) {
        Some(why) => Ok(Finding::Untrusted(why)),
        None => pass(format!("cosigned by {}", by(&found))),
    }
}

/// The witnesses that a quorum lacks, in words; `None` if the quorum is met.
pub fn shortfall(found: &Witnessed) -> Option<String> {
    if found.met {
        return None;
    }
    let missing = found.missing.join(", ");
    let by = if found.by.is_empty() { "no witness".to_owned() } else { by(found) };
    Some(format!("too few witnesses cosigned this tree: {missing} missing, cosigned by {by}"))
}

/// The names of the witnesses and the times of their cosignatures.
pub(crate) fn by(found: &Witnessed) -> String {
    let one = |(name, time): &(String, u64)| format!("{name} (Unix time {time})");
    found.by.iter().map(one).collect::<Vec<_>>().join(", ")
}
