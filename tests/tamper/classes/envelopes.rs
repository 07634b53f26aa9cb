//! Mutations of envelopes: keys, kinds, encodings.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use deed_record::bundle::{CHAIN, Files, RECEIPT};
use deed_spec::dsse::{Envelope, key_id};
use deed_spec::json::canonical;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::class::Sink;
use crate::forge::{
    chain, is_a_persons, kind, payload, put_chain, put_lines, receipt_line, relog, restated, sign,
    sign_value, wrapped,
};
use crate::samples::Sample;

/// A named change of a statement (`Edit`) or of a text (`Way`).
type Edit = (&'static str, fn(&mut Value));
type Way = (&'static str, fn(&str) -> String);

/// The sample's files with one changed envelope in its place.
fn with(sample: &Sample, n: usize, envelope: &Envelope) -> Files {
    let mut lines = chain(&sample.files);
    lines[n] = envelope.clone();
    let mut files = sample.files.clone();
    put_chain(&mut files, &lines, receipt_line(&chain(&sample.files)));
    files
}

pub(super) fn another_key(sink: &mut Sink<'_>, sample: &Sample) {
    let stranger = sink.bench.keys.stranger.clone();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        let mut forged = sign(&STANDARD.decode(&line.payload).unwrap(), &stranger);
        sink.files(&format!("{}: {n} by a stranger", sample.kind), &with(sample, n, &forged));
        // The forged envelope uses the name of the trusted key.
        forged.signatures[0].keyid.clone_from(&line.signatures[0].keyid);
        sink.files(&format!("{}: {n} under its name", sample.kind), &with(sample, n, &forged));
        let mut renamed = line.clone();
        renamed.signatures[0].keyid = key_id(&stranger.verifying_key()).unwrap();
        sink.files(&format!("{}: {n} under another name", sample.kind), &with(sample, n, &renamed));
        for keyid in ["", "x", &line.signatures[0].keyid.to_uppercase()] {
            keyid.clone_into(&mut renamed.signatures[0].keyid);
            sink.files(
                &format!("{}: {n} named `{keyid}`", sample.kind),
                &with(sample, n, &renamed),
            );
        }
    }
}

pub(super) fn another_purpose(sink: &mut Sink<'_>, sample: &Sample) {
    let keys = &sink.bench.keys;
    let all = [("bob's", &keys.bob), ("log", &keys.log_signing), ("receipt", &keys.receipt)];
    let all: Vec<(&str, SigningKey)> = all.map(|(name, key)| (name, key.clone())).into();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        for (name, key) in &all {
            let forged = sign(&STANDARD.decode(&line.payload).unwrap(), key);
            if forged != *line {
                let files = with(sample, n, &forged);
                sink.files(&format!("{}: {n} by the {name} key", sample.kind), &files);
            }
        }
    }
}

pub(super) fn kinds(sink: &mut Sink<'_>, sample: &Sample) {
    let keys = &sink.bench.keys;
    let (receipt, bob, log) = (keys.receipt.clone(), keys.bob.clone(), &sink.bench.keys.log);
    let edits: [Edit; 14] = [
        ("as a receipt", |s| s["predicateType"] = "urn:deed:receipt:v1".into()),
        ("as an approval", |s| s["predicateType"] = "urn:deed:approval:v1".into()),
        ("as a decision", |s| s["predicateType"] = "urn:deed:decision:v1".into()),
        ("as a reconciliation", |s| s["predicateType"] = "urn:deed:reconciliation:v1".into()),
        ("as an activation", |s| s["predicateType"] = "urn:deed:activated:v1".into()),
        ("of another version", |s| s["predicateType"] = "urn:deed:receipt:v9".into()),
        ("of no kind", |s| drop(s.as_object_mut().unwrap().remove("predicateType"))),
        ("of another statement type", |s| s["_type"] = "https://in-toto.io/Statement/v0.1".into()),
        ("about nothing", |s| s["subject"] = json!([])),
        ("about two", |s| {
            let one = s["subject"][0].clone();
            s["subject"].as_array_mut().unwrap().push(one);
        }),
        ("about another file", |s| s["subject"][0]["name"] = "action.jsom".into()),
        ("about other bytes", |s| s["subject"][0]["digest"]["sha256"] = "00".repeat(32).into()),
        ("under another hash", |s| {
            let hex = s["subject"][0]["digest"]["sha256"].take();
            s["subject"][0]["digest"] = json!({ "sha512": hex });
        }),
        ("without a predicate", |s| s["predicate"] = Value::Null),
    ];
    let mut made = Vec::new();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        // The owner of the key may sign all of these statements, but none of them may be accepted as another kind.
        let key = if is_a_persons(line) { &bob } else { &receipt };
        for (what, edit) in edits {
            let mut statement = payload(line);
            let before = statement.clone();
            edit(&mut statement);
            if statement == before {
                continue;
            }
            let mut files = with(sample, n, &sign_value(&statement, key));
            relog(&mut files, log);
            made.push((format!("{}: {n} {what}", sample.kind), files));
            if !is_a_persons(line) {
                let files = restated(&sample.files, n, &statement, &receipt, log);
                made.push((format!("{}: {n} {what}, linked", sample.kind), files));
            }
        }
        let mut other = line.clone();
        "application/json".clone_into(&mut other.payload_type);
        made.push((
            format!("{}: {n} of another payload type", sample.kind),
            with(sample, n, &other),
        ));
    }
    for (what, files) in &made {
        sink.files(what, files);
    }
}

pub(super) fn base64(sink: &mut Sink<'_>, sample: &Sample) {
    let ways: [Way; 6] = [
        ("url-safe", |text| URL_SAFE.encode(STANDARD.decode(text).unwrap())),
        ("unpadded", |text| STANDARD_NO_PAD.encode(STANDARD.decode(text).unwrap())),
        ("spaced", |text| format!("{text} ")),
        ("wrapped", |text| format!("{}\n{}", &text[..4], &text[4..])),
        ("padded more", |text| format!("{text}=")),
        ("with spare bits", spare_bits),
    ];
    for (n, line) in chain(&sample.files).iter().enumerate() {
        for (what, way) in ways {
            let mut forged = line.clone();
            forged.payload = way(&line.payload);
            if forged != *line {
                sink.files(
                    &format!("{}: payload {n} {what}", sample.kind),
                    &with(sample, n, &forged),
                );
            }
            forged = line.clone();
            forged.signatures[0].sig = way(&line.signatures[0].sig);
            if forged != *line {
                sink.files(&format!("{}: sig {n} {what}", sample.kind), &with(sample, n, &forged));
            }
        }
    }
}

/// Returns a base64 text in which the unused bits before the padding are not zero. A lenient decoder reads the bytes of
/// the original text from it.
fn spare_bits(text: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = text.trim_end_matches('=');
    let Some(last) = body.chars().last().filter(|_| body != text) else { return text.to_owned() };
    let at = LETTERS.find(last).unwrap() + 1;
    format!("{}{}{}", &body[..body.len() - 1], &LETTERS[at..=at], &text[body.len()..])
}

pub(super) fn signatures(sink: &mut Sink<'_>, sample: &Sample) {
    let stranger = sink.bench.keys.stranger.clone();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        let bytes = STANDARD.decode(&line.signatures[0].sig).unwrap();
        let ways: [(&str, Vec<u8>); 8] = [
            ("S + L", plus_order(&bytes)),
            ("zeros", vec![0; 64]),
            ("small order", [&[1][..], &[0; 63]].concat()),
            ("small order R", [&[1][..], &[0; 31], &bytes[32..]].concat()),
            ("cut", bytes[..63].to_vec()),
            ("longer", [&bytes[..], &[0]].concat()),
            ("halves exchanged", [&bytes[32..], &bytes[..32]].concat()),
            ("empty", vec![]),
        ];
        for (what, sig) in ways {
            let mut forged = line.clone();
            forged.signatures[0].sig = STANDARD.encode(sig);
            sink.files(&format!("{}: {n} {what}", sample.kind), &with(sample, n, &forged));
        }
        let mut none = line.clone();
        none.signatures.clear();
        sink.files(&format!("{}: {n} unsigned", sample.kind), &with(sample, n, &none));
        let other = sign(&STANDARD.decode(&line.payload).unwrap(), &stranger).signatures[0].clone();
        for two in
            [[line.signatures[0].clone(), other.clone()], [other, line.signatures[0].clone()]]
        {
            let twice = Envelope { signatures: two.into(), ..line.clone() };
            sink.files(&format!("{}: {n} signed twice", sample.kind), &with(sample, n, &twice));
        }
    }
}

/// The signature with the order of the group added to S. A verifier that does not require S to be below the order (RFC
/// 8032 §5.1.7) accepts the result.
fn plus_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut out = signature.to_vec();
    let mut carry = 0_u16;
    for (byte, add) in out[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (u8::try_from(sum & 0xff).unwrap(), sum >> 8);
    }
    out
}

pub(super) fn json(sink: &mut Sink<'_>, sample: &Sample) {
    let lines = chain(&sample.files);
    let texts: Vec<Value> = lines.iter().map(|line| serde_json::to_value(line).unwrap()).collect();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for n in 0..texts.len() {
        let text = String::from_utf8(canonical(&texts[n]).unwrap()).unwrap();
        let ways = [
            ("a key twice", text.replacen('{', "{\"payload\":\"\",", 1)),
            ("a key twice, last", text.trim_end_matches('}').to_owned() + "}],\"payload\":\"\"}"),
            ("an unknown field", text.replacen("\"payload\"", "\"a\":1,\"payload\"", 1)),
            ("deep", text.replacen('{', &format!("{{\"a\":{deep},"), 1)),
            ("a float", text.replacen('{', "{\"a\":1.5,", 1)),
            ("a space", text.replacen(':', ": ", 1)),
            ("an escape", text.replacen("payload", "\\u0070ayload", 1)),
            ("keys in another order", text.replacen("{\"keyid\"", "{\"sig\":\"\",\"keyid\"", 1)),
            ("snake case", text.replacen("payloadType", "payload_type", 1)),
        ];
        for (what, changed) in ways {
            let mut files = sample.files.clone();
            let mut all = String::new();
            for (at, line) in texts.iter().enumerate() {
                let line = String::from_utf8(canonical(line).unwrap()).unwrap();
                writeln!(all, "{}", if at == n { &changed } else { &line }).unwrap();
            }
            files.insert(CHAIN.to_owned(), all.into_bytes());
            if n == receipt_line(&lines) {
                let whole = String::from_utf8(files[RECEIPT].clone()).unwrap();
                files.insert(RECEIPT.to_owned(), whole.replace(&text, &changed).into_bytes());
            }
            sink.files(&format!("{}: {n} {what}", sample.kind), &files);
        }
    }
    // These mutations change the second copy of the receipt, `receipt.sigstore.json`, which other tools read.
    let receipt = receipt_line(&lines);
    let right: Value = serde_json::from_slice(&sample.files[RECEIPT]).unwrap();
    let edits: [Edit; 4] = [
        ("of another media type", |v| v["mediaType"] = "application/json".into()),
        ("with another hint", |v| v["verificationMaterial"]["publicKey"]["hint"] = "0".into()),
        ("with a field more", |v| v["a"] = 1.into()),
        ("without its envelope", |v| v["dsseEnvelope"] = Value::Null),
    ];
    for (what, edit) in edits {
        let (mut files, mut value) = (sample.files.clone(), right.clone());
        edit(&mut value);
        files.insert(RECEIPT.to_owned(), canonical(&value).unwrap());
        sink.files(&format!("{}: the wrapped receipt {what}", sample.kind), &files);
    }
    for (n, line) in texts.iter().enumerate().filter(|(n, _)| *n != receipt) {
        let mut files = sample.files.clone();
        put_lines(&mut files, &texts, texts.len());
        files.insert(RECEIPT.to_owned(), wrapped(line));
        sink.files(&format!("{}: line {n} wrapped", sample.kind), &files);
    }
}

pub(super) fn payloads(sink: &mut Sink<'_>, sample: &Sample) {
    let keys = &sink.bench.keys;
    let (receipt, bob, log) = (keys.receipt.clone(), keys.bob.clone(), &sink.bench.keys.log);
    let mut made = Vec::new();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        let key = if is_a_persons(line) { &bob } else { &receipt };
        let text = String::from_utf8(STANDARD.decode(&line.payload).unwrap()).unwrap();
        let mut pretty = serde_json::to_string_pretty(&payload(line)).unwrap();
        pretty.push('\n');
        let ways = [
            ("pretty", pretty),
            ("a space", text.replacen(':', ": ", 1)),
            ("a field of the statement", text.replacen('{', "{\"A\":1,", 1)),
            (
                "a field of the subject",
                text.replacen("[{\"digest\"", "[{\"annotations\":{},\"digest\"", 1),
            ),
            (
                "a field of the predicate",
                text.replacen("\"predicate\":{", "\"predicate\":{\"A\":1,", 1),
            ),
            (
                "a key twice",
                text.replacen("\"predicate\":{", "\"predicate\":{},\"predicate\":{", 1),
            ),
            ("an escape", text.replacen("action.json", "action\\u002ejson", 1)),
            ("a float", text.replacen("_ms\":", "_ms\":0.0e", 1)),
            ("another digest", text.replacen("{\"sha256\"", "{\"sha1\":\"00\",\"sha256\"", 1)),
            ("a mark", format!("\u{feff}{text}")),
            ("a line end", format!("{text}\n")),
            ("a list", format!("[{text}]")),
            ("nothing", String::new()),
        ];
        for (what, changed) in ways.into_iter().filter(|(_, changed)| *changed != text) {
            let mut files = with_payload(sample, n, &sign(changed.as_bytes(), key));
            let lines = chain(&files);
            let lines: Vec<_> = lines
                .iter()
                .zip(chain(&sample.files))
                .map(|(line, old)| {
                    let digest =
                        deed_spec::digest::Digest::of(&STANDARD.decode(&line.payload).unwrap());
                    (kind(&old), digest)
                })
                .collect();
            crate::forge::relog_as(&mut files, &lines, log);
            made.push((format!("{}: {n} {what}", sample.kind), files));
        }
    }
    for (what, files) in &made {
        sink.files(what, files);
    }
}

/// Like `with`, for an envelope whose payload is not a statement.
fn with_payload(sample: &Sample, n: usize, envelope: &Envelope) -> Files {
    let lines = chain(&sample.files);
    let mut texts: Vec<Value> =
        lines.iter().map(|line| serde_json::to_value(line).unwrap()).collect();
    texts[n] = serde_json::to_value(envelope).unwrap();
    let mut files = sample.files.clone();
    put_lines(&mut files, &texts, receipt_line(&lines));
    files
}
