//! Tests the judgement from a resolution, for each verdict with and without an observation, and the two kinds of
//! predicate of a reconciliation.

use serde_json::json;

use super::*;
use crate::statement::reconciliation::Reconciliation;

fn says(verdict: ResolutionVerdict) -> Resolution {
    Resolution {
        person: "bob".into(),
        role: ROLE.into(),
        verdict,
        reason: "I looked".into(),
        nonce: "0".repeat(32),
        signed_ms: 1,
    }
}

#[test]
fn a_look_that_answers_counts_and_else_the_word_does() {
    let seen = |outcome| Some(Judgement::plain(outcome, "seen"));
    let open = || seen(Outcome::Indeterminate);
    let table = [
        (ResolutionVerdict::Applied, None, Outcome::Mismatch, "the host could not look again"),
        (ResolutionVerdict::Applied, open(), Outcome::Mismatch, "the host's look does not show it"),
        (
            ResolutionVerdict::NotApplied,
            None,
            Outcome::Failed,
            "bob (operator) says that it was not applied",
        ),
        (
            ResolutionVerdict::NotApplied,
            open(),
            Outcome::Failed,
            "the host's look does not show it",
        ),
        (
            ResolutionVerdict::Retry,
            None,
            Outcome::Failed,
            "it was not applied and is to be proposed again",
        ),
        (ResolutionVerdict::Retry, open(), Outcome::Failed, "the host's look does not show it"),
        (ResolutionVerdict::Retry, seen(Outcome::Verified), Outcome::Verified, "seen"),
        (ResolutionVerdict::Applied, seen(Outcome::Failed), Outcome::Failed, "seen"),
        (ResolutionVerdict::NotApplied, seen(Outcome::Verified), Outcome::Verified, "seen"),
        (ResolutionVerdict::NotApplied, seen(Outcome::Mismatch), Outcome::Mismatch, "seen"),
    ];
    for (verdict, seen, outcome, reason) in table {
        let judged = says(verdict).conclude(seen);
        assert_eq!(judged.outcome, outcome, "{judged:?}");
        assert!(judged.reason.contains(reason), "{judged:?}");
    }
}

#[test]
fn a_reason_is_there_and_bounded() {
    let with = |reason: &str| {
        Resolution { reason: reason.into(), ..says(ResolutionVerdict::Applied) }.check()
    };
    assert_eq!(with(&"ä".repeat(REASON_MAX / 2)), Ok(()));
    assert_eq!(with(&"ä".repeat(REASON_MAX / 2 + 1)), Err(FormError::Long(REASON_MAX + 2)));
    for empty in ["", " ", "\n\t"] {
        assert_eq!(with(empty), Err(FormError::NoReason));
    }
}

#[test]
fn no_statement_passes_for_both_forms() {
    let digest = Digest::of(b"r");
    let resolved =
        Resolved { receipt_sha256: digest, resolution: says(ResolutionVerdict::Applied) };
    let person = serde_json::to_value(&resolved).unwrap();
    let host = json!({
        "receipt_sha256": digest, "resolved_by": digest, "outcome": "failed", "reason": "r",
        "changes": [], "unexpected": [], "checks": [], "settled_ms": 1,
    });
    assert!(json::from_value::<Resolved>(person.clone()).is_ok());
    assert!(json::from_value::<Reconciliation>(host.clone()).is_ok());
    let mut both = host.clone();
    both["resolution"] = person["resolution"].clone();
    for value in [&host, &both] {
        assert!(json::from_value::<Resolved>(value.clone()).is_err(), "{value}");
    }
    for value in [&person, &both] {
        assert!(json::from_value::<Reconciliation>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn a_word_is_signed_and_opened_as_it_was_said() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let resolved = Resolved {
        receipt_sha256: Digest::of(b"r"),
        resolution: says(ResolutionVerdict::NotApplied),
    };
    let envelope = sign(Digest::of(b"a"), &resolved, &key).unwrap();
    let opened = open(&envelope, &key.verifying_key()).unwrap();
    assert_eq!(opened, (Digest::of(b"a"), resolved.clone()));
    let empty = Resolution { reason: " ".into(), ..resolved.resolution };
    let empty = sign(Digest::of(b"a"), &Resolved { resolution: empty, ..resolved }, &key).unwrap();
    assert!(matches!(open(&empty, &key.verifying_key()), Err(OpenError::Form(_))));
}
