//! `deed token revoke`: removes the files of tokens, which a running host then refuses.

use std::path::PathBuf;

use serde_json::json;

use super::super::named::ambiguous;
use super::super::out::{self, Failure, Format, shell};
use super::super::text::join;
use super::remind;
use crate::config::{AgentToken, NamedAgent, TokenStore, is_token_id};

/// Revoke a token of an agent, or all of them; a running host refuses them within 2 seconds
///
/// Removes the files of the tokens from `tokens/`. A `token` in deed.toml stays valid.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RevokeArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// The id of the token, which `deed token list` shows; or use --agent
    id: Option<String>,
    /// Revoke all tokens of this agent in `tokens/`
    #[arg(long, value_name = "AGENT", conflicts_with = "id")]
    agent: Option<String>,
    /// The tenant; required when agents of this name in several tenants have tokens
    #[arg(long, value_name = "NAME", requires = "agent")]
    tenant: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &RevokeArgs) -> Result<(), Failure> {
    if let Some(id) = args.id.as_ref().filter(|id| !is_token_id(id)) {
        return Err(Failure::usage(format!(
            "`{id}` is not the id of a token, such as t_0123456789; `deed token list` shows the ids"
        )));
    }
    if args.id.is_none() && args.agent.is_none() {
        return Err(Failure::usage(format!(
            "name a token by its id, which `deed token list {}` shows, or use --agent AGENT to revoke all tokens of an \
             agent",
            shell(&args.dir)
        )));
    }
    let (revoked, agents) = match (&args.id, &args.agent) {
        (Some(id), _) => (of_id(args, id)?, Vec::new()),
        (None, agent) => of_agent(args, agent.as_deref().unwrap_or_default())?,
    };
    let dir = shell(&args.dir);
    if revoked.is_empty() {
        let what = match (&args.id, &args.agent) {
            (Some(id), _) => format!("there is no token `{id}`"),
            (None, agent) => {
                format!("agent `{}` has no tokens in tokens/", agent.as_deref().unwrap_or_default())
            }
        };
        return Err(Failure::Failed(format!(
            "{what}; nothing was revoked; `deed token list {dir}` lists all tokens"
        )));
    }
    args.format.print(&json!({"revoked": revoked}), |_| {
        join(revoked.iter().map(|id| format!("{id} is revoked")))
    })?;
    agents.iter().for_each(remind);
    out::progress("a running host refuses them within 2 seconds");
    args.format.next(&format!("deed token list {dir}"));
    Ok(())
}

/// Revokes one token. Neither its file nor `deed.toml` is read, so that faults in them do not matter.
fn of_id(args: &RevokeArgs, id: &str) -> Result<Vec<String>, Failure> {
    let is_revoked = TokenStore::revoke(&args.dir, id).map_err(Failure::failed)?;
    Ok(if is_revoked { vec![id.to_owned()] } else { Vec::new() })
}

/// Revokes all tokens of an agent, which need not be in `deed.toml` any more. Returns their ids, and the agents of this
/// name that are.
fn of_agent(args: &RevokeArgs, agent: &str) -> Result<(Vec<String>, Vec<NamedAgent>), Failure> {
    let store = TokenStore::change(&args.dir).map_err(Failure::failed)?;
    let mut revoked = Vec::new();
    for id in ids(&store, args, agent)? {
        if store.remove(&id).map_err(Failure::failed)? {
            revoked.push(id);
        }
    }
    let is_tenant = |name: &String| args.tenant.as_ref().is_none_or(|tenant| tenant == name);
    let is_named = |one: &&NamedAgent| one.name == agent && is_tenant(&one.tenant);
    Ok((revoked, store.agents.iter().filter(is_named).cloned().collect()))
}

/// The ids of all tokens of an agent.
fn ids(store: &TokenStore, args: &RevokeArgs, agent: &str) -> Result<Vec<String>, Failure> {
    let read = store.list().map_err(Failure::failed)?;
    for fault in &read.faults {
        out::note(&format!("{fault}; if it is a token of `{agent}`, it is not revoked"));
    }
    let is_tenant = |name: &String| args.tenant.as_ref().is_none_or(|tenant| tenant == name);
    let is_its = |one: &&AgentToken| one.agent == agent && is_tenant(&one.tenant);
    let found: Vec<&AgentToken> = read.valid.iter().filter(is_its).collect();
    let mut tenants: Vec<&str> = found.iter().map(|one| one.tenant.as_str()).collect();
    tenants.sort_unstable();
    tenants.dedup();
    if tenants.len() > 1 {
        let have = format!("have tokens of an agent `{agent}`");
        return Err(ambiguous(&have, tenants.into_iter()));
    }
    Ok(found.into_iter().map(|one| one.id.clone()).collect())
}
