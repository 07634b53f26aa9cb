//! Encodes a core module, or WebAssembly text, as a component file (Component Model, binary format). If the component
//! would import an interface outside the package `deed:adapter`, the module reports an error and writes no file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

use crate::progress;

/// Encodes `module` and writes it to `out`, unless `out` already holds these bytes. Fails when `module` cannot be read
/// or encoded, imports a foreign interface, or `out` cannot be written.
pub(crate) fn write(name: &str, module: &Path, out: &Path) -> Result<(), ComponentError> {
    let core = fs::read(module).map_err(|error| file(module, error))?;
    let component =
        encode(&core).map_err(|why| ComponentError::Encode { name: name.into(), why })?;
    check_and_store(name, &component, out)
}

/// Writes a core module to `out` as it is, unless `out` already holds these bytes. Fails when `module` cannot be read
/// or `out` cannot be written.
pub(crate) fn copy(module: &Path, out: &Path) -> Result<(), ComponentError> {
    update(&fs::read(module).map_err(|error| file(module, error))?, out)
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
    let binary = wat::parse_str(source).map_err(|error| error.to_string())?;
    if is_component(&binary) {
        return Ok(binary);
    }
    encode(
        &with_world(binary, &wit.join(version_of(source))).map_err(|error| format!("{error:#}"))?,
    )
}

/// Returns the version of `deed:adapter` that a WebAssembly text imports: 0.2, or 0.1 if the text does not import
/// 0.2.0.
fn version_of(source: &str) -> &'static str {
    if source.contains("@0.2.0\"") { "0.2" } else { "0.1" }
}

/// Embeds the WIT world `adapter`, read from the directory `wit`, into a module. A module that was assembled from
/// WebAssembly text has no description of its interface.
fn with_world(mut module: Vec<u8>, wit: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let world = resolve.select_world(&[package], Some("adapter"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}

/// The preamble distinguishes a component (layer 1) from a core module (layer 0).
fn is_component(binary: &[u8]) -> bool {
    binary.get(6) == Some(&1)
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
    #[error("`{name}` imports `{imports}`; an adapter imports `deed:adapter` only")]
    Foreign { name: String, imports: String },
}

fn encode(core: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = ComponentEncoder::default().validate(true).module(core);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}

/// Names of the imports that are not interfaces of `deed:adapter`.
fn foreign_imports(component: &[u8]) -> Result<Vec<String>, String> {
    match wit_component::decode(component).map_err(|error| format!("{error:#}"))? {
        DecodedWasm::Component(resolve, world) => Ok(foreign(&resolve, world)),
        DecodedWasm::WitPackage(..) => Err("it is a WIT package".to_owned()),
    }
}

fn foreign(resolve: &Resolve, world: WorldId) -> Vec<String> {
    let Some(world) = resolve.worlds.get(world) else { return Vec::new() };
    let imports = world.imports.iter();
    let foreign = imports.filter(|(key, item)| !is_type(item) && !is_ours(resolve, key));
    foreign.map(|(key, _)| resolve.name_world_key(key)).collect()
}

/// Whether an import is a type. A world that uses a type of an interface lists the type among its imports.
fn is_type(item: &WorldItem) -> bool {
    matches!(item, WorldItem::Type { .. })
}

fn is_ours(resolve: &Resolve, key: &WorldKey) -> bool {
    let WorldKey::Interface(id) = key else { return false };
    let interface = resolve.interfaces.get(*id);
    let package = interface.and_then(|interface| interface.package);
    package
        .and_then(|id| resolve.packages.get(id))
        .is_some_and(|package| package.name.namespace == "deed" && package.name.name == "adapter")
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
