//! Writes a core module, or WebAssembly text, as a component file (Component Model, binary format). If the component
//! would import an interface outside of `deed:adapter` and WASI, the module reports an error and writes no file. The
//! components are encoded as by `deed adapter build`.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use deed_author::project::component::{assemble as assemble_text, encode, imports};
use deed_author::project::imports::is_own;
use flate2::{Compression, write::GzEncoder};

use crate::progress;

/// Encodes `module` and writes it to `out`, unless `out` already holds these bytes. Fails when `module` cannot be read
/// or encoded, imports a foreign interface, or `out` cannot be written.
pub(crate) fn write(name: &str, module: &Path, out: &Path) -> Result<(), ComponentError> {
    let core = fs::read(module).map_err(|error| file(module, error))?;
    let component =
        encode(&core).map_err(|why| ComponentError::Encode { name: name.into(), why })?;
    check_and_store(name, &component, out)
}

/// Writes a core module to `out`, unless `out` already holds these bytes. The file is compressed with gzip if its name
/// ends in `.gz`, and otherwise has the bytes of the module. Fails when `module` cannot be read or `out` cannot be
/// written.
pub(crate) fn copy(module: &Path, out: &Path) -> Result<(), ComponentError> {
    let bytes = fs::read(module).map_err(|error| file(module, error))?;
    if out.extension().is_some_and(|extension| extension == "gz") {
        return update(&compressed(&bytes).map_err(|error| file(out, error))?, out);
    }
    update(&bytes, out)
}

/// The same bytes for the same module: the header of the gzip file has neither a time nor a name.
fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Assembles WebAssembly text, a core module of the world `adapter` or a whole component, and writes the component to
/// `out`. Fails in the same cases as [`write()`].
pub(crate) fn assemble(
    name: &str,
    text: &Path,
    wit: &Path,
    out: &Path,
) -> Result<(), ComponentError> {
    let source = fs::read_to_string(text).map_err(|error| file(text, error))?;
    let component = assembled(&source, wit)
        .map_err(|why| ComponentError::Text { path: text.to_owned(), why })?;
    check_and_store(name, &component, out)
}

fn assembled(source: &str, wit: &Path) -> Result<Vec<u8>, String> {
    assemble_text(source, &wit.join(version_of(source)))
}

/// Returns the version of `deed:adapter` that a WebAssembly text imports: 0.2, or 0.1 if the text does not import
/// 0.2.0.
fn version_of(source: &str) -> &'static str {
    if source.contains("@0.2.0\"") { "0.2" } else { "0.1" }
}

fn check_and_store(name: &str, component: &[u8], out: &Path) -> Result<(), ComponentError> {
    let foreign = foreign_imports(component)
        .map_err(|why| ComponentError::Encode { name: name.into(), why })?;
    if !foreign.is_empty() {
        let imports = foreign.join("`, `");
        return Err(ComponentError::Foreign { name: name.into(), imports });
    }
    update(component, out)
}

fn update(bytes: &[u8], out: &Path) -> Result<(), ComponentError> {
    if fs::read(out).is_ok_and(|old| old == bytes) {
        progress(&format!("{} is up to date", out.display()));
        return Ok(());
    }
    store(out, bytes).map_err(|error| file(out, error))?;
    progress(&format!("{} has {} KiB", out.display(), bytes.len().div_ceil(1024)));
    Ok(())
}

/// Why a module cannot be turned into a component.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComponentError {
    #[error(
        "`{path}`: {error}; the package needs `crate-type = [\"cdylib\"]` and must be writable"
    )]
    File { path: PathBuf, error: io::Error },
    #[error("`{path}` cannot be assembled: {why}; write a core module of the world `adapter`")]
    Text { path: PathBuf, why: String },
    #[error("`{name}` is not a component: {why}; does it call `export_adapter!`?")]
    Encode { name: String, why: String },
    #[error("`{name}` imports `{imports}`; an adapter imports `deed:adapter` and WASI only")]
    Foreign { name: String, imports: String },
}

/// Names of the imports that are not interfaces of `deed:adapter` or WASI.
fn foreign_imports(component: &[u8]) -> Result<Vec<String>, String> {
    // A host accepts WASI if the grant has `wasi = true`.
    let is_foreign = |name: &String| !is_own(name) && !name.starts_with("wasi:");
    Ok(imports(component)?.into_iter().filter(is_foreign).collect())
}

/// Writes the component to a temporary file and renames the file, so that a host never loads a partly written file.
fn store(out: &Path, component: &[u8]) -> io::Result<()> {
    if let Some(directory) = out.parent() {
        fs::create_dir_all(directory)?;
    }
    let unfinished = out.with_extension("wasm.tmp");
    fs::write(&unfinished, component)?;
    fs::rename(&unfinished, out)
}

fn file(path: &Path, error: io::Error) -> ComponentError {
    ComponentError::File { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests;
