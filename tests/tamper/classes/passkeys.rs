//! Mutations of the assertions of passkeys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use deed_record::bundle::Files;
use deed_spec::dsse::Envelope;
use deed_spec::webauthn::Assertion;
use deed_test_support::authenticator::with_other_s;

use crate::class::Sink;
use crate::forge::{chain, put_chain, receipt_line};
use crate::samples::Sample;

pub(super) fn assertions(sink: &mut Sink<'_>, sample: &Sample) {
    let (lines, twins) = (chain(&sample.files), chain(&sample.twin));
    for (n, line) in lines.iter().enumerate() {
        let mut with = |what: &str, change: &dyn Fn(&mut Envelope)| {
            let mut forged = line.clone();
            change(&mut forged);
            if forged != *line {
                sink.files(&format!("{}: {n} {what}", sample.kind), &replaced(sample, n, forged));
            }
        };
        match &line.signatures[0].webauthn {
            None => with("with an assertion", &|one| {
                one.signatures[0].webauthn = Some(invented());
            }),
            Some(assertion) => {
                with("without its assertion", &|one| one.signatures[0].webauthn = None);
                let twin = twins.iter().find_map(|twin| twin.signatures[0].webauthn.clone());
                with("with another assertion", &|one| one.signatures[0].webauthn.clone_from(&twin));
                for (what, other) in changed(assertion) {
                    with(&what, &|one| one.signatures[0].webauthn = Some(other.clone()));
                }
                let high = with_other_s(&line.signatures[0].sig);
                with("with the other S", &|one| one.signatures[0].sig.clone_from(&high));
            }
        }
    }
}

/// The sample's files with one changed envelope in its place.
fn replaced(sample: &Sample, n: usize, envelope: Envelope) -> Files {
    let mut lines = chain(&sample.files);
    let receipt = receipt_line(&lines);
    lines[n] = envelope;
    let mut files = sample.files.clone();
    put_chain(&mut files, &lines, receipt);
    files
}

fn invented() -> Assertion {
    Assertion {
        authenticator_data: STANDARD.encode([0; 37]),
        client_data: STANDARD.encode(b"{\"type\":\"webauthn.get\"}"),
    }
}

/// The assertion with each byte changed, with bytes more and less, and in other texts of the same bytes.
fn changed(right: &Assertion) -> Vec<(String, Assertion)> {
    type Part = fn(&mut Assertion) -> &mut String;
    let parts: [(&str, Part); 2] = [
        ("authenticator data", |one| &mut one.authenticator_data),
        ("client data", |one| &mut one.client_data),
    ];
    let mut all = Vec::new();
    for (name, part) in parts {
        let text = part(&mut right.clone()).clone();
        let bytes = STANDARD.decode(&text).unwrap();
        let mut put = |what: String, text: String| {
            let mut other = right.clone();
            *part(&mut other) = text;
            all.push((format!("{name} {what}"), other));
        };
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            put(format!("flipped at {at}"), STANDARD.encode(flipped));
        }
        put("cut".to_owned(), STANDARD.encode(&bytes[..bytes.len() - 1]));
        put("longer".to_owned(), STANDARD.encode([&bytes[..], b" "].concat()));
        put("empty".to_owned(), String::new());
        put("unpadded".to_owned(), STANDARD_NO_PAD.encode(&bytes));
        put("url-safe".to_owned(), URL_SAFE.encode(&bytes));
        put("spaced".to_owned(), format!("{text} "));
    }
    all
}
