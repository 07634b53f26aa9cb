//! Checks what is on disk when a call returns, and what a crash may lose.

use super::{Checked, Place, append, claim, lazy, made, must, refusal, same, text, texts};
use crate::store::{Append, AppendError, Failure, Store};

/// Number of appends that are made without `durable` before the store crashes.
const UNSYNCED: usize = 12;

/// When a durable append returns, the append and all appends before it are on disk, with their claims and nonces.
pub(super) async fn durable(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, lazy("before", 0, "1")).await?;
    let whole = Append {
        claim: Some(claim("helpdesk", "k", '0', 5)),
        nonces: vec!["n".to_owned()],
        ..append("a", 0, "2")
    };
    made(&*store, whole).await?;
    place.crash(store)?;
    let store = place.open()?;
    same("a durable append", &texts(&*store, "a")?, &vec!["2".to_owned()])?;
    same("an append before it", &texts(&*store, "before")?, &vec!["1".to_owned()])?;
    let key = store.key("acme", "helpdesk", "k", 6).map_err(text)?;
    same("its key", &key, &Some(("a".to_owned(), "0".repeat(64))))?;
    let again = Append { nonces: vec!["n".to_owned()], ..append("b", 0, "x") };
    let used = AppendError::NonceUsed { nonce: "n".to_owned() };
    same("its nonce", &refusal(&*store, again).await?, &used)
}

/// `append_durable` returns a proof with the last event of the append, and puts the append on disk even if its
/// `durable` is not set.
pub(super) async fn proofs(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, lazy("before", 0, "1")).await?;
    let events = vec![b"1".to_vec(), b"2".to_vec()];
    let proof = store.append_durable(Append { events, ..lazy("a", 0, "") }).await.map_err(text)?;
    same("what is proved", &proof.into_parts(), &("a".to_owned(), b"2".to_vec()))?;
    let late = store.append_durable(append("a", 0, "3")).await;
    must(late.is_err(), "an append to an old version is proved")?;
    let empty = store.append_durable(Append { events: vec![], ..append("b", 0, "") }).await;
    must(empty.is_err(), "an append without events is proved")?;
    place.crash(store)?;
    let store = place.open()?;
    same("a proved append", &texts(&*store, "a")?, &vec!["1".to_owned(), "2".to_owned()])?;
    same("an append before it", &texts(&*store, "before")?, &vec!["1".to_owned()])
}

pub(super) async fn syncs(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, lazy("a", 0, "1")).await?;
    made(&*store, lazy("b", 0, "1")).await?;
    store.sync().await.map_err(text)?;
    place.crash(store)?;
    let store = place.open()?;
    same("an append before a sync", &texts(&*store, "a")?, &vec!["1".to_owned()])?;
    same("an append before a sync", &texts(&*store, "b")?, &vec!["1".to_owned()])?;
    made(&*store, lazy("b", 1, "2")).await?;
    store.sync_action("b").await.map_err(text)?;
    store.sync_action("b").await.map_err(text)?;
    store.sync_action("never").await.map_err(text)?;
    place.crash(store)?;
    let store = place.open()?;
    same("an append before a sync of its action", &texts(&*store, "b")?.len(), &2)
}

/// After a crash, an append that was not synced is complete or absent. If the append is complete, all appends before it
/// are complete too.
pub(super) async fn lost_end(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, append("durable", 0, "1")).await?;
    for n in 0..UNSYNCED {
        let one = Append {
            events: vec![format!("{n}.1").into_bytes(), format!("{n}.2").into_bytes()],
            claim: Some(claim("helpdesk", &format!("k{n}"), '0', 5)),
            nonces: vec![format!("n{n}")],
            ..lazy(&format!("a{n}"), 0, "")
        };
        made(&*store, one).await?;
    }
    place.crash(store)?;
    let store = place.open()?;
    same("a durable append", &texts(&*store, "durable")?, &vec!["1".to_owned()])?;
    let mut lost = None;
    for n in 0..UNSYNCED {
        match (is_whole(&*store, n).await?, lost) {
            (true, None) => {}
            (true, Some(first)) => {
                return Err(format!("append {n} is present without append {first}"));
            }
            (false, _) => lost = lost.or(Some(n)),
        }
    }
    Ok(())
}

/// Whether the nth append is present. If the append is absent, neither its key nor its nonce may count as used.
async fn is_whole(store: &dyn Store, n: usize) -> Result<bool, String> {
    let action = format!("a{n}");
    let events = texts(store, &action)?;
    let key = store.key("acme", "helpdesk", &format!("k{n}"), 6).map_err(text)?;
    if events.is_empty() {
        same("key of an append that is absent", &key, &None)?;
        // The nonce of an absent append can be used again.
        let again = Append { nonces: vec![format!("n{n}")], ..append(&action, 0, "again") };
        made(store, again).await?;
        return Ok(false);
    }
    same("events of an append", &events, &vec![format!("{n}.1"), format!("{n}.2")])?;
    same("its key", &key.map(|(action, _)| action), &Some(action.clone()))?;
    let again = Append { nonces: vec![format!("n{n}")], ..append(&action, 2, "x") };
    let used = AppendError::NonceUsed { nonce: format!("n{n}") };
    same("its nonce", &refusal(store, again).await?, &used)?;
    Ok(true)
}

pub(super) async fn close(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, lazy("a", 0, "1")).await?;
    same("failure of an open store", &store.failed(), &None)?;
    store.close();
    store.close();
    let closed = AppendError::Failed(Failure::Closed);
    same("an append after close", &refusal(&*store, append("b", 0, "x")).await?, &closed)?;
    let synced = store.sync().await;
    same("a sync after close", &synced, &Err(closed))?;
    place.crash(store)?;
    let store = place.open()?;
    same("an append before close", &texts(&*store, "a")?, &vec!["1".to_owned()])?;
    same("an append after close", &texts(&*store, "b")?.len(), &0)?;
    made(&*store, append("a", 1, "2")).await
}

/// A closed store confirms neither a new append nor an append that it already has on disk.
pub(super) async fn closed(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, append("durable", 0, "1")).await?;
    made(&*store, lazy("lazy", 0, "1")).await?;
    store.close();
    let closed = AppendError::Failed(Failure::Closed);
    for action in ["durable", "lazy", "never"] {
        let synced = store.sync_action(action).await;
        same(&format!("a sync of `{action}` after close"), &synced, &Err(closed.clone()))?;
    }
    match store.append_durable(append("new", 0, "x")).await {
        Ok(_) => return Err("an append after close is proved".to_owned()),
        Err(error) => same("a proof after close", &error, &closed)?,
    }
    same("a lazy append", &refusal(&*store, lazy("new", 0, "x")).await?, &closed)?;
    place.crash(store)?;
    same("an append after close", &texts(&*place.open()?, "new")?.len(), &0)
}
