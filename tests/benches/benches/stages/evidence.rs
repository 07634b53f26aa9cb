//! Stages that produce and show evidence: statements, log, view, bundle and verification of the bundle.
#![expect(clippy::unnecessary_wraps, reason = "all stages have one form")]

use std::hint::black_box;
use std::mem::ManuallyDrop;

use deed_host::api::view;
use deed_host::stage::receipt as sealing;
use deed_record::bundle as container;
use deed_record::lifecycle::event::Leaf;
use deed_record::lifecycle::story::Story;
use deed_record::policy::asked::Question;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::merkle::Hash;
use deed_spec::note::{LogKey, LogProof};
use deed_store::log::Log;
use deed_tests::services::Result;
use deed_verify::{Verdict, verify};

use super::material::Material;
use super::stage::Once;

/// Makes the signed decision about an attempt.
pub(crate) fn clearance(material: &Material) -> Result<Once<'_>> {
    let (story, entry) = material.before("attempt_started")?;
    let asked = question(material, &story)?;
    let mut fresh = material.fresh("attempt_started")?.into_iter();
    Ok(Box::new(move || {
        let story = fresh.next().ok_or("no story is left")?;
        let story = ManuallyDrop::new(black_box(story));
        black_box(sealing::decide(&story, &asked, entry.at_ms, entry.at_ms, &material.key)?);
        Ok(())
    }))
}

/// Makes the signed receipt.
pub(crate) fn receipt(material: &Material) -> Result<Once<'_>> {
    let (story, _) = material.before("sealed")?;
    let asked = question(material, &story)?;
    let judgement = story.judgement.clone().ok_or("the story is not judged")?;
    let fresh = material.fresh("sealed")?;
    // A host has signed the decision and computed the digests of the chain before it makes the receipt, so this work is
    // done here and is not counted.
    for story in &fresh {
        sealing::decide(story, &asked, 0, 0, &material.key)?;
        story.chain.iter().try_for_each(|(_, envelope)| envelope.payload_digest().map(drop))?;
    }
    let mut fresh = fresh.into_iter();
    Ok(Box::new(move || {
        let story = fresh.next().ok_or("no story is left")?;
        let story = ManuallyDrop::new(black_box(story));
        black_box(sealing::seal(&story, &judgement, Some(&asked), &material.key)?);
        Ok(())
    }))
}

fn question(material: &Material, story: &Story) -> Result<Question> {
    let (tenant, facts, _) = material.asked(story)?;
    Ok(tenant.policies.question(&facts)?)
}

/// Appends the leaves of one action to the log: tree, signed checkpoint, tiles.
pub(crate) fn publish(material: &Material) -> Result<Once<'_>> {
    let dir = material.scratch("log")?;
    let origin = "deed.example/logs/bench";
    let mut log = Log::open(&dir, origin, LogKey::new(origin, material.key.clone())?)?;
    let chain = material.story()?.chain;
    let mut count: u64 = 0;
    Ok(Box::new(move || {
        count += 1;
        // Each leaf is different because the log stores equal entries only once.
        let payload = Digest::of(&count.to_be_bytes());
        let leaf = |kind: &str| Leaf { kind: kind.to_owned(), payload, index: 0 }.entry();
        let entries: Vec<Vec<u8>> = chain.iter().map(|(kind, _)| leaf(kind.as_str())).collect();
        black_box(log.enter(&entries)?);
        log.spread()?;
        Ok(())
    }))
}

/// Builds the body of an answer about the ended action, for a person.
pub(crate) fn view(material: &Material) -> Result<Once<'_>> {
    let story = material.story()?;
    Ok(Box::new(move || {
        let view = view::view(black_box(&story), black_box(&material.entries), true)?;
        black_box(serde_json::to_vec(&view)?);
        Ok(())
    }))
}

/// Builds the bundle from loaded records and loaded documents.
pub(crate) fn bundle(material: &Material) -> Result<Once<'_>> {
    let story = material.story()?;
    let contract = material.granted()?.contract.canonical()?;
    let (tenant, _, asked) = material.asked(&story)?;
    let files = container::read(&material.bundle)?;
    let (activations, proofs) = logged(&files, &story.leaves)?;
    let policies = Some((tenant.policies.text(), tenant.policies.schema()));
    Ok(Box::new(move || {
        let (story, proofs) = (black_box(&story), proofs.clone());
        let made = container::assemble(
            story,
            &contract,
            policies,
            Some(&asked),
            &activations,
            proofs,
            true,
        )?;
        if made == material.bundle { Ok(()) } else { Err("it is another bundle".into()) }
    }))
}

/// The activations in a bundle's chain, and the audit paths in the order of the action's leaves.
fn logged(files: &container::Files, leaves: &[Leaf]) -> Result<(Vec<Envelope>, Vec<Vec<Hash>>)> {
    let file = |name: &str| files.get(name).ok_or_else(|| format!("no `{name}`"));
    let chain = std::str::from_utf8(file(container::CHAIN)?)?;
    let mut found = Vec::new();
    for (n, line) in chain.lines().enumerate() {
        let envelope: Envelope = serde_json::from_str(line)?;
        let proof = std::str::from_utf8(file(&container::proof_name(n))?)?;
        found.push((envelope, LogProof::parse(proof)?));
    }
    let (mut activations, mut proofs) = (Vec::new(), Vec::new());
    for leaf in leaves {
        let one = found.iter().find(|(_, proof)| proof.index == leaf.index);
        let (envelope, proof) = one.ok_or("a leaf has no proof")?;
        proofs.push(proof.hashes.clone());
        if leaf.kind == "activated" {
            activations.push(envelope.clone());
        }
    }
    Ok((activations, proofs))
}

/// Runs the verification that `deed verify` runs on the bundle.
pub(crate) fn verified(material: &Material) -> Result<Once<'_>> {
    Ok(Box::new(|| {
        let report = verify(black_box(&material.bundle), Some(&material.trust));
        if report.verdict == Verdict::Verified {
            return Ok(());
        }
        Err(format!("{:#?}", report.checks).into())
    }))
}
