//! Tests that a component has no source of randomness: a component that uses a feature that could provide randomness is
//! refused when it is loaded.

use super::*;

/// Checks that a component with this content compiles and imports nothing outside `deed:adapter`. The component need
/// not have the exports of an adapter.
fn compiles(inside: &str) -> Result<(), String> {
    let dir = Dir::new();
    let sandbox = Sandbox::new(&dir.0, Clock::new()).unwrap();
    let bytes = wat::parse_str(format!("(component {inside})")).unwrap();
    match sandbox.load(&bytes, World::Strict).unwrap_err() {
        LoadError::MissingExport(_) => Ok(()),
        other => Err(other.to_string()),
    }
}

#[test]
fn threads_and_arithmetic_that_differs_by_machine_do_not_load() {
    let core = |inside: &str| compiles(&format!("(core module {inside})"));
    core("(memory 1 1) (func (drop (i32.load (i32.const 0))))").unwrap();
    core("(func (param v128 v128) (result v128) (f32x4.min (local.get 0) (local.get 1)))").unwrap();
    for inside in [
        "(memory 1 1 shared)",
        "(import \"a\" \"b\" (memory 1 1 shared))",
        "(memory 1 1) (func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))",
        "(memory 1 1) (func (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))))",
        "(func (param v128 v128) (result v128) (f32x4.relaxed_min (local.get 0) (local.get 1)))",
    ] {
        let refused = core(inside).unwrap_err();
        assert!(refused.contains("does not compile"), "{inside}: {refused}");
    }
}

#[test]
fn no_interface_gives_time_or_randomness() {
    for name in [
        "wasi:clocks/wall-clock@0.2.0",
        "wasi:clocks/monotonic-clock@0.2.0",
        "wasi:random/random@0.2.0",
        "wasi:random/insecure-seed@0.2.0",
    ] {
        let import = format!("(import \"{name}\" (instance (export \"now\" (func (result u64)))))");
        let refused = compiles(&import).unwrap_err();
        assert!(refused.contains(&format!("imports `{name}`")), "{refused}");
    }
}
