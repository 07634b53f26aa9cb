//! Measures how many bundles per second `deed verify` checks, compared with the minimum work of any verifier.
//!
//! The minimum work (the floor) is done on parts that are extracted before the measurement. The floor checks every
//! Ed25519 signature of the bundle once (each envelope and the checkpoint), hashes every part once with SHA-256, and
//! runs one Cedar evaluation as the stock tool does: parse policies and schema, read entities and request against the
//! schema, decide.

use std::fs;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request, Schema};
use deed_benches::{paired, report, rounded};
use deed_record::bundle::{self, Files};
use deed_spec::dsse::Envelope;
use deed_spec::note::LogProof;
use deed_tests::services::{Result, ScimServer};
use deed_tests::world::World;
use deed_verify::{Trust, Verdict, verify};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ROUNDS: usize = 31;
const WORK: u32 = 50;

fn main() -> Result<()> {
    let (bytes, trust) = real()?;
    let trust = Trust::parse(&trust)?;
    let floor = Floor::of(&bytes, &trust)?;
    let ours = || {
        for _ in 0..WORK {
            let report = verify(black_box(&bytes), Some(&trust));
            if report.verdict != Verdict::Verified {
                return Err(format!("{:#?}", report.checks).into());
            }
        }
        Ok(())
    };
    let found = paired(ROUNDS, WORK, ours, || (0..WORK).try_for_each(|_| floor.check()))?;
    let cost = 1.0 / found.share;
    let figures = json!({
        "bundles_per_s": rounded(found.ours, 0),
        "floor_per_s": rounded(found.floor, 0),
        "ratio": rounded(cost, 2),
    });
    report("verify", &figures, &[], "at most twice the floor's time", cost <= 2.0)
}

/// The real host's bundle of a write that a person approved, and the trust directory for this bundle.
fn real() -> Result<(Vec<u8>, Files)> {
    let scim = ScimServer::start()?;
    let world = World::start(&scim)?;
    let user = scim.create_user("bench@example.com", Some(true))?;
    let view = world.run(&World::proposal("idp.suspend_user", &user))?;
    let id = view.pointer("/id").and_then(Value::as_str).unwrap_or_default();
    let bytes = world.bundle(id)?;
    let dir = world.trust()?;
    let mut trust = Files::new();
    for file in fs::read_dir(dir)? {
        let file = file?;
        trust.insert(file.file_name().to_string_lossy().into_owned(), fs::read(file.path())?);
    }
    Ok((bytes, trust))
}

/// The extracted parts of a bundle on which the minimum work (the floor) is done.
struct Floor {
    files: Files,
    signatures: Vec<(VerifyingKey, Vec<u8>, Signature)>,
    policies: String,
    schema: String,
    entities: Value,
    request: Value,
}

impl Floor {
    fn of(bytes: &[u8], trust: &Trust) -> Result<Self> {
        let files = bundle::read(bytes)?;
        let text = |name: &str| -> Result<String> {
            let bytes = files.get(name).ok_or_else(|| format!("no `{name}`"))?;
            Ok(String::from_utf8(bytes.clone())?)
        };
        let mut signatures = Vec::new();
        for line in text(bundle::CHAIN)?.lines() {
            signatures.push(envelope(&serde_json::from_str(line)?, trust)?);
        }
        signatures.push(checkpoint(&text(&bundle::proof_name(0))?, trust)?);
        Ok(Self {
            signatures,
            policies: text(bundle::POLICIES)?,
            schema: text(bundle::SCHEMA)?,
            entities: serde_json::from_str(&text(bundle::ENTITIES)?)?,
            request: serde_json::from_str(&text(bundle::REQUEST)?)?,
            files,
        })
    }

    fn check(&self) -> Result<()> {
        for (key, message, signature) in &self.signatures {
            key.verify_strict(message, signature)?;
        }
        for part in self.files.values() {
            black_box(Sha256::digest(part));
        }
        let policies: PolicySet = self.policies.parse()?;
        let (schema, _warnings) = Schema::from_cedarschema_str(&self.schema)?;
        let entities = Entities::from_json_value(self.entities.clone(), Some(&schema))?;
        let part = |field: &str| self.request.get(field).cloned().unwrap_or_default();
        let name = |field: &str| -> Result<EntityUid> {
            Ok(part(field).as_str().unwrap_or_default().parse()?)
        };
        let action = name("action")?;
        let context = part("context");
        let context = Context::from_json_value(context, Some((&schema, &action)))?;
        let request =
            Request::new(name("principal")?, action, name("resource")?, context, Some(&schema))?;
        let answer = Authorizer::new().is_authorized(&request, &policies, &entities);
        if answer.decision() == cedar_policy::Decision::Allow {
            return Ok(());
        }
        Err("policy does not allow what was done".into())
    }
}

fn envelope(envelope: &Envelope, trust: &Trust) -> Result<(VerifyingKey, Vec<u8>, Signature)> {
    let payload = envelope.payload_bytes()?;
    let kind = &envelope.payload_type;
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    let message = [head.as_bytes(), &payload].concat();
    let signature = envelope.signatures.first().ok_or("no signature")?;
    let signature = Signature::from_slice(&STANDARD.decode(&signature.sig)?)?;
    let people = trust.approvers.iter().flatten().filter_map(|one| one.key.ed25519().copied());
    let keys = trust.receipt_keys.iter().map(|one| one.key).chain(people);
    let mut keys = keys.filter(|key| key.verify_strict(&message, &signature).is_ok());
    Ok((keys.next().ok_or("no trusted key signed it")?, message, signature))
}

fn checkpoint(proof: &str, trust: &Trust) -> Result<(VerifyingKey, Vec<u8>, Signature)> {
    let note = LogProof::parse(proof)?.checkpoint;
    let (text, lines) = note.split_once("\n\n").ok_or("no signature line")?;
    let blob = lines.lines().next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
    let blob = STANDARD.decode(blob)?;
    let signature = Signature::from_slice(blob.get(4..).unwrap_or_default())?;
    let key = trust.log.first().ok_or("no log key")?.to_string();
    let key = STANDARD.decode(key.splitn(3, '+').nth(2).unwrap_or_default())?;
    let key = VerifyingKey::try_from(key.get(1..).unwrap_or_default())?;
    Ok((key, format!("{text}\n").into_bytes(), signature))
}
