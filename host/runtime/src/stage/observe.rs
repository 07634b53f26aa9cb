//! Stage 3: creates an observation from the exchanges of a read-only run.
//!
//! The observed state is what the host itself read. The adapter's report can only make the observation unusable.

use std::collections::BTreeMap;

use deed_record::contract::Contract;
use deed_record::exchange::{Exchange, ExchangeSummary, beyond_grant};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::observation::answers::Asked;
use deed_record::lifecycle::observation::declared::{Declared, declared};
use deed_sandbox::grant::ReadGrant;
use deed_sandbox::{Adapter, Run, RunSlot, Sandbox};

/// Runs the adapter's `observe` function in a new instance. The guest is not told whether it runs before or
/// after the attempt.
pub async fn look(
    sandbox: &Sandbox,
    adapter: &Adapter,
    grant: ReadGrant,
    turn: &RunSlot,
    rules: Looks<'_>,
    now_ms: impl Fn() -> i64,
) -> Looked {
    let run = sandbox.observe(adapter, grant, turn).await;
    let (at_ms, misfit) = (now_ms(), run.misfit);
    let observation = observation(run, at_ms, rules);
    let hindrance = observation.hindrance(rules.contract, rules.asked).filter(|_| !misfit);
    let hindrance = hindrance.map(Exchange::summary);
    Looked { observation, hindrance }
}

/// An observation. If the observation failed only for temporary reasons, `hindrance` is the last request that failed.
#[derive(Debug, Clone)]
pub struct Looked {
    pub observation: Observation,
    pub hindrance: Option<ExchangeSummary>,
}

/// The contract of an observation, and for each of its `observe` rules the request that the observation may send.
#[derive(Debug, Clone, Copy)]
pub struct Looks<'a> {
    pub contract: &'a Contract,
    pub asked: &'a [Asked<'a>],
}

/// The observation that results from a run of `observe`.
pub(crate) fn observation(run: Run, at_ms: i64, rules: Looks<'_>) -> Observation {
    // An observation does not count if its adapter made a request outside its grant.
    let reached = beyond_grant(&run.refused, &run.exchanges).next();
    let reached = reached.map(|why| format!("the adapter made a request outside its grant: {why}"));
    let forbidden = run.exchanges.iter().find_map(Exchange::forbidden);
    let forbidden =
        forbidden.map(|why| format!("the configuration does not allow the connection: {why}"));
    let derived = run.reads.iter().filter(|(_, read)| read.derived).map(|(name, _)| name.clone());
    let derived = derived.collect();
    let mut state: BTreeMap<_, _> =
        run.reads.into_iter().map(|(name, read)| (name, read.value)).collect();
    // If the contract declares how to read a state, the adapter only has to send the requests.
    let Declared { states, problem } = declared(rules.contract, rules.asked, &run.exchanges);
    state.extend(states);
    Observation {
        state,
        derived,
        exchanges: run.exchanges,
        claim: Some(run.claim),
        refused: run.refused,
        at_ms,
        problem: reached.or(forbidden).or(run.problem).or(problem),
    }
}
