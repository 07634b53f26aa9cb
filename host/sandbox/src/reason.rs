//! Texts for people that say why a run did not do what the host asked for.
//!
//! These texts have no effect on the outcome. Observations and rehearsals cannot write, so their texts never report a
//! possible write, even if the guest claims one. If the upstream's answer is at fault, the text names the upstream and
//! not the adapter.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Fate};

use super::host_functions::extract::the_answer;

/// An answer from which a state could not be read.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The text for the guest.
    pub(super) told: String,
    /// The text for the operator.
    pub(super) why: String,
    /// Whether the cause is the content of an answer with a 2xx status.
    pub(super) of_content: bool,
}

/// Why an observation failed; `None` if it did not fail. If an upstream refused the credential, the text says so.
pub(super) fn of_look(
    claim: &Claim,
    timeout: Duration,
    misfits: &BTreeMap<String, Misfit>,
    exchanges: &[Exchange],
) -> Option<String> {
    let why = of_answers(claim, timeout, misfits, exchanges)?;
    let refused = exchanges.iter().find_map(Exchange::refused_credential);
    Some(match refused.filter(|text| !why.contains(*text)) {
        Some(text) => joined(&why, Some(text.to_owned())),
        None => why,
    })
}

fn of_answers(
    claim: &Claim,
    timeout: Duration,
    misfits: &BTreeMap<String, Misfit>,
    exchanges: &[Exchange],
) -> Option<String> {
    let said = match claim {
        Claim::Unavailable(text) | Claim::Unknown(text) => Some(unread(text, exchanges)),
        other => of_attempt(other, timeout),
    };
    let text = claimed(claim).unwrap_or_default();
    match misfits.values().next() {
        Some(misfit) if text.contains(&misfit.told) => Some(misfit.why.clone()),
        Some(misfit) => Some(joined(&misfit.why, not_at_fault(claim).or(said))),
        None if matches!(claim, Claim::Invalid(_) | Claim::Trapped(_)) => {
            let unusable = exchanges.iter().find_map(unusable);
            let both = |why: String| joined(&why, not_at_fault(claim).or_else(|| said.clone()));
            unusable.map(both).or(said)
        }
        None => said,
    }
}

/// Why a rehearsal failed; `None` if it did not fail. The agent sees this text before anybody agreed to the action, so
/// the text has nothing that the adapter says: the adapter may quote what it read.
pub(super) fn of_rehearsal(
    claim: &Claim,
    timeout: Duration,
    exchanges: &[Exchange],
) -> Option<String> {
    let failed = exchanges.iter().rfind(|entry| !entry.is_success());
    let said = match claim {
        Claim::Done | Claim::TimedOut | Claim::Lost => return of_attempt(claim, timeout),
        Claim::Refused(_) => "the adapter reports that the upstream refused".to_owned(),
        Claim::Unavailable(_) | Claim::Unknown(_) => match failed {
            Some(entry) => format!("upstream `{}` could not be read", entry.request.upstream),
            None => "the adapter reports that the upstream could not be read".to_owned(),
        },
        Claim::Invalid(_) => "the adapter cannot serve this action".to_owned(),
        Claim::Trapped(text) => {
            // Other texts than those of traps may have a number that the adapter chose, such as that of a log level.
            let trap = text.split(Claim::LAST_WORDS).next().unwrap_or_default();
            match trap.strip_prefix("wasm trap: ") {
                Some(_) => format!("the adapter was stopped: {trap}"),
                None => "the adapter was stopped".to_owned(),
            }
        }
    };
    let seen = exchanges.iter().find_map(unusable).or_else(|| failed.map(unanswered));
    let seen = seen.map(|seen| format!("; {seen}")).unwrap_or_default();
    Some(format!("{said}{seen}; `evidence/rehearsal.json` has the text of the adapter"))
}

/// What the host saw of a read that failed.
fn unanswered(entry: &Exchange) -> String {
    match entry.fate {
        Fate::Answered { status } => format!("{} has the status {status}", the_answer(entry)),
        Fate::NotSent | Fate::NoAnswer => format!("{} did not arrive", the_answer(entry)),
    }
}

/// Why an attempt did not do what was asked, according to its guest or the host; `None` if it did.
pub(super) fn of_attempt(claim: &Claim, timeout: Duration) -> Option<String> {
    Some(match claim {
        Claim::Done => return None,
        Claim::Refused(text) => format!("the adapter reports that the upstream refused: {text}"),
        Claim::Unavailable(text) => {
            format!("the adapter reports that the upstream was not available: {text}")
        }
        Claim::Unknown(text) => format!("the adapter reports that a write may have landed: {text}"),
        Claim::Invalid(text) => format!("the adapter cannot serve this action: {text}"),
        Claim::Trapped(text) => format!("the adapter was stopped: {text}"),
        Claim::TimedOut => format!("the adapter did not end within {} ms", timeout.as_millis()),
        Claim::Lost => "the host stopped while the adapter ran".into(),
    })
}

/// The report of an adapter that gave up because of an answer that was at fault. The text therefore does not say that
/// the adapter failed.
fn not_at_fault(claim: &Claim) -> Option<String> {
    match claim {
        Claim::Invalid(text) => Some(format!("the adapter reports: {text}")),
        _ => None,
    }
}

/// Names the upstream if the host saw an exchange fail. If the host saw no failed exchange, the text only repeats the
/// guest's claim.
fn unread(text: &str, exchanges: &[Exchange]) -> String {
    let failed = |entry: &&Exchange| !entry.is_success();
    match exchanges.iter().rfind(failed) {
        Some(entry) => format!("upstream `{}` could not be read: {text}", entry.request.upstream),
        None => format!("the adapter reports that the upstream could not be read: {text}"),
    }
}

/// The reason if the host could not decode a successful answer. A guest cannot conclude anything from an answer that
/// the host could not decode.
fn unusable(entry: &Exchange) -> Option<String> {
    let problem = entry.problem.as_ref()?;
    let is_success = matches!(entry.fate, Fate::Answered { status: 200..=299 });
    is_success.then(|| format!("{} cannot be used: {problem}", the_answer(entry)))
}

fn joined(why: &str, said: Option<String>) -> String {
    said.map_or_else(|| why.to_owned(), |said| format!("{why}; {said}"))
}

fn claimed(claim: &Claim) -> Option<&str> {
    match claim {
        Claim::Refused(text)
        | Claim::Unavailable(text)
        | Claim::Unknown(text)
        | Claim::Invalid(text)
        | Claim::Trapped(text) => Some(text),
        Claim::Done | Claim::TimedOut | Claim::Lost => None,
    }
}

#[cfg(test)]
mod tests;
