//! Appends that race for a version, a key or a nonce: one of them is made, and the others fail with the matching error.

use std::sync::Arc;

use super::{Checked, Place, append, claim, made, must, same, text, texts};
use crate::store::{Append, AppendError, Store};

/// Number of appends in a race.
const RACERS: usize = 24;

/// Appends to the same version of one action.
pub(super) async fn versions(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    made(&*store, append("a", 0, "first")).await?;
    let winner = one_made(
        &store,
        |n| append("a", 1, &n.to_string()),
        |_| AppendError::Conflict { actual: 2 },
    );
    let winner = winner.await?.to_string();
    same("events", &texts(&*store, "a")?, &vec!["first".to_owned(), winner])
}

/// Appends with the same key, each to a different action.
pub(super) async fn keys(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let racer = |n: usize| {
        let claim = Some(claim("helpdesk", "k", '0', 5));
        Append { claim, ..append(&format!("a{n:02}"), 0, "x") }
    };
    let taken = |winner: usize| {
        let (action, body_sha256) = (format!("a{winner:02}"), "0".repeat(64));
        AppendError::KeyTaken { action, body_sha256 }
    };
    let winner = one_made(&store, racer, taken).await?;
    let holder = store.key("acme", "helpdesk", "k", 6).map_err(text)?;
    same("holder", &holder.map(|(action, _)| action), &Some(format!("a{winner:02}")))?;
    same("actions", &store.open_actions().map_err(text)?, &vec![format!("a{winner:02}")])
}

/// Appends with the same nonce, each to a different action.
pub(super) async fn nonces(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let nonce = "n".to_owned();
    let racer =
        |n: usize| Append { nonces: vec![nonce.clone()], ..append(&format!("a{n:02}"), 0, "x") };
    let used = |_| AppendError::NonceUsed { nonce: nonce.clone() };
    let winner = one_made(&store, racer, used).await?;
    same("actions", &store.open_actions().map_err(text)?, &vec![format!("a{winner:02}")])
}

/// Runs racing appends and returns the number of the append that was made. Exactly one must be made, and the others
/// must fail with the error `lost(winner)`.
async fn one_made(
    store: &Arc<dyn Store>,
    racer: impl Fn(usize) -> Append,
    lost: impl Fn(usize) -> AppendError,
) -> Result<usize, String> {
    let run = |n: usize| {
        let (store, append) = (Arc::clone(store), racer(n));
        tokio::spawn(async move { store.append(append).await })
    };
    let runs: Vec<_> = (0..RACERS).map(run).collect();
    let (mut winner, mut errors) = (None, Vec::new());
    for (n, run) in runs.into_iter().enumerate() {
        match run.await.map_err(text)? {
            Ok(_) => must(winner.replace(n).is_none(), "two of the racing appends were made")?,
            Err(error) => errors.push(error),
        }
    }
    let winner = winner.ok_or("none of the racing appends was made")?;
    errors.iter().try_for_each(|error| same("a lost race", error, &lost(winner)))?;
    Ok(winner)
}
