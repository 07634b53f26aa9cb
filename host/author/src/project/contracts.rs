//! The contracts of a project: the TOML files in its folder that have a table `[action]`. Only what is needed to name
//! the adapter is read here; `deed check` reads the rest.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{ProjectError, check_name};

/// A contract file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectContract {
    pub path: PathBuf,
    /// The file's name, without the folder.
    pub file: String,
    pub text: String,
    pub head: Head,
}

/// What a contract says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The name of the action.
    pub action: String,
    pub adapter: String,
}

impl Head {
    /// The head of a contract; `None` if the text is no contract.
    pub fn of(table: &Table) -> Option<Self> {
        let action = table.get("action")?.as_table()?;
        let text = |key: &str| action.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self { action: text("name")?, adapter: text("adapter")? })
    }
}

/// The contracts in a folder, by the names of their files.
///
/// # Errors
///
/// Fails when the folder or a TOML file in it cannot be read or is not valid TOML.
pub fn contracts(dir: &Path) -> Result<Vec<ProjectContract>, ProjectError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(ProjectError::file(dir))? {
        let path = entry.map_err(ProjectError::file(dir))?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if may_be_contract(name) && path.is_file() {
            found.extend(read(&path, name)?);
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(found)
}

fn may_be_contract(name: &str) -> bool {
    let is_other = ["Cargo.toml", "pyproject.toml", "rustfmt.toml", "rust-toolchain.toml"];
    let is_toml = Path::new(name).extension().is_some_and(|end| end == "toml");
    is_toml && !name.starts_with('.') && !name.ends_with(".cases.toml") && !is_other.contains(&name)
}

fn read(path: &Path, file: &str) -> Result<Option<ProjectContract>, ProjectError> {
    let text = std::fs::read_to_string(path).map_err(ProjectError::file(path))?;
    let table: Table = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(0, |head| head.matches('\n').count() + 1);
        ProjectError::Toml {
            path: path.to_owned(),
            why: format!("line {line}: {}", error.message().replace('\n', "; ")),
        }
    })?;
    let contract = |head| ProjectContract {
        path: path.to_owned(),
        file: file.to_owned(),
        text: text.clone(),
        head,
    };
    Ok(Head::of(&table).map(contract))
}

/// The name of the adapter that all contracts of the folder name.
///
/// # Errors
///
/// Fails when there is no contract, or the contracts name several adapters or none that a project can have.
pub fn adapter_name(dir: &Path) -> Result<String, ProjectError> {
    let all = contracts(dir)?;
    let names: BTreeSet<&str> = all.iter().map(|one| one.head.adapter.as_str()).collect();
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (None, _) => Err(ProjectError::NoContract(dir.to_owned())),
        (Some(name), None) => check_name(name).map(|()| name.to_owned()),
        (Some(first), Some(second)) => {
            let rest = names.map(|name| format!(", `{name}`"));
            let names = format!("`{first}`, `{second}`{}", rest.collect::<String>());
            Err(ProjectError::Names { path: dir.to_owned(), names })
        }
    }
}
