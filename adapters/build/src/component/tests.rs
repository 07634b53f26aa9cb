use super::*;

const WORLDS: &str = r"
package deed:adapter@0.1.0;
interface types { type json = string; }
interface http { send: func(); }
world clean { use types.{json}; import http; export observe: func(); }
world named { import clock: func() -> u64; }
";

const FOREIGN: &str = r"
package wasi:clocks@0.2.0;
interface wall-clock { now: func() -> u64; }
world ticking { import wall-clock; }
";

fn imports_of(text: &str, world: &str) -> Vec<String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", text).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    foreign(&resolve, world)
}

#[test]
fn our_interfaces_are_not_foreign() {
    assert!(imports_of(WORLDS, "clean").is_empty());
}

#[test]
fn a_bare_function_is_foreign() {
    assert_eq!(imports_of(WORLDS, "named"), ["clock"]);
}

#[test]
fn wasi_is_foreign() {
    assert_eq!(imports_of(FOREIGN, "ticking"), ["wasi:clocks/wall-clock@0.2.0"]);
}

#[test]
fn what_is_no_module_is_refused_by_name() {
    let error = encode(b"not wasm").unwrap_err();
    assert!(!error.is_empty());
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
