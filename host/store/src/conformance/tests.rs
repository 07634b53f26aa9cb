//! The suite itself: a store in memory keeps the contract, and breaks one clause for each flaw that it is given.

mod memory;

use self::memory::{Flaw, Medium};
use super::{Broken, broken};

async fn clauses(flaw: Option<Flaw>) -> (Vec<&'static str>, Vec<Broken>) {
    let found = broken(|| Medium::new(flaw)).await;
    (found.iter().map(|one| one.clause).collect(), found)
}

#[tokio::test]
async fn a_store_that_keeps_the_contract_passes() {
    let (_, found) = clauses(None).await;
    assert_eq!(found, Vec::new());
}

#[tokio::test]
async fn every_flaw_breaks_the_clause_that_it_is_about() {
    for (flaw, clause) in [
        (Flaw::CutsNewlines, "read back"),
        (Flaw::ForgetsVersions, "compare and append"),
        (Flaw::ComparesTooEarly, "one of racing appends is made"),
        (Flaw::ChecksKeysTooEarly, "one of racing appends has the key"),
        (Flaw::ChecksNoncesTooEarly, "one of racing appends uses the nonce"),
        (Flaw::ComparesWithTheDisk, "what is not on disk counts"),
        (Flaw::ReadsFromTheDisk, "what is not on disk is read"),
        (Flaw::ClaimsBeforeItCompares, "a refused append changes nothing"),
        (Flaw::TakesNothing, "what fits and what does not"),
        (Flaw::TakesAnySize, "what fits and what does not"),
        (Flaw::TakesFewEvents, "what fits and what does not"),
        (Flaw::TakesShortWords, "what fits and what does not"),
        (Flaw::KeysByDigest, "idempotency keys"),
        (Flaw::KeysForever, "idempotency keys"),
        (Flaw::KeysOfEveryAgent, "idempotency keys"),
        (Flaw::KeysOfEveryTenant, "idempotency keys"),
        (Flaw::KeysFromTheirTime, "idempotency keys"),
        (Flaw::ForgetsOldClaims, "the last claim of a key"),
        (Flaw::FirstClaims, "the last claim of a key"),
        (Flaw::ForgetsNonces, "nonces"),
        (Flaw::ListsOldestFirst, "lists"),
        (Flaw::ListsEveryTenant, "lists"),
        (Flaw::ListsEveryStatus, "lists"),
        (Flaw::LimitsBeforeItFilters, "lists"),
        (Flaw::LatestOfRows, "the latest time"),
        (Flaw::LatestOfTheLast, "the latest time"),
        (Flaw::TakesAnyName, "payloads"),
        (Flaw::LosesDurable, "durable appends"),
        (Flaw::SyncsOneAction, "durable appends"),
        (Flaw::ProvesTheFirstEvent, "proofs of durable appends"),
        (Flaw::ProvesTooEarly, "proofs of durable appends"),
        (Flaw::NeverSyncs, "syncs"),
        (Flaw::Tears, "a crash loses only an end"),
        (Flaw::LosesTheMiddle, "a crash loses only an end"),
        (Flaw::LosesKeys, "a crash loses only an end"),
        (Flaw::ClosesDirty, "close"),
        (Flaw::NeverCloses, "close"),
        (Flaw::SyncsClosedActions, "nothing after close"),
        (Flaw::ProvesWhenClosed, "nothing after close"),
    ] {
        let (clauses, found) = clauses(Some(flaw)).await;
        assert!(clauses.contains(&clause), "{flaw:?}: {found:?}");
    }
}
