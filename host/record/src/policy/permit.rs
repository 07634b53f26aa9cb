//! The permit to attempt an action. Only a policy evaluation creates one, and only if its verdict is `allow`.

use serde_json::Value;

use super::{Decision, Facts, Policies, Verdict};
use crate::action::commitment::Live;
use crate::action::id::ActionId;

impl Policies {
    /// Decides about an action that is about to be attempted: the decision, and a permit if and only if it is `allow`.
    /// `params` are the values of private parameters, if the action has any.
    pub fn permit(
        &self,
        action: &ActionId,
        facts: &Facts,
        params: Option<&Live<Value>>,
    ) -> (Decision, Option<Permit>) {
        let decision = match params {
            Some(params) => self.evaluate_live(facts, params),
            None => self.evaluate(facts),
        };
        let permit = Permit::of(&decision, action, facts);
        (decision, permit)
    }
}

/// The permit to attempt one action once, created by the policy evaluation.
///
/// A [`Decision`] is a record that any code can write or read. A permit is not: it cannot be built, copied or
/// deserialised from outside, and the attempt that it allows consumes it.
#[derive(Debug)]
#[must_use = "policy allowed an attempt, and the permit is dropped"]
pub struct Permit {
    action: ActionId,
    tenant: String,
    contract: String,
}

impl Permit {
    /// The permit of a decision about these facts, if it allows the action.
    fn of(decision: &Decision, action: &ActionId, facts: &Facts) -> Option<Self> {
        (decision.verdict == Verdict::Allow).then(|| Self {
            action: action.clone(),
            tenant: facts.tenant.clone(),
            contract: facts.contract.clone(),
        })
    }

    /// Consumes the permit and returns whether it was for this action, of this tenant, under this contract.
    #[must_use]
    pub fn covers(self, action: &ActionId, tenant: &str, contract: &str) -> bool {
        self.action == *action && self.tenant == tenant && self.contract == contract
    }
}
