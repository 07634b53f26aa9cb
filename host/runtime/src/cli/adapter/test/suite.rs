//! The contracts of a project with their test cases.

use std::path::{Path, PathBuf};

use deed_author::project::contracts::{ProjectContract, contracts};
use deed_record::contract::Contract;

use super::lines::Lines;
use crate::cli::case_file::{self, CaseFile};
use crate::cli::contract::case::{Case, beside};
use crate::cli::contract::read;
use crate::cli::out::{self, Failure};
use crate::config::Fault;

/// A contract with its cases.
#[derive(Debug)]
pub(super) struct Suite {
    /// The file of the contract, as the author names it.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) contract: Contract,
    /// The file of the cases.
    pub(super) file: String,
    pub(super) cases: Vec<Prepared>,
}

/// A case that can be run.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) line: usize,
    pub(super) case: Case,
    pub(super) lines: Lines,
}

/// A contract of the folder, and the file of its cases.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) contract: PathBuf,
    pub(super) cases: PathBuf,
}

/// The contracts of the folder that have cases, or the one that is named. Fails when there is none.
pub(super) fn files(
    dir: &Path,
    only: Option<&Path>,
    cases: Option<&Path>,
) -> Result<Vec<Files>, Failure> {
    let all = contracts(dir).map_err(Failure::failed)?;
    let all = match only {
        Some(only) => vec![named(dir, all, only)?],
        None => all,
    };
    let Some(cases) = cases else { return with_cases(dir, all) };
    match all.as_slice() {
        [one] => Ok(vec![Files { contract: one.path.clone(), cases: cases.to_owned() }]),
        _ => Err(Failure::usage(format!(
            "`{}` has {} contracts, and --cases has the test cases of one; name it with --contract",
            dir.display(),
            all.len()
        ))),
    }
}

fn named(dir: &Path, all: Vec<ProjectContract>, only: &Path) -> Result<ProjectContract, Failure> {
    let names: Vec<String> = all.iter().map(|one| format!("`{}`", one.file)).collect();
    let is_it = |one: &ProjectContract| one.path == only || Path::new(&one.file) == only;
    all.into_iter().find(is_it).ok_or_else(|| {
        let has = if names.is_empty() { "no contract".to_owned() } else { names.join(", ") };
        Failure::usage(format!(
            "--contract: `{}` is not in `{}`; the folder has {has}",
            only.display(),
            dir.display()
        ))
    })
}

/// The contracts with a file of cases beside them.
fn with_cases(dir: &Path, all: Vec<ProjectContract>) -> Result<Vec<Files>, Failure> {
    let (with, without): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| beside(&one.path).is_file());
    if with.is_empty() {
        return Err(Failure::Failed(format!(
            "`{}` has no contract with test cases; write NAME.cases.toml beside NAME.toml, as `deed contract test` \
             reads it",
            dir.display()
        )));
    }
    for one in without {
        out::note(&format!("{} has no test cases", one.file));
    }
    let files = |one: ProjectContract| Files { cases: beside(&one.path), contract: one.path };
    Ok(with.into_iter().map(files).collect())
}

/// Reads a contract with its cases. Fails with every case that is not valid.
pub(super) fn suite(files: &Files) -> Result<Suite, Failure> {
    let (text, contract) = read(&files.contract)?;
    let cases: CaseFile<Case> = case_file::read(&files.cases).map_err(Failure::failed)?;
    let (mut prepared, mut faults) = (vec![], vec![]);
    for (line, case) in cases.list {
        let script = case.test(&contract).script(&case.reads).map_err(|error| error.to_string());
        match script.and_then(|script| Lines::of(&script)) {
            Ok(lines) => prepared.push(Prepared { line, case, lines }),
            Err(why) => {
                let what = format!("case `{}`: {why}", case.name);
                faults.push(Fault::new(&cases.file, line, what).to_string());
            }
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Failed(faults.join("\n")));
    }
    let name = files.contract.display().to_string();
    Ok(Suite { name, text, contract, file: cases.file, cases: prepared })
}
