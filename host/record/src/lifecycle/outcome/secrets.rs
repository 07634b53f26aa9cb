//! Secrets that an upstream created, or may have created. An action is not verified if the host does not have them,
//! because their values cannot be read again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Judgement, Outcome};
use crate::exchange::meaning::Meaning;
use crate::exchange::{Exchange, Fate};

/// What to do about a secret that the host does not have.
const REMEDY: &str =
    "delete what was created at the upstream, and propose the action again to get another secret";

/// Adds to a judgement which secrets the host has, and which it does not have.
pub(super) fn with_lost(exchanges: &[&Exchange], judgement: Judgement) -> Judgement {
    let stored = stored(exchanges);
    let Lost { created, answered, unanswered } = lost(exchanges, &stored);
    let reason = why(&created, &answered, &unanswered);
    match judgement.outcome {
        Outcome::Verified if !reason.is_empty() => {
            let (outcome, outputs) = (Outcome::Mismatch, BTreeMap::new());
            Judgement { outcome, reason: with_stored(&reason, &stored), outputs, ..judgement }
        }
        Outcome::Verified => judgement,
        _ if created.is_empty() => {
            Judgement { reason: with_stored(&judgement.reason, &stored), ..judgement }
        }
        _ => {
            let reason = format!("{}; {reason}", judgement.reason);
            Judgement { reason: with_stored(&reason, &stored), ..judgement }
        }
    }
}

/// The names of the secrets that the host stored.
fn stored<'e>(exchanges: &[&'e Exchange]) -> BTreeSet<&'e str> {
    let taken = exchanges.iter().flat_map(|one| &one.secrets);
    taken.filter(|secret| secret.is_stored()).map(|secret| secret.name.as_str()).collect()
}

/// The names of secrets that are not stored.
#[derive(Default)]
struct Lost<'e> {
    created: BTreeSet<&'e str>,
    /// Secrets that the upstream may have created, with the status of the answer.
    answered: BTreeMap<&'e str, u16>,
    /// Secrets that the upstream may have created, without an answer.
    unanswered: BTreeSet<&'e str>,
}

/// The secrets that the upstream created, or may have created, and that are not stored.
fn lost<'e>(exchanges: &[&'e Exchange], stored: &BTreeSet<&str>) -> Lost<'e> {
    let mut lost = Lost::default();
    let may_create = |one: &&&Exchange| {
        one.may_have_written() && !one.is_turned_away() && one.meaning() != Some(Meaning::Refused)
    };
    for one in exchanges.iter().filter(may_create) {
        let names = one.request.secrets.keys().map(String::as_str);
        let names = names.filter(|name| !stored.contains(name));
        match one.fate {
            _ if one.is_done() => lost.created.extend(names),
            Fate::Answered { status } => lost.answered.extend(names.map(|name| (name, status))),
            Fate::NotSent | Fate::NoAnswer => lost.unanswered.extend(names),
        }
    }
    let Lost { created, answered, unanswered } = &mut lost;
    unanswered.retain(|name| !created.contains(name));
    answered.retain(|name, _| !created.contains(name) && !unanswered.contains(name));
    lost
}

fn why(
    created: &BTreeSet<&str>,
    answered: &BTreeMap<&str, u16>,
    unanswered: &BTreeSet<&str>,
) -> String {
    let mut parts = Vec::new();
    if !created.is_empty() {
        parts.push(format!(
            "the upstream created {}, which the host could not store",
            named(created)
        ));
    }
    for (name, status) in answered {
        parts.push(format!(
            "the upstream answered {status} without a secret `{name}` that the host could store"
        ));
    }
    if !unanswered.is_empty() {
        parts.push(format!(
            "the answer with {} did not arrive, so the host does not have it",
            named(unanswered)
        ));
    }
    if parts.is_empty() { String::new() } else { format!("{}: {REMEDY}", parts.join("; ")) }
}

/// A reason with the secrets that are stored although the action is not verified.
fn with_stored(reason: &str, stored: &BTreeSet<&str>) -> String {
    if stored.is_empty() {
        return reason.to_owned();
    }
    format!("{reason}; the host stored {}", named(stored))
}

fn named(names: &BTreeSet<&str>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("secret `{name}`")).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::secret::TakenSecret;
    use crate::fixtures;

    fn write(fate: Fate, file: Option<&str>) -> Exchange {
        let mut one = fixtures::exchange("POST", "/keys", fate);
        one.request.secrets = [("key".to_owned(), "/secret".to_owned())].into();
        let (name, file) = ("key".to_owned(), file.map(str::to_owned));
        one.secrets = vec![TakenSecret { name, file, commitment: None, problem: None }];
        one
    }

    fn judged(outcome: Outcome, exchanges: &[Exchange]) -> (Outcome, String) {
        let exchanges: Vec<&Exchange> = exchanges.iter().collect();
        let judged = with_lost(&exchanges, Judgement::plain(outcome, "as expected"));
        (judged.outcome, judged.reason)
    }

    const DONE: Fate = Fate::Answered { status: 200 };

    #[test]
    fn an_action_with_a_stored_secret_is_verified() {
        let stored = write(DONE, Some("vault/a"));
        assert_eq!(
            judged(Outcome::Verified, std::slice::from_ref(&stored)),
            (Outcome::Verified, "as expected".to_owned())
        );
        // The first attempt had no effect, or the secret of the second one is the one that counts.
        let open = write(Fate::NoAnswer, None);
        assert_eq!(judged(Outcome::Verified, &[open, stored]).0, Outcome::Verified);
    }

    #[test]
    fn an_action_whose_secret_is_lost_is_not_verified() {
        for (fate, why) in [
            (DONE, "the upstream created secret `key`, which the host could not store: delete"),
            (Fate::NoAnswer, "the answer with secret `key` did not arrive"),
            (
                Fate::Answered { status: 500 },
                "the upstream answered 500 without a secret `key` that the host could store: delete",
            ),
            (Fate::Answered { status: 302 }, "the upstream answered 302 without a secret `key`"),
        ] {
            let (outcome, reason) = judged(Outcome::Verified, &[write(fate, None)]);
            assert_eq!(outcome, Outcome::Mismatch);
            assert!(reason.starts_with(why), "{reason}");
        }
    }

    #[test]
    fn a_write_that_was_refused_or_not_sent_created_no_secret() {
        for fate in [Fate::NotSent, Fate::Answered { status: 403 }] {
            let (outcome, reason) = judged(Outcome::Verified, &[write(fate, None)]);
            assert_eq!((outcome, reason.as_str()), (Outcome::Verified, "as expected"));
        }
    }

    #[test]
    fn another_outcome_says_what_is_stored_and_what_is_lost() {
        let (outcome, reason) = judged(Outcome::Mismatch, &[write(DONE, Some("vault/a"))]);
        assert_eq!(outcome, Outcome::Mismatch);
        assert_eq!(reason, "as expected; the host stored secret `key`");
        let (_, reason) = judged(Outcome::Indeterminate, &[write(DONE, None)]);
        assert!(reason.contains("as expected; the upstream created secret `key`"), "{reason}");
        let (_, reason) = judged(Outcome::Failed, &[write(Fate::NoAnswer, None)]);
        assert_eq!(reason, "as expected");
    }
}
