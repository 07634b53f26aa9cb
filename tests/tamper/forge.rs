//! Tools for a forger: they take a bundle apart, change it, adjust every digest, sign with the available keys, and put
//! the result into a forged log.

mod rebuilt;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_record::bundle::{ACTION, CHAIN, Files, GRANT, POLICIES, RECEIPT, SCHEMA, proof_name};
use deed_record::lifecycle::event::entry;
use deed_record::policy::set_digest;
use deed_spec::digest::Digest;
use deed_spec::dsse::{Envelope, EnvelopeSignature, PAYLOAD_TYPE, key_id};
use deed_spec::json::canonical;
use deed_spec::merkle::{inclusion_proof, leaf_hash, root};
use deed_spec::note::{self, Checkpoint, LogKey, LogProof};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

pub(crate) use self::rebuilt::{Parts, rebuilt};

/// The envelopes of a bundle, in chain order.
pub(crate) fn chain(files: &Files) -> Vec<Envelope> {
    let text = std::str::from_utf8(&files[CHAIN]).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn payload(envelope: &Envelope) -> Value {
    serde_json::from_slice(&STANDARD.decode(&envelope.payload).unwrap()).unwrap()
}

/// The payload's kind: `receipt`, `approval`, …
pub(crate) fn kind(envelope: &Envelope) -> String {
    let statement = payload(envelope);
    let kind = statement["predicateType"].as_str().and_then(|name| name.split(':').nth(2));
    kind.unwrap_or_default().to_owned()
}

/// Whether a person signed the envelope. Persons sign only answers to approval requests and resolutions of open
/// actions.
pub(crate) fn is_a_persons(envelope: &Envelope) -> bool {
    kind(envelope) == "approval" || payload(envelope)["predicate"].get("resolution").is_some()
}

/// The index of the receipt in the chain.
pub(crate) fn receipt_line(lines: &[Envelope]) -> usize {
    lines.iter().position(|line| kind(line) == "receipt").unwrap()
}

/// Signs these bytes as the payload of a DSSE envelope. The bytes need not be a valid statement.
pub(crate) fn sign(payload: &[u8], key: &SigningKey) -> Envelope {
    let mut signed =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    signed.extend_from_slice(payload);
    Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![EnvelopeSignature {
            keyid: key_id(&key.verifying_key()).unwrap(),
            sig: STANDARD.encode(key.sign(&signed).to_bytes()),
            webauthn: None,
        }],
    }
}

pub(crate) fn sign_value(statement: &Value, key: &SigningKey) -> Envelope {
    sign(&canonical(statement).unwrap(), key)
}

/// An activation statement (the signed configuration) names the digest of its own predicate as its subject, so the
/// subject must change with the predicate.
pub(crate) fn about_itself(statement: &mut Value) {
    if statement["subject"][0]["name"] == "activation.json" {
        let digest = Digest::of(&canonical(&statement["predicate"]).unwrap());
        statement["subject"][0]["digest"]["sha256"] = digest.hex().into();
    }
}

/// Writes the chain and the second copy of the receipt (`receipt.sigstore.json`) into the files of a bundle.
pub(crate) fn put_chain(files: &mut Files, lines: &[Envelope], receipt: usize) {
    let values: Vec<Value> = lines.iter().map(|line| serde_json::to_value(line).unwrap()).collect();
    put_lines(files, &values, receipt);
}

/// Like `put_chain`, but the lines of the chain may be any JSON values.
pub(crate) fn put_lines(files: &mut Files, lines: &[Value], receipt: usize) {
    let mut text = Vec::new();
    for line in lines {
        text.extend(canonical(line).unwrap());
        text.push(b'\n');
    }
    files.insert(CHAIN.to_owned(), text);
    if let Some(receipt) = lines.get(receipt) {
        files.insert(RECEIPT.to_owned(), wrapped(receipt));
    }
}

/// Returns a `receipt.sigstore.json` that contains this envelope.
pub(crate) fn wrapped(receipt: &Value) -> Vec<u8> {
    let hint = receipt["signatures"][0]["keyid"].as_str().unwrap_or_default();
    canonical(&json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "dsseEnvelope": receipt,
    }))
    .unwrap()
}

/// Makes a new log with all envelopes and a checkpoint that is signed with this key, and replaces the bundle's log
/// proofs.
pub(crate) fn relog(files: &mut Files, key: &LogKey) {
    let digest = |line: &Envelope| Digest::of(&STANDARD.decode(&line.payload).unwrap_or_default());
    let lines: Vec<(String, Digest)> =
        chain(files).iter().map(|line| (kind(line), digest(line))).collect();
    relog_as(files, &lines, key);
}

pub(crate) fn relog_as(files: &mut Files, lines: &[(String, Digest)], key: &LogKey) {
    // The forged log begins with other entries, so that the envelopes' indices are not near zero and a key's validity
    // can end before the first envelope.
    let before: u64 = first_index(files).unwrap_or_default();
    let mut hashes: Vec<_> = (0..before).map(|n| leaf_hash(&n.to_le_bytes())).collect();
    hashes.extend(lines.iter().map(|(kind, digest)| leaf_hash(&entry(kind, digest))));
    let origin = key.name().to_owned();
    let checkpoint = Checkpoint { origin, size: hashes.len() as u64, root: root(&hashes) };
    let checkpoint = note::sign(&checkpoint, key).unwrap();
    for n in 0..lines.len() {
        let index = before + n as u64;
        let hashes = inclusion_proof(index, &hashes).unwrap();
        let proof = LogProof { extra: None, index, hashes, checkpoint: checkpoint.clone() };
        files.insert(proof_name(n), proof.to_string().into_bytes());
    }
}

pub(crate) fn proof(files: &Files, n: usize) -> LogProof {
    LogProof::parse(std::str::from_utf8(&files[&proof_name(n)]).unwrap()).unwrap()
}

fn first_index(files: &Files) -> Option<u64> {
    files.contains_key(&proof_name(0)).then(|| proof(files, 0).index)
}

/// A map from old to new digests, in hex.
pub(crate) type Renamed = BTreeMap<String, String>;

/// Changes one part and everything that contains its digest, as far as this key can sign. These are `action.json`,
/// `grant.json`, and every statement by the receipt key. Statements that other keys signed are unchanged.
pub(crate) fn rehashed(
    files: &Files,
    part: &str,
    bytes: &[u8],
    key: &SigningKey,
    log: &LogKey,
) -> Files {
    let mut out = files.clone();
    out.insert(part.to_owned(), bytes.to_vec());
    let mut renamed = Renamed::new();
    rename(&mut renamed, &files[part], bytes);
    if part == POLICIES || part == SCHEMA {
        let text = |files: &Files, name: &str| String::from_utf8_lossy(&files[name]).into_owned();
        let set = |files: &Files| set_digest(&text(files, POLICIES), &text(files, SCHEMA)).unwrap();
        renamed.insert(set(files).hex(), set(&out).hex());
    }
    if part == GRANT {
        bindings(&mut renamed, &files[GRANT], bytes);
    }
    for name in [GRANT, ACTION] {
        if let Some(old) = out.get(name).cloned() {
            let new = replaced(&old, &renamed);
            rename(&mut renamed, &old, &new);
            out.insert(name.to_owned(), new);
        }
    }
    let grant: Option<Value> = out.get(GRANT).and_then(|text| serde_json::from_slice(text).ok());
    let lines = resigned(&chain(files), renamed, key, |statement| {
        if let (Some(grant), Some(_)) = (&grant, statement["predicate"].get("grant")) {
            statement["predicate"]["grant"] = grant.clone();
        }
    });
    put_chain(&mut out, &lines, receipt_line(&chain(files)));
    relog(&mut out, log);
    out
}

/// Changes the statement of one line, and every later statement that contains its digest.
pub(crate) fn restated(
    files: &Files,
    n: usize,
    statement: &Value,
    key: &SigningKey,
    log: &LogKey,
) -> Files {
    replaced_by(files, n, sign_value(statement, key), key, log)
}

/// Puts this envelope in the place of one line, and changes every later statement that contains the line's digest.
pub(crate) fn replaced_by(
    files: &Files,
    n: usize,
    line: Envelope,
    key: &SigningKey,
    log: &LogKey,
) -> Files {
    replaced_with(files, n, line, (key, log), |_, _| ())
}

/// Does the same, and makes a further change to each later statement. The change gets the hex digest of the new line.
pub(crate) fn replaced_with(
    files: &Files,
    n: usize,
    line: Envelope,
    (key, log): (&SigningKey, &LogKey),
    edit: impl Fn(&mut Value, &str),
) -> Files {
    let mut lines = chain(files);
    let old = Digest::of(&STANDARD.decode(&lines[n].payload).unwrap()).hex();
    lines[n] = line;
    let new = Digest::of(&STANDARD.decode(&lines[n].payload).unwrap()).hex();
    let later = lines.split_off(n + 1);
    let edit = |statement: &mut Value| edit(statement, &new);
    lines.extend(resigned(&later, [(old, new.clone())].into(), key, edit));
    let mut out = files.clone();
    put_chain(&mut out, &lines, receipt_line(&chain(files)));
    relog(&mut out, log);
    out
}

/// Signs every line that contains a changed digest again. Even the host cannot sign the statements of persons again.
fn resigned(
    lines: &[Envelope],
    mut renamed: Renamed,
    key: &SigningKey,
    edit: impl Fn(&mut Value),
) -> Vec<Envelope> {
    let mut out = Vec::new();
    for line in lines {
        let old = STANDARD.decode(&line.payload).unwrap();
        let mut statement: Value = serde_json::from_slice(&replaced(&old, &renamed)).unwrap();
        edit(&mut statement);
        let new = canonical(&statement).unwrap();
        if new == old || is_a_persons(line) {
            out.push(line.clone());
            continue;
        }
        rename(&mut renamed, &old, &new);
        out.push(sign(&new, key));
    }
    out
}

fn rename(renamed: &mut Renamed, old: &[u8], new: &[u8]) {
    if old != new {
        renamed.insert(Digest::of(old).hex(), Digest::of(new).hex());
    }
}

/// Records the changed digests of the upstream bindings in a grant.
fn bindings(renamed: &mut Renamed, old: &[u8], new: &[u8]) {
    let read = |text: &[u8]| -> Value { serde_json::from_slice(text).unwrap_or_default() };
    let (old, new) = (read(old), read(new));
    for (name, old) in old["upstreams"].as_object().into_iter().flatten() {
        if let Some(new) = new["upstreams"].get(name) {
            rename(renamed, &canonical(old).unwrap(), &canonical(new).unwrap());
        }
    }
}

fn replaced(text: &[u8], renamed: &Renamed) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(text).into_owned();
    for (old, new) in renamed {
        text = text.replace(old, new);
    }
    text.into_bytes()
}
