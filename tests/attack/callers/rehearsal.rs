//! Approvals of another plan than the one that would be sent.

use std::sync::atomic::Ordering;

use deed_spec::digest::Digest;
use deed_tests::guests::Guest;
use deed_tests::world::BOB;
use serde_json::json;

use super::forged::{fetched, key, refused, send};
use super::unharmed;
use crate::case::{Case, cases};
use crate::rehearsal::{Setup, Yard};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "signs-another-plan" => another_plan,
        "approves-an-old-plan" => old_plan,
    ]
}

/// An action that writes the number of `GET /kit`, and needs an approval. The number stays the same unless a test
/// changes it.
fn served() -> Yard {
    Setup::of(Guest::PlansDiffer).asking().serve()
}

/// Sends the valid answer after all invalid answers, and checks that what it approves was written.
fn still_good(yard: &Yard, id: &str, text: &str) {
    assert!(yard.writes().is_empty(), "{:?}", yard.writes());
    let asked = fetched(&yard.world, id);
    let answer = send(&yard.world, id, &asked.signed(&key(&yard.world, "bob"), |_| ()));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let run = yard.end(id, 0);
    yard.ended(&run, "verified", "every expectation holds");
    assert_eq!(run.sent[1].1["text"], json!(text));
    unharmed(&yard.world);
}

/// The plans of two actions differ only in the number. An approval of the one plan does not count for the other action.
fn another_plan() {
    let yard = served();
    let id = yard.waiting("it");
    yard.kit.store(2, Ordering::SeqCst);
    let other = fetched(&yard.world, &yard.waiting("it")).terms().plan;
    yard.kit.store(1, Ordering::SeqCst);
    let asked = fetched(&yard.world, &id);
    let bob = key(&yard.world, "bob");
    let own = asked.terms().plan;
    assert!(own.is_some() && other.is_some() && own != other, "{own:?} {other:?}");
    for plan in [other, None, Some(Digest::of(b"another plan"))] {
        let signed = asked.signed(&bob, |terms| terms.plan = plan);
        refused(&yard.world, &asked, &signed, "signed for another plan");
    }
    still_good(&yard, &id, "text 1");
}

/// The plan changes while the approver thinks. Neither the approval of the old plan, nor a new one that names the old
/// plan, counts for the new plan.
fn old_plan() {
    let yard = served();
    let id = yard.waiting("it");
    let old = fetched(&yard.world, &id);
    yard.kit.store(2, Ordering::SeqCst);
    let (done, said) = yard.world.approve(&id, "bob", BOB).unwrap();
    assert!(!done, "{said}");
    let view = yard.world.settled(&id).unwrap();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let bob = key(&yard.world, "bob");
    refused(&yard.world, &old, &old.signed(&bob, |_| ()), "signed for another plan");
    let new = fetched(&yard.world, &id);
    let plan = old.terms().plan;
    assert_ne!(new.terms().plan, plan);
    let mixed = new.signed(&bob, |terms| terms.plan = plan);
    refused(&yard.world, &new, &mixed, "signed for another plan");
    let mixed = old.signed(&bob, |terms| terms.plan = new.terms().plan);
    refused(&yard.world, &old, &mixed, "signed for another nonce");
    still_good(&yard, &id, "text 2");
}
