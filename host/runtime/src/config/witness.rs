//! Configuration of the witnesses of the logs: their keys and URLs, how many must cosign, and how long the host waits
//! for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::id;
use deed_record::statement::approver::ApproverKey;
use deed_spec::note::WitnessKey;
use deed_store::log::witnesses::{Witness, Witnesses};
use ed25519_dalek::VerifyingKey;

use super::fault::{Fault, Faults, Source};
use super::{Person, Tenant, notify, raw};

/// The maximum number of witnesses. It is small because the host runs one thread per witness and tenant, and because a
/// checkpoint has room for 64 signatures.
const WITNESSES_MAX: usize = 16;
const WAIT_MS: u64 = 2_000;
const WAIT_RANGE_MS: std::ops::RangeInclusive<u64> = 100..=30_000;

/// Fails when a witness has a key of the host itself.
pub(super) fn check_keys(witnesses: &Witnesses, of_host: &[VerifyingKey]) -> Result<(), Fault> {
    let same = |witness: &&Witness| of_host.iter().any(|key| witness.key.wraps(key));
    let Some(witness) = witnesses.all.iter().find(same) else { return Ok(()) };
    let what = format!(
        "witness `{}` has a key with which the host itself signs; a witness must be another party",
        witness.name
    );
    Err(Fault::new("deed.toml", 0, what))
}

pub(super) fn build(
    raw: &raw::Host,
    tenants: &BTreeMap<String, Arc<Tenant>>,
    here: &Source,
    faults: &mut Faults,
) -> Witnesses {
    let mut all: Vec<Witness> = Vec::new();
    for one in &raw.witness {
        match witness(one, &raw.log.origin, &all, tenants) {
            Ok(witness) => all.push(witness),
            Err((needle, what)) => faults.push(here.fault(needle, &what)),
        }
    }
    if all.len() > WITNESSES_MAX {
        let what =
            format!("there are {} [[witness]]; at most {WITNESSES_MAX} are allowed", all.len());
        faults.push(here.fault("[[witness]]", &what));
    }
    let (asked, wait) = (raw.log.witness_quorum, raw.log.witness_wait);
    let known = raw.witness.len();
    let quorum = asked.unwrap_or(known);
    if asked.is_some() && !(1..=known).contains(&quorum) {
        let what = format!("`witness_quorum` must be from 1 to {known}, the number of [[witness]]");
        let none = "`witness_quorum` requires a [[witness]]; add one";
        let what = if known == 0 { none } else { &what };
        faults.push(here.fault("witness_quorum", what));
    }
    let wait = wait.map_or(WAIT_MS, deed_record::contract::Duration::as_millis);
    if !WAIT_RANGE_MS.contains(&wait) {
        faults.push(here.fault("witness_wait", "`witness_wait` must be from 100ms to 30s"));
    }
    Witnesses { all, quorum, wait: Duration::from_millis(wait) }
}

/// Checks one `[[witness]]` table. Fails with the faulty text of the table and the reason.
fn witness<'a>(
    raw: &'a raw::Witness,
    origin: &str,
    others: &[Witness],
    tenants: &BTreeMap<String, Arc<Tenant>>,
) -> Result<Witness, (&'a str, String)> {
    let raw::Witness { name, vkey, url } = raw;
    // In a tlog-policy, `none` means no witness.
    if !id::is_name(name) || name == "none" {
        let what = format!(
            "`{name}` is not the name of a witness; use lower-case letters, digits, `_` and `-`"
        );
        return Err((name, what));
    }
    let key: WitnessKey = vkey.parse().map_err(|e| (vkey.as_str(), format!("`vkey`: {e}")))?;
    if !notify::is_fit(url) || url.contains('?') {
        let what = "`url` of a witness must be https://host/path (or http://127.0.0.1:port/path), without a user, \
                    password, query or fragment";
        return Err((url, what.to_owned()));
    }
    let mut people = tenants.values().flat_map(|tenant| &tenant.persons);
    let has_it = |(_, person): &(&String, &Person)| {
        person.keys.iter().filter_map(ApproverKey::ed25519).any(|k| key.wraps(k))
    };
    if let Some((person, _)) = people.find(has_it) {
        let what = format!(
            "witness `{name}` and person `{person}` have the same key; use a key for one purpose only"
        );
        return Err((vkey, what));
    }
    let twin = |other: &&Witness| {
        other.name == *name || other.key.name() == key.name() || other.key.wraps(key.public())
    };
    if let Some(other) = others.iter().find(twin) {
        let what = format!(
            "witnesses `{}` and `{name}` have the same name or key; each one needs its own",
            other.name
        );
        return Err((vkey, what));
    }
    if key.name().strip_prefix(origin).is_some_and(|rest| rest.starts_with('/')) {
        let what =
            format!("`vkey` has the name of a log, `{}`; a witness needs its own", key.name());
        return Err((vkey, what));
    }
    Ok(Witness { name: name.clone(), key, url: url.trim_end_matches('/').to_owned() })
}
