//! Mutations of the trusted keys. The bundles are unchanged.

use std::collections::BTreeSet;

use deed_spec::note::VerifierKey;
use deed_verify::{Approver, ReceiptKey, Trust};

use crate::class::Sink;
use crate::forge::{chain, is_a_persons, payload, proof};
use crate::samples::Sample;

/// An answer in a bundle.
struct Answered {
    person: String,
    /// Whether it is a confirmation, which needs no role.
    confirms: bool,
    /// The index of the log.
    index: u64,
}

fn answers(sample: &Sample) -> Vec<Answered> {
    let lines = chain(&sample.files);
    let answers = lines.iter().enumerate().filter(|(_, line)| is_a_persons(line));
    let answered = |(n, line)| {
        let said = payload(line)["predicate"].clone();
        let said = said.get("resolution").unwrap_or(&said);
        Answered {
            person: said["person"].as_str().unwrap().to_owned(),
            confirms: said["role"] == "confirm",
            index: proof(&sample.files, n).index,
        }
    };
    answers.map(answered).collect()
}

pub(super) fn approvers(sink: &mut Sink<'_>, sample: &Sample) {
    let bench = sink.bench;
    for Answered { person, confirms, index } in answers(sample) {
        let mut with = |what: &str, edit: &dyn Fn(&mut Approver)| {
            let mut trust = bench.trust.clone();
            let people = trust.approvers.as_mut().unwrap();
            people.iter_mut().filter(|one| one.person == person).for_each(edit);
            sink.trust(&format!("{}: {person} {what}", sample.kind), &sample.bundle, &trust);
        };
        with("retired before", &|one| one.until_index = Some(index - 1));
        with("retired long before", &|one| one.until_index = Some(0));
        with("enrolled after", &|one| one.from_index = Some(index + 1));
        with("enrolled much later", &|one| one.from_index = Some(u64::MAX));
        with("never enrolled", &|one| (one.from_index, one.until_index) = (Some(9), Some(8)));
        if !confirms {
            with("in another role", &|one| one.roles = vec!["helpdesk".to_owned()]);
            with("in no role", &|one| one.roles.clear());
        }
        with("with another key", &|one| one.key = bench.keys.stranger.verifying_key().into());
        with("under another name", &|one| "mallory".clone_into(&mut one.person));
        let mut trust = bench.trust.clone();
        trust.approvers.as_mut().unwrap().retain(|one| one.person != person);
        sink.trust(&format!("{}: without {person}", sample.kind), &sample.bundle, &trust);
        let exchanged = exchanged(&bench.trust);
        sink.trust(&format!("{}: keys exchanged", sample.kind), &sample.bundle, &exchanged);
    }
    if !answers(sample).is_empty() {
        let nobody = Trust { approvers: Some(vec![]), ..bench.trust.clone() };
        sink.trust(&format!("{}: nobody may approve", sample.kind), &sample.bundle, &nobody);
        let unsaid = Trust { approvers: None, ..bench.trust.clone() };
        sink.trust(&format!("{}: nobody said who may", sample.kind), &sample.bundle, &unsaid);
    }
}

/// Lists every key under the next person's name.
fn exchanged(trust: &Trust) -> Trust {
    let mut trust = trust.clone();
    let people = trust.approvers.as_mut().unwrap();
    let names: BTreeSet<String> = people.iter().map(|one| one.person.clone()).collect();
    let names: Vec<String> = names.into_iter().collect();
    for one in people {
        let at = names.iter().position(|name| *name == one.person).unwrap();
        one.person.clone_from(&names[(at + 1) % names.len()]);
    }
    trust
}

pub(super) fn host(sink: &mut Sink<'_>, sample: &Sample) {
    let bench = sink.bench;
    let right = &bench.trust;
    let stranger = bench.keys.stranger.verifying_key();
    let always = |key| ReceiptKey { key, from_index: None, until_index: None };
    let last = chain(&sample.files).len() - 1;
    let (first, last) = (proof(&sample.files, 0).index, proof(&sample.files, last).index);
    let window = |from_index, until_index| {
        let key = bench.keys.receipt.verifying_key();
        Trust { receipt_keys: vec![ReceiptKey { key, from_index, until_index }], ..right.clone() }
    };
    let log = |name: &str, key| vec![VerifierKey::new(name, key).unwrap()];
    let log_key = bench.keys.log_signing.verifying_key();
    let ways = [
        ("another receipt key", Trust { receipt_keys: vec![always(stranger)], ..right.clone() }),
        (
            "the log key for receipts",
            Trust { receipt_keys: vec![always(log_key)], ..right.clone() },
        ),
        ("the receipt key retired before", window(None, Some(last - 1))),
        ("the receipt key retired long before", window(None, Some(first.saturating_sub(1)))),
        ("the receipt key enrolled after", window(Some(last + 1), None)),
        ("no receipt key", Trust { receipt_keys: vec![], ..right.clone() }),
        ("no log key", Trust { log: vec![], ..right.clone() }),
        (
            "another log key",
            Trust { log: log("deed.example/logs/acme", stranger), ..right.clone() },
        ),
        (
            "another tenant's log",
            Trust { log: log("deed.example/logs/globex", log_key), ..right.clone() },
        ),
        ("another origin", Trust { log: log("elsewhere.example/acme", log_key), ..right.clone() }),
        ("nothing", Trust::default()),
    ];
    for (what, trust) in ways {
        sink.trust(&format!("{}: {what}", sample.kind), &sample.bundle, &trust);
    }
}
