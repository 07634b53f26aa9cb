//! Decides one policy question with compiled policies: the host decides from facts, a verifier from the files of a
//! bundle.
//!
//! Cedar's JSON escapes (`__entity`, `__extn`) are never interpreted, because every Cedar value is built by a
//! constructor.

mod question;

use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Context, Entities, Entity, PolicySet, Request, Response};
use serde_json::Value;

use super::{
    Decision, Facts, Obligation, Policies, Snapshot, Verdict, compile, obligation, schema,
};
use crate::policy::asked;
pub(super) use question::Question;

/// Repeats a decision from a bundle's `policies.cedar`, `schema.cedarschema`, `entities.json` and `request.json`.
///
/// The result is the same as that of [`Policies::evaluate`].
///
/// # Errors
///
/// Fails when the files are not valid or do not belong together.
pub fn reevaluate(
    policies_text: &str,
    schema_text: &str,
    entities: &Value,
    request: &Value,
) -> Result<Decision, String> {
    let policies = compile::load(policies_text, schema_text, BTreeSet::new())
        .map_err(|flaw| format!("policy `{}`: {}", flaw.policy, flaw.what))?;
    Ok(decide(&policies, &Question::read(entities, request)?))
}

/// Returns the same snapshot as [`Policies::snapshot`], but needs only the schema and not the policy set.
///
/// The configuration may have changed since the decision, so the policy set may no longer be loaded when a bundle is
/// created or checked.
///
/// # Errors
///
/// Fails when the schema is not valid.
pub fn snapshot(schema_text: &str, facts: &Facts) -> Result<Snapshot, String> {
    Ok(Question::of(facts, &schema::roles(schema_text)?).snapshot())
}

/// Returns the same question as [`Policies::question`], but needs only the schema and not the policy set.
///
/// # Errors
///
/// Fails when the schema is not valid or the question has no canonical form.
pub fn question(schema_text: &str, facts: &Facts) -> Result<asked::Question, String> {
    let asked = Question::of(facts, &schema::roles(schema_text)?);
    asked.named().map_err(|error| error.to_string())
}

/// Decides a question. The verdict is `allow` if the full policy set allows the action. It is `ask` if the set allows
/// the action without the forbids that require approval. In all other cases, and on any error, it is `deny`.
pub(super) fn decide(policies: &Policies, question: &Question) -> Decision {
    let about = Answer { policies, contract: &question.contract };
    if policies.full.is_empty() {
        return about.deny(&[], "there are no policies, so nothing is permitted");
    }
    let (request, entities) = match prepare(policies, question) {
        Ok(prepared) => prepared,
        Err(error) => return about.failed(vec![error]),
    };
    let ask = |set: &PolicySet| Authorizer::new().is_authorized(&request, set, &entities);
    let full = ask(&policies.full);
    let reasons = match verdict(&full) {
        Ok((true, permits)) => return about.allow(&permits),
        Ok((false, reasons)) => reasons,
        Err(errors) => return about.failed(errors),
    };
    // The reason names only the policies that deny the action even with every approval. It does not name a required
    // approval, because that approval would not help.
    match verdict(&ask(&policies.without_obligations)) {
        Ok((true, permits)) => about.ask(&reasons, &permits),
        Ok((false, hard)) if hard.is_empty() => about.deny(&reasons, super::NOT_PERMITTED),
        Ok((false, hard)) => {
            let named: Vec<String> = hard.iter().map(|id| quoted(id)).collect();
            about.deny(&reasons, &format!("forbidden by {}", named.join(", ")))
        }
        Err(errors) => about.failed(errors),
    }
}

/// The id of a policy as it is in the reason of a denial.
fn quoted(id: &str) -> String {
    format!("`{id}`")
}

impl Decision {
    /// The policies that led to the verdict, for people. Beside the policies that deny an action, `determining` has the
    /// forbids that only require approval; the reason names only the former.
    pub fn causes(&self) -> Vec<&str> {
        let is_denied = self.verdict == Verdict::Deny;
        let reason = self.reason.as_deref().filter(|_| is_denied);
        let led = |id: &&str| reason.is_none_or(|reason| reason.contains(&quoted(id)));
        self.determining.iter().map(String::as_str).filter(led).collect()
    }
}

/// Returns an error instead of a verdict if any policy fails to evaluate, because Cedar skips such a policy, even if it
/// is a forbid.
fn verdict(response: &Response) -> Result<(bool, Vec<String>), Vec<String>> {
    let errors = sorted(response.diagnostics().errors().map(ToString::to_string));
    if !errors.is_empty() {
        return Err(errors);
    }
    let reasons = sorted(response.diagnostics().reason().map(ToString::to_string));
    Ok((response.decision() == cedar_policy::Decision::Allow, reasons))
}

/// Builds the request and the entities, and checks both against the schema.
fn prepare(policies: &Policies, question: &Question) -> Result<(Request, Entities), String> {
    let schema = Some(&policies.schema);
    let (principal, action, resource) = question.names()?;
    let (agent_attributes, resource_attributes, context) = question.values()?;
    let context = Context::from_pairs(context).map_err(|error| error.to_string())?;
    let mut entities = Vec::new();
    for (uid, attributes) in [(&principal, agent_attributes), (&resource, resource_attributes)] {
        let entity = Entity::new(uid.clone(), attributes, std::collections::HashSet::new());
        entities.push(entity.map_err(|error| error.to_string())?);
    }
    let entities = Entities::from_entities(entities, schema).map_err(|error| chain(&error))?;
    let request = Request::new(principal, action, resource, context, schema)
        .map_err(|error| chain(&error))?;
    Ok((request, entities))
}

/// A decision under construction, whose policy set and action are known.
struct Answer<'a> {
    policies: &'a Policies,
    contract: &'a str,
}

impl Answer<'_> {
    fn allow(&self, permits: &[String]) -> Decision {
        self.decision(Verdict::Allow, permits.to_vec(), None)
    }

    fn ask(&self, forbids: &[String], permits: &[String]) -> Decision {
        let mut obligations: Vec<Obligation> = forbids
            .iter()
            .filter_map(|id| self.policies.rules.get(id)?.obligation.clone())
            .collect();
        obligations.sort();
        let reason = obligation::reason(&obligations);
        let determining = sorted(forbids.iter().chain(permits).cloned());
        Decision { obligations, ..self.decision(Verdict::Ask, determining, Some(reason)) }
    }

    fn deny(&self, determining: &[String], reason: &str) -> Decision {
        self.decision(Verdict::Deny, determining.to_vec(), Some(reason.into()))
    }

    fn failed(&self, errors: Vec<String>) -> Decision {
        Decision {
            errors,
            ..self.deny(&[], "the policies could not be evaluated, and an error denies")
        }
    }

    fn decision(
        &self,
        verdict: Verdict,
        determining: Vec<String>,
        reason: Option<String>,
    ) -> Decision {
        let about = self
            .policies
            .rules
            .iter()
            .filter(|(id, rule)| rule.concerns(self.contract) && !determining.contains(id));
        let not_applied = about.map(|(id, _)| id.clone()).collect();
        let policy_set = self.policies.digest;
        Decision {
            verdict,
            obligations: Vec::new(),
            determining,
            not_applied,
            errors: Vec::new(),
            policy_set,
            reason,
            rests_on_private: false,
        }
    }
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts
}

/// An error with its causes; Cedar's outer messages alone often contain only "does not conform".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
