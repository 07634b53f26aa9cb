//! The permit to attempt an action. A permit is created only by a policy evaluation with the verdict `allow`.

use deed_spec::digest::Digest;
use serde_json::Value;

use super::{Decision, Facts, Policies, Verdict};
use crate::action::commitment::Live;
use crate::action::id::ActionId;

impl Policies {
    /// Decides about one attempt of an action. Returns the decision, and a permit if and only if the verdict is
    /// `allow`. `params` are the values of private parameters, if the action has any.
    pub fn permit(
        &self,
        action: &ActionId,
        attempt: u32,
        facts: &Facts,
        params: Option<&Live<Value>>,
    ) -> (Decision, Option<Permit>) {
        let decision = match params {
            Some(params) => self.evaluate_live(facts, params),
            None => self.evaluate(facts),
        };
        let permit = Permit::of(&decision, action, attempt, facts);
        (decision, permit)
    }
}

/// The policies and the state that a permit is based on. A permit is valid only for the policies and the state on which
/// it is based.
#[derive(Debug, Clone, PartialEq)]
pub struct PermitBasis {
    /// The digest of the policies.
    pub policy_set: Digest,
    /// The state that the host read last.
    pub pre: Option<Value>,
    /// What policies see of the plan, with the digest of the plan.
    pub plan: Option<Value>,
}

/// The permit to make one attempt of one action, created by the policy evaluation.
///
/// A [`Decision`] is a record that any code can write or read. A permit cannot be built, copied or deserialised outside
/// this module, and the attempt that it allows consumes it.
#[derive(Debug)]
#[must_use = "policy allowed an attempt, and the permit is dropped"]
pub struct Permit {
    action: ActionId,
    tenant: String,
    contract: String,
    attempt: u32,
    basis: PermitBasis,
}

impl Permit {
    /// Returns the permit if the decision about these facts allows the action.
    fn of(decision: &Decision, action: &ActionId, attempt: u32, facts: &Facts) -> Option<Self> {
        let basis = PermitBasis {
            policy_set: decision.policy_set,
            pre: facts.pre.clone(),
            plan: facts.plan.clone(),
        };
        (decision.verdict == Verdict::Allow).then(|| Self {
            action: action.clone(),
            tenant: facts.tenant.clone(),
            contract: facts.contract.clone(),
            attempt,
            basis,
        })
    }

    /// Consumes the permit and returns whether it allows this attempt of this action, for this tenant and contract.
    #[must_use]
    pub fn covers(self, action: &ActionId, attempt: u32, tenant: &str, contract: &str) -> bool {
        let is_action = self.action == *action && self.attempt == attempt;
        is_action && self.tenant == tenant && self.contract == contract
    }

    /// Whether the permit is based on these policies and this state.
    #[must_use]
    pub fn is_based_on(&self, basis: &PermitBasis) -> bool {
        self.basis == *basis
    }
}
