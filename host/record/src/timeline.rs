//! The ledger, which tells people the story of one action with one plain sentence for each event.
//!
//! The lines are in the order of the journal's entries. No line contains a state value, and no line contains text from
//! an adapter until the action has ended.

mod missing;
mod time;

use std::borrow::Cow;
use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::missing::missing;
pub use self::time::{from_utc, utc};
use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, Fate, Rendered, beyond_grant};
use crate::lifecycle::event::{Answer, Attempt, Deferral, Entry, Event, GrantRecord, Leaf, Phase};
use crate::lifecycle::observation::Observation;
use crate::lifecycle::outcome::Judgement;
use crate::plan::{Plan, Rehearsal};
use crate::policy::{CONFIRM, Decision, NOT_PERMITTED, Obligation, Verdict};

/// The ledger of a story, whose lines may contain untrusted text, so escape them before writing them to a terminal.
pub fn tell(entries: &[Entry]) -> Vec<Line> {
    let teller = Teller {
        ended: entries.iter().any(|entry| matches!(entry.event, Event::Logged { .. })),
        settled_by: if entries.iter().any(|e| matches!(e.event, Event::Resolved { .. })) {
            "settled after that resolution"
        } else {
            "a later look settled it"
        },
        perform: writes(entries),
        planned: planned(entries),
    };
    let line = |(n, entry): (usize, &Entry)| Line {
        at_ms: entry.at_ms,
        event: entry.event.name().to_owned(),
        text: teller.sentence(&entry.event, entries.get(..n).unwrap_or_default()),
    };
    entries.iter().enumerate().map(line).collect()
}

/// One event as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// The event's name in the journal, such as `attempt_started`.
    pub event: String,
    /// The sentence, which may contain untrusted text, so escape it before showing it on a terminal or a page.
    pub text: String,
}

/// The parts of the story that the sentence for an event depends on.
struct Teller<'a> {
    ended: bool,
    settled_by: &'static str,
    perform: Cow<'a, [Rendered]>,
    /// The writes of plans and of attempts along them, by digest; empty if the contract is closed.
    planned: BTreeMap<Digest, String>,
}

impl Teller<'_> {
    fn sentence(&self, event: &Event, earlier: &[Entry]) -> String {
        let before = earlier.last().map(|entry| &entry.event);
        match event {
            Event::Proposed { .. } => proposed(event),
            Event::Decided { gate, decision, .. } => decided(*gate, decision),
            // Two starts in a row mean that the first observation gave no result: it failed for a reason that may pass,
            // or the host was restarted.
            Event::ObserveStarted { phase } if matches!(before, Some(Event::ObserveStarted { phase: last }) if last == phase) =>
            {
                format!("{}; the look before it gave no result", looking(*phase))
            }
            Event::ObserveStarted { phase } => looking(*phase).to_owned(),
            Event::Observed { observation, .. } => self.observed(observation),
            Event::Rehearsed { rehearsal } => self.rehearsed(rehearsal),
            Event::Asked { ask } => {
                let wanted = obligations(&ask.obligations);
                format!("asked for {wanted}, until {}", utc(ask.expires_ms))
            }
            Event::Answered { answer } => answered(answer),
            Event::Deferred { deferral } => deferred(deferral),
            Event::Stale { reason } if was_asked(earlier) => {
                format!("the approvals so far are void: {reason}")
            }
            Event::Stale { reason } => reason.clone(),
            Event::Cleared { grant } => cleared(grant),
            Event::AttemptStarted { n, deadline_ms, .. } => {
                format!("attempt {n} started; it must end by {}", utc(*deadline_ms))
            }
            Event::WriteIntended { request_sha256, .. } => self.intended(*request_sha256),
            Event::WriteEnded { exchange, .. } => {
                let (r, fate) = (&exchange.request, fate(exchange.fate));
                let carried = exchange
                    .carried_from
                    .map(|n| format!("; attempt {n} sent it, and it was not sent again"));
                let carried = carried.unwrap_or_default();
                let secrets: String = exchange
                    .secrets
                    .iter()
                    .flat_map(|secret| ["; ".to_owned(), secret.to_string()])
                    .collect();
                format!("{} {} to {}: {fate}{carried}{secrets}", r.method, r.path, r.upstream)
            }
            Event::AttemptEnded { attempt } => self.attempted(attempt),
            Event::RetryPlanned { reason, not_before_ms } => {
                format!("it is tried again, not before {}: {reason}", utc(*not_before_ms))
            }
            Event::CancelRequested { by } => format!("{by} asked to cancel it"),
            Event::Judged { judgement } => self.judged(judgement),
            Event::Sealed { envelope } => match envelope.payload_digest() {
                Ok(digest) => format!("the receipt was signed ({digest})"),
                Err(_) => "the receipt was signed".to_owned(),
            },
            Event::Escalated { reason } => format!(
                "looks do not settle it: {reason}; an operator must resolve it: `deed resolve ACTION \
                 applied|not-applied|retry`"
            ),
            Event::Resolved { resolution, .. } => {
                format!("{}, with a signature: {}", resolution.words(), resolution.reason)
            }
            Event::Settled { judgement, .. } => {
                let (outcome, reason) = (judgement.outcome.as_str(), &judgement.reason);
                format!("{}: {outcome}: {reason}", self.settled_by)
            }
            Event::Reconciled { .. } => "the reconciliation was signed".to_owned(),
            Event::Logged { leaves, .. } => logged(leaves),
        }
    }

    fn observed(&self, look: &Observation) -> String {
        let text = match exchanges(&look.exchanges, None) {
            seen if seen.is_empty() => "looked, and no request was made".to_owned(),
            seen => format!("looked at {seen}"),
        };
        match &look.problem {
            Some(problem) if self.ended => format!("{text}; the look does not count: {problem}"),
            Some(_) => format!("{text}; the look does not count"),
            None => text,
        }
    }

    /// The plan of a rehearsal, or why there is none. The reason may quote the adapter, so it is left out until the
    /// action has ended.
    fn rehearsed(&self, rehearsal: &Rehearsal) -> String {
        let read = match exchanges(&rehearsal.exchanges, None) {
            seen if seen.is_empty() => String::new(),
            seen => format!(", with {seen}"),
        };
        let found = match (&rehearsal.plan, &rehearsal.problem) {
            (Some(plan), _) => plan_of(plan),
            (None, Some(problem)) if self.ended => format!("there is no plan: {problem}"),
            (None, _) => "there is no plan".to_owned(),
        };
        format!("rehearsed{read}; no write was sent; {found}")
    }

    fn intended(&self, digest: Digest) -> String {
        let fits = |r: &&Rendered| digest_of(r) == Some(digest);
        let known = || self.perform.iter().find(fits).map(target);
        let what = self.planned.get(&digest).cloned().or_else(known);
        let what = what.unwrap_or_else(|| "a write".to_owned());
        format!("about to send {what}; this was on disk before the first byte was sent")
    }

    fn attempted(&self, attempt: &Attempt) -> String {
        let sent = match exchanges(&attempt.exchanges, Some("sent ")) {
            sent if sent.is_empty() => "nothing was sent".to_owned(),
            sent => sent,
        };
        let reached = self.reached(attempt);
        format!("{sent}; {}{}{reached}", self.claimed(&attempt.claim), landed(attempt))
    }

    /// The requests that the host refused. If there is a plan, the first of them says where the attempt left the plan.
    /// The text may quote the adapter, so it is left out until the action has ended, and it is left out if the adapter
    /// reports the same.
    fn reached(&self, attempt: &Attempt) -> String {
        let refused = || beyond_grant(&attempt.refused, &attempt.exchanges);
        let is_told = |why: &str| attempt.claim.words().is_some_and(|words| words.contains(why));
        let first = refused().next().filter(|_| self.ended && !self.planned.is_empty());
        let first = first.filter(|why| !is_told(why));
        match (refused().count(), first) {
            (0, _) => String::new(),
            (1, None) if !self.planned.is_empty() => "; the host refused a request".to_owned(),
            (n, None) if !self.planned.is_empty() => format!("; the host refused {n} requests"),
            (n, None) => format!("; {n} request(s) outside its grant were refused"),
            (1, Some(why)) => format!("; the host refused a request: {why}"),
            (n, Some(why)) => format!("; the host refused {n} requests, the first because: {why}"),
        }
    }

    /// What the adapter reported. The adapter's text is left out until the action has ended, because it may contain
    /// state values.
    fn claimed(&self, claim: &Claim) -> String {
        let (plain, words) = match claim {
            Claim::Done => ("the adapter reports that it is done", None),
            Claim::Refused(words) => ("the adapter reports that it was refused", Some(words)),
            Claim::Unavailable(words) => {
                ("the adapter reports that the upstream was not available", Some(words))
            }
            Claim::Unknown(words) => {
                ("the adapter reports that it does not know what happened", Some(words))
            }
            Claim::Invalid(words) => ("the adapter reports that its input is invalid", Some(words)),
            Claim::Trapped(words) => ("the adapter crashed", Some(words)),
            Claim::TimedOut => ("the adapter exceeded its time limit and was stopped", None),
            Claim::Lost => ("the host stopped while it ran", None),
        };
        match words.filter(|_| self.ended) {
            Some(words) => format!("{plain}: {words}"),
            None => plain.to_owned(),
        }
    }

    fn judged(&self, judgement: &Judgement) -> String {
        if self.ended {
            format!("{}: {}", judgement.outcome.as_str(), judgement.reason)
        } else {
            "the outcome was judged; the receipt follows".to_owned()
        }
    }
}

/// A note for an attempt whose adapter reports `unavailable`, if an earlier write of the attempt was carried out or got
/// no definite response.
fn landed(attempt: &Attempt) -> &'static str {
    let of_it = attempt.exchanges.iter().filter(|exchange| exchange.carried_from.is_none());
    let mut landed = of_it.filter(|exchange| exchange.is_done() || exchange.is_open());
    match attempt.claim {
        Claim::Unavailable(_) if landed.next().is_some() => {
            "; an earlier write of this attempt may have landed"
        }
        _ => "",
    }
}

/// The requests of `perform`. A request that contains values of the state occurs in the list once for every observed
/// state.
fn writes(entries: &[Entry]) -> Cow<'_, [Rendered]> {
    let bound = entries.iter().find_map(|entry| match &entry.event {
        Event::Proposed { bound, .. } => Some(bound),
        _ => None,
    });
    let Some(bound) = bound else { return Cow::Borrowed(&[]) };
    if bound.perform.iter().all(|rule| rule.pre.is_empty()) {
        return Cow::Borrowed(&bound.perform);
    }
    let states = entries.iter().filter_map(|entry| match &entry.event {
        Event::Observed { observation, .. } => Some(observation.value()),
        _ => None,
    });
    let states: Vec<Value> = states.collect();
    let filled = |state: &Value| {
        let filled = bound.perform.iter().filter_map(|rule| rule.with_state(state).ok());
        filled.collect::<Vec<_>>()
    };
    Cow::Owned(states.iter().flat_map(filled).collect())
}

/// The writes of all plans, and the writes that attempts along them sent, in which values of answers are filled in.
fn planned(entries: &[Entry]) -> BTreeMap<Digest, String> {
    let mut found = BTreeMap::new();
    let mut add = |request: &Rendered| {
        if let Some(digest) = digest_of(request) {
            found.insert(digest, target(request));
        }
    };
    let mut is_open = false;
    for entry in entries {
        match &entry.event {
            Event::Rehearsed { rehearsal } => {
                is_open = true;
                let writes = rehearsal.plan.iter().flat_map(|plan| &plan.writes);
                writes.for_each(|write| add(&write.request));
            }
            Event::WriteEnded { exchange, .. } if is_open => add(&exchange.request),
            _ => {}
        }
    }
    found
}

fn digest_of(request: &Rendered) -> Option<Digest> {
    json::to_canonical(request).ok().map(|bytes| Digest::of(&bytes))
}

/// A request, such as `PATCH /Users/1 to idp`.
fn target(request: &Rendered) -> String {
    format!("{} {} to {}", request.method, request.path, request.upstream)
}

/// The maximum number of writes of a plan that a sentence names.
const NAMED_MAX: usize = 10;

fn plan_of(plan: &Plan) -> String {
    let count = plan.writes.len();
    let named = plan.writes.iter().take(NAMED_MAX).map(|write| target(&write.request));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match count.saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match count {
        0 => "the plan has no write".to_owned(),
        1 => format!("the plan has 1 write: {named}"),
        _ => format!("the plan has {count} writes: {named}{more}"),
    }
}

fn proposed(event: &Event) -> String {
    let Event::Proposed { bound, .. } = event else { return String::new() };
    let action = &bound.action;
    let whom =
        action.on_behalf_of.as_ref().map(|who| format!(", on behalf of {who}")).unwrap_or_default();
    let changed = action.edit.as_ref().map(|edit| {
        let editors: Vec<&str> = edit.edited_by.iter().map(String::as_str).collect();
        format!("{} changed {}: ", editors.join(" and "), edit.replaces)
    });
    format!(
        "{}agent {}, for whom {} is responsible{whom}, asked for {} {} on {} in {}",
        changed.unwrap_or_default(),
        action.principal,
        action.person,
        action.contract.name,
        action.contract.version,
        action.resource,
        action.environment
    )
}

fn decided(gate: bool, decision: &Decision) -> String {
    let when = if gate { "at the gate, policy" } else { "policy" };
    let text = match decision.verdict {
        Verdict::Allow => format!("{when} allowed it{}", policies(&decision.determining)),
        Verdict::Ask => format!("{when} asked for {}", obligations(&decision.obligations)),
        Verdict::Deny => {
            let reason =
                decision.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            if is_of_the_host(decision) {
                let when = if gate { "at the gate, the host" } else { "the host" };
                return format!("{when} refused it{reason}");
            }
            format!("{when} denied it{}{reason}", policies(&decision.determining))
        }
    };
    if decision.errors.is_empty() {
        text
    } else {
        format!("{text}; policy errors: {}", decision.errors.join("; "))
    }
}

/// Whether the host denies the action regardless of policy, for example if a proposal names too few sources.
fn is_of_the_host(decision: &Decision) -> bool {
    decision.errors.is_empty()
        && decision.determining.is_empty()
        && decision.reason.as_ref().is_some_and(|reason| reason != NOT_PERMITTED)
}

fn policies(ids: &[String]) -> String {
    match ids {
        [] => String::new(),
        [one] => format!(" (policy {one})"),
        many => format!(" (policies {})", many.join(", ")),
    }
}

fn obligations(wanted: &[Obligation]) -> String {
    let one = |o: &Obligation| {
        if o.is_confirmation() {
            return format!("a confirmation by the responsible person (policy {})", o.policy);
        }
        let plural = if o.count == 1 { "" } else { "s" };
        format!("{} approval{plural} by {} (policy {})", o.count, o.role, o.policy)
    };
    wanted.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn looking(phase: Phase) -> &'static str {
    match phase {
        Phase::Pre => "started to look at the state before the action",
        Phase::Gate => "started to look again, directly before the attempt",
        Phase::Post => "started to look at the state after the attempt",
    }
}

fn answered(answer: &Answer) -> String {
    let said = if answer.approves { "approved" } else { "denied" };
    let how = if answer.envelope.assertion().is_some() { "by passkey" } else { "with a signature" };
    if answer.role == CONFIRM {
        let said = if answer.approves { "confirmed it" } else { "declined to confirm it" };
        return format!("{} {said}, {how}", answer.person);
    }
    let whose = answer.delegated_by.as_ref();
    let whose = whose.map(|from| format!(" for {from}")).unwrap_or_default();
    format!("{} {said} it as {}{whose}, {how}", answer.person, answer.role)
}

fn deferred(Deferral { person, reason, until_ms }: &Deferral) -> String {
    format!("{person} put the request off until {}: {reason}", utc(*until_ms))
}

/// The sentence about a deferral for readers who do not see who put the request off, and why.
pub fn deferred_by_somebody(deferral: &Deferral) -> String {
    format!("an approver put the request off until {}", utc(deferral.until_ms))
}

fn cleared(grant: &GrantRecord) -> String {
    let upstreams = grant.upstreams.keys().cloned().collect::<Vec<_>>().join(", ");
    format!(
        "the gate was passed: it may run once, with only {upstreams}, for at most {} ms",
        grant.timeout_ms
    )
}

fn logged(leaves: &[Leaf]) -> String {
    let latest =
        leaves.iter().rfind(|leaf| ["receipt", "reconciliation"].contains(&leaf.kind.as_str()));
    match latest {
        Some(leaf) => format!("the {} is entry {} of the log", leaf.kind, leaf.index),
        None => "its envelopes are in the log".to_owned(),
    }
}

/// Whether people were asked, and their answers have not become void yet.
fn was_asked(earlier: &[Entry]) -> bool {
    let last = earlier
        .iter()
        .rfind(|entry| matches!(entry.event, Event::Asked { .. } | Event::Stale { .. }));
    last.is_some_and(|entry| matches!(entry.event, Event::Asked { .. }))
}

/// Lists exchanges, such as `idp: GET /Users/1 answered 200; …`. If a verb such as `sent` is given, an item reads
/// `sent PATCH /Users/1 to idp: answered 204`.
fn exchanges(all: &[Exchange], verb: Option<&str>) -> String {
    let one = |e: &Exchange| {
        let (r, fate) = (&e.request, fate(e.fate));
        if let Some(n) = e.carried_from {
            return format!("{} {} to {} was done by attempt {n}", r.method, r.path, r.upstream);
        }
        match verb {
            None => format!("{}: {} {} {fate}", r.upstream, r.method, r.path),
            Some(_) if e.fate == Fate::NotSent => {
                format!("{} {} to {}: {fate}", r.method, r.path, r.upstream)
            }
            Some(verb) => {
                let why = e.refused_credential().map(|why| format!("; {why}")).unwrap_or_default();
                format!("{verb}{} {} to {}: {fate}{why}", r.method, r.path, r.upstream)
            }
        }
    };
    all.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The fate of a request in words.
pub fn fate(fate: Fate) -> String {
    match fate {
        Fate::NotSent => "was not sent".to_owned(),
        Fate::NoAnswer => "got no answer, and may have arrived".to_owned(),
        Fate::Answered { status } => format!("answered {status}"),
    }
}

#[cfg(test)]
mod tests;
