//! Cedar policies. This module evaluates the policies for the facts of one action, and returns the decision with the
//! policies that determined it.
//!
//! An action is permitted only if a policy permits it. An action is denied if there are no policies, if no policy
//! permits it, on an evaluation error and on a fact of the wrong type.

pub mod asked;
mod compile;
mod evaluate;
mod obligation;
mod permit;
mod reach;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use deed_spec::digest::Digest;
use deed_spec::json::NotCanonical;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::commitment::Live;
use crate::contract::schema::Schema;
use crate::plan::Computed;
pub use compile::{CompileError, compile, set_digest};
pub use evaluate::{question, reevaluate, snapshot};
pub use obligation::{CONFIRM, Obligation};
pub use permit::{Permit, PermitBasis};
pub use reach::{Asker, Kind, Reach, STACK as REACH_STACK};

/// The reason of a denial when no policy permits the action.
pub const NOT_PERMITTED: &str = "no policy permits this action";

/// The text that replaces an error that depends on private values.
const PRIVATE_ERROR: &str = "a policy could not be evaluated with the private parameters";

/// Everything that the policies of one tenant can refer to; the Cedar schema is generated from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vocabulary {
    /// The actions by contract name, such as `idp.restore_access`.
    pub actions: BTreeMap<String, ActionShape>,
    /// The roles that agents have and in which approvers sign.
    pub roles: BTreeSet<String>,
    /// The attributes that a resource may have; each attribute may be absent.
    pub attributes: BTreeMap<String, AttributeType>,
}

impl Vocabulary {
    /// The Cedar schema that policies are validated against, in Cedar's human-readable syntax.
    pub fn schema(&self) -> String {
        schema::text(self)
    }
}

/// What a contract exposes to policies about its action.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionShape {
    pub params: Schema,
    /// The states by name, which policies read as `context.pre`, where every property is optional.
    pub state: BTreeMap<String, Schema>,
    /// The parts of writes that the adapter computes, by name, which policies read as `context.plan.any`; `None` if the
    /// contract is closed.
    pub plan: Option<BTreeMap<String, Computed>>,
}

/// The Cedar type of a resource attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttributeType {
    Bool,
    Long,
    String,
}

/// A validated policy set with its schema. The host evaluates `text` and stores it in bundles.
#[derive(Debug, Clone)]
pub struct Policies {
    text: String,
    schema_text: String,
    digest: Digest,
    roles: BTreeSet<String>,
    schema: cedar_policy::Schema,
    full: cedar_policy::PolicySet,
    /// The policies of `full` without the forbids that no longer apply once an approval is given.
    without_obligations: cedar_policy::PolicySet,
    rules: BTreeMap<String, Rule>,
}

/// What the host must know about a policy in addition to its Cedar meaning.
#[derive(Debug, Clone)]
struct Rule {
    obligation: Option<Obligation>,
    /// Contract names in the action constraint; `None` if it applies to every action.
    actions: Option<BTreeSet<String>>,
    /// Whether the policy's result may change over time; computed on first use.
    turns: OnceLock<bool>,
}

impl Rule {
    fn concerns(&self, action: &str) -> bool {
        self.actions.as_ref().is_none_or(|actions| actions.contains(action))
    }
}

impl Policies {
    /// Reads the policy set from a bundle's `policies.cedar` and `schema.cedarschema`, with the roles for which the
    /// schema counts approvals.
    ///
    /// # Errors
    ///
    /// Fails when the files do not form a valid set.
    pub fn read(text: &str, schema_text: &str) -> Result<Self, String> {
        compile::read(text, schema_text)
            .map_err(|flaw| format!("policy `{}`: {}", flaw.policy, flaw.what))
    }

    /// The compiled Cedar text of all sources, with obligations written as `unless` clauses.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The Cedar schema in its human-readable syntax.
    pub fn schema(&self) -> &str {
        &self.schema_text
    }

    /// SHA-256 of the canonical JSON `{"policies": text, "schema": schema}`.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Each policy, in the order of the ids: its id, and its text in Cedar's syntax, in which an obligation is written
    /// as an `unless` clause.
    pub fn each(&self) -> impl Iterator<Item = (&str, String)> {
        compile::each(self)
    }

    /// Whether the result of the policies for this action can depend on the value of this string parameter.
    pub fn reads(&self, action: &str, param: &str) -> bool {
        compile::reads(self, action, param)
    }

    /// Whether a policy that requires no approval of this action now may require one later, after the state was read,
    /// after a plan was made, or as time passes.
    pub fn may_ask_later(&self, action: &str) -> bool {
        let turns = |(id, rule): (&String, &Rule)| {
            rule.obligation.is_some()
                && rule.concerns(action)
                && *rule.turns.get_or_init(|| compile::turns(self, id))
        };
        self.rules.iter().any(turns)
    }

    /// Whether a policy asks the responsible person to confirm actions.
    pub fn ask_for_confirmations(&self) -> bool {
        self.roles.contains(CONFIRM)
    }

    /// The obligation in the annotation of this policy; `None` if the policy has none, or is not in the set.
    pub fn obligation(&self, policy: &str) -> Option<&Obligation> {
        self.rules.get(policy)?.obligation.as_ref()
    }

    /// Decides about one action.
    pub fn evaluate(&self, facts: &Facts) -> Decision {
        evaluate::decide(self, &evaluate::Question::of(facts, &self.roles))
    }

    /// Decides with the values of private parameters. `facts` are the recorded facts, which contain commitments. The
    /// decision states whether it depends on private values, and never quotes a private value.
    pub fn evaluate_live(&self, facts: &Facts, params: &Live<Value>) -> Decision {
        let recorded = self.evaluate(facts);
        let facts = Facts { params: params.reveal().clone(), ..facts.clone() };
        let mut live = self.evaluate(&facts);
        if live == recorded {
            return recorded;
        }
        // An error that occurs only with the private values is replaced, because Cedar's error messages quote the
        // values that could not be evaluated.
        for error in live.errors.iter_mut().filter(|error| !recorded.errors.contains(error)) {
            PRIVATE_ERROR.clone_into(error);
        }
        live.errors.sort_unstable();
        live.errors.dedup();
        live.rests_on_private = true;
        live
    }

    /// The question that [`Policies::evaluate`] evaluates, as files for the standard `cedar authorize` tool.
    pub fn snapshot(&self, facts: &Facts) -> Snapshot {
        evaluate::Question::of(facts, &self.roles).snapshot()
    }

    /// The question as signed statements describe it.
    ///
    /// # Errors
    ///
    /// Fails when the question has no canonical form.
    pub fn question(&self, facts: &Facts) -> Result<asked::Question, NotCanonical> {
        evaluate::Question::of(facts, &self.roles).named()
    }
}

/// What the host knows about an action when it evaluates policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub agent: String,
    /// The person that the agent belongs to.
    pub person: String,
    /// The agent's roles.
    pub roles: BTreeSet<String>,
    pub tenant: String,
    pub contract: String,
    pub verb: String,
    pub mode: String,
    pub resource: String,
    /// Attributes of the resource, as far as the operator declared them.
    pub attributes: BTreeMap<String, Value>,
    pub params: Value,
    pub environment: String,
    pub on_behalf_of: Option<String>,
    /// URIs in the proposal.
    pub sources: Vec<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub time_s: i64,
    /// The number of distinct persons who approved, by role; an absent role has no approvals. `confirm` is 1 if the
    /// responsible person confirmed the action.
    pub approvals: BTreeMap<String, u32>,
    /// The observed states by name; absent before the first observation.
    pub pre: Option<Value>,
    /// What policies see of the plan; absent before a rehearsal, and if the contract is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
}

impl Facts {
    /// Whether the facts contain values that the host read or the adapter computed from them.
    pub fn is_about_state(&self) -> bool {
        self.pre.is_some() || self.plan.is_some()
    }
}

/// The result of evaluating the policies, and which policies determined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub verdict: Verdict,
    /// The approvals and confirmations that would turn `ask` into `allow`; empty for the other verdicts.
    pub obligations: Vec<Obligation>,
    /// Ids of the policies that determined the verdict, sorted; empty if the host itself refused. For the verdict
    /// `ask`, the list contains the permits, and the forbids that require approval.
    pub determining: Vec<String>,
    /// Ids of the policies about this action that did not determine the verdict, sorted.
    pub not_applied: Vec<String>,
    /// Evaluation and validation errors; any error denies the action.
    pub errors: Vec<String>,
    /// Digest of the policy set that decided.
    pub policy_set: Digest,
    /// The reason in words; absent if the verdict is `allow`.
    pub reason: Option<String>,
    /// Whether the decision depends on private parameters: the recorded question, which contains commitments instead of
    /// the values, has a different result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schemars(extend("const" = true)))]
    pub rests_on_private: bool,
}

/// The three verdicts of a policy set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Allow,
    Ask,
    Deny,
}

/// A policy question in Cedar's own JSON format: `entities` (an array of entities) and `request` ({principal, action,
/// resource, context}).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub entities: Value,
    pub request: Value,
}

#[cfg(test)]
mod tests;
