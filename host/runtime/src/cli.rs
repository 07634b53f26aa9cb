//! The `deed` command line: parses the arguments, runs one command and returns its exit code. This module contains no
//! decision logic.
//!
//! Exit code 0 means success, 1 a refusal or a failure, and 2 wrong usage. Data goes to stdout, everything else to
//! stderr. Untrusted text is escaped before it is written to a terminal.

mod act;
mod adapter;
mod apply;
mod approve;
mod backup;
mod case_file;
mod check;
mod client;
mod completions;
mod confirm;
mod connect;
mod contract;
mod contracts;
mod defer;
mod dir;
mod edit;
mod init;
mod journal;
mod log;
mod mcp;
mod named;
mod next;
mod openapi;
mod out;
mod passkey;
mod pin;
mod policy;
mod proposal;
mod replay;
mod resolve;
mod restore;
mod rotate;
mod secret;
pub mod serve;
mod since;
mod span;
mod token;
mod trust;
mod upstream;
pub mod verify;
mod view;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use deed_sandbox::World;

use self::out::Failure;
// The commands name these modules as `super::shown` and so on.
use crate::shown::{self, page, quote, text};

/// Parses the process's arguments and runs the command that they name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // `exit` prints help to stdout or a usage error to stderr, and exits with the matching code.
        Err(error) => error.exit(),
    };
    match cli.command.run() {
        Ok(code) => code,
        Err(failure) => {
            out::note(&failure.to_string());
            failure.code()
        }
    }
}

/// The version number and the commit of this binary; `build.rs` sets `DEED_BUILD`.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("DEED_BUILD"), ")");

/// The boundary between an AI agent and the software it acts on.
///
/// An agent proposes an action. The host decides whether the action may run, and runs an adapter with only the access
/// that was granted for it. The host reads the system's state before and after the run, and signs a receipt that anyone
/// can verify.
///
/// Operators start with `deed init DIR`, agent developers with `deed contracts`, and approvers with `deed ls --status
/// waiting`. Agent developers and approvers need the host's address (`DEED_URL`) and a token (`DEED_TOKEN`) from the
/// operator.
#[derive(Debug, Parser)]
#[command(name = "deed", version = VERSION)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Pin(pin::PinArgs),
    Serve(serve::ServeArgs),
    Apply(apply::ApplyArgs),
    Contracts(contracts::ContractsArgs),
    Act(act::ActArgs),
    Mcp(mcp::McpArgs),
    Ls(view::LsArgs),
    Show(view::ShowArgs),
    Cancel(view::CancelArgs),
    Bundle(view::BundleArgs),
    Approve(approve::ApproveArgs),
    Deny(approve::DenyArgs),
    Edit(edit::EditArgs),
    Defer(defer::DeferArgs),
    Resolve(resolve::ResolveArgs),
    Verify(verify::VerifyArgs),
    /// Audit a tenant's log, using only public keys
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Check the stored state of a stopped host
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Replay(replay::ReplayArgs),
    /// Create and rotate signing keys, and print their ids
    #[command(subcommand)]
    Key(secret::KeyCommand),
    /// Create, list, rotate and revoke bearer tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Invite people to make passkeys, revoke invitations, and accept the passkeys that people offer
    #[command(subcommand)]
    Passkey(passkey::PasskeyCommand),
    /// Store credentials for upstream systems
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Try the credentials of upstream systems
    #[command(subcommand)]
    Upstream(upstream::UpstreamCommand),
    Trust(trust::TrustArgs),
    /// Test policies against expected decisions, and print their schema
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Draft, show, test and try contracts, rewrite those of an older format, and print their schema
    #[command(subcommand)]
    Contract(contract::ContractCommand),
    /// Make, build and check adapters before they are granted
    #[command(subcommand)]
    Adapter(adapter::AdapterCommand),
    Completions(completions::CompletionsArgs),
    /// Compile an adapter from stdin to stdout, as a child process of the host
    #[command(name = deed_sandbox::COMPILE_COMMAND, hide = true)]
    CompileAdapter {
        /// Compile for a grant with `wasi = true`
        #[arg(long)]
        wasi: bool,
    },
    /// Print the OpenAPI 3.1 description of the HTTP API
    #[command(hide = true)]
    Openapi,
}

impl Command {
    fn run(&self) -> Result<ExitCode, Failure> {
        match self {
            Self::Init(args) => init::run(args),
            Self::Check(args) => check::check(args),
            Self::Pin(args) => pin::run(args),
            Self::Serve(args) => {
                out::start_tracing();
                Ok(serve::run(args))
            }
            Self::Apply(args) => apply::run(args),
            Self::Contracts(args) => contracts::run(args),
            Self::Act(args) => act::run(args),
            Self::Mcp(args) => mcp::run(args),
            Self::Ls(args) => view::list(args),
            Self::Show(args) => view::show(args),
            Self::Cancel(args) => view::cancel(args),
            Self::Bundle(args) => view::bundle(args),
            Self::Approve(args) => approve::approve(args),
            Self::Deny(args) => approve::deny(args),
            Self::Edit(args) => edit::run(args),
            Self::Defer(args) => defer::run(args),
            Self::Resolve(args) => resolve::run(args),
            Self::Verify(args) => Ok(verify::run(args)),
            Self::Log(command) => Ok(log::run(command)),
            Self::Journal(command) => Ok(journal::run(command)),
            Self::Backup(args) => backup::run(args),
            Self::Restore(args) => restore::run(args),
            Self::Replay(args) => Ok(replay::run(args)),
            Self::Key(command) => secret::key(command),
            Self::Token(command) => token::run(command),
            Self::Passkey(command) => passkey::run(command),
            Self::Secret(command) => secret::secret(command),
            Self::Upstream(command) => upstream::run(command),
            Self::Trust(args) => trust::run(args),
            Self::Policy(command) => policy::run(command),
            Self::Contract(command) => contract::run(command),
            Self::Adapter(command) => adapter::run(command),
            Self::Completions(args) => completions::run(args),
            Self::CompileAdapter { wasi } => {
                let world = if *wasi { World::Wasi } else { World::Strict };
                Ok(deed_sandbox::compile_as_child(world))
            }
            Self::Openapi => openapi::run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Cli::command().debug_assert();
    }
}
