//! Runs an adapter once in a new wasmtime store.
//!
//! A run ends at its wall-clock limit. Only writes that may already have been sent continue until their own deadline.

use std::time::Duration;

use deed_record::exchange::claim::Claim;
use deed_record::plan::draft::Draft;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use super::bindings::deed::adapter::types::{Action, Failure};
use super::bindings::v2::deed::adapter::types::{self, Request};
use super::engine::{Adapter, Pre};
use super::host_functions::Guest;
use super::redact::Redactor;
use super::{LogLevel, LogLine, Run, limits, reason};

/// Runs `observe` or `perform` once. After a rehearsal, also returns the draft of its plan.
pub(super) async fn run(
    adapter: &Adapter,
    guest: Guest,
    action: &Call,
    timeout: Duration,
) -> (Run, Option<Draft>) {
    let mut store = fresh(adapter.engine(), guest);
    let ended = tokio::time::timeout(timeout, call(&mut store, adapter, action)).await;
    // Freeing the store frees the guest's stack and memory, so that only the results of the run are left.
    let mut guest = store.into_data();
    guest.take_output();
    let claim = match ended {
        Ok(Ok(Ok(()))) => Claim::Done,
        Ok(Ok(Err(failure))) => claimed(failure, &guest.redactor),
        Ok(Err(error)) => Claim::Trapped(trapped(&error, &guest)),
        Err(_) => Claim::TimedOut,
    };
    finish(guest, claim, timeout).await
}

fn fresh(engine: &Engine, guest: Guest) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.meter);
    store.set_hostcall_fuel(limits::HOSTCALL);
    store.set_max_component_handles(limits::HANDLES);
    store.set_epoch_deadline(1);
    // The callback yields through Tokio, because wasmtime's own yield does not respect Tokio's task budget.
    store.epoch_deadline_callback(|_| {
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

async fn call(
    store: &mut Store<Guest>,
    adapter: &Adapter,
    action: &Call,
) -> wasmtime::Result<Result<(), Failure>> {
    let observing = store.data().observing;
    match adapter.pre() {
        Pre::First(pre) => {
            let instance = pre.instantiate_async(&mut *store).await?;
            if observing {
                instance.call_observe(store, &action.plain).await
            } else {
                instance.call_perform(store, &action.plain).await
            }
        }
        Pre::Second(pre) => {
            let (instance, action) = (pre.instantiate_async(&mut *store).await?, action.second());
            let ended = if observing {
                instance.call_observe(store, &action).await
            } else {
                instance.call_perform(store, &action).await
            };
            ended.map(|ended| ended.map_err(Into::into))
        }
    }
}

/// An action as guests of both versions get it.
pub(super) struct Call {
    pub(super) plain: Action,
    /// The requests of the run, as they are sent.
    pub(super) requests: Vec<Request>,
}

impl Call {
    fn second(&self) -> types::Action {
        let Action { contract, params, attempt } = self.plain.clone();
        types::Action { contract, params, attempt, requests: self.requests.clone() }
    }
}

/// What the guest reports, bounded and without secrets.
fn claimed(failure: Failure, redactor: &Redactor) -> Claim {
    let bounded = |text: String| redactor.text(&text, limits::TEXT);
    match failure {
        Failure::Refused(text) => Claim::Refused(bounded(text)),
        Failure::Unavailable(text) => Claim::Unavailable(bounded(text)),
        Failure::Unknown(text) => Claim::Unknown(bounded(text)),
        Failure::Invalid(text) => Claim::Invalid(bounded(text)),
    }
}

fn trapped(error: &wasmtime::Error, guest: &Guest) -> String {
    let text = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    guest.trapped(&text)
}

async fn finish(guest: Guest, claim: Claim, timeout: Duration) -> (Run, Option<Draft>) {
    let Guest { egress, observing, reads, mut log, dropped, refused, misfits, .. } = guest;
    if dropped > 0 {
        log.push(LogLine {
            level: LogLevel::Warn,
            text: format!("{dropped} more lines were dropped"),
        });
    }
    let (exchanges, rules) = egress.close().await;
    let draft = rules.into_draft();
    let problem = if draft.is_some() {
        reason::of_rehearsal(&claim, timeout, &exchanges)
    } else if observing {
        reason::of_look(&claim, timeout, &misfits, &exchanges)
    } else {
        reason::of_attempt(&claim, timeout)
    };
    let misfit = misfits.values().any(|misfit| misfit.of_content);
    (Run { claim, exchanges, reads, log, refused, misfit, problem }, draft)
}
