//! The oracle: decides what is wrong with the result of a cell. The oracle trusts the count of the system of record and
//! the signed chain, and checks the host's reports against them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_tests::record::Applied;
use deed_tests::record::contracts::{Deed, Kind, VALUE};
use serde_json::Value;

use crate::cell::Cell;
use crate::come::Word;

/// The observed results of an action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The action's progress each time its host was killed.
    pub(crate) deaths: Vec<Stood>,
    /// The id that the host acknowledged before the first kill.
    pub(crate) acknowledged: Option<String>,
    /// The delayed request took effect after its deadline. The host may have treated the request as lost, so the result
    /// of this cell proves nothing.
    pub(crate) overdue: bool,
    /// The failpoints that the host passed after its first restart.
    pub(crate) second: Vec<String>,
    pub(crate) view: Value,
    /// The actions that the host lists. The list must contain exactly one action, however often the agent proposed it.
    pub(crate) actions: Vec<Value>,
    pub(crate) applied: Vec<Applied>,
    pub(crate) bundle: Vec<u8>,
    /// The output of `deed verify` for the bundle, `deed log audit` for the log and `deed journal check` for all files,
    /// if a command found something wrong.
    pub(crate) complaints: Vec<String>,
}

/// The progress of an action when its host was killed, and which writes had taken effect or were about to take effect.
#[derive(Debug, Clone)]
pub(crate) struct Stood {
    /// The state of each write according to the journal.
    pub(crate) words: Vec<Word>,
    pub(crate) landed: Vec<bool>,
}

/// The result of one cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) outcome: String,
    /// How often each write took effect.
    pub(crate) applied: Vec<usize>,
    pub(crate) twice: bool,
    pub(crate) lost: bool,
    pub(crate) wrong: bool,
    /// Everything that is wrong, as texts.
    pub(crate) faults: Vec<String>,
}

/// The required result of a cell.
#[derive(Debug, PartialEq, Eq)]
struct Must {
    outcome: &'static str,
    applied: Vec<usize>,
}

/// The result of a cell that cannot be judged because the host did not start again or the action did not come to rest.
pub(crate) fn nothing(why: &str) -> Found {
    let outcome = "none".to_owned();
    Found { outcome, lost: true, faults: vec![format!("lost: {why}")], ..Found::default() }
}

pub(crate) fn judge(cell: &Cell, seen: &Seen) -> Found {
    let outcome = seen.view["outcome"].as_str().unwrap_or("none").to_owned();
    let mut found = Found { outcome, applied: applied(cell.deed, seen), ..Found::default() };
    if found.applied.iter().any(|count| *count > 1) {
        found.twice = true;
        found.faults.push(format!("twice: {:?}", seen.applied));
    }
    if !is_there(seen) {
        found.lost = true;
        found.faults.push(format!("lost: the host has {:?}", seen.actions));
    }
    for fault in wrongs(cell, seen, &found) {
        found.wrong = true;
        found.faults.push(format!("wrong: {fault}"));
    }
    found
}

impl Found {
    /// Adds a fault for each falsified result of this cell that the oracle did not detect.
    pub(crate) fn overlooked(&mut self, what: Vec<&'static str>) {
        for what in what {
            self.wrong = true;
            self.faults.push(format!("wrong: the oracle does not detect {what}"));
        }
    }
}

/// A check of the oracle itself: if one part of a cell's observed results is falsified, the oracle must report a fault.
/// Returns the falsifications that the oracle did not detect.
pub(crate) fn overlooks(cell: &Cell, seen: &Seen) -> Vec<&'static str> {
    let falsified = |change: &dyn Fn(&mut Seen)| {
        let mut seen = seen.clone();
        change(&mut seen);
        judge(cell, &seen)
    };
    let again = falsified(&|seen| {
        seen.applied.iter_mut().for_each(|one| one.changed = true);
        seen.applied.extend(seen.applied.clone());
    });
    let unapplied = falsified(&|seen| seen.applied.clear());
    let gone = falsified(&|seen| seen.actions.clear());
    let renamed = falsified(&|seen| seen.acknowledged = Some("another".to_owned()));
    let unsigned = falsified(&|seen| seen.bundle.clear());
    let all = [
        ("a second effect", again.twice || seen.applied.is_empty()),
        ("a lost effect", unapplied.wrong || seen.applied.is_empty()),
        ("a lost action", gone.lost),
        ("another action than the acknowledged one", renamed.lost),
        ("a chain that is not there", unsigned.wrong),
        (
            "a complaint of the verifier",
            falsified(&|seen| seen.complaints.push("no".to_owned())).wrong,
        ),
    ];
    all.into_iter().filter(|(_, seen)| !seen).map(|(what, _)| what).collect()
}

/// Exactly one action must exist, however often it was proposed.
fn is_there(seen: &Seen) -> bool {
    matches!(seen.actions.as_slice(), [one] if one["id"] == seen.view["id"])
        && seen.acknowledged.as_ref().is_none_or(|id| seen.view["id"] == *id)
}

/// How often each write took effect. A write that sets the same value again does not count.
fn applied(deed: Deed, seen: &Seen) -> Vec<usize> {
    let effects =
        |slot: &&str| seen.applied.iter().filter(|one| one.slot == **slot && one.changed).count();
    deed.slots().iter().map(effects).collect()
}

fn wrongs(cell: &Cell, seen: &Seen, found: &Found) -> Vec<String> {
    let mut wrongs = Vec::new();
    if seen.applied.iter().any(|one| one.value != VALUE) {
        wrongs.push(format!("another value was written: {:?}", seen.applied));
    }
    if found.outcome == "verified" && found.applied.contains(&0) {
        wrongs.push("verified, but the record does not have it".to_owned());
    }
    if ["failed", "denied", "cancelled", "expired"].contains(&found.outcome.as_str())
        && found.applied.iter().any(|count| *count > 0)
    {
        wrongs.push(format!("{}, but the record has it", found.outcome));
    }
    let must = must(cell.deed, seen);
    let is = (found.outcome.as_str(), &found.applied);
    if is != (must.outcome, &must.applied) {
        wrongs.push(format!("{is:?} instead of {must:?} ({})", seen.view["reason"]));
    }
    wrongs.extend(chain(seen));
    wrongs.extend(seen.complaints.clone());
    wrongs
}

/// The only correct outcome for the point at which the host was killed last (contracts/REFERENCE.md, "When something
/// fails on the way").
fn must(deed: Deed, seen: &Seen) -> Must {
    let all = || vec![1; deed.writes];
    let normal = Must {
        outcome: if deed.kind == Kind::Opaque { "mismatch" } else { "verified" },
        applied: all(),
    };
    let Some(Stood { words, landed }) = seen.deaths.last() else { return normal };
    let is = |word| words.contains(&word);
    let applied: Vec<usize> = landed.iter().map(|landed| usize::from(*landed)).collect();
    let untouched = !is(Word::Done) && !landed.contains(&true);
    // The state of every write is known, or a repetition does no harm, so the host sends the missing writes.
    let repeats = match deed.kind.effect() {
        _ if !is(Word::Open) => true,
        "idempotent" | "keyed" => true,
        "observable" => untouched,
        _ => false,
    };
    let outcome = match deed.kind {
        _ if repeats => return normal,
        // If no observation shows the effect of a successful write, the outcome is a mismatch.
        Kind::Opaque if is(Word::Done) => "mismatch",
        Kind::Opaque => "indeterminate",
        _ if applied == all() => "verified",
        _ => "mismatch",
    };
    Must { outcome, applied }
}

/// The chain must contain a decision for each attempt, then one receipt.
fn chain(seen: &Seen) -> Vec<String> {
    let lines = seen.view["ledger"].as_array().cloned().unwrap_or_default();
    let attempts = lines.iter().filter(|line| line["event"] == "attempt_started").count();
    let kinds = kinds(&seen.bundle);
    let count = |kind: &str| kinds.iter().filter(|one| one.contains(kind)).count();
    let right = count(":decision:") == attempts
        && count(":receipt:") == 1
        && count(":reconciliation:") <= 1
        && kinds.iter().take_while(|one| !one.contains(":receipt:")).count()
            + 1
            + count(":reconciliation:")
            == kinds.len();
    if right { vec![] } else { vec![format!("{attempts} attempts, but the chain is {kinds:?}")] }
}

/// The predicate types of the signed chain, in order.
fn kinds(bundle: &[u8]) -> Vec<String> {
    let files = deed_record::bundle::read(bundle).unwrap_or_default();
    let chain = files.get(deed_record::bundle::CHAIN).cloned().unwrap_or_default();
    let kind = |line: &str| {
        let envelope: Value = serde_json::from_str(line).ok()?;
        let payload = STANDARD.decode(envelope["payload"].as_str()?).ok()?;
        let statement: Value = serde_json::from_slice(&payload).ok()?;
        statement["predicateType"].as_str().map(str::to_owned)
    };
    String::from_utf8_lossy(&chain).lines().filter_map(kind).collect()
}
