//! `deed token list`: shows the tokens of agents without their digests.

use std::path::PathBuf;

use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde_json::json;

use super::super::out::{self, Failure, Format, shell};
use super::super::quote::quoted;
use super::super::text::join;
use super::{data, line};
use crate::config::{AgentToken, Fault, NamedAgent, TokenStore};

/// List the tokens of agents: those in `tokens/`, and which agents have one in deed.toml
///
/// Prints the id, the agent, the times and the note of each token. No command prints the digest of a token.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ListArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// List only the tokens of this agent
    agent: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &ListArgs) -> Result<(), Failure> {
    let store = TokenStore::open(&args.dir).map_err(Failure::failed)?;
    let read = store.list().map_err(Failure::failed)?;
    let now_ms = Clock::default().now_ms();
    let is_listed = |agent: &String| args.agent.as_ref().is_none_or(|name| name == agent);
    let tokens: Vec<&AgentToken> = read.valid.iter().filter(|one| is_listed(&one.agent)).collect();
    let agents: Vec<&NamedAgent> = store.agents.iter().filter(|one| is_listed(&one.name)).collect();
    if let Some(agent) = args.agent.as_ref().filter(|_| tokens.is_empty() && agents.is_empty()) {
        let dir = shell(&args.dir);
        return Err(Failure::Failed(format!(
            "no agent `{agent}` has a token or is in deed.toml; `deed token list {dir}` lists all"
        )));
    }
    let configured: Vec<&NamedAgent> = agents.into_iter().filter(|one| one.has_token).collect();
    let report = json!({
        "tokens": tokens.iter().map(|token| data(token, now_ms)).collect::<Vec<_>>(),
        "in_deed_toml": configured
            .iter()
            .map(|one| json!({"tenant": one.tenant, "agent": one.name}))
            .collect::<Vec<_>>(),
        "faults": read.faults.iter().map(Fault::to_string).collect::<Vec<_>>(),
    });
    let lines = || {
        let files = tokens.iter().map(|token| line(token, now_ms));
        let table =
            |one: &&NamedAgent| format!("deed.toml     {}/{}", safe(&one.tenant), safe(&one.name));
        let all: Vec<String> = files.chain(configured.iter().map(table)).collect();
        if all.is_empty() { "no tokens".to_owned() } else { join(all) }
    };
    args.format.print(&report, |_| lines())?;
    if !args.format.json {
        read.faults.iter().for_each(|fault| out::note(&fault.to_string()));
    }
    args.format.next(&following(args, &tokens));
    Ok(())
}

fn following(args: &ListArgs, tokens: &[&AgentToken]) -> String {
    let dir = shell(&args.dir);
    match (tokens, &args.agent) {
        ([], None) => format!("deed token add {dir} AGENT"),
        ([], Some(agent)) => format!("deed token add {dir} {}", quoted(agent)),
        ([..], None) => format!("deed token rotate {dir} AGENT"),
        ([..], Some(agent)) => format!("deed token rotate {dir} {}", quoted(agent)),
    }
}
