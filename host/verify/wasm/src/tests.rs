use serde_json::{Value, json};

use super::*;

const GOOD: &[u8] = include_bytes!("../../../../tests/vectors/good/verified.deed");
const COPY: &[u8] = include_bytes!("../../../../tests/vectors/good/an-agents-copy.deed");

fn directory() -> Vec<u8> {
    let files = json!({
        "approvers.json": include_str!("../../../../tests/vectors/trust/approvers.json"),
        "log.vkey": include_str!("../../../../tests/vectors/trust/log.vkey"),
        "receipt.pub": include_str!("../../../../tests/vectors/trust/receipt.pub"),
        "receipt_keys.json": include_str!("../../../../tests/vectors/trust/receipt_keys.json"),
    });
    files.to_string().into_bytes()
}

/// The result and the output for these inputs.
fn checked(bundle: &[u8], trust: &[u8]) -> (i32, String) {
    let (code, output, _) = checked_as("", bundle, trust);
    (code, output)
}

/// The result, the output and the text for people, with this name of the bundle's file.
fn checked_as(name: &str, bundle: &[u8], trust: &[u8]) -> (i32, String, String) {
    let (bundle, trust, name) = (bundle.to_vec(), trust.to_vec(), name.as_bytes().to_vec());
    let mut buffers = Buffers { bundle, trust, name, ..Buffers::empty() };
    let code = buffers.verify();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (code, text(buffers.output), text(buffers.text))
}

fn verdict(output: &str) -> String {
    let report: Value = serde_json::from_str(output).unwrap();
    report["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn each_verdict_has_the_exit_code_of_the_command() {
    let mut changed = GOOD.to_vec();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (bundle, trust, code, name) in [
        (GOOD, directory(), 0, "verified"),
        (&changed[..], directory(), 1, "failed"),
        (&[][..], directory(), 1, "failed"),
        (GOOD, b"{}".to_vec(), 2, "unverifiable"),
        (COPY, directory(), 3, "signatures_only"),
    ] {
        let (found, output) = checked(bundle, &trust);
        assert_eq!((found, verdict(&output).as_str()), (code, name), "{output}");
    }
}

#[test]
fn a_trust_directory_that_cannot_be_read_gives_no_verdict() {
    for (trust, why) in [
        ("", "the trust directory is not JSON: line 1, column 1: "),
        ("{\"log.vkey\": \"\", \"log.vkey\": \"\"}", "the trust directory is not JSON: "),
        ("{\"log.vkey\": 7}", "an object of texts by file name: at `/log.vkey`: "),
        ("[]", "an object of texts by file name: at the top level: "),
        ("{\"receipt.pub\": \"a key\\n\"}", "the trust directory: `receipt.pub`: "),
    ] {
        let (code, output) = checked(GOOD, trust.as_bytes());
        assert_eq!(code, NOT_CHECKED, "{output}");
        assert!(output.contains(why), "{output}");
    }
}

#[test]
fn the_text_is_that_of_the_command() {
    let (_, output, text) = checked_as("proof.deed", GOOD, &directory());
    let report = verify(GOOD, Some(&trusted(&directory()).unwrap()));
    assert_eq!(verdict(&output), "verified");
    assert_eq!(text, page::lines(&report, report.action.as_deref().unwrap()));
    let (_, _, text) = checked_as("proof.deed", &[], &directory());
    assert_eq!(text.lines().last(), Some("FAILED proof.deed"));
    let (_, _, text) = checked_as("a\u{202e}\u{1b}[2Jb", &[], &directory());
    assert_eq!(text.lines().last(), Some("FAILED a\\u{202e}\\u{1b}[2Jb"));
    assert_eq!(checked_as("proof.deed", GOOD, b"[]").2, "");
}

#[test]
fn inputs_have_a_kind_and_a_maximum_size() {
    let mut buffers = Buffers { bundle: vec![1], trust: vec![1], ..Buffers::empty() };
    let too_large = [(BUNDLE, READ_MAX + 1), (TRUST, TRUST_MAX + 1), (NAME, NAME_MAX + 1)];
    for (kind, len) in [(3, 1), (u32::MAX, 0)].into_iter().chain(too_large) {
        assert_eq!(buffers.input(kind, len), None, "{kind} {len}");
    }
    assert_eq!((buffers.bundle.as_slice(), buffers.trust.as_slice()), (&[1][..], &[1][..]));
    assert!(buffers.input(BUNDLE, 3).is_some_and(|address| address != 0));
    assert!(buffers.input(TRUST, 0).is_some_and(|address| address != 0));
    assert_eq!((buffers.bundle.as_slice(), buffers.trust.as_slice()), (&[0; 3][..], &[][..]));
}

#[test]
fn an_output_follows_from_the_inputs_of_the_instance() {
    assert_eq!(deed_input(3, 1), 0);
    deed_input(TRUST, 2);
    assert_eq!(deed_verify(), NOT_CHECKED);
    assert!(deed_output_len() > 0);
}
