//! Calls of tools.

use axum::http::StatusCode;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, JsonObject};
use tokio::time::Instant;

use super::context::{Call, KEY, WAIT_MAX};
use super::{answer, can, explain, own, refusal, search};
use crate::api::problem::Problem;
use crate::api::tools::{self, ArgumentsError};
use crate::config::Granted;
use crate::http;

/// Runs the tool with this name. A refusal is a result, so that the model can read it.
pub(super) async fn run(
    call: Call<'_>,
    tool: &str,
    arguments: JsonObject,
) -> Result<CallToolResult, ErrorData> {
    let done = match tool {
        own::STATUS => own::status(call, arguments).await,
        own::LIST => own::list(call, arguments).await,
        own::CANCEL => own::cancel(call, arguments).await,
        can::CAN => can::answer(call, arguments).await,
        explain::EXPLAIN => match search::proposal(call, arguments) {
            Ok((granted, arguments)) => {
                return Ok(explained(call, granted, arguments, search::ARGUMENTS));
            }
            Err(problem) => Err(problem),
        },
        search::FIND => search::find(call, arguments).await,
        search::DESCRIBE => search::describe(call, arguments).await,
        search::PROPOSE => match search::proposal(call, arguments) {
            Ok((granted, arguments)) => {
                return Ok(propose(call, granted, arguments, search::ARGUMENTS).await);
            }
            Err(problem) => Err(problem),
        },
        name => {
            let tenant = &call.caller.tenant;
            let Some(granted) = call.offer.contract(tenant, name) else {
                // The name is not repeated, because a model may take the text of an error for a fact.
                return Err(ErrorData::invalid_params("there is no such tool", None));
            };
            return Ok(propose(call, granted, arguments, "").await);
        }
    };
    Ok(done.unwrap_or_else(|problem| refused(call, problem, str::to_owned)))
}

/// Proposes an action under a contract. `base` is the pointer to the arguments of the contract's tool in the arguments
/// of the call.
async fn propose(
    call: Call<'_>,
    granted: &Granted,
    mut arguments: JsonObject,
    base: &str,
) -> CallToolResult {
    let contract = &granted.contract;
    if let Err(problem) = with_key(call, &mut arguments) {
        return refused(call, problem, |pointer| format!("{base}{pointer}"));
    }
    let asked = match tools::split(contract, arguments) {
        Ok(asked) => asked,
        Err(ArgumentsError(violations)) => {
            call.app.metrics.refused();
            let problem = Problem::arguments(violations);
            return refused(call, problem, |pointer| format!("{base}{pointer}"));
        }
    };
    let place = |pointer: &str| format!("{base}{}", tools::as_written(contract, pointer));
    let proposed = submit(call, &asked).await;
    proposed.unwrap_or_else(|problem| refused(call, problem, place))
}

/// Explains what a proposal under a contract would result in. `base` has the same meaning as for [`propose`].
fn explained(
    call: Call<'_>,
    granted: &Granted,
    mut arguments: JsonObject,
    base: &str,
) -> CallToolResult {
    let contract = &granted.contract;
    let asked = with_key(call, &mut arguments).and_then(|()| {
        let unfit = |ArgumentsError(violations)| Problem::arguments(violations);
        tools::split(contract, arguments).map_err(unfit)
    });
    let asked = match asked {
        Ok(asked) => asked,
        Err(problem) => return refused(call, problem, |pointer| format!("{base}{pointer}")),
    };
    let place = |pointer: &str| format!("{base}{}", tools::as_written(contract, pointer));
    explain::answer(call, &asked).unwrap_or_else(|problem| refused(call, problem, place))
}

/// Adds the key of `_meta` to the arguments. A key in two forms, or where the host does not read it, is refused, because
/// the caller relies on it.
fn with_key(call: Call<'_>, arguments: &mut JsonObject) -> Result<(), Problem> {
    if call.headers.contains_key("idempotency-key") {
        let what = "the header `Idempotency-Key` is not read here; write the key as the argument `idempotency_key`";
        return Err(Problem::bad_request(what));
    }
    let Some(key) = call.key else { return Ok(()) };
    let given = arguments.entry(KEY).or_insert_with(|| key.into());
    if given == key {
        return Ok(());
    }
    Err(Problem::bad_request("`idempotency_key` differs between the arguments and `_meta`"))
}

/// Submits a proposal as `POST /v1/actions` does: the host parses the same bytes, with the same rules.
async fn submit(call: Call<'_>, asked: &tools::Call) -> Result<CallToolResult, Problem> {
    let claimed = asked.idempotency_key.as_deref().map(http::claim).transpose()?;
    let trace = http::traceparent(call.headers)?;
    let body = serde_json::to_vec(&asked.proposal)
        .map_err(|_| Problem::bad_request("the arguments cannot be written as JSON"))?;
    let told = http::proposed(call.app, call.caller, &body, (claimed, trace), WAIT_MAX).await?;
    let view = http::viewed(call.app, call.caller, told)?;
    Ok(answer::proposed(&view))
}

/// The result for a refused call. As with other routes, a refusal is charged to the caller's budget, but an answer that
/// asks the caller to retry later is not. `place` converts the pointers of the problem to pointers into the arguments.
fn refused(call: Call<'_>, problem: Problem, place: impl Fn(&str) -> String) -> CallToolResult {
    let status = problem.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        call.app.metrics.throttled();
    } else if status.is_client_error() {
        call.caller.budget.charge(Instant::now());
    }
    refusal::of(problem, place)
}
