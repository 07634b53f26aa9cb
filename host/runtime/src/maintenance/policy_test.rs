//! `deed policy test`: evaluates what policy would decide about an action, without proposing the action.
//!
//! A test evaluates policy with the facts of the case in the same way as the host. A case with a fact that the host
//! would not accept is refused, because its result would prove nothing.

mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::action::{BindError, Proposal};
use deed_record::contract::schema::{Schema, Violation};
use deed_record::lifecycle::event::{Entry, Event};
use deed_record::lifecycle::story::Story;
use deed_record::policy::{CONFIRM, Decision};
use serde_json::Value;

pub use self::plan::GivenPlan;
use crate::config::Tenant;
use crate::stage::contract::{self, Access, BindFault, Caller, Party};
use crate::stage::policy;

/// One test case: an action, and the facts that are known when policy is evaluated.
#[derive(Debug)]
pub struct PolicyTest<'a> {
    pub tenant: &'a Tenant,
    pub environment: &'a str,
    pub agent: &'a str,
    pub proposal: Proposal,
    /// How many distinct persons approved, by role; `confirm` is 1 if the responsible person confirmed the action.
    pub approvals: &'a BTreeMap<String, u32>,
    /// The observed state by name; `None` before the first observation.
    pub pre: Option<&'a Value>,
    /// The plan; `None` before a rehearsal, and if the contract is closed.
    pub plan: Option<&'a GivenPlan>,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// Why a case is not valid: the host would refuse its action before policy is evaluated.
#[derive(Debug, thiserror::Error)]
pub enum PolicyTestError {
    #[error("tenant `{tenant}` has no agent `{agent}`; its agents are `{}`", .known.join("`, `"))]
    Agent { tenant: String, agent: String, known: Vec<String> },
    #[error(
        "no person of tenant `{tenant}` has the role `{role}`; name roles of deed.toml in the case's `approvals`"
    )]
    Role { tenant: String, role: String },
    #[error("contract `{0}` is not granted; add its grant")]
    Contract(String),
    #[error("{}", places("params", .0))]
    Params(Vec<Violation>),
    #[error("{}", places("pre", .0))]
    State(Vec<Violation>),
    #[error("{0}")]
    Other(String),
}

impl PolicyTest<'_> {
    /// Decides as the host does before it runs an action, including the host's own refusals.
    ///
    /// # Errors
    ///
    /// Fails when the case is not valid.
    pub fn decide(&self) -> Result<Decision, PolicyTestError> {
        self.check_roles()?;
        let story = self.story()?;
        self.check_state()?;
        let plan = self.plan()?;
        let (decision, mut facts) =
            policy::decide(self.tenant, &story, self.now_ms, self.pre.cloned());
        // If the decision differs from the result of the policies, the host itself refuses the action. Approvals would
        // not change this refusal.
        if decision != policy::evaluate(self.tenant, &story, &facts) {
            return Ok(decision);
        }
        facts.approvals.clone_from(self.approvals);
        facts.plan = plan;
        Ok(policy::evaluate(self.tenant, &story, &facts))
    }

    /// The story of the case's action, as if the action had just been proposed.
    fn story(&self) -> Result<Story, PolicyTestError> {
        let agent = self.tenant.agents.get(self.agent).ok_or_else(|| PolicyTestError::Agent {
            tenant: self.tenant.name.clone(),
            agent: self.agent.to_owned(),
            known: self.tenant.agents.keys().cloned().collect(),
        })?;
        let caller = Caller {
            tenant: self.tenant,
            environment: self.environment,
            agent: self.agent,
            person: &agent.person,
            party: Party::Proposal,
            access: Access::Tested,
        };
        let (id, nonce) = (ActionId::new(0, [0; 10]), "0".repeat(32));
        let salt = || Some([0; 32]);
        let fresh = contract::bind(caller, self.proposal.clone(), id, nonce, salt)?;
        let event =
            Event::Proposed { bound: Arc::new(fresh.bound), bindings: fresh.bindings, trace: None };
        let entry = Entry { at_ms: self.now_ms, event };
        Story::fold(&[entry]).map_err(|e| PolicyTestError::Other(e.to_string()))
    }

    fn check_roles(&self) -> Result<(), PolicyTestError> {
        let agents = self.tenant.agents.values().flat_map(|agent| &agent.roles);
        let persons = self.tenant.persons.values().flat_map(|person| &person.roles);
        let roles: BTreeSet<&String> = agents.chain(persons).collect();
        let is_known = |role: &String| {
            roles.contains(role)
                || (role == CONFIRM && self.tenant.policies.ask_for_confirmations())
        };
        match self.approvals.keys().find(|role| !is_known(role)) {
            Some(role) => {
                Err(PolicyTestError::Role { tenant: self.tenant.name.clone(), role: role.clone() })
            }
            None => Ok(()),
        }
    }

    /// Checks that the state matches the contract's declaration. Members of the state may be missing.
    fn check_state(&self) -> Result<(), PolicyTestError> {
        let granted = self.tenant.grants.get(&self.proposal.contract);
        let (Some(pre), Some(granted)) = (self.pre, granted) else { return Ok(()) };
        let whole = Schema::object([], granted.contract.state_schemas());
        let violations = partial(&whole).violations(pre);
        if violations.is_empty() { Ok(()) } else { Err(PolicyTestError::State(violations)) }
    }

    /// The plan as policies see it.
    fn plan(&self) -> Result<Option<Value>, PolicyTestError> {
        let granted = self.tenant.grants.get(&self.proposal.contract);
        let (Some(plan), Some(granted)) = (self.plan, granted) else { return Ok(None) };
        if self.pre.is_none() {
            let what =
                "`plan` needs `pre`, because the host makes a plan after it has read the state";
            return Err(PolicyTestError::Other(what.to_owned()));
        }
        plan.seen(&granted.contract).map(Some).map_err(PolicyTestError::Other)
    }
}

impl From<BindFault> for PolicyTestError {
    fn from(fault: BindFault) -> Self {
        match fault {
            BindFault::Unknown(name) => Self::Contract(name),
            BindFault::Bind(BindError::Params(violations)) => Self::Params(violations),
            fault => Self::Other(fault.to_string()),
        }
    }
}

/// A copy of the schema in which no member is required.
fn partial(schema: &Schema) -> Schema {
    Schema {
        required: BTreeSet::new(),
        properties: schema.properties.iter().map(|(k, s)| (k.clone(), partial(s))).collect(),
        items: schema.items.as_deref().map(|items| Box::new(partial(items))),
        ..schema.clone()
    }
}

fn places(field: &str, violations: &[Violation]) -> String {
    let one = |v: &Violation| format!("`{field}{}` {}", v.pointer, v.reason);
    violations.iter().map(one).collect::<Vec<_>>().join("; ")
}
