//! Tests of the custom sections, on components that are written byte by byte.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::lists::{BYTES_MAX, PROBLEMS_MAX};
use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A length in LEB128, or a number.
fn leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

fn text(text: &str) -> Vec<u8> {
    [leb(text.len()), text.as_bytes().to_vec()].concat()
}

fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [vec![kind], leb(content.len()), content.to_vec()].concat()
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[text(name), data.to_vec()].concat())
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn component(parts: &[Vec<u8>]) -> Vec<u8> {
    [COMPONENT.to_vec(), parts.concat()].concat()
}

#[test]
fn sections_of_the_component_precede_those_of_its_modules() {
    let inner = [MODULE.to_vec(), custom("version", b"0.1"), custom("licenses", b"MIT")].concat();
    let found = Sections::of(&component(&[custom("version", b"1.2.3"), section(1, &inner)]));
    assert_eq!(found.texts(), [("version", "1.2.3"), ("licenses", "MIT")]);
    let found = Sections::of(&component(&[section(1, &inner), custom("version", b"1.2.3")]));
    assert_eq!(found.version.as_deref(), Some("1.2.3"));
    assert_eq!(found.problems, Vec::<String>::new());
}

#[test]
fn producers_and_dependencies_are_read() {
    let tools = [leb(1), text("processed-by"), leb(1), text("rustc"), text("1.95.0")].concat();
    let list = zlib(
        br#"{"packages":[{"name":"serde","version":"1.0.1","source":"registry","root":true}]}"#,
    );
    let inner = [MODULE.to_vec(), custom("producers", &tools), custom(".dep-v0", &list)].concat();
    let found = Sections::of(&component(&[custom("producers", &tools), section(1, &inner)]));
    let [producer] = found.producers.as_slice() else { panic!("{found:?}") };
    assert_eq!((producer.name.as_str(), producer.version.as_str()), ("rustc", "1.95.0"));
    let dependencies = found.dependencies.unwrap();
    assert_eq!((dependencies.len(), dependencies[0].name.as_str()), (1, "serde"));
}

#[test]
fn hostile_sections_are_bounded() {
    let long = "x".repeat(TEXT_MAX + 5);
    let found = Sections::of(&component(&[custom("version", long.as_bytes())]));
    assert_eq!(found.version.unwrap().chars().count(), TEXT_MAX + 1);

    let bomb = zlib(&vec![b' '; BYTES_MAX * 2]);
    let found = Sections::of(&component(&[custom(".dep-v0", &bomb)]));
    assert!(found.problems[0].contains("more than"), "{found:?}");

    let mut nested = COMPONENT.to_vec();
    for _ in 0..1_000 {
        nested = component(&[section(4, &nested)]);
    }
    assert_eq!(Sections::of(&nested).problems.len(), 1);

    let endless = [leb(usize::try_from(u32::MAX).unwrap()), text("sdk")].concat();
    let found = Sections::of(&component(&[custom("producers", &endless)]));
    assert!(found.problems[0].contains("`producers`"), "{found:?}");
}

/// Every limit is for the component, and not for one of its sections.
#[test]
fn many_hostile_sections_are_bounded_together() {
    let list = |count: usize, from: usize| {
        let all: Vec<String> = (from..from + count)
            .map(|one| format!("{{\"name\":\"n{one}\",\"version\":\"1\"}}"))
            .collect();
        custom(".dep-v0", &zlib(format!("{{\"packages\":[{}]}}", all.join(",")).as_bytes()))
    };
    let found = Sections::of(&component(&[list(3_000, 0), list(3_000, 3_000), list(1, 9_000)]));
    assert_eq!(found.dependencies.unwrap().len(), 5_000);
    assert!(found.problems[0].contains("only 5000 dependencies"), "{:?}", found.problems);

    let large = custom(".dep-v0", &zlib(&vec![b' '; BYTES_MAX / 2]));
    let found = Sections::of(&component(&vec![large; 50]));
    assert!(found.problems[2].contains("the lists of all sections"), "{:?}", found.problems);
    assert_eq!(found.problems.len(), PROBLEMS_MAX);

    let bad = component(&vec![custom("producers", b""); 10_000]);
    assert_eq!(Sections::of(&bad).problems.len(), PROBLEMS_MAX);
    let endless = [leb(1), text("sdk"), leb(5_000), vec![0; 10_000]].concat();
    let found = Sections::of(&component(&[custom("producers", &endless)]));
    assert_eq!((found.producers.len(), found.problems.len()), (1, 1));
    let good = [leb(1), text("sdk"), leb(1), text("a"), text("1")].concat();
    let found = Sections::of(&component(&vec![custom("producers", &good); 101]));
    assert!(found.problems[0].contains("only 100 sections"), "{:?}", found.problems);
}

#[test]
fn texts_are_read_without_the_lists() {
    let parts = [custom("producers", b""), custom("version", b"1.2.3"), custom(".dep-v0", b"x")];
    let found = Sections::texts_of(&component(&parts));
    assert_eq!(found, Sections { version: Some("1.2.3".to_owned()), ..Sections::default() });
    // The bytes that are read of a text end inside of a character.
    let long = format!("x{}", "ä".repeat(TEXT_MAX * 4));
    let version = Sections::texts_of(&component(&[custom("version", long.as_bytes())])).version;
    let kept: String = long.chars().take(TEXT_MAX).collect();
    assert_eq!(version.unwrap(), format!("{kept}…"));
}

#[test]
fn bytes_that_are_cut_off_are_a_problem_and_no_panic() {
    let whole = component(&[custom("version", b"1.2.3"), custom("licenses", b"MIT")]);
    for end in 0..whole.len() {
        Sections::of(&whole[..end]);
    }
    assert_eq!(Sections::of(b"#!/bin/sh").problems.len(), 1);
    assert_eq!(Sections::of(&whole[..whole.len() - 1]).problems.len(), 1);
}
