//! Handlers that propose, list, show and cancel actions, and fetch their bundles.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deed_record::action::id::ActionId;
use deed_record::action::{Proposal, Requester};
use deed_record::lifecycle::event::Entry;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_store::store::{Page, Row, Span};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::App;
use super::auth::Caller;
use super::extract::{Path, Query};
use super::filters::Wanted;
use super::headers::{idempotency_key, traceparent, wait};
use super::payload::Payload;
use crate::api::draft::Edited;
use crate::api::listing::{ActionList, ActionSummary};
use crate::api::problem::Problem;
use crate::api::view::{self, StaleState, View, stale};
use crate::engine::{Accepted, Claimed, Explained, LOOKED_MAX, StoredAction};
use crate::stage::contract::{self, Access, Party};

/// How long a caller without a `Prefer: wait` header waits for its action to end.
pub(super) const WAIT_DEFAULT: Duration = Duration::from_secs(10);

pub(super) async fn propose(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    caller.agent()?;
    let claimed = idempotency_key(&headers)?;
    let wait = wait(&headers)?.unwrap_or(WAIT_DEFAULT);
    let trace = traceparent(&headers)?;
    let told = proposed(&app, &caller, &body, (claimed, trace), wait).await?;
    shown(&app, &caller, told)
}

/// Submits a proposal of an agent, and waits for at most `wait` until the action has ended or waits for people.
pub(crate) async fn proposed(
    app: &App,
    caller: &Caller,
    body: &[u8],
    claimed_and_trace: (Option<Claimed>, Option<String>),
    wait: Duration,
) -> Result<StoredAction, Problem> {
    accepted(app, caller, body, claimed_and_trace).await?.rested(app, wait).await
}

/// An accepted proposal.
pub(crate) struct Taken {
    pub(crate) id: ActionId,
    /// The task that ends when the action waits for people or has ended; `None` if the action existed before.
    driven: Option<JoinHandle<Option<StoredAction>>>,
}

/// Submits a proposal of an agent. Every way to propose an action ends in this function.
pub(crate) async fn accepted(
    app: &App,
    caller: &Caller,
    body: &[u8],
    (claimed, trace): (Option<Claimed>, Option<String>),
) -> Result<Taken, Problem> {
    let proposal = contract::parse(body).inspect_err(|_| app.metrics.refused())?;
    let taking = take(app.clone(), caller.clone(), proposal, claimed, trace);
    let taken = carried(taking).await;
    // A proposal that the caller should retry later does not count as refused.
    let refused = |problem: &Problem| {
        if !problem.is_for_later() {
            app.metrics.refused();
        }
    };
    taken.inspect_err(refused)
}

impl Taken {
    /// Waits for at most `wait` until the action has ended or waits for people.
    pub(crate) async fn rested(self, app: &App, wait: Duration) -> Result<StoredAction, Problem> {
        let Self { id, driven } = self;
        let rest = async {
            match driven {
                Some(driven) => driven.await.unwrap_or_default(),
                None => app.engine.at_rest(&id).await.ok(),
            }
        };
        rested(app, &id, rest, wait).await
    }
}

/// Submits a proposal and follows its action. An action that is denied before a person is asked is charged as a
/// refusal, even if the caller no longer waits.
async fn take(
    app: App,
    caller: Caller,
    proposal: Proposal,
    claimed: Option<Claimed>,
    trace: Option<String>,
) -> Result<Taken, Problem> {
    let who = bind_as(&app, &caller)?;
    let Accepted { id, waiting } = app.engine.propose(who, proposal, claimed, trace).await?;
    let Some(waiting) = waiting else { return Ok(Taken { id, driven: None }) };
    let budget = Arc::clone(&caller.budget);
    let follow = async move {
        let told = waiting.to_rest().await;
        if told.as_ref().is_some_and(|told| denied_unasked(&told.story)) {
            budget.charge(Instant::now());
        }
        told
    };
    Ok(Taken { id, driven: Some(tokio::spawn(follow)) })
}

/// Whether policy, a precondition or the contract denied the action before a person was asked.
fn denied_unasked(story: &Story) -> bool {
    story.status == Status::Ended(Outcome::Denied) && story.ask.is_none()
}

/// Runs work that continues when its caller disconnects, because an event that is already on disk must be processed.
/// Fails when the work fails or its task ends early.
pub(crate) async fn carried<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(Problem::unavailable()))
}

pub(super) async fn explain(
    State(app): State<App>,
    caller: Caller,
    Payload(body): Payload,
) -> Result<Json<Explained>, Problem> {
    explained(&app, &caller, &body).map(Json)
}

/// Explains what a proposal of an agent would result in. Nothing is recorded or sent.
pub(crate) fn explained(app: &App, caller: &Caller, body: &[u8]) -> Result<Explained, Problem> {
    let who = bind_as(app, caller)?;
    Ok(app.engine.explain(who, contract::parse(body)?)?)
}

pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = parse_id(&id)?;
    let told = looked_at(&app, &caller, &id, wait(&headers)?).await?;
    shown(&app, &caller, told)
}

/// An action that the caller may see. With `wait`, waits for at most this long until the action has ended or waits for
/// people.
pub(crate) async fn looked_at(
    app: &App,
    caller: &Caller,
    id: &ActionId,
    wait: Option<Duration>,
) -> Result<StoredAction, Problem> {
    let mut told = caller.told(app, id)?;
    if let Some(wait) = wait.filter(|_| !told.story.status.rests()) {
        let rested = tokio::time::timeout(wait, app.engine.at_rest(id)).await;
        told = rested.unwrap_or_else(|_| app.engine.load(id))?;
    }
    // After a failure of the store, no more data reaches the disk, so the action is shown without waiting for the disk.
    if !told.story.status.rests() && app.engine.failed().is_none() {
        app.engine.on_disk(id).await?;
    }
    Ok(told)
}

pub(super) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse_id(&id)?;
    let told = cancelled(&app, &caller, &id).await?;
    shown(&app, &caller, told)
}

/// Cancels an action that the caller may see.
pub(crate) async fn cancelled(
    app: &App,
    caller: &Caller,
    id: &ActionId,
) -> Result<StoredAction, Problem> {
    caller.story(app, id)?;
    let (engine, by, of) = (Arc::clone(&app.engine), caller.clone(), id.clone());
    let cancelling = async move { Ok(engine.cancel(&by.tenant.name, &of, by.name()).await?) };
    let waiting = carried(cancelling).await?;
    rested(app, id, waiting.to_rest(), WAIT_DEFAULT).await
}

pub(super) async fn bundle(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse_id(&id)?;
    Ok(attached(&id, bundled(&app, &caller, &id).await?))
}

/// The answer with the bundle of this action as a file.
pub(crate) fn attached(id: &ActionId, bundle: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"{id}.deed\"");
    let headers =
        [(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, bundle).into_response()
}

/// The bundle of an ended action that the caller may see.
pub(crate) async fn bundled(app: &App, caller: &Caller, id: &ActionId) -> Result<Vec<u8>, Problem> {
    let story = caller.story(app, id)?;
    if !matches!(story.status, Status::Ended(_)) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "not ended yet",
            "the bundle is available when the action has ended",
        ));
    }
    // The action must be on disk before its bundle is created, so that the checkpoint in the bundle does not change
    // later.
    app.engine.on_disk(id).await?;
    // An agent's copy has no evidence, because only people of the tenant may see the observed state.
    Ok(app.engine.bundle(&story, caller.is_person())?)
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<ActionList>, Problem> {
    listed(&app, &caller, pairs).await.map(Json)
}

/// The actions that the caller may see and that pass the filters, which have the names of the query's parameters.
pub(crate) async fn listed(
    app: &App,
    caller: &Caller,
    filters: Vec<(String, String)>,
) -> Result<ActionList, Problem> {
    let wanted = Wanted::of(filters)?;
    // The index has lists for these filters, so a program gets the whole list at once.
    let steps = if wanted.search.is_indexed() { usize::MAX } else { LOOKED_MAX };
    found(app, caller, wanted, steps).await
}

/// A part of the list of actions that the caller may see, made with a limited number of steps. Every list of actions is
/// made by this function.
pub(crate) async fn found(
    app: &App,
    caller: &Caller,
    wanted: Wanted,
    steps: usize,
) -> Result<ActionList, Problem> {
    let Wanted { mut search, from, limit } = wanted;
    if !caller.is_person() {
        let own = caller.name();
        if search.filter.agent.as_deref().is_some_and(|agent| agent != own) {
            return Ok(ActionList { actions: vec![], next: None });
        }
        search.filter.agent = Some(own.to_owned());
    }
    let tenant = &caller.tenant.name;
    let span = Span { from: from.map(|id| id.to_string()), rows: limit, steps };
    let Page { rows, next } = app.engine.search(tenant, search, span).await?;
    let actions = rows.into_iter().map(|row| summary(app, tenant, row)).collect();
    Ok(ActionList { actions, next })
}

/// An action of a list, with what it waits for.
fn summary(app: &App, tenant: &str, row: (String, Row)) -> ActionSummary {
    let mut summary = ActionSummary::from(row);
    if summary.status == Status::Waiting.word()
        && let Ok(id) = summary.id.parse()
    {
        summary.missing = app.engine.missing(tenant, &id);
    }
    summary
}

/// Waits as long as the caller prefers, then answers 200 for an action that has ended, and 202 for any other action.
pub(super) async fn answer(
    app: &App,
    caller: &Caller,
    id: &ActionId,
    rest: impl Future<Output = Option<StoredAction>>,
    wait: Option<Duration>,
) -> Result<Response, Problem> {
    shown(app, caller, rested(app, id, rest, wait.unwrap_or(WAIT_DEFAULT)).await?)
}

/// Waits for at most `patience` until the action rests, and returns the action as it then is.
pub(super) async fn rested(
    app: &App,
    id: &ActionId,
    rest: impl Future<Output = Option<StoredAction>>,
    patience: Duration,
) -> Result<StoredAction, Problem> {
    let told = tokio::time::timeout(patience, rest).await;
    if told.is_err() {
        tracing::debug!(action = %id, "the caller no longer waits; the action continues");
    }
    let told = told.ok().flatten().map_or_else(|| app.engine.load(id), Ok)?;
    if !told.story.status.rests() {
        // An action that has ended or waits is already on disk. For any other action, at least its acceptance must be
        // on disk.
        app.engine.on_disk(id).await?;
    }
    Ok(told)
}

/// The answer with what the caller may see of an action: 200 if it has ended, and 202 otherwise.
pub(super) fn shown(app: &App, caller: &Caller, told: StoredAction) -> Result<Response, Problem> {
    let ended = matches!(told.story.status, Status::Ended(_));
    let view = viewed(app, caller, told)?;
    let status = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    let place = [(header::LOCATION, format!("/v1/actions/{}", view.id))];
    Ok((status, place, Json(view)).into_response())
}

/// What the caller may see of an action. The request may have waited for the action, so the caller is checked again:
/// a reload may have removed it.
pub(crate) fn viewed(app: &App, caller: &Caller, told: StoredAction) -> Result<View, Problem> {
    if !app.live().callers.has(caller) {
        return Err(Problem::unknown_token());
    }
    let StoredAction { story, entries } = caller.may_see(told)?;
    let mut view = view::view(&story, &entries, caller.is_person())?;
    // An agent may see only its own actions, so the id of the action that holds the resource is not shown to agents.
    let holder = app.engine.held_by(&story).filter(|_| caller.is_person());
    view.held_by = holder.map(|id| id.to_string());
    view.stale_states = stale_states(app, caller, &story, &entries);
    view.edit = Edited::of(&story, |old| app.engine.story(old).ok());
    view.approve_url = (view.status == "waiting").then(|| app.page_of(&view.id)).flatten();
    Ok(view)
}

/// How the state changed after people were shown it. Only people of the tenant may see values of the state.
fn stale_states(app: &App, caller: &Caller, story: &Story, entries: &[Entry]) -> Vec<StaleState> {
    if !caller.is_person() || story.asked_ms == 0 {
        return Vec::new();
    }
    // Without the contract, which must be stored, the page still shows the differences.
    stale::of(entries, || app.engine.contract_of(story).ok())
}

pub(crate) fn parse_id(text: &str) -> Result<ActionId, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

/// A proposal as the host takes it from this caller: with the party that the caller's access token names.
pub(crate) fn acting_for(
    app: &App,
    caller: &Caller,
    proposal: Proposal,
) -> Result<Proposal, Problem> {
    Ok(contract::acting_for(bind_as(app, caller)?, proposal)?)
}

/// The subject of the access token of this request, if a proposal under this contract would exchange the token.
pub(crate) fn requester<'a>(
    app: &'a App,
    caller: &'a Caller,
    contract: &str,
) -> Result<Option<&'a Requester>, Problem> {
    Ok(contract::requester(bind_as(app, caller)?, contract))
}

fn bind_as<'a>(app: &'a App, caller: &'a Caller) -> Result<contract::Caller<'a>, Problem> {
    let (agent, person) = caller.agent()?;
    let entry = caller.tenant.agents.get(agent);
    let party = match &caller.on_behalf_of {
        Some(party) => Party::Token(party),
        None if entry.is_some_and(|entry| app.live().issuers.say_for_whom(entry)) => Party::Nobody,
        None => Party::Proposal,
    };
    let access = caller.access.as_ref().map_or_else(|why| Access::Missing(*why), Access::Token);
    Ok(contract::Caller {
        tenant: &caller.tenant,
        environment: app.engine.environment(),
        agent,
        person,
        party,
        access,
    })
}
