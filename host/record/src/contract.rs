//! Action contracts. A contract defines an action, what the action may touch and what must be true afterwards.
//!
//! Parses TOML, or the canonical JSON of a bundle, into a checked [`Contract`] with its digest. Every field of a parsed
//! contract is enforced; unknown fields are errors.

mod ambiguous;
mod check;
mod duration;
pub mod expose;
pub mod expression;
mod fault;
#[cfg(feature = "schema")]
mod json_schema;
mod limits;
pub mod may_change;
pub mod narrow;
mod normal;
mod open;
pub mod outputs;
mod private;
mod question;
pub mod schema;
mod searches;
mod sources;
pub mod template;
mod unverified;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::check::in_state as check_pointer;
pub use self::duration::Duration;
pub use self::fault::ContractError;
pub use self::limits::{ATTEMPTS_MAX, Limits};
pub use self::question::{Question, questions};
pub use self::sources::Requests;
pub use self::unverified::Unverified;
use crate::contract::expression::Expression;
use crate::contract::outputs::Output;
use crate::contract::schema::{Schema, Violation};
use crate::contract::template::Rule;
use crate::contract::template::text::Format;

/// A checked contract, which only [`Contract::from_toml`] and [`Contract::from_json`] create.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The format version: 1 or 2.
    pub format: u32,
    pub action: Head,
    pub params: Params,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: Arc<BTreeMap<String, StateShape>>,
    pub observe: Rules,
    #[serde(default, skip_serializing_if = "Rules::is_empty")]
    pub perform: Rules,
    #[serde(default, skip_serializing_if = "Verify::is_empty")]
    pub verify: Verify,
    #[serde(default, skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
    /// What an approval is bound to (format 2). Without this table, an approval is bound to all values that are not
    /// volatile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Values of the state after the action that the receipt and the answer to the agent contain, by name (format 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Output>,
    #[serde(default)]
    pub limits: Limits,
}

/// `[action]`: name, meaning and class of the action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub name: String,
    pub version: String,
    pub title: String,
    pub verb: Verb,
    pub mode: Mode,
    pub effect: Effect,
    /// The name of the resource that the action works on, such as `idp/users/{user_id}`. Only one action at a time can
    /// hold the resource.
    pub resource: String,
    pub adapter: String,
}

/// What the action does to its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Read,
    Create,
    Update,
    Delete,
    Call,
}

/// How far-reaching the effects of an action of this kind may be. Policies can read this mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Read,
    Draft,
    Write,
    SideEffect,
    Autonomous,
}

/// What recovery may assume about a repeated or unanswered write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Idempotent,
    Keyed,
    Observable,
    Opaque,
}

macro_rules! snake_case_text {
    ($($kind:ident { $($case:ident => $text:literal),+ })+) => {$(
        impl $kind {
            /// The name of this value in contracts and policies.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text),+ }
            }
        }
    )+};
}

snake_case_text! {
    Verb { Read => "read", Create => "create", Update => "update", Delete => "delete", Call => "call" }
    Mode { Read => "read", Draft => "draft", Write => "write", SideEffect => "side_effect", Autonomous => "autonomous" }
    Effect { Idempotent => "idempotent", Keyed => "keyed", Observable => "observable", Opaque => "opaque" }
}

/// `[params]`: the schema of a proposal's parameters, which form a closed object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub properties: BTreeMap<String, Schema>,
}

/// `[state.NAME]`: the properties of the observed state that are kept. All properties that the contract does not
/// declare are dropped before the state is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StateShape {
    #[serde(default)]
    pub required: Vec<String>,
    /// JSON pointers to values in the state that may change at any time. The digest of the state before the action does
    /// not cover these values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volatile: Vec<String>,
    /// Whether the adapter may compute this state itself; the receipt then says that the state was computed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// The request of the `observe` rule from whose answer the host, and not the adapter, reads the state. A list of
    /// requests reads the pages of the list at `only` (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Requests>,
    /// JSON pointer to the state in the answer; the whole answer if absent (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// JSON pointer to a list in the answer whose only element is the state; if the list is empty, the state does not
    /// exist (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    pub properties: BTreeMap<String, Schema>,
}

/// The requests of one phase, `observe` or `perform`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rules {
    #[serde(default)]
    pub http: Vec<Rule>,
}

impl Rules {
    fn is_empty(&self) -> bool {
        self.http.is_empty()
    }
}

/// `[verify]`: what must hold before and after the action, and what may change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// CEL expressions over `params` and `pre` that must be true before the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Expression>,
    /// CEL expressions over `params`, `pre` and `post` that must be true after the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Expression>,
    /// JSON pointers to the parts of the state that may change. A change in any other part of the state is a mismatch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_change: Vec<String>,
    /// CEL expression over `params`, `pre` and `post`. While this expression is true, the upstream is still carrying
    /// out the action, so the outcome stays open (format 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Expression>,
    /// How long the `after` expressions may take to become true.
    #[serde(default)]
    pub settle: Duration,
}

impl Verify {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `[evidence]`: what a proposal must contain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The minimum number of sources in a proposal.
    #[serde(default)]
    pub sources: usize,
}

impl Evidence {
    fn is_empty(&self) -> bool {
        self.sources == 0
    }
}

/// `[approval]`: the parts of the state before the action that an approval is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// JSON pointers to whole states or to properties of states. If a value at one of these pointers changes, or if a
    /// state begins or ceases to exist, an approval is stale; other changes of the state do not make it stale.
    pub depends_on: Vec<String>,
}

impl Contract {
    /// Parses and checks a contract file; `file` is only used in errors.
    ///
    /// # Errors
    ///
    /// Fails at the first fault and reports its line.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ContractError> {
        values::check(file, text)?;
        let contract: Self =
            toml::from_str(text).map_err(|e| ContractError::toml(file, text, &e))?;
        check::literals(&contract).map_err(|fault| fault.locate(file, text))?;
        check::check(&contract).map_err(|fault| fault.locate(file, text))?;
        check::tests(&contract).map_err(|fault| fault.locate(file, text))?;
        Ok(contract)
    }

    /// Parses and checks the canonical JSON of a bundle's `contract.json`.
    ///
    /// # Errors
    ///
    /// Fails at the first fault.
    pub fn from_json(value: Value) -> Result<Self, ContractError> {
        let contract: Self = serde_json::from_value(value)
            .map_err(|e| ContractError::new("contract.json", 0, e.to_string()))?;
        check::check(&contract).map_err(|fault| fault.locate("contract.json", ""))?;
        Ok(contract)
    }

    /// The JSON Schema of contract files, for editors. [`Contract::from_toml`] checks what this schema cannot express.
    #[cfg(feature = "schema")]
    pub fn json_schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }

    /// The canonical bytes (RFC 8785), over which the digest is computed.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn canonical(&self) -> Result<Vec<u8>, json::NotCanonical> {
        json::to_canonical(self)
    }

    /// SHA-256 of [`Contract::canonical`].
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn digest(&self) -> Result<Digest, json::NotCanonical> {
        Ok(Digest::of(&self.canonical()?))
    }

    /// The schema of the parameters as callers send them, a closed object.
    pub fn params_schema(&self) -> Schema {
        object(&self.params.required, &self.params.properties)
    }

    /// The format of the contract's templates.
    pub fn templates(&self) -> Format {
        if self.format == 1 { Format::One } else { Format::Two }
    }

    /// The schemas of the declared states, each of a closed object. If the contract allows that a state does not exist,
    /// the state's schema is nullable.
    pub fn state_schemas(&self) -> BTreeMap<String, Schema> {
        let schema = |(name, shape): (&String, &StateShape)| {
            (name.clone(), Schema { nullable: self.may_be_absent(shape), ..shape.schema() })
        };
        self.state.iter().map(schema).collect()
    }

    /// Whether the contract declares an output with this name that may have this value.
    pub fn is_output(&self, name: &str, value: &Value) -> bool {
        let Some(output) = self.outputs.get(name) else { return false };
        let states = self.state_schemas();
        let schema = check::schema_at(&states, &output.pointer());
        !value.is_null() && schema.is_some_and(|schema| schema.violations(value).is_empty())
    }

    /// The secrets that the answers to writes contain, each with its rule.
    pub fn secrets(&self) -> impl Iterator<Item = (&String, &Rule)> {
        self.perform.http.iter().flat_map(|rule| rule.secrets.keys().map(move |name| (name, rule)))
    }

    /// Finds the rule of `perform` with the name `NAME` for a path `NAME.MEMBER`. Returns this rule, and the schema of
    /// the member in its answer.
    pub(crate) fn answer_at(&self, path: &str) -> Option<(&Rule, &Schema)> {
        let mut steps = path.split('.');
        let name = steps.next()?;
        let rule = self.perform.http.iter().find(|rule| rule.name.as_deref() == Some(name))?;
        let schema = rule.answer.get(steps.next()?)?;
        let steps: Vec<&str> = steps.collect();
        let (schema, required) = schema.at(&steps)?;
        required.then_some((rule, schema))
    }

    /// Whether an observation may find that a state does not exist; such a state is null.
    pub fn may_be_absent(&self, shape: &StateShape) -> bool {
        self.source_of(shape).is_some_and(|rule| {
            shape.only.is_some() || !rule.absent.is_empty() || rule.awaits_answer()
        })
    }

    /// Whether the absence of a state is confirmed: by another request in the same observation, or because the write
    /// whose answer leads to the state was not carried out.
    pub fn confirms_absence(&self, shape: &StateShape) -> bool {
        self.source_of(shape).is_some_and(|rule| rule.control.is_some() || rule.awaits_answer())
    }

    /// The pointers of all volatile values, relative to the whole state, such as `/user/meta`.
    pub fn volatile(&self) -> Vec<String> {
        let pointers = |(name, shape): (&String, &StateShape)| {
            shape.volatile.iter().map(|p| format!("/{name}{p}")).collect::<Vec<_>>()
        };
        self.state.iter().flat_map(pointers).collect()
    }

    /// The pointers of `[approval]`, relative to the whole state; `None` if an approval is bound to all values that are
    /// not volatile.
    pub fn depends_on(&self) -> Option<&[String]> {
        self.approval.as_ref().map(|approval| approval.depends_on.as_slice())
    }

    /// Whether the action is a read. A read is one observation, without `perform` and without a comparison of two
    /// states.
    pub fn is_read(&self) -> bool {
        self.action.verb == Verb::Read
    }
}

impl StateShape {
    pub fn schema(&self) -> Schema {
        object(&self.required, &self.properties)
    }

    /// Does the same as [`Schema::project`] of [`StateShape::schema`], without copying the schema.
    ///
    /// # Errors
    ///
    /// Fails in the same cases as [`Schema::project`].
    pub fn project(&self, value: &Value) -> Result<Value, Violation> {
        Schema::project_object(&self.properties, value)
    }

    /// Whether [`StateShape::project`] keeps a value at this JSON pointer.
    pub fn keeps(&self, pointer: &str) -> bool {
        self.schema().keeps(pointer)
    }

    /// Does the same as [`Schema::missing`] of [`StateShape::schema`], without copying the schema.
    pub fn missing(&self, value: &Value) -> Vec<String> {
        Schema::missing_object(&self.properties, &self.required, value)
    }
}

fn object(required: &[String], properties: &BTreeMap<String, Schema>) -> Schema {
    Schema::object(required.to_vec(), properties.clone())
}

#[cfg(test)]
mod tests;
