//! The receipt, its leaf, proof and checkpoint, checked by independent code that this project did not write.

mod audit;
mod copies;
mod page;
mod tiles;
mod verifier;

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deed_test_support::shared::scim;
use deed_tests::client::Client;
use deed_tests::host;
use deed_tests::services::{venv, workspace};
use deed_tests::world::{BOB, World};
use sha2::{Digest, Sha256};

/// A verified action, with its bundle and trust directory on disk.
struct Proof {
    world: World,
    id: String,
    bundle: Vec<u8>,
}

fn proof(user_name: &str) -> Proof {
    let world = World::start(scim()).unwrap();
    let user = scim().create_user(user_name, Some(false)).unwrap();
    let view = world.run(&World::proposal("idp.restore_access", &user)).unwrap();
    assert_eq!(view["status"], "verified", "{view}");
    let id = view["id"].as_str().unwrap().to_owned();
    let bundle = world.bundle(&id).unwrap();
    world.trust().unwrap();
    fs::write(world.dir.join("proof.deed"), &bundle).unwrap();
    Proof { world, id, bundle }
}

fn verify(dir: &Path, trust: bool) -> (i32, String) {
    let (file, roots) = (dir.join("proof.deed"), dir.join("trust"));
    let mut args = vec!["verify", file.to_str().unwrap()];
    if trust {
        args.extend(["--trust", roots.to_str().unwrap()]);
    }
    let output = host::run(&args, "").unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn files(bundle: &[u8]) -> std::collections::BTreeMap<String, Vec<u8>> {
    deed_record::bundle::read(bundle).unwrap()
}

#[test]
fn pypi_tools_verify_every_envelope() {
    let proof = proof("pypi@example.com");
    let dir = &proof.world.dir;
    let script = workspace().join("tests/oracle/verify.py");
    let run = |bundle: &Path| {
        Command::new(venv().join("bin/python"))
            .arg(&script)
            .arg(bundle)
            .arg(dir.join("trust"))
            .output()
            .unwrap()
    };
    let output = run(&dir.join("proof.deed"));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    for forged in [forge(&proof.bundle), blur(&proof.bundle)] {
        fs::write(dir.join("forged.deed"), forged).unwrap();
        assert!(!run(&dir.join("forged.deed")).status.success(), "the check can fail");
    }
}

/// Returns the same bundle with one byte of the receipt's payload changed, in every place where the payload occurs.
fn forge(bundle: &[u8]) -> Vec<u8> {
    let mut files = files(bundle);
    let chain = String::from_utf8(files["chain.intoto.jsonl"].clone()).unwrap();
    let last = chain.trim_end().lines().last().unwrap();
    let envelope: serde_json::Value = serde_json::from_str(last).unwrap();
    let payload = envelope["payload"].as_str().unwrap().to_owned();
    let text = String::from_utf8(STANDARD.decode(&payload).unwrap()).unwrap();
    assert!(text.contains("locked out"));
    let changed = STANDARD.encode(text.replacen("locked out", "locked oux", 1));
    for name in ["chain.intoto.jsonl", "receipt.sigstore.json"] {
        let text = String::from_utf8(files[name].clone()).unwrap();
        assert!(text.contains(&payload));
        files.insert(name.to_owned(), text.replace(&payload, &changed).into_bytes());
    }
    deed_record::bundle::write(&files).unwrap()
}

/// Returns the same bundle with a different state in its evidence; no signature covers this state.
fn blur(bundle: &[u8]) -> Vec<u8> {
    let mut files = files(bundle);
    let pre = String::from_utf8(files["evidence/pre.json"].clone()).unwrap();
    let changed = pre.replace("pypi@example.com", "pypy@example.com");
    assert_ne!(pre, changed);
    files.insert("evidence/pre.json".to_owned(), changed.into_bytes());
    deed_record::bundle::write(&files).unwrap()
}

#[test]
fn deed_verify_answers_verified_failed_and_unverifiable() {
    let proof = proof("codes@example.com");
    let dir = &proof.world.dir;
    let (code, said) = verify(dir, true);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.trim_end().lines().last(), Some(&*format!("VERIFIED {}", proof.id)), "{said}");
    assert_eq!(verify(dir, false).0, 2);
    fs::write(dir.join("proof.deed"), forge(&proof.bundle)).unwrap();
    let (code, said) = verify(dir, true);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAILED"), "{said}");
}

#[test]
fn leaf_proof_and_checkpoint_pass_with_foreign_crates() {
    let proof = proof("tlog@example.com");
    let files = files(&proof.bundle);
    let vkey = fs::read_to_string(proof.world.dir.join("trust/log.vkey")).unwrap();
    let vkey = vkey.trim_end();
    assert!(vkey.starts_with("deed.example/logs/acme+"), "{vkey}");
    let chain = String::from_utf8(files["chain.intoto.jsonl"].clone()).unwrap();
    let kinds = ["activated", "approval", "decision", "receipt"];
    for (n, (line, kind)) in chain.trim_end().lines().zip(kinds).enumerate() {
        let envelope: serde_json::Value = serde_json::from_str(line).unwrap();
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&payload));
        let entry = format!("urn:deed:entry:v1\n{kind} {digest}\n");
        let text = String::from_utf8(files[&format!("{n}.tlog-proof")].clone()).unwrap();
        check_proof(&text, entry.as_bytes(), vkey);
    }
    let served = Client::new(proof.world.url(), BOB).get("/log/acme/checkpoint").unwrap();
    open(&String::from_utf8(served.bytes).unwrap(), vkey);
}

/// Opens a signed note with the crate `signed_note`; returns size and root.
fn open(note: &str, vkey: &str) -> (u64, tlog_tiles::Hash) {
    let note = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = signed_note::StandardVerifier::new(vkey).unwrap();
    let verifiers = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    note.verify(&verifiers).unwrap();
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    (checkpoint.size(), *checkpoint.hash())
}

/// Checks a C2SP tlog-proof with the crate `tlog_tiles`.
fn check_proof(text: &str, entry: &[u8], vkey: &str) {
    let (head, checkpoint) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    let index: u64 = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
    let hashes: Vec<tlog_tiles::Hash> =
        lines.map(|l| tlog_tiles::Hash(STANDARD.decode(l).unwrap().try_into().unwrap())).collect();
    let (size, root) = open(checkpoint, vkey);
    let leaf = tlog_tiles::record_hash(entry);
    tlog_tiles::check_record(&hashes, size, root, index, leaf).unwrap();
    let other = tlog_tiles::record_hash(b"another entry");
    assert!(
        tlog_tiles::check_record(&hashes, size, root, index, other).is_err(),
        "the check can fail"
    );
}

#[test]
fn trust_is_written_for_one_tenant_at_a_time() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let out = world.dir.join("trust");
    let trust = |more: &[&str]| {
        let args = [&["trust", world.path(), out.to_str().unwrap()], more].concat();
        let output = host::run(&args, "").unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (done, said) = trust(&[]);
    assert!(!done && said.contains("--tenant") && !out.exists(), "{said}");
    assert!(said.contains("`acme`") && said.contains("`globex`"), "{said}");
    assert!(!trust(&["--tenant", "nobody"]).0 && !out.exists());
    let (done, said) = trust(&["--tenant", "globex"]);
    assert!(done, "{said}");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert!(read("log.vkey").starts_with("deed.example/logs/globex+"));
    assert_eq!(read("log.vkey").trim_end().lines().count(), 1);
    assert_eq!(read("approvers.json").trim_end(), "[]", "bob and carol approve for acme");
}
