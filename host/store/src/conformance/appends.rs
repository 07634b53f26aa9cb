//! Compare and append: one sequence of whole appends, each made or refused.

use std::sync::Arc;

use super::{Checked, Place, append, claim, made, must, refusal, same, summary, text, texts};
use crate::store::{Append, AppendError, EVENTS_MAX, Row, Unfit};

/// Appends that race at once.
const RACERS: usize = 24;

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
        same("events of no action", &store.events("never").map_err(text)?, &None)?;
        same("row of no action", &store.row("never").map_err(text)?, &None)?;
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
        same("an append to no action", &error, &AppendError::Conflict { actual: 0 })?;
    }
    made(&*store, append("a", 0, "1")).await?;
    made(&*store, append("a", 1, "2")).await?;
    for expect in [0, 1, 3] {
        let error = refusal(&*store, append("a", expect, "x")).await?;
        same("an append to another version", &error, &AppendError::Conflict { actual: 2 })?;
    }
    same("events", &texts(&*store, "a")?, &vec!["1".to_owned(), "2".to_owned()])
}

pub(super) async fn race(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, append("a", 0, "first")).await?;
    let racer = |n: usize| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.append(append("a", 1, &n.to_string())).await })
    };
    let racers: Vec<_> = (0..RACERS).map(racer).collect();
    let mut winner = None;
    for (n, racer) in racers.into_iter().enumerate() {
        match racer.await.map_err(text)? {
            Ok(version) => {
                same("the version of the append that won", &version, &2)?;
                must(winner.replace(n).is_none(), "two appends to one version were made")?;
            }
            Err(error) => same("a lost race", &error, &AppendError::Conflict { actual: 2 })?,
        }
    }
    let winner = winner.ok_or("none of the racing appends was made")?.to_string();
    same("events", &texts(&*store, "a")?, &vec!["first".to_owned(), winner])
}

/// Whatever it is refused for, nothing else of it is taken.
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
    // The same key and nonce are still free.
    made(&*store, free()).await
}

pub(super) async fn fit(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let error = refusal(&*store, Append { events: Vec::new(), ..append("a", 0, "") }).await?;
    same("an append without events", &error, &AppendError::Unfit(Unfit::NoEvents))?;
    let large = vec![vec![b' '; EVENTS_MAX / 2]; 2];
    made(&*store, Append { events: large.clone(), ..append("a", 0, "") }).await?;
    let found = store.events("a").map_err(text)?;
    must(found == Some((2, large)), "a large append does not read back")
}
