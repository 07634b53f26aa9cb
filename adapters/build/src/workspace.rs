//! Takes the current directory, gives the cargo workspace around it: root, target directory. Never
//! builds anything.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// Where the workspace is, and where the modules of its adapters land.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    root: PathBuf,
    target_directory: PathBuf,
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

    /// A target directory of its own, so that host and guest builds do not wait for each other.
    pub(crate) fn wasm_target_dir(&self) -> PathBuf {
        self.target_directory.join("wasm")
    }

    /// The core module that cargo makes of a `cdylib` package.
    pub(crate) fn module(&self, package: &str) -> PathBuf {
        let file = format!("{}.wasm", package.replace('-', "_"));
        self.wasm_target_dir().join("wasm32-unknown-unknown/release").join(file)
    }
}

/// Why there is no workspace.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error("cargo does not start: {0}; install Rust 1.95 or later")]
    Cargo(std::io::Error),
    #[error("cargo does not describe the workspace; run this inside the checkout: {0}")]
    Metadata(String),
}
