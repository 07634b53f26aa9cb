//! Calls of tools.

use axum::http::StatusCode;
use deed_record::action::id::ActionId;
use deed_record::contract::Contract;
use deed_record::lifecycle::status::Status;
use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject};
use tokio::time::Instant;

use super::context::{Call, KEY};
use super::watch::{self, Until};
use super::{ask, can, exact, explain, join, own, refusal, search, task};
use crate::api::problem::Problem;
use crate::api::tools::{self, ArgumentsError};
use crate::config::Granted;
use crate::engine::StoredAction;
use crate::http;

/// An action that a call proposed or asked for, and its id if the call joined it.
type Joined = (StoredAction, Option<ActionId>);

/// Runs the tool of a request, and notes which ends of actions the answer reports.
pub(super) async fn run(
    call: Call<'_>,
    request: CallToolRequestParams,
) -> Result<CallToolResponse, ErrorData> {
    let response = called(call, request).await?;
    if let CallToolResponse::Complete(result) = &response
        && let Some(answer) = &result.structured_content
    {
        call.joins.told(call.caller, answer);
    }
    Ok(response)
}

/// The response of the tool of a request. A refusal is a result, so that the model can read it.
async fn called(
    call: Call<'_>,
    request: CallToolRequestParams,
) -> Result<CallToolResponse, ErrorData> {
    let CallToolRequestParams { name, arguments, input_responses, request_state, .. } = request;
    let (tool, arguments) = (&*name, arguments.unwrap_or_default());
    if let Err(problem) = exact::check(&arguments) {
        call.app.metrics.refused();
        return Ok(done(call, Err(problem)));
    }
    if let Some(retry) = ask::retry(request_state, input_responses)? {
        return ask::resume(call, tool, &arguments, &retry).await;
    }
    let asked = call.declared.url.then(|| arguments.clone());
    let proposed = match tool {
        own::STATUS => return Ok(done(call, own::status(call, arguments).await)),
        own::LIST => return Ok(done(call, own::list(call, arguments).await)),
        own::CANCEL => return Ok(done(call, own::cancel(call, arguments).await)),
        can::CAN => return Ok(done(call, can::answer(call, arguments).await)),
        explain::EXPLAIN => return Ok(explained(call, arguments).await),
        search::FIND => return Ok(done(call, search::find(call, arguments).await)),
        search::DESCRIBE => return Ok(done(call, search::describe(call, arguments).await)),
        search::PROPOSE => match search::proposal(call, arguments) {
            Ok((granted, arguments)) => propose(call, granted, arguments, search::ARGUMENTS).await,
            Err(problem) => return Ok(done(call, Err(problem))),
        },
        name => {
            let tenant = &call.caller.tenant;
            let Some(granted) = call.offer.contract(tenant, name) else {
                // The name is not repeated, because a model may take the text of an error for a fact.
                return Err(ErrorData::invalid_params("there is no such tool", None));
            };
            propose(call, granted, arguments, "").await
        }
    };
    Ok(match proposed {
        Ok(proposed) => answered(call, proposed, tool, asked.as_ref()),
        Err(refusal) => (*refusal).into(),
    })
}

/// The response with the result of a tool of the host, or with its refusal.
fn done(call: Call<'_>, done: Result<CallToolResult, Problem>) -> CallToolResponse {
    done.unwrap_or_else(|problem| refused(call, problem, str::to_owned)).into()
}

/// The response to a call that proposed an action. A client that can open a page is asked to open that of an action
/// that waits for people. `asked` has the arguments of the call, if the client can do this.
fn answered(
    call: Call<'_>,
    (told, joined): Joined,
    tool: &str,
    asked: Option<&JsonObject>,
) -> CallToolResponse {
    let waits = told.story.status == Status::Waiting;
    let asked = asked.filter(|_| waits);
    let waiting = (&told.story, joined.is_some());
    if let Some(page) = asked.and_then(|asked| ask::to_open(call, waiting, tool, asked)) {
        return page.into();
    }
    let response = task::or_result(call, told, joined.as_ref());
    response.unwrap_or_else(|problem| refused(call, problem, str::to_owned).into())
}

/// Proposes an action under a contract, and fails with the refusal as a result. `base` is the pointer to the arguments
/// of the contract's tool in the arguments of the call.
async fn propose(
    call: Call<'_>,
    granted: &Granted,
    mut arguments: JsonObject,
    base: &str,
) -> Result<Joined, Box<CallToolResult>> {
    let contract = &granted.contract;
    let tool = call.offer.tool(&contract.action.name);
    let expected = |pointer: &str| {
        let pointer = pointer.strip_prefix(base)?;
        tools::expected(&tool?.input, pointer).cloned()
    };
    if let Err(problem) = with_key(call, &mut arguments) {
        return Err(refused(call, problem, |pointer| format!("{base}{pointer}")).into());
    }
    let asked = match tools::split(contract, arguments) {
        Ok(asked) => asked,
        Err(ArgumentsError(violations)) => {
            call.app.metrics.refused();
            let problem = Problem::arguments(violations);
            charge(call, &problem);
            let place = |pointer: &str| format!("{base}{pointer}");
            return Err(refusal::with_expected(problem, place, expected).into());
        }
    };
    let place = |pointer: &str| format!("{base}{}", tools::as_written(contract, pointer));
    submit(call, contract, &asked).await.map_err(|problem| {
        charge(call, &problem);
        refusal::with_expected(problem, place, expected).into()
    })
}

/// Explains what a proposal under a contract would result in, or proposes a dry run. The arguments are those of the tool
/// that proposes.
async fn explained(call: Call<'_>, mut arguments: JsonObject) -> CallToolResponse {
    let given = explain::rehearse(&mut arguments)
        .and_then(|rehearse| Ok((rehearse, search::proposal(call, arguments)?)));
    let (rehearse, (granted, mut arguments)) = match given {
        Ok(given) => given,
        Err(problem) => return done(call, Err(problem)),
    };
    let contract = &granted.contract;
    let asked = with_key(call, &mut arguments).and_then(|()| {
        let unfit = |ArgumentsError(violations)| Problem::arguments(violations);
        tools::split(contract, arguments).map_err(unfit)
    });
    let mut asked = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            return refused(call, problem, |pointer| format!("{}{pointer}", search::ARGUMENTS))
                .into();
        }
    };
    let place =
        |pointer: &str| format!("{}{}", search::ARGUMENTS, tools::as_written(contract, pointer));
    if rehearse {
        asked.proposal.dry_run = true;
        let proposed = submit(call, contract, &asked).await;
        let answer = proposed.and_then(|(told, id)| task::or_result(call, told, id.as_ref()));
        return answer.unwrap_or_else(|problem| refused(call, problem, place).into());
    }
    let explained = explain::answer(call, &asked);
    explained.unwrap_or_else(|problem| refused(call, problem, place)).into()
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

/// Submits a proposal as `POST /v1/actions` does: the host parses the same bytes, with the same rules. Without a key, an
/// equal call may join an action.
async fn submit(
    call: Call<'_>,
    contract: &Contract,
    asked: &tools::Call,
) -> Result<Joined, Problem> {
    let claimed = asked.idempotency_key.as_deref().map(http::claim).transpose()?;
    let trace = http::traceparent(call.headers)?;
    let body = serde_json::to_vec(&asked.proposal)
        .map_err(|_| Problem::bad_request("the arguments cannot be written as JSON"))?;
    let end = Instant::now() + call.patience();
    let first = watch::first(call, end);
    let (told, joined) = if claimed.is_some() {
        let keyed = (claimed, trace);
        (http::proposed(call.app, call.caller, &body, keyed, first).await?, None)
    } else {
        join::propose(call, contract, &asked.proposal, (body, trace), first).await?
    };
    Ok((watch::follow(call, told, Until::Rests, end).await?, joined))
}

/// The result for a refused call. `place` converts the pointers of the problem to pointers into the arguments.
fn refused(call: Call<'_>, problem: Problem, place: impl Fn(&str) -> String) -> CallToolResult {
    charge(call, &problem);
    refusal::of(problem, place)
}

/// Counts a refusal. As with other routes, it is charged to the caller's budget, but an answer that asks the caller to
/// retry later is not.
fn charge(call: Call<'_>, problem: &Problem) {
    let status = problem.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        call.app.metrics.throttled();
    } else if status.is_client_error() {
        call.caller.budget.charge(Instant::now());
    }
}
