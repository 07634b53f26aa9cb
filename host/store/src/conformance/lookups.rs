//! Checks idempotency keys, nonces, lists and payloads.

use deed_spec::digest::Digest;

use super::{Checked, Place, append, claim, made, must, refusal, same, summary, text};
use crate::store::{
    Append, AppendError, CLAIM_LIFE_MS, Filter, KeyClaim, PayloadError, Row, Span, Store, Summary,
};

pub(super) async fn keys(place: &mut dyn Place) -> Checked {
    let mut store = place.open()?;
    let with = |action: &str, agent: &str, body, at_ms| Append {
        claim: Some(claim(agent, "k", body, at_ms)),
        ..append(action, 0, "x")
    };
    made(&*store, with("a1", "helpdesk", '0', 5)).await?;
    let taken = AppendError::KeyTaken { action: "a1".to_owned(), body_sha256: "0".repeat(64) };
    let last = 5 + CLAIM_LIFE_MS - 1;
    for _ in 0..2 {
        // While a key is held, the store refuses another claim, whatever its digest, and returns the digest of the
        // first claim.
        for (body, at_ms) in [('0', 6), ('1', 6), ('1', last)] {
            let error = refusal(&*store, with("a2", "helpdesk", body, at_ms)).await?;
            same("a key that is taken", &error, &taken)?;
        }
        same("holder", &holder(&*store, "helpdesk", last)?, &Some("a1".to_owned()))?;
        same("holder of another agent's key", &holder(&*store, "other", 6)?, &None)?;
        for now_ms in [last + 1, i64::MAX] {
            same("holder of a key that expired", &holder(&*store, "helpdesk", now_ms)?, &None)?;
        }
        for now_ms in [4, i64::MIN] {
            let found = holder(&*store, "helpdesk", now_ms)?;
            same("holder before the time of its claim", &found, &Some("a1".to_owned()))?;
        }
        let elsewhere = store.key("acme2", "helpdesk", "k", 6).map_err(text)?;
        same("holder of another tenant's key", &elsewhere, &None)?;
        store.close();
        drop(store);
        store = place.open()?;
    }
    made(&*store, with("a3", "other", '1', 6)).await?;
    let elsewhere = KeyClaim { tenant: "acme2".to_owned(), ..claim("helpdesk", "k", '1', 6) };
    made(&*store, Append { claim: Some(elsewhere), ..append("b1", 0, "x") }).await?;
    made(&*store, with("a4", "helpdesk", '1', last + 1)).await?;
    same("new holder", &holder(&*store, "helpdesk", last + 1)?, &Some("a4".to_owned()))
}

/// For each tenant and agent, the store permanently remembers which action claimed a key last.
pub(super) async fn last_claim(place: &mut dyn Place) -> Checked {
    let mut store = place.open()?;
    let of = |store: &dyn Store, tenant: &str, agent: &str| {
        store.last_claim(tenant, agent, "k").map_err(text)
    };
    for (action, key, at_ms) in
        [("a1", "k", 5), ("a2", "k", 5 + CLAIM_LIFE_MS), ("a3", "other", 9 * CLAIM_LIFE_MS)]
    {
        let claim = Some(claim("helpdesk", key, '0', at_ms));
        let summary = Summary { at_ms, ..summary("acme", "helpdesk", "running") };
        made(&*store, Append { summary, claim, ..append(action, 0, "x") }).await?;
        let wanted = Some(if action == "a1" { "a1" } else { "a2" }.to_owned());
        for _ in 0..2 {
            same("the last claim", &of(&*store, "acme", "helpdesk")?, &wanted)?;
            same("the last claim of another agent", &of(&*store, "acme", "other")?, &None)?;
            same("the last claim of another tenant", &of(&*store, "acme2", "helpdesk")?, &None)?;
            store.close();
            drop(store);
            store = place.open()?;
        }
    }
    Ok(())
}

fn holder(store: &dyn Store, agent: &str, now_ms: i64) -> Result<Option<String>, String> {
    let found = store.key("acme", agent, "k", now_ms).map_err(text)?;
    Ok(found.map(|(action, _)| action))
}

pub(super) async fn nonces(place: &mut dyn Place) -> Checked {
    let mut store = place.open()?;
    let with = |action: &str, nonces: &[&str]| Append {
        nonces: nonces.iter().map(|nonce| (*nonce).to_owned()).collect(),
        ..append(action, 0, "x")
    };
    made(&*store, with("a1", &["n", "m"])).await?;
    for _ in 0..2 {
        for (nonces, used) in [(["o", "n"], "n"), (["m", "o"], "m"), (["o", "o"], "o")] {
            let error = refusal(&*store, with("a2", &nonces)).await?;
            let used = AppendError::NonceUsed { nonce: used.to_owned() };
            same("a nonce that was used", &error, &used)?;
        }
        store.close();
        drop(store);
        store = place.open()?;
    }
    made(&*store, with("a2", &["o"])).await
}

/// Summaries of the actions of two tenants, in another order than that of the ids. Every third action has ended.
fn rows() -> Vec<(String, Summary)> {
    let row = |n: i64| {
        let (id, at_ms) = ((n * 7) % 20, n * 10);
        let tenant = if n % 5 == 0 { "acme2" } else { "acme" };
        let agent = if n % 2 == 0 { "helpdesk" } else { "billing" };
        let status = if n % 3 == 0 { "verified" } else { "waiting" };
        let (resource, trace) = (format!("r/{}", n % 4), (n % 4 == 1).then(|| "t".to_owned()));
        let found = summary(tenant, agent, status);
        (format!("a{id:02}"), Summary { ended: n % 3 == 0, at_ms, resource, trace, ..found })
    };
    (0..20).map(row).collect()
}

fn filters() -> Vec<Filter> {
    let word = |word: &str| Some(word.to_owned());
    let (agent, status, resource) = (word("helpdesk"), word("verified"), word("r/2"));
    let every = Filter::default;
    vec![
        every(),
        Filter { agent: agent.clone(), ..every() },
        Filter { status: status.clone(), ..every() },
        Filter { status: word("waiting"), ..every() },
        Filter { ended: true, ..every() },
        Filter { status: status.clone(), ended: true, ..every() },
        Filter { status: word("waiting"), ended: true, ..every() },
        Filter { resource: resource.clone(), ..every() },
        Filter { trace: word("t"), ..every() },
        Filter { since_ms: Some(100), ..every() },
        Filter { contract: word("idp.other"), ..every() },
        Filter { agent, status, resource, since_ms: Some(30), ..every() },
        Filter { status: word("never"), ..every() },
    ]
}

pub(super) async fn lists(place: &mut dyn Place) -> Checked {
    let (mut store, mut rows) = (place.open()?, rows());
    for (action, summary) in &rows {
        let other = Summary { status: "new".to_owned(), ended: false, at_ms: 0, ..summary.clone() };
        made(&*store, Append { summary: other, ..append(action, 0, "1") }).await?;
        made(&*store, Append { summary: summary.clone(), ..append(action, 1, "2") }).await?;
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    for _ in 0..2 {
        let open = rows.iter().filter(|(_, summary)| !summary.ended);
        let open: Vec<String> = open.map(|(action, _)| action.clone()).collect();
        same("open actions", &store.open_actions().map_err(text)?, &open)?;
        same("the latest time", &store.latest_ms(), &190)?;
        for (action, expected) in [("a00", Some(b"1".to_vec())), ("a20", None)] {
            same("the first event", &store.first_event(action).map_err(text)?, &expected)?;
        }
        for (filter, limit) in filters().iter().flat_map(|one| [(one, usize::MAX), (one, 2)]) {
            let found = store.list("acme", filter, limit).map_err(text)?;
            let wanted = listed(&rows, filter, limit);
            same(&format!("the list of {filter:?}, at most {limit}"), &found, &wanted)?;
        }
        for (filter, steps) in filters().iter().flat_map(|one| [(one, 1), (one, 5)]) {
            let found = in_parts(&*store, &rows, filter, steps)?;
            let wanted = listed(&rows, filter, usize::MAX);
            same(&format!("the parts of {filter:?}, {steps} steps each"), &found, &wanted)?;
        }
        store.close();
        drop(store);
        store = place.open()?;
    }
    Ok(())
}

/// The list as parts of at most two rows and this many steps.
fn in_parts(
    store: &dyn Store,
    rows: &[(String, Summary)],
    filter: &Filter,
    steps: usize,
) -> Result<Vec<(String, Row)>, String> {
    let (mut found, mut span) = (Vec::new(), Span { from: None, rows: 2, steps });
    loop {
        let page = store.page("acme", filter, &span).map_err(text)?;
        must(page.rows.len() <= 2, "a part has more rows than were asked for")?;
        found.extend(page.rows);
        let Some(next) = page.next else { return Ok(found) };
        let goes_on = span.from.as_ref().is_none_or(|from| next < *from);
        must(goes_on, "a part begins where the part before it began")?;
        let of_agent = |one: &Summary| filter.agent.as_ref().is_none_or(|name| one.agent == *name);
        let is_own = rows.iter().any(|(id, summary)| *id == next && of_agent(summary));
        must(is_own, "a part of the list of an agent names an action of another agent")?;
        span.from = Some(next);
    }
}

/// The latest time is the greatest time of all appends, even if the clock went back and the row of the action has an
/// earlier time.
pub(super) async fn latest(place: &mut dyn Place) -> Checked {
    let mut store = place.open()?;
    same("the latest time of an empty store", &store.latest_ms(), &0)?;
    let at = |action: &str, expect, at_ms| {
        let summary = Summary { at_ms, ..summary("acme", "helpdesk", "running") };
        Append { summary, ..append(action, expect, "x") }
    };
    let mut latest = 0;
    for one in [at("a", 0, 100), at("a", 1, 50), at("b", 0, 70), at("b", 1, 101), at("b", 2, 3)] {
        latest = latest.max(one.summary.at_ms);
        made(&*store, one).await?;
        same("the latest time", &store.latest_ms(), &latest)?;
    }
    store.close();
    drop(store);
    store = place.open()?;
    same("the latest time after a close", &store.latest_ms(), &latest)?;
    place.crash(store)?;
    same("the latest time after a crash", &place.open()?.latest_ms(), &latest)
}

/// The expected list: the rows that pass the filter, with the greatest id first.
fn listed(rows: &[(String, Summary)], filter: &Filter, limit: usize) -> Vec<(String, Row)> {
    let row = |(action, summary): &(String, Summary)| {
        (action.clone(), Row { version: 2, summary: summary.clone() })
    };
    let own = rows.iter().rev().filter(|(_, summary)| summary.tenant == "acme").map(row);
    own.filter(|(_, row)| filter.takes(row)).take(limit).collect()
}

pub(super) fn payloads(place: &mut dyn Place) -> Checked {
    let store = place.open()?;
    let digest = Digest::of(b"large").hex();
    for _ in 0..2 {
        same("name of a payload", &store.put_payload(b"large").map_err(text)?, &digest)?;
    }
    for bad in ["", "../../LOCK", &digest.to_uppercase()] {
        let refused = matches!(store.payload(bad), Err(PayloadError::Name { .. }));
        must(refused, "a name that is not a digest in lower-case hex is not refused")?;
    }
    place.crash(store)?;
    let store = place.open()?;
    same("payload", &store.payload(&digest).map_err(text)?, &Some(b"large".to_vec()))?;
    same("a payload that is not stored", &store.payload(&"0".repeat(64)).map_err(text)?, &None)
}
