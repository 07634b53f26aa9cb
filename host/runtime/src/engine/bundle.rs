//! Creates the bundle of an ended action. The bundle depends only on the action's story and on the first checkpoint
//! that covers it.

use deed_record::bundle;
use deed_record::lifecycle::story::Story;
use deed_record::policy::asked::Question;
use deed_record::policy::{self, Facts, Policies, Snapshot};
use deed_record::statement::envelope::Kind;
use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::merkle::Hash;
use deed_spec::note::Checkpoint;

use super::Engine;
use super::error::EngineError;
use super::stories::StoredPolicies;

impl Engine {
    /// Returns the bytes of the bundle, which are always the same for an ended action. Agents get the bundle without
    /// evidence.
    ///
    /// # Errors
    ///
    /// Fails when the action has no checkpoint yet, or when a document or statement that the action names is not
    /// stored.
    pub fn bundle(&self, story: &Story, with_evidence: bool) -> Result<Vec<u8>, EngineError> {
        let contract =
            self.kept(story.bound.action.contract.digest)?.ok_or(EngineError::Unknown)?;
        let stored = self.policies_of(story)?;
        let texts = stored.as_ref().map(|s| (s.policies.as_str(), s.schema.as_str()));
        let asked = self.question(story)?;
        let (activations, proofs) = (self.activations(story)?, self.proofs(story)?);
        let asked = asked.as_ref();
        let made =
            bundle::assemble(story, &contract, texts, asked, &activations, proofs, with_evidence);
        Ok(made?)
    }

    /// The activations that were in force at the decisions of the action, as named by its story.
    fn activations(&self, story: &Story) -> Result<Vec<Envelope>, EngineError> {
        let kept = |digest: Digest| {
            let kept = self.key_history.statements.get(Kind::Activated, digest)?;
            let lost = || EngineError::NotKept { what: "the activation", digest };
            Ok(kept.ok_or_else(lost)?.envelope)
        };
        story.activations().into_iter().map(kept).collect()
    }

    /// The input of the latest policy decision, in the form in which the policy set evaluated it.
    pub(super) fn question(&self, story: &Story) -> Result<Option<Snapshot>, EngineError> {
        self.asking(story, |set, facts| Ok(set.snapshot(facts)), policy::snapshot)
    }

    /// The input of the latest policy decision, in the form in which signed statements refer to it.
    pub(super) fn asked(&self, story: &Story) -> Result<Option<Question>, EngineError> {
        let by_set = |set: &Policies, facts: &Facts| set.question(facts).map_err(|e| e.to_string());
        self.asking(story, by_set, policy::question)
    }

    fn asking<T>(
        &self,
        story: &Story,
        by_set: impl FnOnce(&Policies, &Facts) -> Result<T, String>,
        by_schema: impl FnOnce(&str, &Facts) -> Result<T, String>,
    ) -> Result<Option<T>, EngineError> {
        let Some((decision, facts)) = &story.decision else { return Ok(None) };
        // If the policy set in force made the decision, which is the usual case, its schema need not be parsed again.
        let tenant = self.tenant(&story.bound.action.tenant);
        let same = tenant.filter(|tenant| tenant.policies.digest() == decision.policy_set);
        let asked = if let Some(tenant) = same {
            by_set(&tenant.policies, facts)
        } else {
            let digest = decision.policy_set;
            let lost = || EngineError::NotKept { what: "the policy set", digest };
            by_schema(&self.policies_of(story)?.ok_or_else(lost)?.schema, facts)
        };
        asked.map(Some).map_err(EngineError::Question)
    }

    /// The stored policy set that made the latest decision.
    fn policies_of(&self, story: &Story) -> Result<Option<StoredPolicies>, EngineError> {
        let Some((decision, _)) = &story.decision else { return Ok(None) };
        let bytes = self.kept(decision.policy_set)?;
        Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    fn proofs(&self, story: &Story) -> Result<Vec<Vec<Hash>>, EngineError> {
        let (Some(note), Some(publisher)) =
            (&story.checkpoint, self.publisher(&story.bound.action.tenant))
        else {
            return Err(EngineError::Unknown);
        };
        let text = note.split("\n\n").next().map(|text| format!("{text}\n")).unwrap_or_default();
        let checkpoint = Checkpoint::parse(&text)?;
        let prove = |leaf: &deed_record::lifecycle::event::Leaf| {
            Ok(publisher.prove(leaf.index, checkpoint.size)?)
        };
        story.leaves.iter().map(prove).collect()
    }
}
