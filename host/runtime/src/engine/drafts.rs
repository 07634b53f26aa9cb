//! The drafts of one person for one waiting action: whether a draft is an action already, and how many there may be.
//!
//! The idempotency key of a draft has a number, and the store accepts only one action with that key. So of two equal
//! drafts that arrive at once, one becomes an action, and no person exceeds the limit. The store keeps the key and the
//! first event of the action in one append, so a crash leaves both or none.

use deed_record::action::Proposal;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use deed_spec::digest::Digest;
use deed_spec::json;

use super::Engine;
use super::error::EngineError;
use super::intake::Claimed;
use crate::stage::approval::edit;

/// Separates the parts of an idempotency key for an edit. No HTTP header can contain this character, so no agent can
/// send an idempotency key that contains it.
const NO_HEADER: char = '\n';

/// What the earlier drafts of a person for the same action say about a draft.
#[derive(Debug)]
pub(super) enum Earlier {
    /// The draft is this action.
    Same(ActionId),
    /// The draft is new, or the action that it became has ended without an effect. It would have this idempotency key;
    /// `None` if the person may propose no more drafts.
    Others(Option<Claimed>),
}

impl Engine {
    /// Compares a draft with the earlier drafts of the person for this action.
    pub(super) fn earlier_draft(
        &self,
        story: &Story,
        person: &str,
        proposal: &Proposal,
    ) -> Result<Earlier, EngineError> {
        let action = &story.bound.action;
        let (tenant, agent) = (action.tenant.as_str(), action.principal.as_str());
        // The claim has the digest of the proposal alone, because no access token is exchanged for an editor.
        let body = Digest::of(&json::to_canonical(proposal)?).hex();
        for number in 1..=edit::DRAFTS_MAX {
            let id = &action.id;
            let key = format!("edit{NO_HEADER}{id}{NO_HEADER}{person}{NO_HEADER}{number}");
            // A number is never free again, although the claim holds the key for a limited time.
            if self.store.last_claim(tenant, agent, &key)?.is_none() {
                return Ok(Earlier::Others(Some(Claimed { key })));
            }
            let held = self.store.key(tenant, agent, &key, self.clock.now_ms())?;
            let Some((earlier, _)) = held.filter(|(_, other)| *other == body) else { continue };
            let earlier: ActionId = earlier.parse()?;
            if !edit::is_spent(&self.story(&earlier)?) {
                return Ok(Earlier::Same(earlier));
            }
        }
        Ok(Earlier::Others(None))
    }
}
