//! Builds one component per workspace package, or one per example of a package without a library. If a component would
//! import anything but `deed:adapter`, the tool reports an error and does not write it.
//!
//! ```text
//! deed-adapter-build OUT_DIR PACKAGE...             build components, also from `.wat` files, into OUT_DIR
//! deed-adapter-build --assemble FILE.wat OUT.wasm   build one component from WebAssembly text
//! deed-adapter-build --module PACKAGE OUT...        build the core module of a package, not a component; compressed if
//!                                                   a file's name ends in `.gz`
//! deed-adapter-build --check-wasm PACKAGE...        run `cargo check` for wasm32-unknown-unknown
//! deed-adapter-build --std-from-source ...          build or check with a standard library compiled from source
//! ```

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

mod component;
mod toolchain;
mod workspace;

use toolchain::Toolchain;
use workspace::{Kind, Source, Workspace};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), BuildError> {
    let (from_source, rest) = match arguments.split_first() {
        Some((flag, rest)) if flag == "--std-from-source" => (true, rest),
        _ => (false, arguments),
    };
    let Some((first, packages)) = rest.split_first() else { return Err(BuildError::Usage) };
    if packages.is_empty() {
        return Err(BuildError::Usage);
    }
    let workspace = Workspace::locate()?;
    if let ("--assemble", [text, out]) = (first.as_str(), packages) {
        return Ok(component::assemble(text, Path::new(text), &workspace.wit(), Path::new(out))?);
    }
    let toolchain = Toolchain::find(from_source)?;
    if first == "--check-wasm" {
        return Ok(toolchain.check(&workspace, packages)?);
    }
    match (first.as_str(), packages) {
        ("--module", [_, outs @ ..]) if !outs.is_empty() => {
            module(&workspace, &toolchain, packages.get(..1).unwrap_or_default(), outs)
        }
        ("--module", _) => Err(BuildError::Usage),
        _ => build(&workspace, &toolchain, Path::new(first), packages),
    }
}

/// Builds the core module of one package, and writes it to each of `outs`.
fn module(
    workspace: &Workspace,
    toolchain: &Toolchain,
    package: &[String],
    outs: &[String],
) -> Result<(), BuildError> {
    let sources = workspace.sources(package)?;
    let [Source { path, kind: Kind::Module, .. }] = sources.as_slice() else {
        return Err(BuildError::NotOneModule(package.concat()));
    };
    toolchain.build(workspace, package)?;
    outs.iter().try_for_each(|out| Ok(component::copy(path, Path::new(out))?))
}

fn build(
    workspace: &Workspace,
    toolchain: &Toolchain,
    out: &Path,
    packages: &[String],
) -> Result<(), BuildError> {
    let sources = workspace.sources(packages)?;
    toolchain.build(workspace, packages)?;
    for Source { name, path, kind } in sources {
        let out = out.join(format!("{name}.wasm"));
        match kind {
            Kind::Module => component::write(&name, &path, &out)?,
            Kind::Text => component::assemble(&name, &path, &workspace.wit(), &out)?,
        }
    }
    Ok(())
}

/// Why the components were not built.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error(
        "write `deed-adapter-build OUT_DIR PACKAGE...`, `deed-adapter-build --module PACKAGE OUT...` or \
         `deed-adapter-build --check-wasm PACKAGE...`"
    )]
    Usage,
    #[error(
        "`{0}` has no library, or more than one module; its library needs `crate-type = [\"cdylib\"]`"
    )]
    NotOneModule(String),
    #[error(transparent)]
    Workspace(#[from] workspace::WorkspaceError),
    #[error(transparent)]
    Toolchain(#[from] toolchain::ToolchainError),
    #[error(transparent)]
    Component(#[from] component::ComponentError),
}

/// Writes one line to standard error. The build continues if standard error is closed.
fn progress(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}
