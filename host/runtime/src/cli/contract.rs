//! `deed contract`: drafts a contract, shows what a contract file sends, tries a contract on a real upstream, rewrites a
//! contract of an older format, and prints the schema of contract files. Only `deed contract try` starts a host.

pub(super) mod case;
mod explain;
mod new;
mod test;
pub(super) mod trial;
mod upgrade;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use deed_record::contract::{Contract, questions};

use super::out::{self, Failure, Format};

#[derive(Debug, Subcommand)]
pub(super) enum ContractCommand {
    New(NewArgs),
    Explain(ExplainArgs),
    Test(TestArgs),
    Try(trial::TrialArgs),
    Upgrade(UpgradeArgs),
    /// Print the JSON Schema of contract files, for editors
    Schema,
}

/// Draft a contract for one operation of an OpenAPI document
///
/// Reads a document of version 3.0 or 3.1 in JSON or YAML, and prints a contract of format 2. What the document does not
/// say is a question in the draft: a line that begins with `#?`. Answer each question in the line below it, and remove
/// the question; a host does not serve a contract with questions. Opens no other document, and contacts neither a host
/// nor an upstream.
#[derive(Debug, clap::Args)]
pub(super) struct NewArgs {
    /// The name of the action, such as `desk.close_ticket`; its first part is the short name of the upstream
    #[arg(value_name = "NAME", required_unless_present = "list")]
    name: Option<String>,
    /// The document and the operation, by `operationId` or as `FILE#METHOD /path`
    #[arg(long, value_name = "FILE#OPERATION")]
    from: String,
    /// The operation that reads the state, if it is not the GET of the same object
    #[arg(long, value_name = "OPERATION", conflicts_with = "list")]
    look: Option<String>,
    /// Keep only this member of the body as a parameter, with those that the document requires; can be repeated. A PUT
    /// sends the others as it read them, where a contract can; otherwise they are left out
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    member: Vec<String>,
    /// Write the contract to this new file instead of printing it
    #[arg(long, value_name = "FILE.toml", conflicts_with = "list")]
    output: Option<PathBuf>,
    /// List the operations of the document
    #[arg(long, conflicts_with = "name")]
    list: bool,
    #[command(flatten)]
    format: Format,
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
        ContractCommand::New(args) => new::run(args),
        ContractCommand::Explain(args) => explain::run(args),
        ContractCommand::Test(args) => test::run(args),
        ContractCommand::Try(args) => trial::run(args),
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
pub(super) fn read(file: &Path) -> Result<(String, Contract), Failure> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| Failure::Failed(format!("`{name}`: {error}")))?;
    let contract = Contract::from_toml(&name, &text).map_err(Failure::failed)?;
    Ok((text, contract))
}

/// Prints the questions of a draft that are not answered. A host refuses the contract until they are removed.
fn note_questions(file: &Path, text: &str) {
    for question in questions(text) {
        let (line, text) = (question.line, question.text);
        out::note(&format!("{}:{line}: question not answered: {text}", file.display()));
    }
}

/// Prints a warning for each computed value that no condition of the contract compares after the action.
fn note_unverified(file: &Path, text: &str, contract: &Contract) {
    for one in contract.unverified() {
        let is_named =
            |line: &str| line.contains("name") && line.contains(&format!("\"{}\"", one.part));
        let line = text.lines().position(is_named).map(|at| format!(":{}", at + 1));
        out::note(&format!("warning: {}{}: {one}", file.display(), line.unwrap_or_default()));
    }
}
