//! Leave to attempt an action. Only an evaluation of policies makes one, and only where its verdict is `allow`.

use serde_json::Value;

use super::{Decision, Facts, Policies, Verdict};
use crate::action::commitment::Live;
use crate::action::id::ActionId;

impl Policies {
    /// Decides about one action that is to be attempted: the decision, and leave exactly where it is `allow`.
    /// `params` are the values of private parameters, where the action has any.
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

/// Leave to attempt one action once, as the policies gave it when they were asked.
///
/// A [`Decision`] is a record: anybody can write one down or read one back. This is not: it cannot be built, copied
/// or read from outside, and it is used up by the attempt that it allows.
#[derive(Debug)]
#[must_use = "policy was asked for leave, and the leave is lost"]
pub struct Permit {
    action: ActionId,
    tenant: String,
    contract: String,
}

impl Permit {
    /// The leave that a decision about these facts gives, where it gives any.
    fn of(decision: &Decision, action: &ActionId, facts: &Facts) -> Option<Self> {
        (decision.verdict == Verdict::Allow).then(|| Self {
            action: action.clone(),
            tenant: facts.tenant.clone(),
            contract: facts.contract.clone(),
        })
    }

    /// Uses it up, and says whether it was for this action, of this tenant, under this contract.
    #[must_use]
    pub fn covers(self, action: &ActionId, tenant: &str, contract: &str) -> bool {
        self.action == *action && self.tenant == tenant && self.contract == contract
    }
}
