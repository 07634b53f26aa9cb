//! The ledger, which tells people the story of one action with one plain sentence for each event.
//!
//! The lines are in the order of the journal's entries. No line contains a state value, and no line contains text from
//! an adapter until the action has ended.

use std::borrow::Cow;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exchange::claim::Claim;
use crate::exchange::{Exchange, Fate, Rendered, beyond_grant};
use crate::lifecycle::event::{Answer, Attempt, Entry, Event, GrantRecord, Leaf, Phase};
use crate::lifecycle::observation::Observation;
use crate::lifecycle::outcome::Judgement;
use crate::policy::{Decision, NOT_PERMITTED, Obligation, Verdict};

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
    };
    let before = std::iter::once(None).chain(entries.iter().map(Some));
    let line = |(entry, before): (&Entry, Option<&Entry>)| Line {
        at_ms: entry.at_ms,
        event: entry.event.name().to_owned(),
        text: teller.sentence(&entry.event, before.map(|entry| &entry.event)),
    };
    entries.iter().zip(before).map(line).collect()
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

/// Formats Unix milliseconds as a UTC time for people, truncated to the second, such as `2026-11-20 22:07:47Z`.
pub fn utc(at_ms: i64) -> String {
    let seconds = at_ms.div_euclid(1000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// Parses a time that [`utc`] formats, in Unix milliseconds. As in RFC 3339, `T` may replace the space.
pub fn from_utc(text: &str) -> Option<i64> {
    let text = text.replacen('T', " ", 1);
    let (date, time) = text.strip_suffix('Z')?.split_once(' ')?;
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let at_ms = seconds * 1000;
    // A text with a date or time that does not exist, or in another form, is not what this time is formatted as.
    (utc(at_ms) == text).then_some(at_ms)
}

/// Three numbers that are small enough for a date or a time.
fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| part.parse::<u16>().ok().map(i64::from));
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// The parts of the story that the sentence for an event depends on.
struct Teller<'a> {
    ended: bool,
    settled_by: &'static str,
    perform: Cow<'a, [Rendered]>,
}

impl Teller<'_> {
    fn sentence(&self, event: &Event, before: Option<&Event>) -> String {
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
            Event::Asked { ask } => {
                let wanted = obligations(&ask.obligations);
                format!("asked for {wanted}, until {}", utc(ask.expires_ms))
            }
            Event::Answered { answer } => answered(answer),
            Event::Stale { reason } => format!("the approvals so far are void: {reason}"),
            Event::Cleared { grant } => cleared(grant),
            Event::AttemptStarted { n, deadline_ms, .. } => {
                format!("attempt {n} started; it must end by {}", utc(*deadline_ms))
            }
            Event::WriteIntended { request_sha256, .. } => self.intended(*request_sha256),
            Event::WriteEnded { exchange, .. } => {
                let (r, fate) = (&exchange.request, fate(exchange.fate));
                format!("{} {} to {}: {fate}", r.method, r.path, r.upstream)
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

    fn intended(&self, digest: Digest) -> String {
        let fits =
            |r: &&Rendered| json::to_canonical(r).is_ok_and(|bytes| Digest::of(&bytes) == digest);
        match self.perform.iter().find(fits) {
            Some(r) => format!(
                "about to send {} {} to {}; this was on disk before the first byte was sent",
                r.method, r.path, r.upstream
            ),
            None => {
                "about to send a write; this was on disk before the first byte was sent".to_owned()
            }
        }
    }

    fn attempted(&self, attempt: &Attempt) -> String {
        let sent = match exchanges(&attempt.exchanges, Some("sent ")) {
            sent if sent.is_empty() => "nothing was sent".to_owned(),
            sent => sent,
        };
        let reached = match beyond_grant(&attempt.refused, &attempt.exchanges).count() {
            0 => String::new(),
            n => format!("; {n} request(s) outside its grant were refused"),
        };
        format!("{sent}; {}{}{reached}", self.claimed(&attempt.claim), landed(attempt))
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

fn proposed(event: &Event) -> String {
    let Event::Proposed { bound, .. } = event else { return String::new() };
    let action = &bound.action;
    let whom =
        action.on_behalf_of.as_ref().map(|who| format!(", on behalf of {who}")).unwrap_or_default();
    format!(
        "agent {}, for whom {} is responsible{whom}, asked for {} {} on {} in {}",
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
    format!("{} {said} it as {}, with a signature", answer.person, answer.role)
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
            Some(verb) => format!("{verb}{} {} to {}: {fate}", r.method, r.path, r.upstream),
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

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar.
///
/// In this algorithm, a year begins on 1 March, so that the leap day is the last day of the year. An era is 400 years,
/// which always have 146,097 days in total.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The count of days since 1970-01-01 of a date: the reverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests;
