//! Installs a component and the contracts of its project in a served directory for development.

use std::io::ErrorKind;
use std::path::Path;

use deed_author::project::contracts::{self, Head, ProjectContract};
use deed_system::files::{FileError, Files};

use super::super::super::out::{self, Failure, shell};
use super::super::super::pin;
use crate::config;

/// The environment whose files the command may replace.
const DEVELOPMENT: &str = "development";
/// More than any contract has.
const CONTRACT_MAX: u64 = 1 << 20;

/// Checks that a served directory is for development. Fails when it is not, or has no valid `deed.toml`.
pub(super) fn must_be_for_development(served: &Path) -> Result<(), Failure> {
    let outline = config::outline(served).map_err(Failure::failed)?;
    if outline.environment == DEVELOPMENT {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "`{}` has environment `{}`, and `deed adapter watch` replaces adapters without a review; use a directory with \
         `environment = \"{DEVELOPMENT}\"` in deed.toml, or copy the files and run `deed pin` yourself",
        served.display(),
        outline.environment
    )))
}

/// Checks that the project is not the served directory itself: each installation changes `deed.toml`, and would be a
/// change of the project.
pub(super) fn must_be_apart(project: &Path, served: &Path) -> Result<(), Failure> {
    let whole = |path: &Path| path.canonicalize().ok();
    if whole(project).is_none_or(|project| whole(served) != Some(project)) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "`{}` is the project and the served directory; keep the project in a folder of its own, which may be in the \
         served directory",
        served.display()
    )))
}

/// Copies the component and the contracts, and pins them. Fails when a file of another contract is in the way.
pub(super) fn install(project: &Path, served: &Path, component: &[u8]) -> Result<(), Failure> {
    // The directory may have changed since the command was started.
    must_be_for_development(served)?;
    let name = contracts::adapter_name(project).map_err(Failure::failed)?;
    let contracts = contracts::contracts(project).map_err(Failure::failed)?;
    let files = Files::open(served).map_err(Failure::failed)?;
    let mut changed = Vec::new();
    for contract in &contracts {
        if differs(&files, contract)? {
            changed.push(contract);
        }
    }
    for contract in changed {
        let path = format!("contracts/{}", contract.file);
        files.write(&path, contract.text.as_bytes()).map_err(Failure::failed)?;
    }
    let path = format!("adapters/{name}.wasm");
    files.write(&path, component).map_err(Failure::failed)?;
    let pinned = pin::all(served)?;
    for contract in &contracts {
        if !pinned.iter().any(|one| one.grant == contract.head.action) {
            ungranted(served, contract);
        }
    }
    Ok(())
}

/// Whether the contract file of the served directory differs from that of the project, or is not there. A file that is the
/// same may be the project's own. Fails unless the file is an earlier version of the contract.
fn differs(files: &Files, contract: &ProjectContract) -> Result<bool, Failure> {
    let path = format!("contracts/{}", contract.file);
    let text = match files.text(&path, CONTRACT_MAX) {
        Ok(text) => text,
        Err(FileError::Read(_, error)) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Failure::failed(error)),
    };
    let head = toml::from_str(&text).ok().and_then(|table: toml::Table| Head::of(&table));
    if head.as_ref() == Some(&contract.head) {
        return Ok(text != contract.text);
    }
    Err(Failure::Failed(format!(
        "`{path}` is not an earlier version of the contract `{}` of the project; rename one of the two files",
        contract.head.action
    )))
}

fn ungranted(served: &Path, contract: &ProjectContract) {
    let action = &contract.head.action;
    out::note(&format!(
        "{}: no grant for `{action}`, so no agent can use it; add [tenant.NAME.grant.\"{action}\"] with `upstreams`",
        shell(&served.join("deed.toml"))
    ));
}
