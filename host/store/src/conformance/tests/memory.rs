//! A store in memory: the sequence of appends itself, looked through from its beginning each time. Slow and plain, so
//! that it is easy to see that it keeps the contract. It breaks it in one way where it is given a flaw.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use deed_spec::digest::Digest;

use super::super::Place;
use crate::store::{
    Append, AppendError, CLAIM_LIFE_MS, Durable, Failure, Filter, PayloadError, Pending, ReadError,
    Row, Store, Story, Unfit,
};

/// One way to break the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    CutsNewlines,
    ForgetsVersions,
    ComparesTooEarly,
    ClaimsBeforeItCompares,
    TakesNothing,
    KeysByDigest,
    KeysForever,
    KeysOfEveryAgent,
    ForgetsNonces,
    ListsOldestFirst,
    ListsEveryTenant,
    ListsEveryStatus,
    LimitsBeforeItFilters,
    TakesAnyName,
    LosesDurable,
    SyncsOneAction,
    NeverSyncs,
    ProvesTheFirstEvent,
    ProvesTooEarly,
    Tears,
    LosesTheMiddle,
    LosesKeys,
    ClosesDirty,
    NeverCloses,
}

/// What outlives the store: the sequence, how much of it is on disk, the payloads.
#[derive(Debug, Default)]
struct Kept {
    appends: Vec<Append>,
    durable: usize,
    payloads: BTreeMap<String, Vec<u8>>,
}

/// A place for a store in memory.
pub(super) struct Medium {
    kept: Arc<Mutex<Kept>>,
    flaw: Option<Flaw>,
}

#[derive(Debug)]
struct Memory {
    kept: Arc<Mutex<Kept>>,
    flaw: Option<Flaw>,
    closed: AtomicBool,
}

impl Medium {
    pub(super) fn new(flaw: Option<Flaw>) -> Self {
        Self { kept: Arc::default(), flaw }
    }
}

impl Place for Medium {
    fn open(&mut self) -> Result<Arc<dyn Store>, String> {
        let (kept, closed) = (Arc::clone(&self.kept), AtomicBool::new(false));
        Ok(Arc::new(Memory { kept, flaw: self.flaw, closed }))
    }

    /// Half of what is not on disk is lost.
    fn crash(&mut self, _: Arc<dyn Store>) -> Result<(), String> {
        let mut kept = self.kept.lock().unwrap();
        let open = kept.appends.len() - kept.durable;
        let end = kept.durable + open / 2;
        let lost = kept.appends.split_off(end);
        match self.flaw {
            Some(Flaw::LosesTheMiddle) => kept.appends.extend(lost.into_iter().next_back()),
            Some(Flaw::Tears) => kept.appends.extend(lost.into_iter().next().map(|mut torn| {
                torn.events.truncate(1);
                torn
            })),
            Some(Flaw::LosesKeys) => kept.appends.iter_mut().for_each(|one| one.claim = None),
            _ => {}
        }
        kept.durable = kept.appends.len();
        Ok(())
    }
}

impl Kept {
    fn row(&self, action: &str) -> Option<Row> {
        let own = || self.appends.iter().filter(|one| one.action == action);
        let version = own().map(|one| one.events.len() as u64).sum();
        own().next_back().map(|last| Row { version, summary: last.summary.clone() })
    }

    /// All actions with their rows, in the order of their ids.
    fn rows(&self) -> BTreeMap<String, Row> {
        let row = |one: &Append| Some((one.action.clone(), self.row(&one.action)?));
        self.appends.iter().filter_map(row).collect()
    }
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn refusal(&self, kept: &Kept, append: &Append) -> Result<(), AppendError> {
        if append.events.is_empty() && !self.has(Flaw::TakesNothing) {
            return Err(Unfit::NoEvents.into());
        }
        let actual = kept.row(&append.action).map_or(0, |row| row.version);
        if append.expect != actual && !self.has(Flaw::ForgetsVersions) {
            return Err(AppendError::Conflict { actual });
        }
        if let Some(claim) = &append.claim {
            let holder = self.holder(kept, &claim.tenant, &claim.agent, &claim.key, claim.at_ms);
            let other = |(_, body): &(String, String)| {
                !self.has(Flaw::KeysByDigest) || *body == claim.body_sha256
            };
            if let Some((action, body_sha256)) = holder.filter(other) {
                return Err(AppendError::KeyTaken { action, body_sha256 });
            }
        }
        let used = |nonce: &String| kept.appends.iter().any(|one| one.nonces.contains(nonce));
        for (n, nonce) in append.nonces.iter().enumerate() {
            let used = used(nonce) || append.nonces[..n].contains(nonce);
            if used && !self.has(Flaw::ForgetsNonces) {
                return Err(AppendError::NonceUsed { nonce: nonce.clone() });
            }
        }
        Ok(())
    }

    fn holder(
        &self,
        kept: &Kept,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Option<(String, String)> {
        let every_agent = self.has(Flaw::KeysOfEveryAgent);
        let holds = |one: &&Append| {
            one.claim.as_ref().is_some_and(|claim| {
                let own = claim.tenant == tenant && (claim.agent == agent || every_agent);
                let live = now_ms - claim.at_ms < CLAIM_LIFE_MS || self.has(Flaw::KeysForever);
                own && claim.key == key && live
            })
        };
        let holder = kept.appends.iter().rev().find(holds)?;
        let body = holder.claim.as_ref().map(|claim| claim.body_sha256.clone());
        Some((holder.action.clone(), body.unwrap_or_default()))
    }

    async fn make(&self, mut append: Append) -> Result<u64, AppendError> {
        if self.closed.load(Ordering::SeqCst) && !self.has(Flaw::NeverCloses) {
            return Err(Failure::Closed.into());
        }
        let checked = self.refusal(&self.kept(), &append);
        if checked.is_err() && self.has(Flaw::ClaimsBeforeItCompares) {
            let (action, events) = ("nothing".to_owned(), Vec::new());
            self.kept().appends.push(Append { action, events, ..append.clone() });
        }
        checked?;
        tokio::task::yield_now().await;
        let mut kept = self.kept();
        if !self.has(Flaw::ComparesTooEarly) {
            self.refusal(&kept, &append)?;
        }
        if self.has(Flaw::CutsNewlines) {
            append.events.iter_mut().for_each(|event| event.retain(|byte| *byte != b'\n'));
        }
        let (version, durable) = (append.expect + append.events.len() as u64, append.durable);
        if durable && self.has(Flaw::SyncsOneAction) {
            let end = kept.durable;
            let open = kept.appends.split_off(end);
            let (own, others): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|one| one.action == append.action);
            kept.appends.extend(own);
            kept.appends.push(append);
            kept.durable = kept.appends.len();
            kept.appends.extend(others);
            return Ok(version);
        }
        kept.appends.push(append);
        if durable && !self.has(Flaw::LosesDurable) {
            kept.durable = kept.appends.len();
        }
        Ok(version)
    }
}

impl Store for Memory {
    fn append(&self, append: Append) -> Pending<'_, Result<u64, AppendError>> {
        Box::pin(self.make(append))
    }

    fn append_durable(&self, mut append: Append) -> Pending<'_, Result<Durable, AppendError>> {
        Box::pin(async move {
            let (action, mut event) = Durable::parts_of(&append);
            if self.has(Flaw::ProvesTheFirstEvent) {
                event = append.events.first().cloned().unwrap_or_default();
            }
            append.durable = !self.has(Flaw::ProvesTooEarly);
            self.make(append).await?;
            Ok(Durable::new(action, event))
        })
    }

    fn sync(&self) -> Pending<'_, Result<(), AppendError>> {
        Box::pin(async {
            if self.closed.load(Ordering::SeqCst) && !self.has(Flaw::NeverCloses) {
                return Err(Failure::Closed.into());
            }
            let mut kept = self.kept();
            if !self.has(Flaw::NeverSyncs) {
                kept.durable = kept.appends.len();
            }
            Ok(())
        })
    }

    fn sync_action<'a>(&'a self, _: &'a str) -> Pending<'a, Result<(), AppendError>> {
        self.sync()
    }

    fn events(&self, action: &str) -> Result<Option<Story>, ReadError> {
        let kept = self.kept();
        let own = kept.appends.iter().filter(|one| one.action == action);
        let events: Vec<_> = own.flat_map(|one| one.events.clone()).collect();
        Ok((!events.is_empty()).then_some((events.len() as u64, events)))
    }

    fn row(&self, action: &str) -> Result<Option<Row>, ReadError> {
        Ok(self.kept().row(action))
    }

    fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, ReadError> {
        let mut filter = filter.clone();
        if self.has(Flaw::ListsEveryStatus) {
            filter.status = None;
        }
        let mut rows: Vec<_> = self.kept().rows().into_iter().collect();
        rows.retain(|(_, row)| row.summary.tenant == tenant || self.has(Flaw::ListsEveryTenant));
        if !self.has(Flaw::ListsOldestFirst) {
            rows.reverse();
        }
        if self.has(Flaw::LimitsBeforeItFilters) {
            rows.truncate(limit);
        }
        rows.retain(|(_, row)| filter.takes(row));
        rows.truncate(limit);
        Ok(rows)
    }

    fn open_actions(&self) -> Result<Vec<String>, ReadError> {
        let rows = self.kept().rows().into_iter();
        Ok(rows.filter(|(_, row)| !row.summary.ended).map(|(action, _)| action).collect())
    }

    fn latest_ms(&self) -> i64 {
        self.kept().appends.iter().map(|one| one.summary.at_ms).max().unwrap_or(0)
    }

    fn key(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<(String, String)>, ReadError> {
        Ok(self.holder(&self.kept(), tenant, agent, key, now_ms))
    }

    fn put_payload(&self, bytes: &[u8]) -> Result<String, PayloadError> {
        let name = Digest::of(bytes).hex();
        self.kept().payloads.insert(name.clone(), bytes.to_vec());
        Ok(name)
    }

    fn payload(&self, hex: &str) -> Result<Option<Vec<u8>>, PayloadError> {
        if Digest::from_hex(hex).is_err() && !self.has(Flaw::TakesAnyName) {
            return Err(PayloadError::Name { name: hex.to_owned() });
        }
        Ok(self.kept().payloads.get(hex).cloned())
    }

    fn failed(&self) -> Option<&Failure> {
        None
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let mut kept = self.kept();
        if !self.has(Flaw::ClosesDirty) {
            kept.durable = kept.appends.len();
        }
    }
}
