use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};

use super::parse::Fault;
use super::*;
use crate::note::{Checkpoint, LogKey, sign};

const ORIGIN: &str = "log.example/acme";

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key(seed: u8) -> WitnessKey {
    WitnessKey::new(&format!("w{seed}.example"), signing(seed).verifying_key()).unwrap()
}

fn log() -> LogKey {
    LogKey::new(ORIGIN, signing(99)).unwrap()
}

fn note() -> String {
    let tree = Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: [7; 32] };
    sign(&tree, &log()).unwrap()
}

/// The signature line of a witness over this text, in the format of C2SP tlog-cosignature.
fn line(seed: u8, time: u64, text: &str) -> String {
    let key = key(seed);
    let signature = signing(seed).sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes());
    let blob = [key.id().as_slice(), &time.to_be_bytes(), &signature.to_bytes()].concat();
    format!("— {} {}\n", key.name(), BASE64.encode(&blob))
}

fn witnessed(by: &[u8]) -> String {
    let note = note();
    let text = format!("{}\n", note.split("\n\n").next().unwrap());
    by.iter().fold(note.clone(), |note, seed| note + &line(*seed, 1_700_000_000, &text))
}

/// The example of the specification: two of three witnesses in one group, and one of three in another group.
fn policy() -> LogPolicy {
    let mut text = format!("# of two operators\n\nlog {}\n", log().verifier());
    for seed in 1..=6 {
        writeln!(text, " witness\tN{seed} {} https://w{seed}.example", key(seed)).unwrap();
    }
    text += "group X 2 N1 N2 N3\ngroup Y any N4 N5 N6\n\tgroup X-and-Y  all X Y \nquorum X-and-Y\n";
    LogPolicy::parse(&text).unwrap()
}

#[test]
fn a_quorum_of_groups_counts_each_witness_where_it_stands() {
    let policy = policy();
    for (by, met) in [
        (&[][..], false),
        (&[1, 2, 3], false),
        (&[1, 4, 5, 6], false),
        (&[1, 2, 4], true),
        (&[6, 3, 2], true),
        (&[1, 1, 4], false),
    ] {
        let found = policy.check(&witnessed(by)).unwrap();
        assert_eq!(found.met, met, "{by:?}: {found:?}");
    }
    let found = policy.check(&witnessed(&[2, 5])).unwrap();
    assert_eq!(found.by, [("N2".to_owned(), 1_700_000_000), ("N5".to_owned(), 1_700_000_000)]);
    assert_eq!(found.missing, ["N1", "N3", "N4", "N6"]);
}

#[test]
fn strangers_are_ignored_and_a_bad_line_of_a_known_witness_refuses() {
    let policy = policy();
    let whole = witnessed(&[1, 2, 4]);
    assert!(policy.check(&(whole.clone() + &line(9, 1, "another text\n"))).unwrap().met);
    let bad = NoteError::BadSignature { name: "w5.example".to_owned() };
    assert_eq!(policy.check(&(whole.clone() + &line(5, 1, "another text\n"))), Err(bad.clone()));
    // A note with a valid and an invalid line of the same witness is refused.
    let both = witnessed(&[5, 1, 2]) + &line(5, 1, "another text\n");
    assert_eq!(policy.check(&both), Err(bad));
    // Signature lines are refused if their time is not the signed time or exceeds the format's limit, or if their blob
    // has a wrong length.
    let text = format!("{}\n", note().split("\n\n").next().unwrap());
    let good = line(1, 5, &text);
    let blob = BASE64.decode(good.trim_end().rsplit(' ').next().unwrap().as_bytes()).unwrap();
    let mut later = blob.clone();
    later[11] ^= 1;
    let beyond =
        BASE64.decode(line(1, 1 << 63, &text).trim_end().rsplit(' ').next().unwrap().as_bytes());
    for bytes in [later, beyond.unwrap(), blob[..75].to_vec(), [blob, vec![0]].concat()] {
        let forged = format!("{}— w1.example {}\n", note(), BASE64.encode(&bytes));
        assert!(policy.check(&forged).is_err(), "{forged}");
    }
}

#[test]
fn sixteen_and_more_cosignatures_are_read() {
    let policy = policy();
    let strangers: Vec<u8> = (20..70).collect();
    let note = witnessed(&[&strangers[..], &[1, 2, 4]].concat());
    assert!(policy.check(&note).unwrap().met);
    let crowd: Vec<u8> = (20..90).collect();
    assert_eq!(policy.check(&witnessed(&crowd)), Err(NoteError::TooManySignatures));
}

#[test]
fn a_quorum_of_none_asks_for_nobody() {
    let policy = LogPolicy::parse("quorum none\n").unwrap();
    assert!(!policy.asks() && policy.check(&note()).unwrap().met);
    let one = LogPolicy::of(&[], &[("w1", &key(1), "https://w1.example")], 1).unwrap();
    assert!(one.asks() && !one.check(&note()).unwrap().met);
    assert!(one.check(&witnessed(&[1])).unwrap().met);
    assert_eq!(LogPolicy::parse(one.text()).unwrap(), one);
}

#[test]
fn texts_that_are_no_policy_are_refused_at_their_line() {
    let (w1, w2, of_log) = (key(1), key(2), log());
    let two = format!("witness a {w1}\nwitness b {w2}\n");
    let twice = format!("witness a {w1}\nwitness b {w1}\n");
    let unknown = |name: &str| Fault::Unknown(name.to_owned());
    let threshold = |word: &str| Fault::Threshold(word.to_owned(), 2);
    for (text, line, why) in [
        (String::new(), 0, Fault::NoQuorum),
        ("quorum none".to_owned(), 1, Fault::End),
        ("quorum none\nquorum none\n".to_owned(), 2, Fault::QuorumTwice),
        ("quorum none\r\n".to_owned(), 1, Fault::Control),
        ("# \u{7f}\nquorum none\n".to_owned(), 1, Fault::Control),
        ("\nquorums none\n".to_owned(), 2, Fault::Line),
        ("quorum\u{a0}none\n".to_owned(), 1, Fault::Line),
        ("quorum none none\n".to_owned(), 1, Fault::Line),
        (two.clone(), 2, Fault::NoQuorum),
        (format!("{two}quorum c\n"), 3, unknown("c")),
        (format!("quorum a\n{two}"), 1, unknown("a")),
        (format!("{two}group g any\nquorum g\n"), 3, Fault::Empty),
        (format!("{two}group g any g\nquorum g\n"), 3, unknown("g")),
        (format!("{two}group g any a none\nquorum g\n"), 3, Fault::None),
        (format!("{two}group none any a\nquorum none\n"), 3, Fault::None),
        (format!("{two}group a any b\nquorum a\n"), 3, Fault::NameTwice("a".to_owned())),
        (format!("{two}group g any a a\nquorum g\n"), 3, Fault::MemberTwice("a".to_owned())),
        (format!("{two}group g any a\ngroup h any a b\n"), 4, Fault::MemberTwice("a".to_owned())),
        (format!("{two}group g 0 a b\nquorum g\n"), 3, threshold("0")),
        (format!("{two}group g 3 a b\nquorum g\n"), 3, threshold("3")),
        (format!("{two}group g 02 a b\nquorum g\n"), 3, threshold("02")),
        (format!("{two}group g +2 a b\nquorum g\n"), 3, threshold("+2")),
        (format!("{two}group g most a b\nquorum g\n"), 3, threshold("most")),
        (format!("{twice}quorum a\n"), 2, Fault::KeyTwice),
        (format!("log {0}\nlog {0}\nquorum none\n", of_log.verifier()), 2, Fault::KeyTwice),
        // A witness key in a `log` line is refused, and so is a log key in a `witness` line.
        (format!("log {w1}\nquorum none\n"), 1, Fault::Key(crate::note::KeyError::Key(1))),
        (
            format!("witness a {}\nquorum a\n", of_log.verifier()),
            1,
            Fault::Key(crate::note::KeyError::Key(4)),
        ),
        ("#".repeat(70_000), 1, Fault::Long),
    ] {
        assert_eq!(LogPolicy::parse(&text), Err(PolicyError { line, why }), "{text}");
    }
    let many: Vec<String> = (0..33).map(|n| format!("witness w{n} {}\n", key(n + 1))).collect();
    let refused = LogPolicy::parse(&(many.concat() + "quorum none\n"));
    assert_eq!(refused, Err(PolicyError { line: 33, why: Fault::Many }));
}

/// A checkpoint of a public Certificate Transparency log with the signature line of a public witness.
const PUBLIC: &str = "coachandhorses2026h1.staging.certificate.transparency.goog
185550722
YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=

— witness.navigli.sunlight.geomys.org o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==
";

#[test]
fn the_word_of_a_public_witness_is_good() {
    let vkey =
        "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
    let key: WitnessKey = vkey.parse().unwrap();
    assert_eq!(key.to_string(), vkey);
    let found = cosignature(PUBLIC, &key).unwrap().unwrap();
    assert_eq!(found.time, 1_785_704_691);
    assert!(cosignature(&PUBLIC.replace("185550722", "185550723"), &key).is_err());
    // The signature blob in the specification's example has the length of this witness's blob, and contains the time at
    // the same offset.
    let example = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";
    let bytes = BASE64.decode(example.as_bytes()).unwrap();
    assert_eq!(bytes.len(), 4 + 8 + 64);
    assert_eq!(u64::from_be_bytes(bytes[4..12].try_into().unwrap()), 1_679_315_147);
}
