//! The cargo workspace around the current directory: its root, its target directory, and the components that its
//! packages contain. This module only reads the workspace; it does not build components.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// A cargo workspace: its root, its target directory and its packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    crate_types: Vec<String>,
}

/// The source of one component.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
}

/// How a source becomes a component.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A core module that cargo builds.
    Module,
    /// WebAssembly text: a core module of the world `adapter`, or a whole component.
    Text,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self, WorkspaceError> {
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--format-version", "1", "--no-deps"]);
        let output = cargo.output().map_err(WorkspaceError::Cargo)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(WorkspaceError::Metadata(text));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| WorkspaceError::Metadata(error.to_string()))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A separate target directory, so that host and guest builds do not wait for each other.
    pub(crate) fn wasm_target_dir(&self) -> PathBuf {
        self.target_directory.join("wasm")
    }

    /// The adapter interface.
    pub(crate) fn wit(&self) -> PathBuf {
        self.root.join("wit")
    }

    /// Every component of these packages. Fails when the workspace does not have a package, or its directory cannot be
    /// read.
    pub(crate) fn sources(&self, packages: &[String]) -> Result<Vec<Source>, WorkspaceError> {
        let mut sources = Vec::new();
        for name in packages {
            let known = self.packages.iter().find(|package| &package.name == name);
            let package = known.ok_or_else(|| WorkspaceError::Unknown(name.clone()))?;
            let modules = package.targets.iter().filter(|target| target.is_cdylib());
            sources.extend(modules.map(|target| self.module(target)));
            sources.extend(texts(package)?);
        }
        Ok(sources)
    }

    /// Where cargo writes the core module of a `cdylib` target.
    fn module(&self, target: &Target) -> Source {
        let file = format!("{}.wasm", target.name.replace('-', "_"));
        let release = self.wasm_target_dir().join("wasm32-unknown-unknown/release");
        let (name, path) = if target.is_example() {
            (target.name.clone(), release.join("examples").join(file))
        } else {
            // Cargo writes a library's name with underscores, but package names have hyphens.
            (target.name.replace('_', "-"), release.join(file))
        };
        Source { name, path, kind: Kind::Module }
    }

    /// Whether one of these packages has a library for WebAssembly.
    pub(crate) fn has_library(&self, packages: &[String]) -> bool {
        let ours = self.packages.iter().filter(|package| packages.contains(&package.name));
        let mut targets = ours.flat_map(|package| &package.targets);
        targets.any(|target| target.is_cdylib() && !target.is_example())
    }
}

impl Target {
    fn is_cdylib(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "cdylib")
    }

    fn is_example(&self) -> bool {
        self.kind.iter().any(|kind| kind == "example")
    }
}

/// The `.wat` files in the directory of a package's manifest, by name.
fn texts(package: &Package) -> Result<Vec<Source>, WorkspaceError> {
    let directory = package.manifest_path.parent().unwrap_or(&package.manifest_path);
    let failed = |error| WorkspaceError::Directory { path: directory.to_owned(), error };
    let entries = fs::read_dir(directory).map_err(failed)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wat"));
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let source = |path: PathBuf| Source { name: name(&path), path, kind: Kind::Text };
    Ok(paths.into_iter().map(source).collect())
}

/// Why the workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error("cargo cannot be started: {0}; install Rust 1.95 or later")]
    Cargo(std::io::Error),
    #[error("cargo does not describe the workspace; run this inside the checkout: {0}")]
    Metadata(String),
    #[error("`{0}` is not a package of this workspace; use the name in its `Cargo.toml`")]
    Unknown(String),
    #[error("`{path}` cannot be listed: {error}; the package's directory must be readable")]
    Directory { path: PathBuf, error: io::Error },
}
