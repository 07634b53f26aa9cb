use deed_author::project::component::is_component;

use super::*;

/// The foreign imports of a component that imports this.
fn foreign(import: &str) -> Vec<String> {
    let none = Path::new("there-is-no-such-folder");
    foreign_imports(&assembled(&format!("(component (import {import}))"), none).unwrap()).unwrap()
}

#[test]
fn our_interfaces_are_not_foreign() {
    assert!(foreign(r#""deed:adapter/http@0.1.0" (instance)"#).is_empty());
}

#[test]
fn a_bare_function_is_foreign() {
    assert_eq!(foreign(r#""clock" (func (result u64))"#), ["clock"]);
}

#[test]
fn wasi_is_not_foreign() {
    assert!(foreign(r#""wasi:clocks/wall-clock@0.2.0" (instance)"#).is_empty());
}

#[test]
fn another_package_is_foreign() {
    for name in ["other:clocks/wall-clock@0.2.0", "deed:adapters/http@0.1.0", "wasix:a/b@0.2.0"] {
        assert_eq!(foreign(&format!("\"{name}\" (instance)")), [name]);
    }
}

#[test]
fn what_is_no_module_is_refused_by_name() {
    let error = encode(b"not wasm").unwrap_err();
    assert!(!error.is_empty());
}

#[test]
fn a_compressed_module_depends_on_the_module_only() {
    let packed = compressed(b"module").unwrap();
    assert_eq!(packed, compressed(b"module").unwrap());
    assert_eq!((&packed[..2], &packed[4..8]), (&[0x1f, 0x8b][..], &[0; 4][..]), "no time");
}

const TEXT: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "observe") (param i32 i32 i32 i32 i32) (result i32) unreachable)
  (func (export "perform") (param i32 i32 i32 i32 i32) (result i32) unreachable))"#;

#[test]
fn a_text_becomes_a_component_of_our_world() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let component = assembled(TEXT, &wit).unwrap();
    assert!(is_component(&component));
    assert!(foreign_imports(&component).unwrap().is_empty());
    assert!(assembled("(module", &wit).is_err());
    assert!(assembled("(module)", &wit).is_err(), "it exports nothing");
}
