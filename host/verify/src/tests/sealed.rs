//! Signs the receipt of an example action, logs it among other entries, bundles it, and provides the matching trusted
//! keys.

use std::sync::Arc;

use deed_record::bundle::{self, Files};
use deed_record::lifecycle::event::{Entry, Event, Leaf};
use deed_record::lifecycle::story::Story;
use deed_record::policy::Snapshot;
use deed_record::policy::asked::Question;
use deed_record::statement::decision::Clearance;
use deed_record::statement::envelope::{Kind, Signed, Statement};
use deed_record::statement::receipt::Receipt;
use deed_spec::digest::Digest;
use deed_spec::json::from_value;
use deed_spec::merkle::{self, leaf_hash};
use deed_spec::note::{self, Checkpoint};
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::Value;

use super::story::World;
use crate::{Approver, ReceiptKey, Trust};

impl World {
    /// Signs the receipt, which the test can change before it is signed, and logs the action. If the receipt is
    /// changed, the decisions are changed in the same way, as a dishonest host would do.
    pub(super) fn ended(
        &self,
        change: impl FnOnce(&mut Receipt),
    ) -> (Story, Vec<Vec<merkle::Hash>>) {
        let mut story = self.story();
        let judgement = story.judgement.as_ref().unwrap();
        let mut receipt = Receipt::of(&story, judgement, self.named(&story).as_ref()).unwrap();
        change(&mut receipt);
        self.decide_as(&mut story, &mut receipt);
        self.close(story, &receipt)
    }

    /// Like [`Self::ended`], but returns the bundle and keeps the original decisions, regardless of the receipt.
    pub(super) fn sealed_apart(&self, change: impl FnOnce(&mut Receipt)) -> Vec<u8> {
        let story = self.story();
        let judgement = story.judgement.as_ref().unwrap();
        let mut receipt = Receipt::of(&story, judgement, self.named(&story).as_ref()).unwrap();
        change(&mut receipt);
        self.bundled(&self.close(story, &receipt), true)
    }

    /// Like [`Self::sealed_apart`], with a change to the JSON of the receipt.
    pub(super) fn sealed_as(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let story = self.story();
        let judgement = story.judgement.as_ref().unwrap();
        let receipt = Receipt::of(&story, judgement, self.named(&story).as_ref()).unwrap();
        let mut receipt = serde_json::to_value(receipt).unwrap();
        change(&mut receipt);
        self.bundled(&self.close(story, &receipt), true)
    }

    fn close<T: Serialize>(
        &self,
        mut story: Story,
        receipt: &T,
    ) -> (Story, Vec<Vec<merkle::Hash>>) {
        let envelope = self.sign(Kind::Receipt, receipt);
        let at_ms = story.at_ms + 1;
        let sealed = Event::Sealed { envelope: Signed::shared(envelope) };
        story.apply(&Entry { at_ms, event: sealed }).unwrap();
        self.publish(story, at_ms)
    }

    /// Replaces the decisions by one decision for every attempt in the receipt.
    fn decide_as(&self, story: &mut Story, receipt: &mut Receipt) {
        let Some((_, first)) = story.chain.iter().find(|(kind, _)| *kind == Kind::Decision) else {
            return;
        };
        let first = Statement::unverified(first, Kind::Decision).unwrap();
        let first: Clearance = from_value(first.predicate).unwrap();
        story.chain.retain(|(kind, _)| *kind != Kind::Decision);
        let counted = receipt.approvals.iter().filter(|one| one.counted);
        let approvals: Vec<_> = counted.map(|one| one.payload_sha256).collect();
        for (n, attempt) in (0..).zip(&mut receipt.attempts) {
            let says = Clearance {
                attempt: attempt.n,
                decision: receipt.decision.clone().unwrap_or(first.decision.clone()),
                question: receipt.question.clone().unwrap_or(first.question.clone()),
                grant: receipt.grant.clone().unwrap_or(first.grant.clone()),
                pre: receipt.pre.clone().unwrap_or(first.pre.clone()),
                approvals: approvals.clone(),
                deadline_ms: first.deadline_ms + n,
                ..first
            };
            let envelope = self.sign(Kind::Decision, &says);
            attempt.decision_sha256 = envelope.payload_digest().unwrap();
            story.chain.push((Kind::Decision, Signed::shared(envelope)));
        }
    }

    pub(super) fn publish(&self, mut story: Story, at_ms: i64) -> (Story, Vec<Vec<merkle::Hash>>) {
        let (leaves, hashes, checkpoint) = self.log(&story);
        let proofs = leaves.iter().map(|leaf| prove(&hashes, leaf.index)).collect();
        story.apply(&Entry { at_ms, event: Event::Logged { leaves, checkpoint } }).unwrap();
        (story, proofs)
    }

    fn log(&self, story: &Story) -> (Vec<Leaf>, Vec<merkle::Hash>, String) {
        let place = |(n, (kind, envelope)): (usize, &(Kind, Arc<Signed>))| Leaf {
            kind: kind.as_str().into(),
            payload: envelope.payload_digest().unwrap(),
            index: (self.before + n) as u64,
        };
        let mut leaves: Vec<Leaf> = story.chain.iter().enumerate().map(place).collect();
        let others = (0..self.before).map(|n| leaf_hash(&n.to_le_bytes()));
        let ours = leaves.iter().map(|l| leaf_hash(&l.entry()));
        let mut hashes: Vec<_> = others.chain(ours).collect();
        // The activation is logged before all entries of this action.
        for (payload, n) in story.activations().into_iter().zip((0..self.before).rev()) {
            let (kind, index) = (Kind::Activated.as_str().to_owned(), n as u64);
            let leaf = Leaf { kind, payload, index };
            hashes[n] = leaf_hash(&leaf.entry());
            leaves.push(leaf);
        }
        let checkpoint = Checkpoint {
            origin: self.log_key.name().into(),
            size: hashes.len() as u64,
            root: merkle::root(&hashes),
        };
        (leaves, hashes, note::sign(&checkpoint, &self.log_key).unwrap())
    }

    pub(super) fn bundle(&self) -> Vec<u8> {
        self.bundle_of(|_| {}, true)
    }

    pub(super) fn bundle_of(
        &self,
        change: impl FnOnce(&mut Receipt),
        with_evidence: bool,
    ) -> Vec<u8> {
        self.bundled(&self.ended(change), with_evidence)
    }

    pub(super) fn bundled(
        &self,
        (story, proofs): &(Story, Vec<Vec<merkle::Hash>>),
        with_evidence: bool,
    ) -> Vec<u8> {
        let contract = self.contract.canonical().unwrap();
        let policies = Some((self.policies.text(), self.policies.schema()));
        let asked = self.question(story);
        let (asked, proofs) = (asked.as_ref(), proofs.clone());
        let (under, with) = ([self.activated()], with_evidence);
        let under = &under[..story.activations().len()];
        bundle::assemble(story, &contract, policies, asked, under, proofs, with).unwrap()
    }

    fn named(&self, story: &Story) -> Option<Question> {
        self.question(story).map(|asked| Question::of(&asked).unwrap())
    }

    fn question(&self, story: &Story) -> Option<Snapshot> {
        story.decision.as_ref().map(|(_, facts)| self.policies.snapshot(facts))
    }

    /// The bundle with the test's change to its parts, in a valid container.
    pub(super) fn forged(&self, change: impl FnOnce(&mut Files)) -> Vec<u8> {
        let mut files = bundle::read(&self.bundle()).unwrap();
        change(&mut files);
        bundle::write(&files).unwrap()
    }

    /// The bundle of a dishonest host that changed one part before it signed the receipt.
    pub(super) fn signed_over(&self, name: &str, change: impl FnOnce(&str) -> String) -> Vec<u8> {
        let mut files = bundle::read(&self.bundle()).unwrap();
        let text = String::from_utf8(files.remove(name).unwrap()).unwrap();
        let changed = change(&text).into_bytes();
        let digest = Digest::of(&changed);
        let signed = self.bundle_of(|receipt| *digest_of(receipt, name) = digest, true);
        let mut files = bundle::read(&signed).unwrap();
        files.insert(name.to_owned(), changed);
        bundle::write(&files).unwrap()
    }

    pub(super) fn trust(&self) -> Trust {
        Trust {
            receipt_keys: vec![always(&self.receipt_key)],
            log: vec![self.log_key.verifier().clone()],
            approvers: Some(vec![Approver {
                person: "lead".into(),
                roles: vec!["support-lead".into()],
                key: self.approver.verifying_key().into(),
                from_index: None,
                until_index: None,
            }]),
            witnesses: None,
        }
    }
}

/// A key that is valid at every index of the log.
pub(super) fn always(key: &SigningKey) -> ReceiptKey {
    ReceiptKey { key: key.verifying_key(), from_index: None, until_index: None }
}

/// The field of the receipt that contains the digest of this part.
fn digest_of<'a>(receipt: &'a mut Receipt, name: &str) -> &'a mut Digest {
    match name {
        bundle::PRE => &mut receipt.pre.as_mut().unwrap().evidence_sha256,
        bundle::POST => &mut receipt.post.as_mut().unwrap().evidence_sha256,
        bundle::EXCHANGES => &mut receipt.exchanges_sha256,
        bundle::REHEARSAL => &mut receipt.rehearsal.as_mut().unwrap().evidence_sha256,
        bundle::ENTITIES => &mut receipt.question.as_mut().unwrap().entities_sha256,
        bundle::REQUEST => &mut receipt.question.as_mut().unwrap().request_sha256,
        other => panic!("{other}"),
    }
}

fn prove(hashes: &[merkle::Hash], index: u64) -> Vec<merkle::Hash> {
    merkle::inclusion_proof(index, hashes).unwrap()
}
