//! Tests of the conformance suite itself. An in-memory store without a flaw keeps the contract, and each flaw breaks
//! the matching clause.

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
        (Flaw::ComparesTooEarly, "one racing append is made"),
        (Flaw::ChecksKeysTooEarly, "one racing append gets the key"),
        (Flaw::ChecksNoncesTooEarly, "one racing append uses the nonce"),
        (Flaw::ComparesWithTheDisk, "unsynced appends count"),
        (Flaw::ReadsFromTheDisk, "unsynced appends are read"),
        (Flaw::ClaimsBeforeItCompares, "a refused append changes nothing"),
        (Flaw::TakesNothing, "size limits"),
        (Flaw::TakesAnySize, "size limits"),
        (Flaw::TakesFewEvents, "size limits"),
        (Flaw::TakesShortWords, "size limits"),
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
        (Flaw::EndsAfterOnePage, "lists"),
        (Flaw::LatestOfRows, "the latest time"),
        (Flaw::LatestOfTheLast, "the latest time"),
        (Flaw::TakesAnyName, "payloads"),
        (Flaw::LosesDurable, "durable appends"),
        (Flaw::SyncsOneAction, "durable appends"),
        (Flaw::ProvesTheFirstEvent, "proofs of durable appends"),
        (Flaw::ProvesTooEarly, "proofs of durable appends"),
        (Flaw::NeverSyncs, "syncs"),
        (Flaw::Tears, "a crash loses only the end"),
        (Flaw::LosesTheMiddle, "a crash loses only the end"),
        (Flaw::LosesKeys, "a crash loses only the end"),
        (Flaw::ClosesDirty, "close"),
        (Flaw::NeverCloses, "close"),
        (Flaw::SyncsClosedActions, "calls after close fail"),
        (Flaw::ProvesWhenClosed, "calls after close fail"),
    ] {
        let (clauses, found) = clauses(Some(flaw)).await;
        assert!(clauses.contains(&clause), "{flaw:?}: {found:?}");
    }
}
