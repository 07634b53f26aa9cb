//! Partial evaluation of the policies for one agent.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use cedar_policy::{
    Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid, PartialEntities,
    PartialEntityUid, PartialRequest, Policy, PolicyId, PolicySet,
};
use serde_json::{Value, json};

use super::known::Known;
use super::{Asker, Kind};
use crate::policy::evaluate::Question;
use crate::policy::{Facts, Policies};

/// The largest number of operators in the chains of a policy that is evaluated. Chains are the deepest expressions. A
/// policy with deeper ones might have no result for a proposal in a debug build, which needs the most stack.
const CHAINED_MAX: usize = 100;
/// The largest number of all operators of a policy that is evaluated.
const OPERATORS_MAX: usize = 300;

/// What partial evaluation leaves of one policy.
#[derive(Debug)]
pub(super) struct Residual {
    pub(super) id: String,
    pub(super) effect: Effect,
    /// The condition as an expression in Cedar's JSON form.
    pub(super) condition: Value,
}

/// The policies with the facts about one agent.
#[derive(Debug)]
pub(super) struct Partial<'p> {
    policies: &'p Policies,
    environment: String,
    principal: EntityUid,
    action: EntityTypeName,
    resource: EntityTypeName,
    entities: PartialEntities,
    /// The ids of the policies that apply to every contract.
    everywhere: Vec<&'p str>,
    /// The ids of the other policies by contract.
    by_contract: BTreeMap<&'p str, Vec<&'p str>>,
    /// The policies with the known members of the context, by verb and mode.
    rewritten: BTreeMap<(String, String), BTreeMap<&'p str, Policy>>,
}

impl<'p> Partial<'p> {
    /// # Errors
    ///
    /// Fails when the facts about the agent do not fit the schema.
    pub(super) fn new(policies: &'p Policies, asker: Asker<'_>) -> Result<Self, String> {
        let question = Question::of(&facts(asker), &policies.roles);
        let (principal, action, resource) = question.names()?;
        let (attributes, _, _) = question.values()?;
        let agent = Entity::new(principal.clone(), attributes, HashSet::new())
            .map_err(|error| error.to_string())?;
        let agent = Entities::from_entities([agent], None).map_err(|error| error.to_string())?;
        let entities = PartialEntities::from_concrete(agent, &policies.schema)
            .map_err(|error| error.to_string())?;
        let (everywhere, by_contract) = by_contract(policies);
        Ok(Self {
            policies,
            environment: asker.environment.to_owned(),
            principal,
            action: action.type_name().clone(),
            resource: resource.type_name().clone(),
            entities,
            everywhere,
            by_contract,
            rewritten: BTreeMap::new(),
        })
    }

    /// What is left of the policies that concern this kind of action, sorted by id.
    ///
    /// # Errors
    ///
    /// Fails when the policies cannot be evaluated without a proposal.
    pub(super) fn residuals(&mut self, kind: Kind<'_>) -> Result<Vec<Residual>, String> {
        let set = self.concerned(kind)?;
        let schema = &self.policies.schema;
        let principal = PartialEntityUid::from_concrete(self.principal.clone());
        let resource = PartialEntityUid::new(self.resource.clone(), None);
        let name = EntityId::new(kind.contract);
        let action = EntityUid::from_type_name_and_id(self.action.clone(), name);
        let request = PartialRequest::new(principal, action, resource, None, schema)
            .map_err(|error| error.to_string())?;
        let response =
            set.tpe(&request, &self.entities, schema).map_err(|error| error.to_string())?;
        let mut residuals: Vec<Residual> =
            response.policies().map(|policy| residual(&policy)).collect::<Result<_, _>>()?;
        residuals.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(residuals)
    }

    /// The policies that concern this kind of action, with the known members of the context.
    fn concerned(&mut self, kind: Kind<'_>) -> Result<PolicySet, String> {
        let known = Known { environment: &self.environment, verb: kind.verb, mode: kind.mode };
        let place = (kind.verb.to_owned(), kind.mode.to_owned());
        let rewritten = self.rewritten.entry(place).or_default();
        let here = self.by_contract.get(kind.contract).into_iter().flatten();
        let mut set = PolicySet::new();
        for id in self.everywhere.iter().chain(here) {
            let policy = match rewritten.entry(*id) {
                Entry::Occupied(found) => found.into_mut(),
                Entry::Vacant(place) => {
                    let policy = self.policies.full.policy(&PolicyId::new(id));
                    let policy = policy.ok_or_else(|| format!("there is no policy `{id}`"))?;
                    if is_large(&policy.to_string()) {
                        return Err(format!("policy `{id}` has too many operators"));
                    }
                    place.insert(known.put_into(policy)?)
                }
            };
            set.add(policy.clone()).map_err(|error| error.to_string())?;
        }
        Ok(set)
    }
}

/// Whether the text of a policy has too many operators and brackets. Characters of literals count too.
fn is_large(text: &str) -> bool {
    let count = |symbols: &str| text.chars().filter(|c| symbols.contains(*c)).count();
    let is_word = |word: &&str| matches!(*word, "if" | "in" | "is" | "has" | "like");
    let words = text.split_whitespace().filter(is_word).count();
    // Operators such as `||` and `==` have two characters.
    let chained = count("|&").div_ceil(2) + count("+-*");
    chained > CHAINED_MAX
        || chained + words + count("=<>").div_ceil(2) + count(".!([{") > OPERATORS_MAX
}

/// Facts with this agent. The other facts are not used.
fn facts(asker: Asker<'_>) -> Facts {
    Facts {
        agent: asker.agent.to_owned(),
        person: asker.person.to_owned(),
        roles: asker.roles.clone(),
        tenant: asker.tenant.to_owned(),
        contract: String::new(),
        verb: String::new(),
        mode: String::new(),
        resource: String::new(),
        attributes: BTreeMap::new(),
        params: json!({}),
        environment: asker.environment.to_owned(),
        on_behalf_of: None,
        sources: Vec::new(),
        time_s: 0,
        approvals: BTreeMap::new(),
        pre: None,
        plan: None,
    }
}

/// The ids of the policies that apply to every contract, and the ids of the others by contract.
fn by_contract(policies: &Policies) -> (Vec<&str>, BTreeMap<&str, Vec<&str>>) {
    let (mut everywhere, mut by_contract) = (Vec::new(), BTreeMap::new());
    for (id, rule) in &policies.rules {
        match &rule.actions {
            None => everywhere.push(id.as_str()),
            Some(actions) => {
                for action in actions {
                    let ids: &mut Vec<&str> = by_contract.entry(action.as_str()).or_default();
                    ids.push(id.as_str());
                }
            }
        }
    }
    (everywhere, by_contract)
}

/// Reads a policy that partial evaluation returned. It has one condition, and no other constraints.
fn residual(policy: &Policy) -> Result<Residual, String> {
    let id: &str = policy.id().as_ref();
    let mut tree = policy.to_json().map_err(|error| error.to_string())?;
    let condition = match tree.get_mut("conditions").and_then(Value::as_array_mut) {
        Some(conditions) if conditions.is_empty() => json!({"Value": true}),
        Some(conditions) if conditions.len() == 1 => {
            let only = conditions.pop().unwrap_or_default();
            let body = only.get("body").filter(|_| only.get("kind") == Some(&json!("when")));
            body.cloned().ok_or_else(|| format!("the rest of `{id}` has another form"))?
        }
        _ => return Err(format!("the rest of `{id}` has not one condition")),
    };
    Ok(Residual { id: id.to_owned(), effect: policy.effect(), condition })
}
