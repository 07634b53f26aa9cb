//! Checks one action by rebuilding its story from its records. Every event must be allowed after the previous event,
//! every envelope must have a permitted signer, every named document must be stored, and every record's summary must be
//! correct.

use deed_record::lifecycle::event::{Entry, Event, Leaf};
use deed_record::lifecycle::story::Story;
use deed_record::plan::{Plan, Rehearsal};
use deed_record::statement::approval::Ask;
use deed_record::statement::approver::ApproverKey;
use deed_record::statement::envelope::{Kind, Statement};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_store::journal::{self, Place};
use deed_store::store::Summary;

use super::{Check, LogReference, Records};
use crate::engine::{activate, stories};

pub(super) fn check(check: &mut Check, action: &str, records: &Records) {
    let mut story = None;
    for (place, summary) in records {
        if let Err(what) = record(check, *place, summary, action, &mut story) {
            // The check of this action ends here, because all later records of the action depend on the faulty one.
            check.at(*place, action, what);
            break;
        }
    }
    if let Some(story) = story {
        check.found.open += u64::from(!story.status.is_final());
    }
}

fn record(
    check: &mut Check,
    place: Place,
    summary: &Summary,
    action: &str,
    story: &mut Option<Story>,
) -> Result<(), String> {
    let events = journal::read_at(&check.state, place).map_err(|e| e.to_string())?;
    for bytes in events {
        let entry: Entry = serde_json::from_slice(&bytes)
            .map_err(|e| format!("it contains an event of another format: {e}"))?;
        let now = match story.as_mut() {
            None => {
                story.insert(Story::fold(std::slice::from_ref(&entry)).map_err(|e| e.to_string())?)
            }
            Some(story) => {
                story.apply(&entry).map_err(|e| e.to_string())?;
                story
            }
        };
        for what in wrong(check, now, &entry.event, place) {
            check.at(place, action, what);
        }
    }
    let Some(story) = story else { return Ok(()) };
    if story.bound.action.id.as_str() != action {
        return Err(format!("its events belong to action {}", story.bound.action.id));
    }
    if stories::summary(story) != *summary {
        return Err("its summary of the action does not match its events".to_owned());
    }
    Ok(())
}

/// The party whose signature an envelope needs.
#[derive(Clone, Copy)]
enum By {
    Host,
    Person,
}

/// What is wrong with the last event of a story.
fn wrong(check: &mut Check, story: &Story, event: &Event, place: Place) -> Vec<String> {
    let found = match event {
        Event::Proposed { bound, .. } => document(check, bound.action.contract.digest, "contract"),
        Event::Decided { decision, activated, .. } => {
            let lost = !check.activations.contains(activated);
            let lost =
                lost.then(|| format!("the activation {activated} that it names is not stored"));
            document(check, decision.policy_set, "policy set").or(lost)
        }
        Event::Rehearsed { rehearsal } => unclear(rehearsal),
        Event::Asked { ask } => other_plan(story, ask),
        Event::Answered { answer } => {
            envelope(check, story, &answer.envelope, Kind::Approval, By::Person)
        }
        Event::AttemptStarted { decision, .. } => {
            envelope(check, story, decision, Kind::Decision, By::Host)
        }
        Event::Sealed { envelope: sealed } => {
            let signed = envelope(check, story, sealed, Kind::Receipt, By::Host);
            signed.or_else(|| contents(story, sealed))
        }
        Event::Resolved { envelope: word, .. } => {
            envelope(check, story, word, Kind::Reconciliation, By::Person)
        }
        Event::Reconciled { envelope: settled } => {
            envelope(check, story, settled, Kind::Reconciliation, By::Host)
        }
        Event::Logged { leaves, checkpoint } => claim(check, story, leaves, checkpoint, place),
        _ => None,
    };
    found.into_iter().collect()
}

fn document(check: &Check, digest: Digest, what: &str) -> Option<String> {
    let kept = check.payloads.contains(&digest.hex());
    (!kept).then(|| format!("the {what} {digest} that it names is not stored or was changed"))
}

/// A rehearsal has either a plan or the reason why there is none.
fn unclear(rehearsal: &Rehearsal) -> Option<String> {
    let is_clear = rehearsal.plan.is_some() != rehearsal.problem.is_some();
    let what = "its rehearsal must have either a plan or the reason why there is no plan";
    (!is_clear).then(|| what.to_owned())
}

/// People are asked about the plan of the latest rehearsal.
fn other_plan(story: &Story, ask: &Ask) -> Option<String> {
    let plan = story.plan().map(Plan::digest).transpose();
    let same = plan.is_ok_and(|digest| digest == ask.plan);
    let what = "its request for approval names another plan than its latest rehearsal";
    (!same).then(|| what.to_owned())
}

/// Checks that the envelope is signed by a permitted key and is about this action. Also notes the envelope's log entry
/// as one that belongs to a story.
fn envelope(
    check: &mut Check,
    story: &Story,
    envelope: &Envelope,
    kind: Kind,
    by: By,
) -> Option<String> {
    let action = &story.bound.action;
    if let Ok(digest) = envelope.payload_digest() {
        let references = check.tenants.entry(action.tenant.clone()).or_default();
        references.entries.insert(deed_record::lifecycle::event::entry(kind.as_str(), &digest));
    }
    let signer = match by {
        By::Host => "a key of this host",
        By::Person => "a person who was allowed to sign it",
    };
    let Some(statement) = opened(check, envelope, kind, by) else {
        return Some(format!("its {} is not signed by {signer}", kind.as_str()));
    };
    let same = action.digest().is_ok_and(|digest| digest == statement.action);
    (!same).then(|| format!("its {} is about another action", kind.as_str()))
}

/// The statement in an envelope; `None` if no permitted key signed it. Passkeys sign approvals only.
fn opened(check: &Check, envelope: &Envelope, kind: Kind, by: By) -> Option<Statement> {
    let by_host = |key| Statement::open(envelope, key, kind).ok();
    let by_person = |key| Statement::open_by(envelope, key, kind).ok();
    let may = |key: &&ApproverKey| kind == Kind::Approval || key.passkey().is_none();
    match by {
        By::Host => check.receipt_keys.iter().find_map(by_host),
        By::Person => check.people.iter().filter(may).find_map(by_person),
    }
}

/// Compares the outcome, the rehearsal and the exchanges in the receipt with those in the story.
fn contents(story: &Story, sealed: &Envelope) -> Option<String> {
    let statement = match Statement::unverified(sealed, Kind::Receipt) {
        Ok(statement) => statement,
        Err(error) => return Some(format!("its receipt cannot be read: {error}")),
    };
    let receipt: Receipt = match json::from_exact(statement.predicate) {
        Ok(receipt) => receipt,
        Err(error) => return Some(format!("its receipt cannot be read: {error}")),
    };
    let judged = story.judgement.as_ref().map(|judgement| judgement.outcome);
    if judged != Some(receipt.outcome) {
        return Some("its receipt and its events have different outcomes".to_owned());
    }
    let rehearsal = story.rehearsal.as_deref().map(Rehearsal::summary).transpose();
    if !rehearsal.is_ok_and(|summary| summary == receipt.rehearsal) {
        return Some("its receipt and its events have different rehearsals".to_owned());
    }
    let exchanges = json::to_canonical(&story.attempts).map(|bytes| Digest::of(&bytes));
    let same = exchanges.is_ok_and(|digest| digest == receipt.exchanges_sha256);
    (!same).then(|| "its receipt and its events have different exchanges".to_owned())
}

/// Notes what the story states about the log, and checks that the stated leaves are those of the story's envelopes.
fn claim(
    check: &mut Check,
    story: &Story,
    leaves: &[Leaf],
    checkpoint: &str,
    place: Place,
) -> Option<String> {
    let action = story.bound.action.id.to_string();
    let references = check.tenants.entry(story.bound.action.tenant.clone()).or_default();
    for leaf in leaves {
        let (index, entry, kind) = (leaf.index, leaf.entry(), leaf.kind.clone());
        references.leaves.push(LogReference { index, entry, kind, place, action: action.clone() });
    }
    references.notes.entry(checkpoint.to_owned()).or_insert((place, action));
    let expected = match activate::leaves(story) {
        Ok(expected) => expected,
        Err(error) => return Some(error.to_string()),
    };
    let names = |leaf: &Leaf| (leaf.kind.clone(), leaf.payload);
    let same = expected.iter().map(names).eq(leaves.iter().map(names));
    (!same).then(|| "its leaves do not match its envelopes".to_owned())
}
