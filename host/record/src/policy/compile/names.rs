//! Refuses a policy that reads a state, a computed part of a plan or a member of such a part that no contract declares.
//!
//! Cedar accepts such a name after `has`: the test is always false, so a misspelled name would turn off the policy.

use std::collections::BTreeSet;

use cedar_policy::Policy;

use super::{Flaw, Vocabulary, context, inspect};
use crate::policy::ActionShape;

/// The maximum size of a policy that is checked, in bytes. Cedar converts a policy to JSON recursively, so a chain of
/// thousands of operators would overflow the stack.
const TEXT_MAX: usize = 8 << 10;

/// The members of `context.plan`.
const PLAN: [&str; 4] = ["sha256", "count", "methods", "any"];

/// Checks that each name directly after `context.pre`, after `context.plan` and after `context.plan.any` is declared by
/// at least one contract that the policy concerns. A policy over all actions may concern contracts that do not exist
/// yet, so it may name computed parts if no contract is open.
///
/// A policy of more than [`TEXT_MAX`] bytes is not checked.
pub(super) fn check(
    policy: &Policy,
    id: &str,
    source: &str,
    vocabulary: &Vocabulary,
) -> Result<(), Flaw> {
    if !may_name(inspect::text(policy, source)) {
        return Ok(());
    }
    let refuse = |what: String, remedy: &str| Err(inspect::flaw(policy, id, what, remedy));
    let paths = match context::paths(policy) {
        Ok(paths) => paths,
        Err(error) => return refuse(error, "write it in plain Cedar"),
    };
    let named = inspect::actions(policy);
    let concerns = |name: &String| named.as_ref().is_none_or(|named| named.contains(name));
    let all = vocabulary.actions.iter().filter(|(name, _)| concerns(name));
    let shapes: Vec<&ActionShape> = all.map(|(_, shape)| shape).collect();
    // Cedar reports an action that does not exist.
    if shapes.is_empty() {
        return Ok(());
    }
    for path in &paths {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Some((what, remedy)) = unknown(&path, &shapes, named.is_some()) {
            return refuse(what, &remedy);
        }
    }
    Ok(())
}

/// A cheap test that is false only if the policy names no state and no part of a plan, or is too long.
fn may_name(text: &str) -> bool {
    text.len() <= TEXT_MAX && ["pre", "plan", "\\"].iter().any(|word| text.contains(word))
}

/// Why a name is not known, and the names that are; `None` if it is known or may be declared later.
fn unknown(path: &[&str], shapes: &[&ActionShape], is_named: bool) -> Option<(String, String)> {
    match path {
        ["pre", state, ..] => {
            let states = shapes.iter().flat_map(|shape| shape.state.keys()).map(String::as_str);
            let states: BTreeSet<&str> = states.collect();
            let what = format!("no contract that this policy concerns has a state `{state}`");
            (!states.contains(state)).then(|| (what, listed("states", &states)))
        }
        ["plan", "any", part, inner @ ..] => part_of(part, inner, shapes, is_named),
        ["plan", member, ..] if !PLAN.contains(member) => {
            let what = format!("`context.plan` has no `{member}`");
            Some((what, listed("members", &PLAN.into())))
        }
        _ => None,
    }
}

fn part_of(
    part: &str,
    inner: &[&str],
    shapes: &[&ActionShape],
    is_named: bool,
) -> Option<(String, String)> {
    let open: Vec<_> = shapes.iter().filter_map(|shape| shape.plan.as_ref()).collect();
    if open.is_empty() && !is_named {
        return None;
    }
    let mut found = open.iter().filter_map(|parts| parts.get(part)).peekable();
    if found.peek().is_none() {
        let parts: BTreeSet<&str> =
            open.iter().flat_map(|parts| parts.keys()).map(String::as_str).collect();
        let what = format!("no contract that this policy concerns has a computed part `{part}`");
        return Some((what, listed("parts", &parts)));
    }
    // Cedar reports a member of a set, which a part of a repeated write has.
    if found.any(|one| one.is_repeated || one.schema.at(inner).is_some()) {
        return None;
    }
    let inner = inner.join(".");
    let what = format!(
        "no contract that this policy concerns has `{inner}` in the computed part `{part}`"
    );
    Some((what, "use a property of the schema of the part".to_owned()))
}

/// The names that a policy can use.
fn listed(kind: &str, names: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = names.iter().copied().collect();
    if names.is_empty() {
        format!("there are no {kind}")
    } else {
        format!("the {kind} are `{}`", names.join("`, `"))
    }
}
