//! Checks compare and append: every append is either made completely or refused.

use super::{Checked, Place, append, claim, made, must, refusal, same, summary, text, texts};
use crate::store::{
    Append, AppendError, EVENT_COST, EVENTS_MAX, EVENTS_REFUSED, Row, Store, Summary, Unfit,
    WORDS_MAX,
};

pub(super) async fn read_back(place: &mut dyn Place) -> Checked {
    let mut store = place.open()?;
    let first = vec![b"{\"n\":1}\n".to_vec(), vec![0, 255, b'\n']];
    made(&*store, Append { events: first.clone(), ..append("a1", 0, "") }).await?;
    let last = Append { summary: summary("acme", "helpdesk", "waiting"), ..append("a1", 2, "3") };
    made(&*store, last).await?;
    made(&*store, append("a2", 0, "other")).await?;
    let wanted = (3, [first, vec![b"3".to_vec()]].concat());
    for _ in 0..2 {
        same("events", &store.events("a1").map_err(text)?.as_ref(), &Some(&wanted))?;
        same("events of another action", &texts(&*store, "a2")?, &vec!["other".to_owned()])?;
        let row = Row { version: 3, summary: summary("acme", "helpdesk", "waiting") };
        same("row", &store.row("a1").map_err(text)?, &Some(row))?;
        same("events of an unknown action", &store.events("never").map_err(text)?, &None)?;
        same("row of an unknown action", &store.row("never").map_err(text)?, &None)?;
        store.close();
        drop(store);
        store = place.open()?;
    }
    Ok(())
}

pub(super) async fn compare(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    for expect in [1, 2] {
        let error = refusal(&*store, append("new", expect, "x")).await?;
        same("an append to an unknown action", &error, &AppendError::Conflict { actual: 0 })?;
    }
    made(&*store, append("a", 0, "1")).await?;
    made(&*store, append("a", 1, "2")).await?;
    for expect in [0, 1, 3] {
        let error = refusal(&*store, append("a", expect, "x")).await?;
        same("an append to another version", &error, &AppendError::Conflict { actual: 2 })?;
    }
    same("events", &texts(&*store, "a")?, &vec!["1".to_owned(), "2".to_owned()])
}

/// A refused append changes nothing, whatever the reason for the refusal.
pub(super) async fn refused(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let taken = Append { claim: Some(claim("helpdesk", "k", '0', 5)), ..append("a", 0, "1") };
    made(&*store, Append { nonces: vec!["n".to_owned()], ..taken }).await?;
    let free = || Append {
        claim: Some(claim("helpdesk", "free", '1', 5)),
        nonces: vec!["free".to_owned()],
        ..append("b", 0, "x")
    };
    let conflict = Append { action: "a".to_owned(), ..free() };
    let key = Append { claim: Some(claim("helpdesk", "k", '1', 6)), ..free() };
    let nonce = Append { nonces: vec!["free".to_owned(), "n".to_owned()], ..free() };
    let unfit = Append { events: Vec::new(), ..free() };
    for one in [conflict, key, nonce, unfit] {
        refusal(&*store, one).await?;
        same("events after a refusal", &texts(&*store, "a")?, &vec!["1".to_owned()])?;
        same("row after a refusal", &store.row("b").map_err(text)?, &None)?;
        let key = store.key("acme", "helpdesk", "free", 5).map_err(text)?;
        same("key after a refusal", &key, &None)?;
    }
    // The refused appends have used neither the key `free` nor the nonce `free`, so an append with both is made.
    made(&*store, free()).await
}

/// Checks the size limits with few large events and with many empty events. The summaries of the appends also have
/// nearly their maximum size as JSON, because each character of the resource name takes six bytes.
pub(super) async fn fit(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let error = refusal(&*store, Append { events: Vec::new(), ..append("a", 0, "") }).await?;
    same("an append without events", &error, &AppendError::Unfit(Unfit::NoEvents))?;
    fits(&*store, "large", vec![vec![b' '; EVENTS_MAX / 2 - EVENT_COST]; 2]).await?;
    fits(&*store, "many", vec![Vec::new(); EVENTS_MAX / EVENT_COST]).await?;
    let beyond = vec![vec![b' '; EVENTS_REFUSED / 2 + 1]; 2];
    let error = refusal(&*store, Append { events: beyond, ..append("b", 0, "") }).await?;
    let refused = matches!(error, AppendError::Unfit(Unfit::TooLarge { .. }));
    must(refused, "events above the limit of every store are not refused as too large")?;
    same("row after the refusal", &store.row("b").map_err(text)?, &None)
}

async fn fits(store: &dyn Store, action: &str, events: Vec<Vec<u8>>) -> Checked {
    let short = summary("acme", "helpdesk", "running");
    // The text of the summary is close to its limit `WORDS_MAX`.
    let resource = "\u{1}".repeat((WORDS_MAX - 512) / "\\u0001".len());
    let summary = Summary { resource, ..short };
    made(store, Append { events: events.clone(), summary, ..append(action, 0, "") }).await?;
    let found = store.events(action).map_err(text)?;
    must(found == Some((events.len() as u64, events)), "a large append does not read back")
}
