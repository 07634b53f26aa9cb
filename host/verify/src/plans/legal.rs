//! Whether a contract allows the requests of a rehearsal, and the plan that the rehearsal recorded.

use deed_record::contract::Contract;
use deed_record::exchange::{Exchange, Rendered};
use deed_record::plan::{self, Plan};
use deed_spec::json;
use serde_json::Value;

/// The maximum number of writes in a plan, and the maximum size of their canonical JSON in bytes.
const WRITES_MAX: usize = 256;
const PLAN_MAX: usize = 4 << 20;

/// Checks that a rehearsal sent only reads of `perform`, each at most as often as its rule allows.
pub(super) fn reads(perform: &[Rendered], exchanges: &[Exchange]) -> Result<(), String> {
    let rules = super::rehearsed(perform);
    for Exchange { request, carried_from, .. } in exchanges {
        if carried_from.is_some() || !rules.contains(request) {
            let Rendered { method, path, .. } = request;
            return Err(format!("`{method} {path}` is not a read that a rehearsal may send"));
        }
    }
    let sent = |rule: &Rendered| exchanges.iter().filter(|one| one.request == *rule).count();
    match rules.iter().find(|rule| exceeds(sent(rule), rule.calls)) {
        Some(Rendered { method, path, .. }) => {
            Err(format!("the rehearsal sent `{method} {path}` more often than its rule allows"))
        }
        None => Ok(()),
    }
}

/// What a plan is compared with.
pub(super) struct Terms<'a> {
    pub(super) contract: &'a Contract,
    /// The rendered rules of `perform`, without values of the state.
    pub(super) perform: &'a [Rendered],
    pub(super) state: &'a Value,
    /// The commitments to private values, which must not occur in a computed part.
    pub(super) private: &'a [String],
}

impl Terms<'_> {
    /// Checks that the plan is one that the contract allows in this state.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), String> {
        let sizes = plan.writes.iter().map(|write| Ok(json::to_canonical(write)?.len()));
        let bytes: Result<usize, json::NotCanonical> = sizes.sum();
        let bytes = bytes.map_err(|e| e.to_string())?;
        if plan.writes.len() > WRITES_MAX || bytes > PLAN_MAX {
            return Err(format!(
                "the plan has more than {WRITES_MAX} writes, or more than {PLAN_MAX} bytes"
            ));
        }
        plan::check(self.contract, self.perform, self.state, plan)
            .map_err(|why| format!("the contract does not allow the plan: {why}"))?;
        let told = (1_usize..).zip(&plan.writes).find(|(_, write)| self.tells(&write.request));
        match told {
            Some((n, _)) => Err(format!("write {n} of the plan contains a private value")),
            None => Ok(()),
        }
    }

    /// Whether a computed part of this request contains a private value.
    fn tells(&self, request: &Rendered) -> bool {
        let part = |place: &String| request.body.as_ref().and_then(|body| body.pointer(place));
        request.any.keys().filter_map(part).any(|value| tells(value, self.private))
    }
}

pub(super) fn exceeds(count: usize, calls: u32) -> bool {
    u32::try_from(count).map_or(true, |count| count > calls)
}

/// Whether a text or the name of a member contains one of these texts.
fn tells(value: &Value, texts: &[String]) -> bool {
    let is_told = |text: &str| texts.iter().any(|one| text.contains(one.as_str()));
    match value {
        Value::String(text) => is_told(text),
        Value::Array(items) => items.iter().any(|item| tells(item, texts)),
        Value::Object(members) => {
            members.iter().any(|(name, member)| is_told(name) || tells(member, texts))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
