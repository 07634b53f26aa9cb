//! What the policies say about the actions of one agent under one contract before the agent proposes an action.
//!
//! Cedar's type-aware partial evaluation leaves of each policy what depends on facts that are not known yet. The agent,
//! its person, its roles, the tenant, the environment, the contract, the verb and the mode are known. Everything else
//! is unknown: the parameters, the resource and its attributes, the sources, the time, the person on whose behalf the
//! agent acts, the approvals, the observed state and the plan.
//!
//! The answer is about [`Policies::evaluate`], for every request with these known facts:
//!
//! - [`Reach::Never`]: the verdict is `deny`.
//! - [`Reach::Always`]: the verdict is not `deny`.
//! - [`Reach::Depends`]: neither is certain.
//!
//! An error in any policy denies an action. Therefore a policy that can fail to evaluate makes `Always` impossible,
//! even if the policy is a permit and another permit applies. A policy that partial evaluation reduces to an error
//! counts as a policy whose result is not known, although every action may be denied: the partial evaluator reports a
//! lack of stack in the same way.
//!
//! The stack that an evaluation needs grows with the depth of expressions, and its time with the square of their length.
//! Therefore nothing is said about contracts that a policy with very many operators concerns.

mod known;
mod partial;
mod residual;

use std::collections::BTreeSet;

use cedar_policy::Effect;
use serde_json::Value;

use self::partial::{Partial, Residual};
use self::residual::{Approvals, EVERY_FACT, Results};
use super::{Obligation, Policies};

/// The stack that [`Policies::reach`] needs, in bytes. The largest policy that is evaluated needs less than half of it in
/// a debug build.
pub const STACK: usize = 64 << 20;

/// An agent of which it is asked what it can do, and the environment of the host.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub agent: &'a str,
    /// The person that the agent belongs to.
    pub person: &'a str,
    pub roles: &'a BTreeSet<String>,
    pub tenant: &'a str,
    pub environment: &'a str,
}

/// A kind of action: a contract, with its verb and its mode.
#[derive(Debug, Clone, Copy)]
pub struct Kind<'a> {
    pub contract: &'a str,
    pub verb: &'a str,
    pub mode: &'a str,
}

/// What the policies say about all actions of one agent under one contract.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every action is denied.
    Never {
        /// The ids of the policies that forbid every action, sorted; empty if no policy can permit one.
        by: Vec<String>,
    },
    /// Whether an action is denied, or which approvals it needs, depends on facts that are not known yet.
    Depends {
        /// The facts, such as `params.user_id`, `resource.tier`, `time` or `pre.user.active`.
        on: BTreeSet<String>,
        /// The ids of the policies that read these facts; empty if they cannot be determined.
        policies: BTreeSet<String>,
        /// The approvals that are needed if the action is not denied, sorted.
        approval: Vec<Obligation>,
        /// The approvals that are needed in some cases, sorted.
        possible_approval: Vec<Obligation>,
    },
    /// No action is denied.
    Always {
        /// The approvals that every action needs, sorted.
        approval: Vec<Obligation>,
    },
}

impl Reach {
    /// The answer if nothing is known: the policies could not be evaluated without a proposal.
    pub fn unknown() -> Self {
        Self::Depends {
            on: EVERY_FACT.map(str::to_owned).into(),
            policies: BTreeSet::new(),
            approval: Vec::new(),
            possible_approval: Vec::new(),
        }
    }

    /// Whether every action is denied.
    pub fn is_never(&self) -> bool {
        matches!(self, Self::Never { .. })
    }
}

impl Policies {
    /// What the policies say about the actions of this agent: one answer for each kind of action, in the given order.
    ///
    /// The answers for many kinds together take less time than each answer by itself. The calling thread needs a stack
    /// of [`STACK`] bytes.
    pub fn reach<'k>(
        &self,
        asker: Asker<'_>,
        kinds: impl IntoIterator<Item = Kind<'k>>,
    ) -> Vec<Reach> {
        let mut partial = Partial::new(self, asker).ok();
        let mut reach = |kind| {
            let residuals = partial.as_mut().and_then(|partial| partial.residuals(kind).ok());
            residuals.map_or_else(Reach::unknown, |residuals| judge(self, residuals))
        };
        kinds.into_iter().map(&mut reach).collect()
    }
}

/// One policy after partial evaluation.
#[derive(Debug)]
struct Part<'p> {
    id: String,
    is_permit: bool,
    obligation: Option<&'p Obligation>,
    condition: Value,
    /// The results that the condition can have.
    results: Results,
    /// The results that the condition can have before anybody has approved.
    at_first: Results,
}

impl<'p> Part<'p> {
    fn of(policies: &'p Policies, residual: Residual) -> Self {
        let Residual { id, effect, condition } = residual;
        Self {
            is_permit: effect == Effect::Permit,
            obligation: policies.rules.get(&id).and_then(|rule| rule.obligation.as_ref()),
            results: residual::results(&condition, Approvals::Unknown),
            at_first: residual::results(&condition, Approvals::None),
            id,
            condition,
        }
    }

    /// Whether the policy forbids an action also when it has every approval.
    fn is_hard_forbid(&self) -> bool {
        !self.is_permit && self.obligation.is_none()
    }

    /// Whether the policy requires its approvals for every action.
    fn always_asks(&self) -> bool {
        self.obligation.is_some() && self.at_first.is_true() && !self.results.errs
    }

    /// Whether the effect of the policy is the same for every action. `permitted` says whether some policy permits
    /// every action.
    fn is_settled(&self, permitted: bool) -> bool {
        let never_applies = self.results.is_false();
        let never_errs = !self.results.errs;
        never_applies || self.always_asks() || (self.is_permit && permitted && never_errs)
    }

    /// The facts that the condition reads. An obligation reads the approvals that it requires, which are not facts that
    /// an agent can change; they are named only if there are no others.
    fn facts(&self) -> BTreeSet<String> {
        let facts = residual::facts(&self.condition);
        let is_approval = |name: &&String| name.starts_with("approvals.");
        if self.obligation.is_none() || facts.iter().all(|name| is_approval(&name)) {
            return facts;
        }
        facts.iter().filter(|name| !is_approval(name)).cloned().collect()
    }
}

fn judge(policies: &Policies, residuals: Vec<Residual>) -> Reach {
    let parts: Vec<Part<'_>> =
        residuals.into_iter().map(|residual| Part::of(policies, residual)).collect();
    if let Some(by) = never(&parts) {
        return Reach::Never { by };
    }
    let permitted = parts.iter().any(|part| part.is_permit && part.results.is_true());
    let open: Vec<&Part<'_>> = parts.iter().filter(|part| !part.is_settled(permitted)).collect();
    let approval = obligations(parts.iter().filter(|part| part.always_asks()));
    if open.is_empty() {
        return Reach::Always { approval };
    }
    let mut on: BTreeSet<String> = open.iter().flat_map(|part| part.facts()).collect();
    if on.is_empty() {
        on = EVERY_FACT.map(str::to_owned).into();
    }
    let sometimes = open.iter().copied().filter(|part| part.results.holds);
    Reach::Depends {
        on,
        policies: open.iter().map(|part| part.id.clone()).collect(),
        approval,
        possible_approval: obligations(sometimes),
    }
}

/// The policies that forbid every action, or an empty list if no policy can permit one; `None` if an action may be
/// permitted. A condition that never fails holds or cannot be evaluated, and each of these denies.
fn never(parts: &[Part<'_>]) -> Option<Vec<String>> {
    let forbids = parts.iter().filter(|part| part.is_hard_forbid() && !part.results.fails);
    let by: Vec<String> = forbids.map(|part| part.id.clone()).collect();
    let may_permit = parts.iter().any(|part| part.is_permit && part.results.holds);
    (!by.is_empty() || !may_permit).then_some(by)
}

fn obligations<'a, 'p: 'a>(parts: impl Iterator<Item = &'a Part<'p>>) -> Vec<Obligation> {
    let mut all: Vec<Obligation> = parts.filter_map(|part| part.obligation).cloned().collect();
    all.sort();
    all
}
