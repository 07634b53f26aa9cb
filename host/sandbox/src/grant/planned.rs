//! Checks that an attempt has the plan that policy allowed.

use deed_record::policy::PermitBasis;
use serde_json::Value;

use super::{GrantError, Scope};

/// An attempt of an open contract needs a plan with the digest that policies saw; any other attempt has no plan.
pub(super) fn check(scope: &Scope, basis: &PermitBasis) -> Result<(), GrantError> {
    let Some(course) = &scope.course else {
        return match &basis.plan {
            _ if needs_plan(scope) => Err(GrantError::NoPlan(scope.action.clone())),
            Some(_) => Err(GrantError::OtherPlan(scope.action.clone())),
            None => Ok(()),
        };
    };
    let plan = course.plan();
    let allowed = basis.plan.as_ref().and_then(|plan| plan.get("sha256")).and_then(Value::as_str);
    let own = plan.digest().ok().map(|digest| digest.to_string());
    if !needs_plan(scope) || own.is_none() || own.as_deref() != allowed {
        return Err(GrantError::OtherPlan(scope.action.clone()));
    }
    let (planned, known) = (plan.writes.len(), scope.once.len());
    if planned != known {
        let action = scope.action.clone();
        return Err(GrantError::PriorWrites { action, planned, known });
    }
    Ok(())
}

/// Whether a request of the scope is not complete without a plan. A read with a value of an answer is not complete
/// either, and without a plan its placeholder would be sent as it is written.
fn needs_plan(scope: &Scope) -> bool {
    let mut requests = scope.rendered.iter().map(|request| &request.public);
    requests.any(|request| request.is_open() || request.awaits_answer())
}
