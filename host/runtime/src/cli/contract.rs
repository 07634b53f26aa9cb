//! `deed contract`: shows what a contract file sends, rewrites a contract of an older format, and prints the schema of
//! contract files. The command needs no host.

mod explain;
mod test;
mod upgrade;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use deed_record::contract::Contract;

use super::out::{self, Failure, Format};

#[derive(Debug, Subcommand)]
pub(super) enum ContractCommand {
    Explain(ExplainArgs),
    Test(TestArgs),
    Upgrade(UpgradeArgs),
    /// Print the JSON Schema of contract files, for editors
    Schema,
}

/// Show the exact requests of a contract for given parameters, and where each of their values comes from
///
/// Needs only the contract file, and contacts neither a host nor an upstream. What only the operator knows is not shown:
/// the host and the path of the base URL, the credential, headers of the upstream, entity tags and idempotency keys.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The contract
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// One parameter, of the type that the contract declares; write a string literally, and any other type as JSON
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// One state before the action, as JSON or as the name of a file after `@`; its values take the place of `{pre.…}`
    #[arg(long, value_name = "NAME=JSON")]
    state: Vec<String>,
    /// Print only the bytes of each request, as the host sends them
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    #[command(flatten)]
    format: Format,
}

/// Judge actions of a contract from recorded answers, and compare the outcomes with the expected ones
///
/// Reads the test cases from FILE.cases.toml beside FILE.toml, prints one line per case, and exits with 1 if a result
/// differs from the expected one. Contacts neither a host nor an upstream, and needs no adapter: every state of the
/// contract must have `from`.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The contract
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// The file of test cases, if it is not beside the contract
    #[arg(long, value_name = "CASES.toml")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// Rewrite a contract of format 1 in format 2, and print it
///
/// Only `format` and the placeholders of optional parameters change. The digest of the contract also changes, so pin
/// the contract again.
#[derive(Debug, clap::Args)]
pub(super) struct UpgradeArgs {
    /// The contract
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Replace the file instead of printing the contract
    #[arg(long)]
    write: bool,
}

pub(super) fn run(command: &ContractCommand) -> Result<ExitCode, Failure> {
    match command {
        ContractCommand::Explain(args) => explain::run(args),
        ContractCommand::Test(args) => test::run(args),
        ContractCommand::Upgrade(args) => upgrade::run(args),
        ContractCommand::Schema => schema(),
    }
}

/// Prints the JSON Schema of contract files, which is also in `docs/contract.schema.json`.
fn schema() -> Result<ExitCode, Failure> {
    let text = serde_json::to_string_pretty(&Contract::json_schema()).map_err(Failure::failed)?;
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a file, and returns its text and the contract in it. Fails when the file cannot be read or is not a contract.
fn read(file: &Path) -> Result<(String, Contract), Failure> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| Failure::Failed(format!("`{name}`: {error}")))?;
    let contract = Contract::from_toml(&name, &text).map_err(Failure::failed)?;
    Ok((text, contract))
}
