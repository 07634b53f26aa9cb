//! The store of actions: an append-only sequence of events, grouped by action, with a few lookups.
//!
//! [`Store`] is the contract that the engine relies on. `deed_store::conformance` checks it. A new store is a module of
//! this crate. A store is complete when it passes the conformance suite and has its own tests of its behaviour after a
//! failed write or sync. A store does not parse events.

mod durable;
mod entry;
mod error;

use std::fmt::Debug;
use std::pin::Pin;

pub use self::durable::Durable;
pub use self::entry::{
    Append, CLAIM_LIFE_MS, EVENT_COST, EVENTS_MAX, EVENTS_REFUSED, Filter, KeyClaim, Page, Row,
    Span, Story, Summary, WORDS_MAX,
};
pub use self::error::{AppendError, Failure, PayloadError, ReadError, Unfit};

/// The boxed future that methods of `dyn Store` return.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store of actions. Only one process can open a store at a time; all handles of that process share it.
///
/// # One sequence
///
/// Appends to all actions form one sequence. An append that is submitted after an earlier append has returned comes
/// later in the sequence. Concurrent appends are made one after another, in an unspecified order.
///
/// # Compare and append
///
/// An [`append`](Store::append) names the version that the caller saw: the number of events that the action has. The
/// append is made only if the action still has that version, the idempotency key is free and none of the append's
/// nonces was used. The store checks and appends in one step, so of two appends to the same version one is made and the
/// other gets [`AppendError::Conflict`]. An append that is refused adds no events, claims no key and uses no nonce. An
/// append that was made takes effect at once, even if it is not on disk yet: its events, key and nonces count for later
/// appends to any action.
///
/// # What is on disk
///
/// - When `append` with `durable` returns, the events, the claim and the nonces of the append are on disk, and so is
///   every earlier append in the sequence.
/// - When `append` without `durable` returns, readers see it, and it has its position in the sequence. A crash may lose
///   the append until a later durable append, [`sync`](Store::sync), [`sync_action`](Store::sync_action) of the action
///   or [`close`](Store::close) has returned.
/// - A crash loses only appends at the end of the sequence. After a crash, an append is either complete, with its claim
///   and nonces, or absent; if an append is present, so is every earlier append.
/// - If the future of an append is dropped before it is ready, the append may or may not be made.
///
/// # After a disk error
///
/// If a write or a sync fails, the content of the disk is unknown, and a second sync can report success for data that
/// was lost. After a failed write or sync, the store fails every append and every sync with [`AppendError::Failed`] for
/// as long as it is open, and [`failed`](Store::failed) returns the reason. Appends that are waiting when the error
/// occurs fail too. Each of these appends may or may not be present after the next open. Data that was on disk before
/// the error is still there, and reads may continue. The store recovers only when a new process opens it and reads what
/// is on disk.
///
/// # Idempotency keys and nonces
///
/// A [`KeyClaim`] gives an idempotency key to the action of its append for [`CLAIM_LIFE_MS`] from the `at_ms` of the
/// claim. The key belongs to a tenant and an agent; the same key of another tenant or agent is a different key. While
/// the key is held, another append that claims it gets [`AppendError::KeyTaken`] with the action that holds the key and
/// the digest of the request body that came with the first claim. The caller, and not the store, compares this digest
/// with the digest of the new claim. A key is held as soon as it is claimed, even if the time of a later claim or
/// lookup is before the `at_ms` of the claim. A claim is never forgotten: [`last_claim`](Store::last_claim) finds it
/// even after it has expired. A nonce can be used only once, ever.
///
/// # Reading
///
/// Readers see every append that has returned, on disk or not. Readers never see a refused append or a part of an
/// append.
pub trait Store: Debug + Send + Sync {
    /// Appends if the action still has `expect` events, the key is free and the nonces are unused, and returns the new
    /// version. Fails when `expect`, the key or a nonce does not match, when the append has no events or too many bytes
    /// ([`AppendError::Unfit`]), and when the store is closed or has failed.
    ///
    /// In one append, every store accepts events of up to [`EVENTS_MAX`] bytes in total and up to [`WORDS_MAX`] bytes
    /// of other text as JSON. Each event counts [`EVENT_COST`] bytes more than its length. Every store refuses events
    /// of more than [`EVENTS_REFUSED`] bytes in total.
    fn append(&self, append: Append) -> Pending<'_, Result<u64, AppendError>>;

    /// Appends as [`append`](Store::append) with `durable` does, and returns the proof. Only stores of this crate can
    /// implement this method, because only this crate can create a [`Durable`]. Fails in the same cases as
    /// [`append`](Store::append).
    fn append_durable(&self, append: Append) -> Pending<'_, Result<Durable, AppendError>>;

    /// Waits until every append that has returned is on disk. Fails when the store is closed or has failed.
    fn sync(&self) -> Pending<'_, Result<(), AppendError>>;

    /// Waits until every append to this action that has returned is on disk. If all of these appends are already on
    /// disk, this method returns at once, even if the store has failed since then. Fails when the store is closed, when
    /// the position of the events cannot be read, and when a sync is needed and the store has failed.
    fn sync_action<'a>(&'a self, action: &'a str) -> Pending<'a, Result<(), AppendError>>;

    /// The version and the events of an action, oldest first, byte for byte as they were appended; `None` for an action
    /// without events.
    ///
    /// # Errors
    ///
    /// Fails when the events are damaged or cannot be read.
    fn events(&self, action: &str) -> Result<Option<Story>, ReadError>;

    /// The first event of an action, byte for byte as it was appended; `None` for an action without events. A store may
    /// read less for it than for all events.
    ///
    /// # Errors
    ///
    /// Fails when the event is damaged or cannot be read.
    fn first_event(&self, action: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.events(action)?.and_then(|(_, events)| events.into_iter().next()))
    }

    /// The version of an action and the summary of its latest append; `None` for an action without events.
    ///
    /// # Errors
    ///
    /// Fails when the version or the summary is damaged or cannot be read.
    fn row(&self, action: &str) -> Result<Option<Row>, ReadError>;

    /// At most `limit` actions of a tenant that pass `filter`, in descending order of their ids.
    ///
    /// # Errors
    ///
    /// Fails when the list or a row is damaged or cannot be read.
    fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, ReadError>;

    /// A part of the list that [`list`](Store::list) returns, made with a limited number of steps. The parts from the
    /// beginning to the end of the list, each from the [`next`](Page::next) of the part before it, have together the
    /// rows of the whole list.
    ///
    /// # Errors
    ///
    /// Fails when the list or a row is damaged or cannot be read.
    fn page(&self, tenant: &str, filter: &Filter, span: &Span) -> Result<Page, ReadError>;

    /// The actions of all tenants whose latest summary is not `ended`, in ascending order of their ids.
    ///
    /// # Errors
    ///
    /// Fails when the list of actions is damaged or cannot be read.
    fn open_actions(&self) -> Result<Vec<String>, ReadError>;

    /// The greatest `at_ms` of all summaries that were ever appended, in Unix milliseconds, even if a later summary of
    /// the same action has an earlier time; 0 if nothing was ever appended.
    fn latest_ms(&self) -> i64;

    /// The action that holds an idempotency key at `now_ms`, and the digest of the request body that came with the key.
    ///
    /// # Errors
    ///
    /// Fails when the claim is damaged or cannot be read.
    fn key(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<(String, String)>, ReadError>;

    /// The action that claimed an idempotency key last, however long ago.
    ///
    /// # Errors
    ///
    /// Fails when the claim is damaged or cannot be read.
    fn last_claim(&self, tenant: &str, agent: &str, key: &str)
    -> Result<Option<String>, ReadError>;

    /// Stores bytes under their SHA-256, and returns the hash as 64 lower-case hex digits. The bytes are on disk when
    /// this method returns. Blocks the thread. Payloads are not part of the sequence.
    ///
    /// # Errors
    ///
    /// Fails when a write or a sync fails.
    fn put_payload(&self, bytes: &[u8]) -> Result<String, PayloadError>;

    /// The bytes with this SHA-256 (64 lower-case hex digits), checked against the hash; `None` if they are not stored.
    ///
    /// # Errors
    ///
    /// Fails when `hex` does not consist of 64 lower-case hex digits, and when the bytes do not match the hash or
    /// cannot be read.
    fn payload(&self, hex: &str) -> Result<Option<Vec<u8>>, PayloadError>;

    /// Why the store accepts no more appends, once a disk error has stopped it.
    fn failed(&self) -> Option<&Failure>;

    /// Closes the store: completes the appends that wait, and accepts no new ones. Everything is on disk when this
    /// method returns. Blocks the thread. After the store is closed, [`append`](Store::append),
    /// [`append_durable`](Store::append_durable), [`sync`](Store::sync) and [`sync_action`](Store::sync_action) always
    /// fail with [`Failure::Closed`]. Closing again does nothing.
    fn close(&self);
}
