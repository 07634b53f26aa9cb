//! Components of adapter projects in JavaScript and Python. Each takes a minute to build and to compile, so it is built
//! and compiled once per checkout, and the results are kept under `target/`.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use deed_spec::digest::Digest;
use serde_json::Value;

use crate::compiled::{CACHE, cache};
use crate::host;
use crate::services::{Result, workspace};

/// A component, and what `deed adapter build` reported about it.
#[derive(Debug, Clone)]
pub struct Built {
    pub wasm: PathBuf,
    pub report: Value,
}

/// Runs `deed adapter build` with these variables, unless the same sources were built before.
pub fn build(project: &Path, variables: &[(&str, &str)]) -> Result<Built> {
    let key = key(project, variables)?;
    let folder = workspace().join("target/authored");
    fs::create_dir_all(&folder)?;
    let wasm = folder.join(format!("{key}.wasm"));
    let report = folder.join(format!("{key}.json"));
    let one = one(&key);
    let _one = one.lock().unwrap_or_else(PoisonError::into_inner);
    if !report.exists() {
        let output = Command::new(host::binary()?)
            .args(["adapter", "build", "--json"])
            .arg(project)
            .arg("--output")
            .arg(&wasm)
            .env(CACHE, cache()?)
            .envs(variables.iter().copied())
            .output()?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            return Err(format!("no component: {}", String::from_utf8_lossy(&said)).into());
        }
        // An interrupted test must not leave a part of the report.
        let unfinished = report.with_extension("tmp");
        fs::write(&unfinished, output.stdout)?;
        fs::rename(&unfinished, &report)?;
    }
    let report = serde_json::from_slice(&fs::read(&report)?)?;
    Ok(Built { wasm, report })
}

impl Built {
    /// Installs the component under this name, with its machine code, so that neither `deed pin` nor the host compiles
    /// it.
    pub fn install(&self, dir: &Path, name: &str) -> Result<()> {
        let digest = Digest::of(&fs::read(&self.wasm)?).hex();
        fs::copy(&self.wasm, dir.join(format!("adapters/{name}.wasm")))?;
        self.compile(&digest)?;
        let own = dir.join("state/cache");
        DirBuilder::new().recursive(true).mode(0o700).create(&own)?;
        for entry in fs::read_dir(cache()?)? {
            let (path, name) = entry.map(|one| (one.path(), one.file_name()))?;
            let is_code = path.extension().is_some_and(|end| end == "cwasm");
            if is_code && name.to_string_lossy().starts_with(&digest) {
                fs::copy(path, own.join(name))?;
            }
        }
        Ok(())
    }

    /// Makes sure that the cache has the code for the engine of this binary.
    fn compile(&self, digest: &str) -> Result<()> {
        let one = one(digest);
        let _one = one.lock().unwrap_or_else(PoisonError::into_inner);
        let wasm = self.wasm.to_string_lossy();
        let output = host::run(&["adapter", "check", &wasm], "")?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!("`{wasm}` is not accepted: {}", String::from_utf8_lossy(&said)).into())
    }
}

/// Links the installed packages into a project in JavaScript or Python, so that a build need not install them.
pub fn link(project: &Path) -> Result<()> {
    let there = workspace().join("target/toolchains");
    let wanted = project.join("package.json");
    if !wanted.exists() {
        let venv = there.join("venv");
        symlink(&venv, project.join(".venv"))?;
        return note(&project.join("requirements.txt"), &venv.join("requirements.txt"));
    }
    let own = project.join("node_modules");
    fs::create_dir_all(&own)?;
    for entry in fs::read_dir(there.join("node_modules"))? {
        let entry = entry?;
        if entry.file_name() != ".package.json" {
            symlink(entry.path(), own.join(entry.file_name()))?;
        }
    }
    note(&wanted, &own.join(".package.json"))
}

/// Records what is installed, as a build does. All projects in Python have the same packages.
fn note(wanted: &Path, installed: &Path) -> Result<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = fs::read(wanted)?;
    if fs::read(installed).ok().as_ref() != Some(&wanted) {
        fs::write(installed, wanted)?;
    }
    Ok(())
}

/// A lock for each name, because several tests want the same component.
fn one(name: &str) -> Arc<Mutex<()>> {
    static ALL: Mutex<BTreeMap<String, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(name.to_owned()).or_default())
}

/// The digest of everything on which a component and its report depend, except the installed packages, whose versions
/// are in the project.
fn key(project: &Path, variables: &[(&str, &str)]) -> Result<String> {
    let mut all = format!("{variables:?}").into_bytes();
    let own = workspace();
    for folder in
        [project, &own.join("host/author/src/project"), &own.join("host/runtime/src/cli/adapter")]
    {
        add(folder, &mut all)?;
    }
    Ok(Digest::of(&all).hex())
}

/// Appends the names and contents of the sources in a folder and below it.
fn add(folder: &Path, all: &mut Vec<u8>) -> Result<()> {
    let made = ["node_modules", ".venv", "target", "__pycache__"];
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        entries.push(entry?.path());
    }
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if made.contains(&&*name) || path.extension().is_some_and(|end| end == "wasm") {
            continue;
        }
        if path.is_dir() {
            all.extend_from_slice(format!("folder {name}\n").as_bytes());
            add(&path, all)?;
        } else {
            let content = fs::read(&path)?;
            all.extend_from_slice(format!("file {name} {}\n", content.len()).as_bytes());
            all.extend_from_slice(&content);
        }
    }
    Ok(())
}
