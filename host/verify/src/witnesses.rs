//! Takes a checkpoint that its log signed and the reader's policy, finds whether enough witnesses vouch
//! for it: nothing else tells a log that shows everybody the same tree from one that has several.

use deed_spec::note::{LogPolicy, Witnessed};

use super::{Finding, Found, pass};

/// What a reader gives up who knows no witness.
const NOBODY: &str = "so only the host's word says that this is its one log: \
    a host that forks its log is caught by witnesses alone";

pub(super) fn check(note: &str, policy: Option<&LogPolicy>) -> Found {
    let Some(policy) = policy else {
        return Ok(Finding::Skip(format!("there is no log.policy, {NOBODY}")));
    };
    let found = policy.check(note).map_err(|e| e.to_string())?;
    if !policy.asks() {
        return Ok(Finding::Skip(format!("log.policy asks for none, {NOBODY}")));
    }
    match shortfall(&found) {
        Some(why) => Ok(Finding::Untrusted(why)),
        None => pass(format!("cosigned by {}", by(&found))),
    }
}

/// What a quorum lacks, in words; none when it is met.
pub fn shortfall(found: &Witnessed) -> Option<String> {
    if found.met {
        return None;
    }
    let missing = found.missing.join(", ");
    let by = if found.by.is_empty() { "nobody".to_owned() } else { by(found) };
    Some(format!("too few witnesses vouch for this tree: {missing} missing, cosigned by {by}"))
}

/// Names and the times that they say.
pub(crate) fn by(found: &Witnessed) -> String {
    let one = |(name, time): &(String, u64)| format!("{name} (Unix time {time})");
    found.by.iter().map(one).collect::<Vec<_>>().join(", ")
}
