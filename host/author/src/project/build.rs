//! Builds the component of a project with the toolchain of its language.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ProjectError;
use super::component;
use super::flags;
use super::installed::Installed;
use super::language::Language;
use super::toolchain::{self, TARGET, command, named_by};

/// The file in a Python project that adds a client for HTTP, over WASI, to the world of the adapter.
const WASI: &str = "wit/wasi.wit";

/// Called before each step with what it does.
pub type Progress<'p> = &'p mut dyn FnMut(&str);

/// Builds the project in this folder and returns the bytes of its component, which may import anything. The output of
/// the toolchain goes to stderr.
///
/// # Errors
///
/// Fails when the toolchain is missing, or when a step fails.
pub fn build(
    dir: &Path,
    language: Language,
    progress: Progress<'_>,
) -> Result<Vec<u8>, ProjectError> {
    toolchain::check(language)?;
    let made = match language {
        Language::Rust => rust(dir, progress)?,
        Language::JavaScript => javascript(dir, progress)?,
        Language::Python => python(dir, progress)?,
    };
    let bytes = fs::read(&made).map_err(ProjectError::file(&made))?;
    if component::is_component(&bytes) {
        return Ok(bytes);
    }
    progress("encoding the core module as a component");
    component::encode(&bytes).map_err(|why| ProjectError::Encode { path: made, why })
}

/// Assembles a file of WebAssembly text. The WIT files of a project are in the folder `wit` beside it.
///
/// # Errors
///
/// Fails when the file cannot be read or is not valid.
pub fn assemble(file: &Path) -> Result<Vec<u8>, ProjectError> {
    let text = fs::read_to_string(file).map_err(ProjectError::file(file))?;
    let wit = file.with_file_name("wit");
    let failed = |why| ProjectError::Encode { path: file.to_owned(), why };
    component::assemble(&text, &wit).map_err(failed)
}

fn rust(dir: &Path, progress: Progress<'_>) -> Result<PathBuf, ProjectError> {
    let target = absolute(dir)?.join("target");
    let mut cargo = command(named_by("CARGO", "cargo"));
    cargo.args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(&target);
    if let Some(flags) = flags::remapped(&absolute(dir)?) {
        cargo.env(flags::ENCODED, flags);
    }
    run(cargo, dir, "cargo build", progress)?;
    let library = library(&dir.join("Cargo.toml"))?.replace('-', "_");
    Ok(target.join(TARGET).join("release").join(format!("{library}.wasm")))
}

/// The name of the library of a package.
fn library(manifest: &Path) -> Result<String, ProjectError> {
    let text = fs::read_to_string(manifest).map_err(ProjectError::file(manifest))?;
    let failed = |why: String| ProjectError::Toml { path: manifest.to_owned(), why };
    let table: toml::Table = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let name = |of: &str| Some(table.get(of)?.get("name")?.as_str()?.to_owned());
    name("lib").or_else(|| name("package")).ok_or_else(|| {
        failed("there is no `name` under [package]; an adapter is one package".to_owned())
    })
}

/// The lock file of npm.
const LOCK: &str = "package-lock.json";

fn javascript(dir: &Path, progress: Progress<'_>) -> Result<PathBuf, ProjectError> {
    let files = [
        ("package.json", "node_modules/.package.json"),
        (LOCK, "node_modules/.deed-package-lock.json"),
    ];
    let installed = Installed::new(dir, &files);
    if !installed.is_current() {
        installed.forget();
        let is_locked = dir.join(LOCK).is_file();
        let verb = if is_locked { "ci" } else { "install" };
        let mut npm = command("npm");
        // No package of the template has an install script, and none is run.
        npm.args([verb, "--ignore-scripts", "--no-audit", "--no-fund"]);
        run(npm, dir, &format!("npm {verb}"), progress)?;
        // npm writes the lock file if there was none.
        installed.remember()?;
    }
    let made = made(dir)?;
    let mut node = command("node");
    node.arg("build.mjs").arg(&made);
    run(node, dir, "node build.mjs", progress)?;
    Ok(made)
}

fn python(dir: &Path, progress: Progress<'_>) -> Result<PathBuf, ProjectError> {
    let installed = Installed::new(dir, &[("requirements.txt", ".venv/requirements.txt")]);
    let programs = absolute(dir)?.join(".venv/bin");
    if !installed.is_current() {
        installed.forget();
        let mut venv = command("python3");
        venv.args(["-m", "venv", ".venv"]);
        run(venv, dir, "python3 -m venv", progress)?;
        let mut pip = command(programs.join("python"));
        let options = ["install", "--quiet", "--disable-pip-version-check"];
        pip.args(["-m", "pip"]).args(options).args(["-r", "requirements.txt"]);
        run(pip, dir, "pip install", progress)?;
        installed.remember()?;
    }
    let made = made(dir)?;
    let mut componentize = command(programs.join("componentize-py"));
    let (world, option) = if dir.join(WASI).is_file() {
        ("adapter-wasi", None)
    } else {
        ("adapter", Some("--stub-wasi"))
    };
    componentize.args(["-d", "wit", "-w", world, "componentize"]).args(option);
    componentize.args(["app", "-o"]).arg(&made);
    run(componentize, dir, "componentize-py", progress)?;
    Ok(made)
}

/// Where JavaScript and Python write the component, after an older one is removed.
fn made(dir: &Path) -> Result<PathBuf, ProjectError> {
    let target = absolute(dir)?.join("target");
    fs::create_dir_all(&target).map_err(ProjectError::file(&target))?;
    let made = target.join("adapter.wasm");
    fs::remove_file(&made).ok();
    Ok(made)
}

/// The child processes run in the folder, so the paths that they get must not be relative to another one.
fn absolute(dir: &Path) -> Result<PathBuf, ProjectError> {
    dir.canonicalize().map_err(ProjectError::file(dir))
}

fn run(
    mut command: Command,
    dir: &Path,
    what: &str,
    progress: Progress<'_>,
) -> Result<(), ProjectError> {
    progress(what);
    // The own stdout is for data.
    command.current_dir(dir).stdout(std::io::stderr());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ProjectError::Step { what: format!("`{what}`"), status }),
        Err(error) => Err(ProjectError::Start { what: format!("`{what}`"), error }),
    }
}
