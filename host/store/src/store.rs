//! The store of actions: an append-only sequence of events, grouped by action, with a few lookups over it.
//!
//! [`Store`] is the contract that the engine relies on. `deed_store::conformance` checks it; a new
//! store is a module of this crate, and done when it passes and its own tests show what it does after a failed write or
//! sync. The store does not know what an event means and does not parse it.

mod durable;
mod entry;
mod error;

use std::fmt::Debug;
use std::pin::Pin;

pub use self::durable::Durable;
pub use self::entry::{
    Append, CLAIM_LIFE_MS, EVENT_COST, EVENTS_MAX, EVENTS_REFUSED, Filter, KeyClaim, Row, Story,
    Summary, WORDS_MAX,
};
pub use self::error::{AppendError, Failure, PayloadError, ReadError, Unfit};

/// A future of a store that is used as `dyn Store`.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store of actions. One process at a time has it open; every handle of that process shares it.
///
/// # One sequence
///
/// Appends to all actions form one sequence. An append that is handed over after another one has returned comes
/// behind it. Appends that are under way at the same time come in any order, one after the other.
///
/// # Compare and append
///
/// [`append`](Store::append) names the version that the caller saw: how many events the action has. It is made only
/// if the action still has that version, the idempotency key is free and no nonce was used. The store checks and
/// appends as one step, so of two appends to the same version one is made and the other gets
/// [`AppendError::Conflict`]. An append that is refused changes nothing: no event, no key, no nonce. Appends that were
/// made count from then on, whether they are on disk or not, and so do their keys and nonces, for appends to any action.
///
/// # What is on disk
///
/// - When `append` with `durable` returns, its events, its claim and its nonces are on disk, and so is every append
///   before it in the sequence.
/// - When `append` without `durable` returns, readers see it, and it has its place in the sequence. A crash may lose
///   it until a later durable append, [`sync`](Store::sync), [`sync_action`](Store::sync_action) of its action or
///   [`close`](Store::close) has returned.
/// - A crash loses only an end of the sequence. After it, an append is there whole, with its claim and nonces, or
///   not at all, and if it is there, every append before it is there.
/// - A future that is dropped before it is ready may or may not make its append.
///
/// # After an error of the disk
///
/// If a write or a sync fails, what is on disk is not known, and a second sync can report success for data that was
/// lost. The store then fails every append and every sync with [`AppendError::Failed`], for as long as it is open, and
/// [`failed`](Store::failed) says why. Appends that wait at that time fail too; each may or may not be there after the
/// next open. What was known to be on disk still is, and reads may go on. Only an open by a new process, which looks at
/// what is there, recovers.
///
/// # Idempotency keys and nonces
///
/// A [`KeyClaim`] gives an idempotency key to the action of its append for [`CLAIM_LIFE_MS`] from its own `at_ms`. The
/// key is one of a tenant and an agent; the same key of another tenant or agent is another key. While it is held, an
/// append that claims it gets [`AppendError::KeyTaken`] with the action that holds it and the digest of the body that
/// came with it, whatever digest the new claim has: the caller compares. A key is held from its claim on, also where the
/// asker's time is before the claim's. A claim is never forgotten: [`last_claim`](Store::last_claim) tells it after it has
/// expired too. A nonce is used once, ever.
///
/// # Reading
///
/// Readers see every append that has returned, on disk or not. They never see one that was refused, and never a part of
/// one.
pub trait Store: Debug + Send + Sync {
    /// Appends, if the action still has `expect` events, the key is free and the nonces are unused. Gives the new
    /// version. An append without events, or with more bytes than fit, gets [`AppendError::Unfit`].
    ///
    /// Every store takes events of up to [`EVENTS_MAX`] bytes together, where each counts [`EVENT_COST`] bytes more than
    /// it has, next to other words of up to [`WORDS_MAX`] bytes as JSON. Every store refuses events of more than
    /// [`EVENTS_REFUSED`] bytes together.
    fn append(&self, append: Append) -> Pending<'_, Result<u64, AppendError>>;

    /// Appends as [`append`](Store::append) with `durable` does, and proves it. Only stores of this crate can, since only
    /// they can make a [`Durable`].
    fn append_durable(&self, append: Append) -> Pending<'_, Result<Durable, AppendError>>;

    /// Waits until every append that has returned is on disk.
    fn sync(&self) -> Pending<'_, Result<(), AppendError>>;

    /// Waits until every append to this action that has returned is on disk. Costs nothing when it is already, and then
    /// an error of the disk that came later does not change the answer. A closed store gives none.
    fn sync_action<'a>(&'a self, action: &'a str) -> Pending<'a, Result<(), AppendError>>;

    /// The version and the events of an action, oldest first, byte by byte as they were appended; `None` for an
    /// action without events.
    fn events(&self, action: &str) -> Result<Option<Story>, ReadError>;

    /// The version of an action and the summary of its latest append; `None` for an action without events.
    fn row(&self, action: &str) -> Result<Option<Row>, ReadError>;

    /// At most `limit` actions of a tenant that pass `filter`, in descending order of their ids.
    fn list(
        &self,
        tenant: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(String, Row)>, ReadError>;

    /// The actions of all tenants whose latest summary is not `ended`, in ascending order of their ids.
    fn open_actions(&self) -> Result<Vec<String>, ReadError>;

    /// The latest `at_ms` of any summary that was ever appended, Unix milliseconds, also where later ones of the same
    /// action have an earlier time; 0 without any.
    fn latest_ms(&self) -> i64;

    /// The action that holds an idempotency key at `now_ms`, and the digest of the body that came with it.
    fn key(
        &self,
        tenant: &str,
        agent: &str,
        key: &str,
        now_ms: i64,
    ) -> Result<Option<(String, String)>, ReadError>;

    /// The action that claimed an idempotency key last, however long ago that was.
    fn last_claim(&self, tenant: &str, agent: &str, key: &str)
    -> Result<Option<String>, ReadError>;

    /// Keeps bytes under their SHA-256 and gives it as 64 lower-case hex digits. They are on disk when this returns.
    /// Blocks. Payloads are no part of the sequence.
    fn put_payload(&self, bytes: &[u8]) -> Result<String, PayloadError>;

    /// The bytes with this SHA-256 (64 lower-case hex digits), checked against it; `None` when they are not kept.
    fn payload(&self, hex: &str) -> Result<Option<Vec<u8>>, PayloadError>;

    /// Why the store takes no more appends, once an error of the disk stopped it.
    fn failed(&self) -> Option<&Failure>;

    /// Takes no more appends, makes those that wait, and has everything on disk when it returns. Blocks. From then
    /// on, [`append`](Store::append), [`append_durable`](Store::append_durable), [`sync`](Store::sync) and
    /// [`sync_action`](Store::sync_action) get [`Failure::Closed`], whatever they ask for. Closing again does nothing.
    fn close(&self);
}
