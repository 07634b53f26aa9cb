//! Checks that appends that are not on disk yet take effect and can be read like all other appends.

use super::{Checked, Place, append, claim, lazy, made, refusal, same, summary, text, texts};
use crate::store::{Append, AppendError, Filter, Row, Summary};

/// An append that has a claim and a nonce and does not wait for the disk.
fn first() -> Append {
    Append {
        claim: Some(claim("helpdesk", "k", '0', 5)),
        nonces: vec!["n".to_owned()],
        ..lazy("a", 0, "1")
    }
}

/// An append is checked against the versions, keys and nonces of the whole sequence, not only of the part on disk.
pub(super) async fn counts(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, first()).await?;
    let error = refusal(&*store, lazy("a", 0, "x")).await?;
    same("an append to an old version", &error, &AppendError::Conflict { actual: 1 })?;
    let key = Append { claim: Some(claim("helpdesk", "k", '0', 6)), ..lazy("b", 0, "x") };
    let taken = AppendError::KeyTaken { action: "a".to_owned(), body_sha256: "0".repeat(64) };
    same("a key that is taken", &refusal(&*store, key).await?, &taken)?;
    let nonce = Append { nonces: vec!["n".to_owned()], ..lazy("b", 0, "x") };
    let used = AppendError::NonceUsed { nonce: "n".to_owned() };
    same("a nonce that was used", &refusal(&*store, nonce).await?, &used)?;
    made(&*store, lazy("a", 1, "2")).await?;
    made(&*store, append("a", 2, "3")).await
}

/// Every method that reads also returns appends that are not on disk yet.
pub(super) async fn reads(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let late = Summary { at_ms: 7, ..summary("acme", "helpdesk", "waiting") };
    made(&*store, Append { summary: late.clone(), ..first() }).await?;
    let row = Row { version: 1, summary: late };
    same("events", &texts(&*store, "a")?, &vec!["1".to_owned()])?;
    same("row", &store.row("a").map_err(text)?, &Some(row.clone()))?;
    let listed = store.list("acme", &Filter::default(), 9).map_err(text)?;
    same("list", &listed, &vec![("a".to_owned(), row)])?;
    same("open actions", &store.open_actions().map_err(text)?, &vec!["a".to_owned()])?;
    same("the latest time", &store.latest_ms(), &7)?;
    let key = store.key("acme", "helpdesk", "k", 6).map_err(text)?;
    same("holder", &key, &Some(("a".to_owned(), "0".repeat(64))))?;
    let claimed = store.last_claim("acme", "helpdesk", "k").map_err(text)?;
    same("the last claim", &claimed, &Some("a".to_owned()))
}
