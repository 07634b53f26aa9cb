//! A member that is null instead of absent: this project's readers and the verifier of other people's parts refuse the
//! same predicates.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::bundle;
use deed_record::statement::decision::Clearance;
use deed_record::statement::receipt::Receipt;
use deed_record::statement::reconciliation::Reconciliation;
use deed_spec::json::from_exact;
use deed_tests::services::{venv, workspace};
use serde_json::{Value, json};

use super::{roots, vectors};

/// Whether the reader of this kind of statement accepts a predicate.
type Reads = fn(Value) -> bool;

const KINDS: [(&str, Reads); 3] = [
    ("urn:deed:receipt:v1", |predicate| from_exact::<Receipt>(predicate).is_ok()),
    ("urn:deed:decision:v1", |predicate| from_exact::<Clearance>(predicate).is_ok()),
    ("urn:deed:reconciliation:v1", |predicate| from_exact::<Reconciliation>(predicate).is_ok()),
];
/// Members that a receipt, a decision or a reconciliation can lack.
const OPTIONAL: [&str; 9] = [
    "reasoning",
    "decision",
    "rehearsal",
    "post",
    "outputs",
    "cancelled_by",
    "plan",
    "look",
    "resolved_by",
];

/// The last predicate of each kind in the good bundles of each set, by kind and set. A person's form of a
/// reconciliation is left out.
fn predicates() -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for root in roots() {
        for vector in vectors(&root).into_iter().filter(|one| one.verdict == "verified") {
            let files = bundle::read(&fs::read(root.join(&vector.file)).unwrap()).unwrap();
            let chain = String::from_utf8(files[bundle::CHAIN].clone()).unwrap();
            for line in chain.lines() {
                let envelope: Value = serde_json::from_str(line).unwrap();
                let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
                let statement: Value = serde_json::from_slice(&payload).unwrap();
                let (kind, predicate) = (&statement["predicateType"], &statement["predicate"]);
                if predicate.get("resolution").is_none() {
                    let key = (root.display().to_string(), kind.as_str().unwrap().to_owned());
                    found.insert(key, predicate.clone());
                }
            }
        }
    }
    found
}

/// A predicate as it is, and with each member replaced by null, and with null for each member that it can lack.
fn changed(predicate: &Value) -> Vec<(String, Value)> {
    let names = predicate.as_object().unwrap().keys().map(String::as_str);
    let names: Vec<&str> = names.chain(OPTIONAL).collect();
    let mut all = vec![("as it is".to_owned(), predicate.clone())];
    for name in names {
        let mut one = predicate.clone();
        one[name] = Value::Null;
        all.push((format!("`{name}` is null"), one));
    }
    // The one member of these statements that is written as null.
    if let Some(reason) = predicate.get("decision").and_then(|decision| decision.get("reason")) {
        let mut one = predicate.clone();
        one["decision"]["reason"] = Value::Null;
        all.push((format!("the reason is null instead of {reason}"), one));
    }
    all
}

#[test]
fn both_verifiers_refuse_members_that_are_null_instead_of_absent() {
    let mut cases = Vec::new();
    for ((root, kind), predicate) in predicates() {
        let Some((_, reads)) = KINDS.iter().find(|(known, _)| *known == kind) else { continue };
        assert!(reads(predicate.clone()), "{root} {kind}");
        for (what, predicate) in changed(&predicate) {
            let verdict = if reads(predicate.clone()) { "verified" } else { "failed" };
            let what = format!("{root} {kind}: {what}");
            cases.push(json!({"what": what, "predicate": predicate, "verdict": verdict}));
        }
    }
    let failed = cases.iter().filter(|case| case["verdict"] == "failed").count();
    assert!(failed > 100 && cases.len() - failed >= 6, "{failed} of {} fail", cases.len());
    let file = std::env::temp_dir().join(format!("deed-nulls-{}.json", std::process::id()));
    fs::write(&file, serde_json::to_vec(&cases).unwrap()).unwrap();
    let output = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/oracle/null_members.py"))
        .arg(&file)
        .output()
        .unwrap();
    fs::remove_file(&file).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{stderr}");
    assert_eq!(said.matches("same ").count(), cases.len(), "{said}{stderr}");
}
