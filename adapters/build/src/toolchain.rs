//! Compiles packages to core modules, with an installed `wasm32-unknown-unknown` target or with Debian's sources of the
//! standard library. The build does not use the host's target directory.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

mod find;

use crate::{progress, workspace::Workspace};

pub(crate) use find::ToolchainError;

const TARGET: &str = "wasm32-unknown-unknown";

/// A way to compile for [`TARGET`].
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The active toolchain has the target's standard library.
    Ready,
    /// Debian's `rustc-web` compiles the packages and the standard library, and rustup's `rust-lld` links them.
    FromSource { linker: PathBuf },
}

impl Toolchain {
    /// Returns the first way to compile that works on this machine; installs missing packages if installing is allowed.
    /// Fails when neither way works.
    pub(crate) fn find(from_source: bool) -> Result<Self, ToolchainError> {
        find::find(from_source)
    }

    /// Runs `cargo build` for the packages, in the release profile that all adapters share. Fails when cargo fails.
    pub(crate) fn build(
        &self,
        workspace: &Workspace,
        packages: &[String],
    ) -> Result<(), ToolchainError> {
        progress(&format!("building {} for {TARGET}", packages.join(", ")));
        let mut cargo = self.cargo("build", workspace, packages);
        cargo.args(["--release", "--examples"]).envs(PROFILE);
        // Cargo reports an error for `--lib` when no package has a library.
        cargo.args(workspace.has_library(packages).then_some("--lib"));
        run(cargo)
    }

    /// Runs `cargo check` for the packages. Fails when cargo fails.
    pub(crate) fn check(
        &self,
        workspace: &Workspace,
        packages: &[String],
    ) -> Result<(), ToolchainError> {
        progress(&format!("checking {} for {TARGET}", packages.join(", ")));
        run(self.cargo("check", workspace, packages))
    }

    fn cargo(&self, command: &str, workspace: &Workspace, packages: &[String]) -> Command {
        let mut cargo = match self {
            Self::Ready => Command::new("cargo"),
            Self::FromSource { .. } => Command::new(find::DEBIAN_CARGO),
        };
        cargo.arg(command).args(["--quiet", "--target", TARGET]);
        if let Self::FromSource { linker } = self {
            cargo.arg("-Zbuild-std=std,panic_abort");
            cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", find::DEBIAN_RUSTC);
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo.args(packages.iter().flat_map(|package| ["--package", package]));
        cargo.current_dir(workspace.root());
        cargo.env("CARGO_TARGET_DIR", workspace.wasm_target_dir());
        cargo.env("CARGO_ENCODED_RUSTFLAGS", remap(workspace));
        cargo
    }
}

/// Settings for small, reproducible components. A panic aborts the adapter with a WebAssembly trap, which the host
/// detects.
const PROFILE: [(&str, &str); 6] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];

/// Compiler flags that shorten the file names in panic messages. Without these flags, the bytes of a component would
/// depend on the paths of the checkout and of cargo's home. Cargo separates encoded flags with 0x1f.
fn remap(workspace: &Workspace) -> OsString {
    let mut flags = OsString::from("--remap-path-prefix=");
    flags.push(workspace.root());
    flags.push("=/deed");
    if let Some(home) = find::cargo_home() {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(home);
        flags.push("=/cargo");
    }
    flags
}

fn run(mut command: Command) -> Result<(), ToolchainError> {
    let status = command.status().map_err(ToolchainError::Start)?;
    if status.success() { Ok(()) } else { Err(ToolchainError::Cargo(status)) }
}
