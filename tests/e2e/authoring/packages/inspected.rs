//! `deed adapter inspect`: files, packages, and texts of a hostile component.

use std::fs;

use serde_json::{Value, json};

use super::{Desk, custom, deed};

#[test]
fn a_component_says_what_it_is() {
    let desk = Desk::new();
    let file = desk.path("titles.wasm");
    let (code, said, errors) = deed(&["adapter", "inspect", &file]);
    assert!(code == 0 && errors.contains("next: deed adapter check"), "{errors}");
    for words in ["1.2.3", "Apache-2.0", "unchecked", "dependencies no list", "imports   none"] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    let (code, said, errors) = deed(&["adapter", "inspect", &file, "--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["sections"]["version"], "1.2.3");
    assert_eq!((&report["package"], &report["signatures"]), (&Value::Null, &Value::Null));
    assert_eq!(report["bytes"], json!(fs::read(&file).unwrap().len()));
    let (code, _, errors) = deed(&["adapter", "inspect", &desk.path("none.wasm")]);
    assert!(code == 1 && errors.contains("no such file"), "{errors}");
    let trust = desk.path("authors");
    assert_eq!(deed(&["adapter", "inspect", &file, "--trust", &trust]).0, 2);
}

#[test]
fn a_package_says_who_signed_it() {
    let desk = Desk::new();
    let pushed = desk.push(&desk.layout());
    let (layout, trust) = (desk.layout(), desk.path("authors"));
    let (code, said, errors) = deed(&["adapter", "inspect", &layout, "--trust", &trust]);
    assert!(code == 0 && errors.contains("next: deed adapter pull"), "{errors}");
    let keyid = pushed["keyid"].as_str().unwrap();
    assert!(said.contains(&format!("signature valid, by alice (key {keyid})")), "{said}");
    assert!(said.contains("idp.set_title.toml"), "{said}");
    let (_, said, _) = deed(&["adapter", "inspect", &layout]);
    assert!(said.contains(&format!("untrusted, by unknown (key {keyid})")), "{said}");
    desk.revoke("alice");
    let (_, said, _) = deed(&["adapter", "inspect", &layout, "--trust", &trust, "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["signatures"][0]["state"], "revoked");
    assert_eq!(report["package"]["package"], pushed["package"]);
}

/// Without WASI, but with more core modules than the world without WASI allows.
fn large() -> Vec<u8> {
    let modules = "(core module)".repeat(17);
    let text = format!("(component (import \"deed:adapter/log@0.1.0\" (instance)) {modules})");
    wat::parse_str(text).unwrap()
}

#[test]
fn a_component_that_only_the_larger_world_accepts_is_shown_and_published() {
    let desk = Desk::new();
    fs::write(desk.file("titles.wasm"), large()).unwrap();
    let (code, said, errors) = deed(&["adapter", "inspect", &desk.path("titles.wasm")]);
    assert!(code == 0 && said.contains("imports   deed:adapter/log@0.1.0"), "{said}{errors}");
    desk.push(&desk.layout());
}

#[test]
fn names_that_are_not_known_are_not_shown_as_none() {
    let desk = Desk::new();
    let file = desk.path("titles.wasm");
    for (bytes, why) in [
        (wat::parse_str("(module)").unwrap(), "a core module"),
        (b"no component".to_vec(), "not a WebAssembly component"),
        ([&b"\0asm\x0d\0\x01\0"[..], &[9; 9]].concat(), "does not compile"),
    ] {
        fs::write(&file, bytes).unwrap();
        let (code, said, errors) = deed(&["adapter", "inspect", &file]);
        assert_eq!(code, 0, "{errors}");
        for words in ["imports   unknown: ", "exports   unknown: ", why] {
            assert!(said.contains(words), "no `{words}` in {said}");
        }
        let (_, said, _) = deed(&["adapter", "inspect", &file, "--json"]);
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&report["imports"], &report["exports"]), (&Value::Null, &Value::Null));
        assert!(report["unknown"].as_str().unwrap().contains(why), "{said}");
    }
}

#[test]
fn texts_of_a_component_do_not_control_the_terminal() {
    let desk = Desk::new();
    let hostile = "1\u{1b}[2K\n  signature valid, by alice\u{202e}";
    let component = [
        wat::parse_str("(component)").unwrap(),
        custom("version", hostile.as_bytes()),
        custom("producers", &[255, 255, 255, 255, 15]),
        custom(".dep-v0", b"not compressed"),
    ];
    fs::write(desk.file("titles.wasm"), component.concat()).unwrap();
    let (code, said, errors) = deed(&["adapter", "inspect", &desk.path("titles.wasm")]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("1\\u{1b}[2K\\u{a}  signature valid, by alice\\u{202e}"), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said}");
    assert_eq!(said.matches("problem").count(), 2, "{said}");
    desk.push(&desk.layout());
    let (code, said, _) = desk.pull(&desk.layout(), &[]);
    assert!(code == 0 && !said.contains(['\u{1b}', '\u{202e}']), "{said}");
}
