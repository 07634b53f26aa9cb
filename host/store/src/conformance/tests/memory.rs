//! An in-memory store. The store keeps the sequence of appends and searches the sequence from the beginning each time.
//! A search from the beginning is slow, but so simple that a reader can see that the store keeps the contract. A flaw
//! makes the store break the contract in one way.

mod flaw;
mod kept;

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use deed_spec::digest::Digest;

pub(super) use self::flaw::Flaw;
use self::kept::{Kept, Seen};
use super::super::Place;
use crate::store::{
    Append, AppendError, Durable, Failure, Filter, Page, PayloadError, Pending, ReadError, Row,
    Span, Store, Story,
};

/// The data of an in-memory store that remains when the store is closed or crashes.
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

    /// Loses half of the appends that are not on disk.
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

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Reads the part of the sequence that readers see.
    fn read<T>(&self, look: impl FnOnce(Seen<'_>) -> T) -> T {
        look(self.seen(&self.kept(), Flaw::ReadsFromTheDisk))
    }

    /// The part of the sequence against which an append is checked.
    fn compared<'a>(&self, kept: &'a Kept) -> Seen<'a> {
        self.seen(kept, Flaw::ComparesWithTheDisk)
    }

    /// The part of the sequence that is on disk if the store has the flaw `short`, otherwise the whole sequence.
    fn seen<'a>(&self, kept: &'a Kept, short: Flaw) -> Seen<'a> {
        let end = if self.has(short) { kept.durable } else { kept.appends.len() };
        Seen { appends: &kept.appends[..end], flaw: self.flaw }
    }

    fn must_be_open(&self) -> Result<(), AppendError> {
        if self.closed.load(Ordering::SeqCst) && !self.has(Flaw::NeverCloses) {
            return Err(Failure::Closed.into());
        }
        Ok(())
    }

    async fn make(&self, mut append: Append) -> Result<u64, AppendError> {
        self.must_be_open()?;
        let checked = self.compared(&self.kept()).refusal(&append, false);
        if checked.is_err() && self.has(Flaw::ClaimsBeforeItCompares) {
            let (action, events) = ("nothing".to_owned(), Vec::new());
            self.kept().appends.push(Append { action, events, ..append.clone() });
        }
        checked?;
        tokio::task::yield_now().await;
        let mut kept = self.kept();
        if !self.has(Flaw::ComparesTooEarly) {
            self.compared(&kept).refusal(&append, true)?;
        }
        if self.has(Flaw::CutsNewlines) {
            append.events.iter_mut().for_each(|event| event.retain(|byte| *byte != b'\n'));
        }
        let (version, durable) = (append.expect + append.events.len() as u64, append.durable);
        if durable && self.has(Flaw::SyncsOneAction) {
            kept.put_before_others(append);
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
            if self.must_be_open().is_ok() || !self.has(Flaw::ProvesWhenClosed) {
                self.make(append).await?;
            }
            Ok(Durable::new(action, event))
        })
    }

    fn sync(&self) -> Pending<'_, Result<(), AppendError>> {
        Box::pin(async {
            self.must_be_open()?;
            let mut kept = self.kept();
            if !self.has(Flaw::NeverSyncs) {
                kept.durable = kept.appends.len();
            }
            Ok(())
        })
    }

    fn sync_action<'a>(&'a self, _: &'a str) -> Pending<'a, Result<(), AppendError>> {
        if self.must_be_open().is_err() && self.has(Flaw::SyncsClosedActions) {
            return Box::pin(ready(Ok(())));
        }
        self.sync()
    }

    fn events(&self, action: &str) -> Result<Option<Story>, ReadError> {
        let events = self.read(|seen| seen.events(action));
        Ok((!events.is_empty()).then_some((events.len() as u64, events)))
    }

    fn row(&self, action: &str) -> Result<Option<Row>, ReadError> {
        Ok(self.read(|seen| seen.row(action)))
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
        let mut rows: Vec<_> = self.read(|seen| seen.rows()).into_iter().collect();
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

    /// Each row is one step.
    fn page(&self, tenant: &str, filter: &Filter, span: &Span) -> Result<Page, ReadError> {
        let mut rows: Vec<_> = self.read(|seen| seen.rows()).into_iter().collect();
        let within = |id: &String| span.from.as_ref().is_none_or(|from| id <= from);
        let of_agent =
            |row: &Row| filter.agent.as_ref().is_none_or(|agent| row.summary.agent == *agent);
        rows.retain(|(id, row)| row.summary.tenant == tenant && within(id) && of_agent(row));
        rows.reverse();
        let (mut page, mut steps) = (Page::default(), 0);
        for (id, row) in rows {
            if steps == span.steps || page.rows.len() == span.rows {
                page.next = Some(id).filter(|_| !self.has(Flaw::EndsAfterOnePage));
                break;
            }
            steps += 1;
            if filter.takes(&row) {
                page.rows.push((id, row));
            }
        }
        Ok(page)
    }

    fn open_actions(&self) -> Result<Vec<String>, ReadError> {
        let rows = self.read(|seen| seen.rows()).into_iter();
        Ok(rows.filter(|(_, row)| !row.summary.ended).map(|(action, _)| action).collect())
    }

    fn latest_ms(&self) -> i64 {
        self.read(|seen| seen.latest_ms())
    }

    fn key(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<(String, String)>, ReadError> {
        Ok(self.read(|seen| seen.holder(tenant, agent, key, now_ms)))
    }

    fn last_claim(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
    ) -> Result<Option<String>, ReadError> {
        Ok(self.read(|seen| seen.last_claim(tenant, agent, key)))
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
