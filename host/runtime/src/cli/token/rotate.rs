//! `deed token rotate`: creates a new token of an agent, and lets the others expire.

use deed_record::timeline::utc;
use deed_system::clock::Clock;
use serde_json::{Value, json};

use super::super::out::{Failure, Format, shell};
use super::super::quote::quoted;
use super::super::span::Span;
use super::super::text::join;
use super::{AgentArgs, create, data, keep_if_printed, named, remind, stored, warn};
use crate::config::{AgentToken, Fault, NamedAgent, TokenStore};

/// Create a new token of an agent, and let its other tokens expire
///
/// The new token does not expire by itself and has the note of the newest one. The other tokens in `tokens/` stay valid
/// for the time of --grace, unless they expire earlier, and the files of those that have expired are removed. A `token`
/// in deed.toml stays valid.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RotateArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// How long the other tokens stay valid, such as 10m; with 0s, they expire at once
    #[arg(long, value_name = "TIME", default_value = "1h")]
    grace: Span,
    /// How long the new token is valid, such as 30d; without this option, until it is revoked
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    #[command(flatten)]
    format: Format,
}

/// The other tokens after a rotation.
#[derive(Debug, Default)]
struct Others {
    expiring: Vec<AgentToken>,
    removed: Vec<String>,
}

pub(super) fn run(args: &RotateArgs) -> Result<(), Failure> {
    let store = TokenStore::change(&args.agent.dir).map_err(Failure::failed)?;
    let agent = named(&store, &args.agent)?;
    let now_ms = Clock::default().now_ms();
    let old = tokens_of(&store, agent)?;
    let note = old.iter().max_by_key(|token| token.created_ms).and_then(|one| one.note.as_ref());
    let terms = (now_ms, args.expires.map(|span| span.end(now_ms)));
    let (text, token) = create(&store, agent, terms, note)?;
    let others = Others::of(&old, (now_ms, args.grace.end(now_ms)));
    let report = report(&text, &token, &others, agent, now_ms);
    let printed = args.format.print(&report, |_| lines(&text, &others));
    keep_if_printed(&store, &token, printed)?;
    stored(args.format, &token);
    // The new token was shown, so the others may expire.
    others.retire(&store).map_err(|fault| unfinished(&fault))?;
    remind(agent);
    let (dir, name) = (shell(&args.agent.dir), quoted(&agent.name));
    args.format.next(&format!(
        "give the first line to the agent as DEED_TOKEN, then `deed token list {dir} {name}`"
    ));
    Ok(())
}

fn tokens_of(store: &TokenStore, agent: &NamedAgent) -> Result<Vec<AgentToken>, Failure> {
    let read = store.list().map_err(Failure::failed)?;
    let is_its = |one: &AgentToken| one.tenant == agent.tenant && one.agent == agent.name;
    Ok(read.valid.into_iter().filter(is_its).collect())
}

impl Others {
    /// The tokens that expire at this time, unless they expire earlier, and those that have expired.
    fn of(old: &[AgentToken], (now_ms, until_ms): (i64, i64)) -> Self {
        let (expired, valid): (Vec<&AgentToken>, Vec<&AgentToken>) =
            old.iter().partition(|token| token.is_expired(now_ms));
        let expiring = valid.into_iter().map(|token| {
            let expires_ms = token.expires_ms.map_or(until_ms, |at_ms| at_ms.min(until_ms));
            AgentToken { expires_ms: Some(expires_ms), ..token.clone() }
        });
        let removed = expired.into_iter().map(|token| token.id.clone());
        Self { expiring: expiring.collect(), removed: removed.collect() }
    }

    /// Writes the new times, and removes the files of the tokens that have expired.
    fn retire(&self, store: &TokenStore) -> Result<(), Fault> {
        for token in &self.expiring {
            warn(store.put(token)?);
        }
        for id in &self.removed {
            store.remove(id)?;
        }
        Ok(())
    }
}

fn unfinished(fault: &Fault) -> Failure {
    Failure::Failed(format!(
        "{fault}; the new token is valid, and other tokens of the agent may stay valid longer: correct the fault, and \
         run `deed token revoke` for each of them"
    ))
}

fn report(
    text: &str,
    token: &AgentToken,
    others: &Others,
    agent: &NamedAgent,
    now_ms: i64,
) -> Value {
    let expiring: Vec<Value> = others.expiring.iter().map(|one| data(one, now_ms)).collect();
    let mut report = data(token, now_ms);
    if let Value::Object(members) = &mut report {
        members.insert("token".to_owned(), text.into());
        members.insert("expiring".to_owned(), expiring.into());
        members.insert("removed".to_owned(), json!(others.removed));
        members.insert("in_deed_toml".to_owned(), agent.has_token.into());
    }
    report
}

fn lines(text: &str, others: &Others) -> String {
    let expiring = others.expiring.iter().map(|one| {
        let until = one.expires_ms.map(utc).unwrap_or_default();
        format!("{} is valid until {until}", one.id)
    });
    let removed = others.removed.iter().map(|id| format!("{id} had expired and was removed"));
    join([text.to_owned()].into_iter().chain(expiring).chain(removed))
}
