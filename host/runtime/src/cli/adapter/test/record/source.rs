//! The cases of one contract, as they are before the recording.

use std::path::PathBuf;

use deed_record::contract::Contract;
use toml::{Table, Value};

use super::super::suite::Files;
use crate::cli::case_file::{self, CaseFile};
use crate::cli::contract::case::Case;
use crate::cli::contract::read;
use crate::cli::out::Failure;

/// A contract with its cases, whose answers may be missing.
#[derive(Debug)]
pub(super) struct Source {
    /// The file of the contract, as the author names it.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) contract: Contract,
    /// The file of the cases.
    pub(super) path: PathBuf,
    pub(super) file: String,
    pub(super) cases: Vec<Sourced>,
}

/// A case, and the table that it was read from.
#[derive(Debug)]
pub(super) struct Sourced {
    pub(super) line: usize,
    pub(super) case: Case,
    pub(super) table: Table,
}

impl Source {
    /// Fails unless there is one contract, whose file of cases is valid.
    pub(super) fn read(files: &[Files]) -> Result<Self, Failure> {
        let [files] = files else {
            return Err(Failure::usage(format!(
                "--record is for the cases of one contract, and {} contracts have cases; name one with --contract",
                files.len()
            )));
        };
        let (text, contract) = read(&files.contract)?;
        let cases = case_file::text(&files.cases).map_err(Failure::failed)?;
        let CaseFile { file, list }: CaseFile<Case> =
            case_file::parse(&files.cases, &cases).map_err(Failure::failed)?;
        let sourced = |((line, case), table)| Sourced { line, case, table };
        Ok(Self {
            name: files.contract.display().to_string(),
            text,
            contract,
            path: files.cases.clone(),
            file,
            cases: list.into_iter().zip(tables(&cases)?).map(sourced).collect(),
        })
    }
}

/// The tables `[[case]]` of a file of cases, in the order of the file.
fn tables(text: &str) -> Result<Vec<Table>, Failure> {
    let mut file: Table = toml::from_str(text).map_err(Failure::failed)?;
    let Some(Value::Array(list)) = file.remove("case") else { return Ok(vec![]) };
    let table = |one| match one {
        Value::Table(table) => Some(table),
        _ => None,
    };
    Ok(list.into_iter().filter_map(table).collect())
}
