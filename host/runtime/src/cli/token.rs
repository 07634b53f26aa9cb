//! `deed token`: creates, lists, rotates and revokes bearer tokens.
//!
//! A token is printed once, by the command that creates it. The served directory contains only its digest, which no
//! command prints.

mod add;
mod list;
mod revoke;
mod rotate;

use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use serde_json::{Value, json};

use super::named::find;
use super::out::{self, Failure, Format};
use crate::config::keys::{self, KeyError};
use crate::config::{AgentToken, NamedAgent, TokenStore, token_id};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token, and print it once together with the line to add to deed.toml
    New {
        #[command(flatten)]
        format: Format,
    },
    Add(add::AddArgs),
    List(list::ListArgs),
    Rotate(rotate::RotateArgs),
    Revoke(revoke::RevokeArgs),
}

/// An agent of a served directory.
#[derive(Debug, clap::Args)]
struct AgentArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// The name of the agent in deed.toml, such as helpdesk
    agent: String,
    /// The tenant; required when several tenants have an agent of this name
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// A new token, and the configuration line that lets the host accept it.
#[derive(Debug)]
pub(super) struct Token {
    /// The token for its holder; it is shown once and not stored.
    pub(super) text: String,
    /// The line for `deed.toml`, with the token's digest.
    pub(super) line: String,
}

pub(super) fn run(command: &TokenCommand) -> Result<ExitCode, Failure> {
    match command {
        TokenCommand::New { format } => new(*format)?,
        TokenCommand::Add(args) => add::run(args)?,
        TokenCommand::List(args) => list::run(args)?,
        TokenCommand::Rotate(args) => rotate::run(args)?,
        TokenCommand::Revoke(args) => revoke::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(format: Format) -> Result<(), Failure> {
    let token = new_token().map_err(Failure::failed)?;
    let data = json!({"token": token.text, "line": token.line});
    format.print(&data, |_| format!("{}\n{}", token.text, token.line))?;
    format.next(
        "give the first line to its holder, add the second to the table of the agent or person in DIR/deed.toml, then \
         `deed check DIR`",
    );
    Ok(())
}

/// Creates a token for `deed.toml`. Fails when the operating system cannot supply random bits.
pub(super) fn new_token() -> Result<Token, KeyError> {
    let text = random_token()?;
    let line = format!("token = \"{}\"", Digest::of(text.as_bytes()));
    Ok(Token { text, line })
}

/// A prefix that scanners for leaked tokens can find, followed by 256 random bits from the operating system.
fn random_token() -> Result<String, KeyError> {
    Ok(format!("deed_{}", URL_SAFE_NO_PAD.encode(keys::random::<32>()?)))
}

/// Creates a token and stores its digest. Returns the token and what is stored about it.
fn create(
    store: &TokenStore,
    agent: &NamedAgent,
    (now_ms, expires_ms): (i64, Option<i64>),
    note: Option<&String>,
) -> Result<(String, AgentToken), Failure> {
    let text = random_token().map_err(Failure::failed)?;
    let token = AgentToken {
        id: token_id(keys::random().map_err(Failure::failed)?),
        tenant: agent.tenant.clone(),
        agent: agent.name.clone(),
        hash: Digest::of(text.as_bytes()),
        created_ms: now_ms,
        expires_ms,
        note: note.cloned(),
    };
    warn(store.add(&token).map_err(Failure::failed)?);
    Ok((text, token))
}

/// Removes a new token that could not be printed. Nobody has seen it, so it must not stay valid.
fn keep_if_printed(
    store: &TokenStore,
    token: &AgentToken,
    printed: Result<(), Failure>,
) -> Result<(), Failure> {
    if printed.is_err() {
        store.remove(&token.id).map_err(Failure::failed)?;
    }
    printed
}

fn warn(is_given: bool) {
    if !is_given {
        out::note(
            "warning: tokens/ cannot be given to the owner of deed.toml, so the host cannot read it; run `deed token` \
             as that user or as root",
        );
    }
}

/// The agent that the arguments name.
fn named<'a>(store: &'a TokenStore, args: &AgentArgs) -> Result<&'a NamedAgent, Failure> {
    find(&store.agents, &args.agent, args.tenant.as_deref())
}

/// A stored token for programs, without its digest.
fn data(token: &AgentToken, now_ms: i64) -> Value {
    json!({
        "id": token.id,
        "tenant": token.tenant,
        "agent": token.agent,
        "created": utc(token.created_ms),
        "expires": token.expires_ms.map(utc),
        "expired": token.is_expired(now_ms),
        "note": token.note,
    })
}

/// A stored token as one line, without its digest.
fn line(token: &AgentToken, now_ms: i64) -> String {
    let AgentToken { id, tenant, agent, .. } = token;
    let expires = match token.expires_ms {
        None => "does not expire".to_owned(),
        Some(at_ms) if token.is_expired(now_ms) => format!("expired {}", utc(at_ms)),
        Some(at_ms) => format!("expires {}", utc(at_ms)),
    };
    let note = token.note.as_ref().map_or(String::new(), |note| format!("  {}", safe(note)));
    let (tenant, agent) = (safe(tenant), safe(agent));
    format!("{id}  {tenant}/{agent}  created {}  {expires}{note}", utc(token.created_ms))
}

/// Says which id a new token has, unless programs read the output, which has the id.
fn stored(format: Format, token: &AgentToken) {
    if !format.json {
        let id = &token.id;
        out::note(&format!("stored as {id}; a running host accepts the token within 2 seconds"));
    }
}

/// Says that a command does not change the token in the table of an agent.
fn remind(agent: &NamedAgent) {
    if agent.has_token {
        out::note(&format!(
            "the `token` of `{}` in deed.toml stays valid; remove it there and run `deed apply` to revoke it",
            agent.name
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_its_line_belong_together() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one.text, other.text);
        assert_eq!(one.text.len(), "deed_".len() + 43);
        assert_eq!(
            one.line,
            format!("token = \"sha256:{}\"", Digest::of(one.text.as_bytes()).hex())
        );
    }
}
