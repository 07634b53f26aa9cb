//! Reads the id, the obligation and the actions of one parsed policy, and checks the deed-specific rules for policies.
//!
//! This module never evaluates a policy and does not depend on Cedar's semantics.

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, Effect, Policy};

use super::context::{self, Unclear};
use super::{Flaw, Vocabulary};
use crate::policy::{CONFIRM, Obligation};

/// The annotations that a policy may have. Any other annotation is refused, because it is probably misspelled.
const ANNOTATIONS: [&str; 3] = ["id", "obligation", "description"];

/// The maximum number of approvals that one obligation can require.
const MOST_APPROVALS: u32 = 9;

/// Checks that a policy follows all of deed's rules, and returns its id.
pub(super) fn accept(policy: &Policy, vocabulary: &Vocabulary) -> Result<String, Flaw> {
    let id = id(policy)?;
    // Cedar reports the policies of a decision with such characters escaped, and reasons have ids between backquotes.
    if id.contains('`') || !id.escape_debug().eq(id.chars()) {
        let what =
            "its `@id` has a quotation mark, a backslash, a backquote or an invisible character";
        return Err(flaw(policy, &id, what.into(), "use letters, digits, `-` and `_`"));
    }
    if let Some((name, _)) = policy.annotations().find(|(name, _)| !ANNOTATIONS.contains(name)) {
        let what = format!("the annotation `@{name}` is not known");
        return Err(flaw(policy, &id, what, "use `@id`, `@obligation` and `@description`"));
    }
    if let Some(obligation) = obligation(policy, &id)?
        && !obligation.is_confirmation()
        && !vocabulary.roles.contains(&obligation.role)
    {
        let what = format!("the role `{}` is not in the configuration", obligation.role);
        let roles: Vec<&str> = vocabulary.roles.iter().map(String::as_str).collect();
        return Err(flaw(policy, &id, what, &format!("use one of `{}`", roles.join("`, `"))));
    }
    if policy.effect() == Effect::Permit {
        before_observation(policy, &id)?;
    }
    Ok(id)
}

/// The value of `@id`.
pub(super) fn id(policy: &Policy) -> Result<String, Flaw> {
    let id = policy.annotation("id").unwrap_or_default();
    if id.is_empty() || id.chars().count() > 80 || id.chars().any(char::is_control) {
        return Err(flaw(
            policy,
            id,
            "it has no usable `@id`".into(),
            "begin it with `@id(\"a-short-name\")`, at most 80 characters",
        ));
    }
    Ok(id.into())
}

/// The approvals or the confirmation that `@obligation` requires. The annotation is legal only on a forbid, so that a
/// tool that ignores the annotation denies the action instead of allowing it.
pub(super) fn obligation(policy: &Policy, id: &str) -> Result<Option<Obligation>, Flaw> {
    let Some(text) = policy.annotation("obligation") else { return Ok(None) };
    if policy.effect() != Effect::Forbid {
        let remedy = "move it to a `forbid` and permit the action unconditionally";
        return Err(flaw(policy, id, "`@obligation` is on a permit".into(), remedy));
    }
    if let Some((count, role)) = read_obligation(text) {
        return Ok(Some(Obligation { count, role, policy: id.into() }));
    }
    let remedy = format!("write `confirm`, or `approve:N:ROLE` with N from 1 to {MOST_APPROVALS}");
    Err(flaw(policy, id, format!("the obligation `{text}` is not known"), &remedy))
}

/// The contract names in the action constraint; `None` if it applies to every action.
pub(super) fn actions(policy: &Policy) -> Option<BTreeSet<String>> {
    let named = match policy.action_constraint() {
        ActionConstraint::Any => return None,
        ActionConstraint::In(actions) => actions,
        ActionConstraint::Eq(action) => vec![action],
    };
    Some(named.into_iter().map(|action| action.id().unescaped().to_owned()).collect())
}

/// The start of the policy, as a byte offset into the source text.
pub(super) fn start(policy: &Policy) -> usize {
    policy.as_ref().loc().map_or(0, |loc| loc.span.offset())
}

/// The source text of the policy; the whole source if its place is not known.
pub(super) fn text<'s>(policy: &Policy, source: &'s str) -> &'s str {
    let place = policy.as_ref().loc().map(|loc| loc.span);
    let text = place.and_then(|span| source.get(span.offset()..span.offset() + span.len()));
    text.unwrap_or(source)
}

/// The offset of the semicolon that ends the policy.
pub(super) fn semicolon(policy: &Policy, source: &str) -> Result<usize, Flaw> {
    let end = policy.as_ref().loc().map_or(0, |loc| loc.span.offset() + loc.span.len());
    let found = end.checked_sub(1).filter(|at| source.as_bytes().get(*at) == Some(&b';'));
    found.ok_or_else(|| {
        flaw(policy, "", "the end of the policy cannot be found".into(), "end the policy with `;`")
    })
}

pub(super) fn flaw(policy: &Policy, id: &str, what: String, remedy: &str) -> Flaw {
    Flaw { at: start(policy), policy: id.into(), what, remedy: remedy.into() }
}

fn read_obligation(text: &str) -> Option<(u32, String)> {
    if text == CONFIRM {
        return Some((1, CONFIRM.to_owned()));
    }
    let (count, role) = text.strip_prefix("approve:")?.split_once(':')?;
    let digit = count.len() == 1 && count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count.parse().ok().filter(|count| digit && (1..=MOST_APPROVALS).contains(count))?;
    // No role has this name, so an approval can never stand for a confirmation.
    (!role.is_empty() && role != CONFIRM).then(|| (count, role.to_owned()))
}

/// What a permit cannot read: at the proposal, the host has neither read the state nor made a plan.
const LATER: [&str; 2] = ["pre", "plan"];

/// Checks that a permit reads neither the observed state nor the plan, because permits are evaluated before the host
/// reads the state and makes a plan.
///
/// A permit may use `context` only as `context.NAME` or `context has NAME`, so that this check can find all fields that
/// the permit reads.
fn before_observation(policy: &Policy, id: &str) -> Result<(), Flaw> {
    let (what, field) = match context::read_by(policy) {
        Ok(fields) => match LATER.into_iter().find(|field| fields.contains(*field)) {
            None => return Ok(()),
            Some(field) => (format!("a permit reads `context.{field}`"), field),
        },
        Err(Unclear::Whole) => ("a permit uses `context` as a whole".to_owned(), "pre"),
        Err(Unclear::Unreadable(error)) => {
            return Err(flaw(policy, id, error, "write it in plain Cedar"));
        }
    };
    let remedy = format!(
        "read `context.{field}` in a `forbid`; a permit can use only single fields of `context`"
    );
    Err(flaw(policy, id, what, &remedy))
}
