//! Names of tools. A name is derived from the name of the contract alone, so that it does not depend on the other
//! contracts, unless two contracts would get the same name.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;

use super::Tool;

/// The longest name that all clients allow.
pub(super) const NAME_MAX: usize = 64;
/// The hex digits of the digest at the end of a name that is too long or not distinct.
const SUFFIX: usize = 12;
/// The same for names that are not distinct although they have a digest. Whoever chooses the names of two contracts can
/// make their digests begin alike, but not for this many digits.
const LONG_SUFFIX: usize = 48;
/// The start of the names of the host's own tools.
const OWN: &str = "deed_";

/// The name of the tool for the contract with this name.
pub(super) fn of(contract: &str) -> String {
    let name = plain(contract);
    if name.len() <= NAME_MAX { name } else { suffixed(contract, SUFFIX) }
}

/// Makes the names of the tools distinct.
pub(super) fn distinguish(tools: &mut [Tool]) {
    for digits in [SUFFIX, LONG_SUFFIX] {
        // A name with a digest can meet another name, so this is repeated until no name changes; each name changes at
        // most once.
        while rename_equal(tools, digits) {}
    }
}

/// Adds the digest to the names that several tools have. Returns whether a name has changed.
fn rename_equal(tools: &mut [Tool], digits: usize) -> bool {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for tool in tools.iter() {
        *count.entry(tool.name.clone()).or_default() += 1;
    }
    let mut changed = false;
    for tool in tools.iter_mut().filter(|tool| count.get(&tool.name).is_some_and(|n| *n > 1)) {
        let name = suffixed(&tool.contract, digits);
        changed |= name != tool.name;
        tool.name = name;
    }
    changed
}

/// The contract's name with an underscore in place of every other character. The host's own tools start with `deed_`,
/// and some clients require a letter at the start, so other names get a prefix.
fn plain(contract: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = contract.chars().map(kept).collect();
    let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if letter && !name.starts_with(OWN) { name } else { format!("contract_{name}") }
}

/// The start of the name, and this many digits of the digest of the contract's name.
fn suffixed(contract: &str, digits: usize) -> String {
    let (name, digest) = (plain(contract), Digest::of(contract.as_bytes()).hex());
    let start = name.chars().take(NAME_MAX - digits - 1);
    start.chain(['_']).chain(digest.chars().take(digits)).collect()
}
