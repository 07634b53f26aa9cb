//! `deed token add`: creates a token of an agent that a running host accepts.

use deed_system::clock::Clock;
use serde_json::Value;

use super::super::connect;
use super::super::out::{Failure, Format, shell};
use super::super::quote::quoted;
use super::super::span::Span;
use super::{AgentArgs, create, data, keep_if_printed, named, stored};
use crate::config::TokenStore;

/// Maximum number of characters of a note.
const NOTE_MAX: usize = 200;

/// Create a token of an agent, and print it once; a running host accepts it within 2 seconds
///
/// Prints the token and an example of a command that adds the host to an MCP client. The token's digest is stored in
/// `tokens/` of the served directory.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AddArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// How long the token is valid, such as 24h or 30d; without this option, until it is revoked
    #[arg(long, value_name = "TIME")]
    expires: Option<Span>,
    /// What the token is for; `deed token list` shows it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &AddArgs) -> Result<(), Failure> {
    if args.note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(Failure::usage(format!("a note has at most {NOTE_MAX} characters")));
    }
    let store = TokenStore::change(&args.agent.dir).map_err(Failure::failed)?;
    let now_ms = Clock::default().now_ms();
    let terms = (now_ms, args.expires.map(|span| span.end(now_ms)));
    let agent = named(&store, &args.agent)?;
    let (text, token) = create(&store, agent, terms, args.note.as_ref())?;
    let host = connect::address(store.listen, store.behind_proxy);
    let example = connect::example(&host);
    let mut report = data(&token, now_ms);
    if let Value::Object(members) = &mut report {
        members.insert("token".to_owned(), text.clone().into());
        members.insert("mcp".to_owned(), format!("{host}/mcp").into());
        members.insert("example".to_owned(), example.clone().into());
    }
    let printed = args.format.print(&report, |_| format!("{text}\n{example}"));
    keep_if_printed(&store, &token, printed)?;
    stored(args.format, &token);
    args.format.next(&format!(
        "give the first line to the agent as DEED_TOKEN, then `deed token list {} {}`",
        shell(&args.agent.dir),
        quoted(&args.agent.agent)
    ));
    Ok(())
}
