//! Assembles the bytes of a bundle from an ended story, its documents and its log proofs.
//!
//! A contract or policy set whose digest differs from the digest in the story is rejected.

use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_spec::merkle::Hash;
use deed_spec::note::LogProof;
use serde::Serialize;
use serde_json::json;

use super::{
    ACTION, BundleError, CHAIN, CONTRACT, ENTITIES, EXCHANGES, Files, GRANT, LATER, POLICIES, POST,
    PRE, RECEIPT, REHEARSAL, REQUEST, SCHEMA, proof_name, write,
};
use crate::lifecycle::status::Status;
use crate::lifecycle::story::Story;
use crate::policy::{Snapshot, set_digest};
use crate::statement::envelope::EnvelopeError;

/// Assembles a bundle; the same ended story always results in the same bytes.
///
/// `policies` contains the text and the schema of the policy set that decided, and `snapshot` is the policy question.
/// `activations` lists the activations in force, in the order in which the story names them. `proofs` contains one
/// audit path for each log entry of the story, in the same order, for the tree of the story's checkpoint. Without
/// evidence, the result is an agent's copy. An agent's copy omits the state that the host read, and omits the policy
/// request if the request contains that state.
///
/// # Errors
///
/// Fails when the story has not ended, or a document is missing or has a different digest.
pub fn assemble(
    story: &Story,
    contract_json: &[u8],
    policies: Option<(&str, &str)>,
    snapshot: Option<&Snapshot>,
    activations: &[Envelope],
    proofs: Vec<Vec<Hash>>,
    with_evidence: bool,
) -> Result<Vec<u8>, AssembleError> {
    let action = &story.bound.action;
    if Digest::of(contract_json) != action.contract.digest {
        return Err(AssembleError::Other("contract"));
    }
    let mut files = Files::new();
    files.insert(ACTION.to_owned(), action.canonical()?);
    files.insert(CONTRACT.to_owned(), contract_json.to_vec());
    if let Some(grant) = &story.grant {
        put(&mut files, GRANT, grant)?;
    }
    let logged = logged(story, activations, proofs)?;
    put_chain(&mut files, story, &logged)?;
    put_proofs(&mut files, logged);
    put_policy(&mut files, story, policies, snapshot)?;
    if with_evidence {
        put_evidence(&mut files, story)?;
    } else if story.decision.as_ref().is_some_and(|(_, facts)| facts.is_about_state()) {
        files.remove(REQUEST);
    }
    Ok(write(&files)?)
}

/// Why a bundle cannot be assembled from a story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    #[error("the action has not ended; its bundle is available once its receipt is in the log")]
    NotEnded,
    #[error("the {0} does not match its digest in the journal")]
    Other(&'static str),
    #[error("the {0} is missing")]
    Lacks(&'static str),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Canonical(#[from] json::NotCanonical),
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

fn put_chain(files: &mut Files, story: &Story, logged: &[Logged<'_>]) -> Result<(), AssembleError> {
    let receipt = story.envelope.as_ref().ok_or(AssembleError::NotEnded)?;
    let mut lines = Vec::new();
    for (envelope, _) in logged {
        lines.extend(json::to_canonical(envelope)?);
        lines.push(b'\n');
    }
    files.insert(CHAIN.to_owned(), lines);
    files.insert(RECEIPT.to_owned(), sigstore(receipt)?);
    Ok(())
}

/// An envelope and its log proof.
type Logged<'a> = (&'a Envelope, LogProof);

/// Every envelope of the story with its log proof, in log order.
fn logged<'a>(
    story: &'a Story,
    activations: &'a [Envelope],
    proofs: Vec<Vec<Hash>>,
) -> Result<Vec<Logged<'a>>, AssembleError> {
    let ended = matches!(story.status, Status::Ended(_));
    let checkpoint = story.checkpoint.as_ref().filter(|_| ended).ok_or(AssembleError::NotEnded)?;
    if activations.len() != story.activations().len() {
        return Err(AssembleError::Lacks("activation of some decision"));
    }
    if story.leaves.len() != story.chain.len() + activations.len()
        || proofs.len() != story.leaves.len()
    {
        return Err(AssembleError::Lacks("log proof of some envelope"));
    }
    let proof =
        |index, hashes| LogProof { extra: None, index, hashes, checkpoint: checkpoint.clone() };
    let placed = story.leaves.iter().zip(proofs).map(|(leaf, hashes)| proof(leaf.index, hashes));
    let envelopes =
        story.chain.iter().map(|(_, envelope)| -> &Envelope { envelope }).chain(activations);
    let mut logged: Vec<Logged<'_>> = envelopes.zip(placed).collect();
    logged.sort_by_key(|(_, proof)| proof.index);
    Ok(logged)
}

fn put_proofs(files: &mut Files, logged: Vec<Logged<'_>>) {
    for (n, (_, proof)) in logged.into_iter().enumerate() {
        files.insert(proof_name(n), proof.to_string().into_bytes());
    }
}

fn put_policy(
    files: &mut Files,
    story: &Story,
    policies: Option<(&str, &str)>,
    snapshot: Option<&Snapshot>,
) -> Result<(), AssembleError> {
    let Some((decision, _)) = &story.decision else { return Ok(()) };
    let (text, schema) = policies.ok_or(AssembleError::Lacks("policy set of the decision"))?;
    let snapshot = snapshot.ok_or(AssembleError::Lacks("question to policy"))?;
    if set_digest(text, schema)? != decision.policy_set {
        return Err(AssembleError::Other("policy set"));
    }
    files.insert(POLICIES.to_owned(), text.as_bytes().to_vec());
    files.insert(SCHEMA.to_owned(), schema.as_bytes().to_vec());
    put(files, ENTITIES, &snapshot.entities)?;
    put(files, REQUEST, &snapshot.request)
}

fn put_evidence(files: &mut Files, story: &Story) -> Result<(), AssembleError> {
    let later = story.later.as_ref().and_then(|(look, _)| look.as_ref());
    for (name, look) in [(PRE, story.pre.as_ref()), (POST, story.post.as_ref()), (LATER, later)] {
        if let Some(look) = look {
            put(files, name, look)?;
        }
    }
    if let Some(rehearsal) = &story.rehearsal {
        put(files, REHEARSAL, rehearsal)?;
    }
    put(files, EXCHANGES, &story.attempts)
}

fn put<T: Serialize + ?Sized>(
    files: &mut Files,
    name: &str,
    record: &T,
) -> Result<(), AssembleError> {
    files.insert(name.to_owned(), json::to_canonical(record)?);
    Ok(())
}

/// `receipt.sigstore.json`: a Sigstore bundle v0.3 that identifies its key by hint.
///
/// # Errors
///
/// Fails when the envelope has no canonical form.
pub fn sigstore(receipt: &Envelope) -> Result<Vec<u8>, json::NotCanonical> {
    json::to_canonical(&json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": receipt.key_hint().unwrap_or_default()}},
        "dsseEnvelope": receipt,
    }))
}
