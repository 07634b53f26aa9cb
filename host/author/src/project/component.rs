//! Components: encodes a core module as one, and reads which interfaces it imports.

use std::path::Path;

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldItem};

use super::templates::WIT;

/// Encodes a core module that has a description of its interface, as `wit-bindgen` writes it.
///
/// # Errors
///
/// Fails when the module has no description, or does not fit it.
pub fn encode(core: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = ComponentEncoder::default().validate(true).module(core);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
}

/// Assembles WebAssembly text: a whole component, or a core module of the world `adapter`. The world is that of the
/// folder `wit`, or of this release if the folder does not exist.
///
/// # Errors
///
/// Fails when the text or the world is not valid, or the module does not fit the world.
pub fn assemble(text: &str, wit: &Path) -> Result<Vec<u8>, String> {
    let mut module = wat::parse_str(text).map_err(|error| error.to_string())?;
    if is_component(&module) {
        return Ok(module);
    }
    embed(&mut module, wit).map_err(|error| format!("{error:#}"))?;
    encode(&module)
}

fn embed(module: &mut Vec<u8>, wit: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut resolve = Resolve::default();
    let package = if wit.is_dir() {
        resolve.push_dir(wit)?.0
    } else {
        // One file names its package once.
        resolve.push_source("adapter.wit", &whole())?
    };
    let world = resolve.select_world(&[package], Some("adapter"))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)?;
    Ok(())
}

/// The WIT files of this release as one file.
fn whole() -> String {
    let lines = || WIT.iter().flat_map(|(_, text)| text.lines());
    let rest = lines().filter(|line| !is_declaration(line));
    lines().find(is_declaration).into_iter().chain(rest).flat_map(|line| [line, "\n"]).collect()
}

/// Whether a line names the package.
fn is_declaration(line: &&str) -> bool {
    line.starts_with("package ")
}

/// The preamble distinguishes a component (layer 1) from a core module (layer 0).
pub fn is_component(binary: &[u8]) -> bool {
    binary.get(6) == Some(&1)
}

/// The names of the interfaces and functions that a component imports. The component is not compiled.
///
/// # Errors
///
/// Fails when the bytes are not a component.
pub fn imports(component: &[u8]) -> Result<Vec<String>, String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("it is a WIT package".to_owned());
    };
    let Some(world) = resolve.worlds.get(world) else { return Ok(Vec::new()) };
    // A world that uses a type of an interface lists the type among its imports.
    let imports = world.imports.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
    Ok(imports.map(|(key, _)| resolve.name_world_key(key)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(module
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
      (func (export "observe") (param i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
      (func (export "perform") (param i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable))"#;

    #[test]
    fn a_text_becomes_a_component_with_either_world() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.2");
        for wit in [checkout.as_path(), Path::new("there-is-no-such-folder")] {
            let component = assemble(TEXT, wit).unwrap();
            assert!(is_component(&component));
            let imports = imports(&component).unwrap();
            assert!(imports.iter().all(|one| one.starts_with("deed:adapter/")), "{imports:?}");
        }
    }

    #[test]
    fn what_is_no_adapter_is_refused_with_the_reason() {
        for text in ["(module", "(module)", "(component (import \"a\" (func)"] {
            assert!(!assemble(text, Path::new("none")).unwrap_err().is_empty(), "{text}");
        }
        assert!(!encode(b"not wasm").unwrap_err().is_empty());
        assert!(imports(b"not wasm").is_err());
    }

    #[test]
    fn foreign_imports_are_read_without_compiling() {
        let text = "(component (import \"wasi:cli/stderr@0.2.3\" (instance)))";
        let component = assemble(text, Path::new("none")).unwrap();
        assert_eq!(imports(&component).unwrap(), ["wasi:cli/stderr@0.2.3"]);
    }
}
