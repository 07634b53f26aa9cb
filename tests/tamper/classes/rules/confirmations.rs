//! Answers in the place of others: of an approver who confirms, and of the responsible person who approves.

use ed25519_dalek::SigningKey;
use serde_json::Value;

use crate::class::Sink;
use crate::forge::{chain, kind, payload, replaced_with, sign_value};
use crate::samples::{CONFIRMED, Sample};

/// The answer of this person, in the place of this role, with this key.
type Answer<'a> = (&'static str, &'static str, &'static str, &'a SigningKey);

/// Another answer in the place of each answer of a confirmed action. The receipt lists it rightly.
pub(in crate::classes) fn confirmations(sink: &mut Sink<'_>, sample: &Sample) {
    if sample.kind != CONFIRMED {
        return;
    }
    let keys = &sink.bench.keys;
    let answers: [Answer<'_>; 5] = [
        ("a confirmation by an approver", "bob", "confirm", &keys.bob),
        ("a confirmation by an approver's key", "alice", "confirm", &keys.bob),
        ("a confirmation in an approver's name", "bob", "confirm", &keys.alice),
        ("an approval by the responsible person", "alice", "support-lead", &keys.alice),
        ("an approval by the responsible person's key", "bob", "support-lead", &keys.alice),
    ];
    let mut made = Vec::new();
    for (n, line) in chain(&sample.files).iter().enumerate() {
        if kind(line) != "approval" {
            continue;
        }
        for (what, person, role, key) in answers {
            let mut statement = payload(line);
            statement["predicate"]["person"] = person.into();
            statement["predicate"]["role"] = role.into();
            let line = sign_value(&statement, key);
            let listed =
                |statement: &mut Value, digest: &str| list(statement, digest, (person, role));
            let files = replaced_with(&sample.files, n, line, (&keys.receipt, &keys.log), listed);
            made.push((format!("{}: {n} {what}", sample.kind), files));
        }
    }
    super::all(sink, made);
}

/// Names the person and the role of the answer with this digest, if the statement is the receipt.
fn list(statement: &mut Value, digest: &str, (person, role): (&str, &str)) {
    let all = statement.pointer_mut("/predicate/approvals").and_then(Value::as_array_mut);
    let is_it = |one: &&mut Value| one["payload_sha256"] == format!("sha256:{digest}");
    for one in all.into_iter().flatten().filter(is_it) {
        one["person"] = person.into();
        one["role"] = role.into();
    }
}
