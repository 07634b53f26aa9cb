//! Proposes an action for a call without an idempotency key. A client that was cut off repeats its call, and the repeated
//! call must not result in a second action.
//!
//! An equal call of the same agent, for the same party, joins an action until an answer has reported the action's end
//! to the agent.

use std::sync::Arc;
use std::time::Duration;

use deed_record::action::commitment::Live;
use deed_record::action::id::ActionId;
use deed_record::action::{Proposal, Requester, private};
use deed_record::contract::Contract;
use deed_spec::digest::Digest;
use deed_spec::json::{self, NotCanonical};

use super::context::Call;
use super::joins::{Asked, Calls, OPEN};
use crate::api::problem::Problem;
use crate::config::Tenant;
use crate::engine::{Engine, StoredAction};
use crate::http::{self, App, Caller};
use crate::stage::contract;

/// How long an equal call joins an action that has ended without a report to the agent.
const ENDED_MAX_MS: i64 = 60 * 60 * 1_000;
/// How many open actions of each status are looked through after a restart, the newest first.
const LISTED: &str = "500";

/// The body of a proposal, and the trace that it belongs to.
pub(super) type Sent = (Vec<u8>, Option<String>);

/// Proposes an action, or joins the action of an earlier equal call. Waits for at most `wait` until the action has ended
/// or waits for people. Returns the action, and its id if the call joined it.
pub(super) async fn propose(
    call: Call<'_>,
    contract: &Contract,
    proposal: &Proposal,
    sent: Sent,
    wait: Duration,
) -> Result<(StoredAction, Option<ActionId>), Problem> {
    let (app, caller) = (call.app, call.caller);
    // The party is a part of what a call asks for, also in the actions that are read from the journal.
    let proposal = http::acting_for(app, caller, proposal.clone())?;
    let requester = http::requester(app, caller, &contract.action.name)?;
    let Ok(asked) = digest(contract, proposal, requester) else {
        return Err(Problem::bad_request("the arguments have no canonical JSON form"));
    };
    let calls = call.joins.of(caller);
    calls.is_complete.get_or_try_init(|| complete(app, caller, &calls)).await?;
    let slot = calls.slot(asked.clone(), |id| !matches!(app.engine.ended_for_ms(id), Ok(None)));
    let mut held = Arc::clone(&slot).lock_owned().await;
    if let Some(id) = (*held).clone().filter(|id| may_join(app, id)) {
        drop(held);
        let told = http::looked_at(app, caller, &id, Some(wait)).await?;
        return Ok((told, Some(id)));
    }
    let (of_app, of_caller) = (app.clone(), caller.clone());
    // This work continues if the client disconnects, so that a repeated call finds the action.
    let accepting = async move {
        let (body, trace) = sent;
        let taken = http::accepted(&of_app, &of_caller, &body, (None, trace)).await?;
        calls.accepted(asked, &slot, taken.id.clone());
        *held = Some(taken.id.clone());
        Ok(taken)
    };
    let taken = http::carried(accepting).await?;
    Ok((taken.rested(app, wait).await?, None))
}

/// Whether an equal call joins this action. If the action cannot be read, the call joins it, and reports that.
fn may_join(app: &App, id: &ActionId) -> bool {
    match app.engine.ended_for_ms(id) {
        Ok(ended) => ended.is_none_or(|for_ms| for_ms < ENDED_MAX_MS),
        Err(_) => true,
    }
}

/// Adds the open actions of the agent that earlier processes accepted, so that a call that is repeated after a restart
/// joins its action. The journal does not say how an action was proposed, so actions with a key are added too.
async fn complete(app: &App, caller: &Caller, calls: &Calls) -> Result<(), Problem> {
    let mut ids: Vec<ActionId> = Vec::new();
    for status in OPEN {
        let filters = [("status", status), ("limit", LISTED)];
        let filters = filters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let listed = http::listed(app, caller, filters.to_vec()).await?;
        ids.extend(listed.actions.into_iter().filter_map(|action| action.id.parse().ok()));
    }
    let (engine, tenant) = (Arc::clone(&app.engine), Arc::clone(&caller.tenant));
    // There may be hundreds of actions, and each is read from the journal.
    let reading = tokio::task::spawn_blocking(move || {
        let found = ids.into_iter().filter_map(|id| Some((earlier(&engine, &tenant, &id)?, id)));
        found.collect::<Vec<_>>()
    });
    calls.found(reading.await.map_err(|_| Problem::unavailable())?);
    Ok(())
}

/// What the call of an action of an earlier process asked for; `None` for an action of this process, and for an action
/// under another version of its contract.
fn earlier(engine: &Engine, tenant: &Tenant, id: &ActionId) -> Option<Asked> {
    let story = engine.story(id).ok()?;
    let named = &story.bound.action.contract;
    let granted = tenant.grants.get(&named.name).filter(|one| one.digest == named.digest)?;
    if !engine.is_older_than_this_process(&story) {
        return None;
    }
    let proposed = story.bound.proposed(&granted.contract).ok()?;
    let requester = contract::recorded_requester(&story.bindings);
    digest(&granted.contract, proposed.reveal().clone(), requester.as_ref()).ok()
}

/// What a call asks for. Calls with access tokens of two parties differ, if the access tokens are exchanged.
fn digest(
    contract: &Contract,
    proposal: Proposal,
    requester: Option<&Requester>,
) -> Result<Asked, NotCanonical> {
    let asked = private::digest(contract, proposal)?;
    let Some(requester) = requester else { return Ok(asked) };
    let both = json::to_canonical(&(asked.reveal(), requester))?;
    Ok(Live::new(Digest::of(&both)))
}
