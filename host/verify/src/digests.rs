//! Checks that every other part of the container has the digest that the action or its signed receipt names.
//!
//! The parts of the container are only hashed here, not interpreted. A part that the receipt does not name is a fault.

use deed_record::action::Action;
use deed_record::bundle;
use deed_record::lifecycle::event::GrantRecord;
use deed_record::lifecycle::observation::Look;
use deed_record::policy::set_digest;
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;
use deed_spec::digest::Digest;
use deed_spec::json;

use super::opened::Opened;
use super::{Book, CONTRACT, EVIDENCE, Finding, Found, GRANT, POLICY_SET, QUESTION, pass};

/// Checks that contract, grant, policies, the request to the policies, and evidence are those that were signed.
pub(super) fn check(
    opened: &Opened,
    action: &Action,
    receipt: &Receipt,
    settled: Option<&Reconciliation>,
    book: &mut Book,
) -> bool {
    let hold = [
        book.note(CONTRACT, contract(opened, action)),
        book.note(GRANT, grant(opened, action, receipt)),
        book.note(POLICY_SET, policy_set(opened, receipt)),
        book.note(QUESTION, question(opened, receipt)),
        book.note(EVIDENCE, evidence(opened, receipt, settled)),
    ];
    hold.iter().all(|holds| *holds)
}

fn contract(opened: &Opened, action: &Action) -> Found {
    let found = Digest::of(opened.part(bundle::CONTRACT)?);
    if found == action.contract.digest {
        return pass(format!("{} {}, {found}", action.contract.name, action.contract.version));
    }
    Err(format!("contract.json is {found}, but the action names {}", action.contract.digest))
}

/// Compares the grant with the action. The grant needs no digest, because the signed receipt contains the grant.
fn grant(opened: &Opened, action: &Action, receipt: &Receipt) -> Found {
    let Some(granted) = &receipt.grant else {
        let absent = !opened.has(bundle::GRANT);
        return if absent { pass("nothing was granted") } else { Err(stray(bundle::GRANT)) };
    };
    if json::to_canonical(granted).ok().as_deref() != Some(opened.part(bundle::GRANT)?) {
        return Err("grant.json is not the grant of the receipt".to_owned());
    }
    let upstreams = self::granted(granted, action)?;
    pass(format!("contract, adapter and {upstreams} upstream(s) of the action"))
}

/// Checks that a grant is for this action, and returns its number of upstreams.
pub(super) fn granted(granted: &GrantRecord, action: &Action) -> Result<usize, String> {
    let GrantRecord { contract, adapter, upstreams, .. } = granted;
    if *contract != action.contract.digest || *adapter != action.adapter {
        return Err("the grant is not for the contract and adapter of the action".to_owned());
    }
    let binding = upstreams.iter().map(|(name, binding)| Ok((name.clone(), binding.digest()?)));
    let binding = binding.collect::<Result<_, json::NotCanonical>>().map_err(|e| e.to_string())?;
    if action.binding == binding {
        return Ok(binding.len());
    }
    Err("the grant is not for the upstreams of the action".to_owned())
}

fn policy_set(opened: &Opened, receipt: &Receipt) -> Found {
    const PARTS: [&str; 4] = [bundle::POLICIES, bundle::SCHEMA, bundle::ENTITIES, bundle::REQUEST];
    let Some(decision) = &receipt.decision else {
        let stray_part = PARTS.iter().find(|name| opened.has(name));
        return stray_part.map_or_else(|| pass("no policy was evaluated"), |name| Err(stray(name)));
    };
    let (text, schema) = (opened.text(bundle::POLICIES)?, opened.text(bundle::SCHEMA)?);
    let found = set_digest(text, schema).map_err(|e| e.to_string())?;
    if found == decision.policy_set {
        return pass(format!("policies and schema are those that decided, {found}"));
    }
    Err(format!("policies and schema are {found}, but the receipt names {}", decision.policy_set))
}

/// An agent's copy lacks `request.json` if that file would contain the state that the host read.
fn question(opened: &Opened, receipt: &Receipt) -> Found {
    let signed = match (&receipt.decision, &receipt.question) {
        (None, None) => return pass("no policy was evaluated"),
        (Some(_), Some(signed)) => signed,
        _ => return Err("the receipt has a decision or a question, but not both".to_owned()),
    };
    has_digest(opened, bundle::ENTITIES, &signed.entities_sha256)?;
    if opened.is_agents_copy() && signed.about_state {
        if opened.has(bundle::REQUEST) {
            return Err("request.json contains state, which this copy must omit".to_owned());
        }
        let why = "this copy has no request.json, because that file would contain state";
        return Ok(Finding::Skip(why.to_owned()));
    }
    has_digest(opened, bundle::REQUEST, &signed.request_sha256)?;
    pass("entities.json and request.json are those that were signed")
}

/// Checks the evidence. A bundle must have either all of the evidence or, if it is an agent's copy, none of it.
fn evidence(opened: &Opened, receipt: &Receipt, settled: Option<&Reconciliation>) -> Found {
    if opened.is_agents_copy() {
        let looks = [bundle::PRE, bundle::POST, bundle::LATER, bundle::REHEARSAL];
        let stray_look = looks.into_iter().find(|name| opened.has(name));
        return stray_look.map_or_else(
            || Ok(Finding::Skip("this copy has no evidence".to_owned())),
            |name| Err(format!("`{name}` is present without `{}`", bundle::EXCHANGES)),
        );
    }
    has_digest(opened, bundle::EXCHANGES, &receipt.exchanges_sha256)?;
    look(opened, bundle::PRE, receipt.pre.as_ref())?;
    look(opened, bundle::POST, receipt.post.as_ref())?;
    look(opened, bundle::LATER, settled.and_then(|one| one.look.as_ref()))?;
    let rehearsal = receipt.rehearsal.as_ref().map(|one| &one.evidence_sha256);
    part(opened, bundle::REHEARSAL, rehearsal)?;
    pass("observations, exchanges and rehearsal are those that were signed")
}

fn look(opened: &Opened, name: &str, signed: Option<&Look>) -> Result<(), String> {
    part(opened, name, signed.map(|look| &look.evidence_sha256))
}

/// Checks a part that is present if and only if a signed statement has its digest.
fn part(opened: &Opened, name: &str, signed: Option<&Digest>) -> Result<(), String> {
    match signed {
        Some(signed) => has_digest(opened, name, signed),
        None if opened.has(name) => Err(stray(name)),
        None => Ok(()),
    }
}

fn has_digest(opened: &Opened, name: &str, signed: &Digest) -> Result<(), String> {
    let found = Digest::of(opened.part(name)?);
    if found == *signed {
        return Ok(());
    }
    Err(format!("`{name}` is {found}, but the receipt names {signed}"))
}

fn stray(name: &str) -> String {
    format!("`{name}` is present, but the receipt does not name it")
}
