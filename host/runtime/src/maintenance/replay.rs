//! Replays the runs of a bundle: runs an adapter again with the recorded exchanges.
//!
//! A replay cannot reach the network, because its grants have no upstreams. A replay shows whether the adapter does the
//! same as in the record when it gets the same answers. A replay does not show that the recorded answers are authentic;
//! `deed verify` checks that.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_record::action::commitment::Live;
use deed_record::action::private::{self, Prepared};
use deed_record::contract::Contract;
use deed_sandbox::grant::{self, Scope};
use deed_sandbox::{Adapter, Run, Sandbox};
use deed_verify::replay::{Case, Line, Recorded, Report, Seen, compare};
use serde_json::json;

use crate::stage::observe::{self, Looks};

/// Repeats the recorded runs one after another, and compares each result with the record.
pub async fn replay(sandbox: &Sandbox, adapter: &Adapter, case: &Case) -> Report {
    let mut lines = Vec::new();
    for recorded in case.runs() {
        lines.push(match recorded.no_run() {
            Some(line) => line,
            None => again(sandbox, adapter, case, &recorded).await,
        });
    }
    case.report(adapter.digest(), lines)
}

async fn again(sandbox: &Sandbox, adapter: &Adapter, case: &Case, recorded: &Recorded) -> Line {
    let grant = grant::replay(scope(adapter, case, recorded), recorded.seen.exchanges.clone());
    let run = sandbox.replay(adapter, grant).await;
    compare(recorded, &seen(run, recorded, &case.contract))
}

/// The scope of the recorded run, without upstreams.
fn scope(adapter: &Adapter, case: &Case, recorded: &Recorded) -> Scope {
    let Case { action, contract, .. } = case;
    Scope {
        tenant: action.tenant.clone(),
        action: action.id.clone(),
        contract: action.contract.name.clone(),
        // A bundle has commitments in place of private values. An adapter that only passes parameters on behaves in the
        // same way with commitments.
        params: Live::new(action.params.clone()),
        private: private::words(contract, &action.params),
        attempt: recorded.attempt,
        rendered: recorded.requests.iter().cloned().map(Prepared::plain).collect(),
        searches: vec![],
        tags: BTreeMap::new(),
        once: vec![],
        upstreams: BTreeMap::new(),
        states: contract.state.clone(),
        adapter: adapter.digest(),
        timeout: Duration::from_millis(contract.limits.timeout.as_millis()),
    }
}

/// The result of a run in the form that is compared. The result of an observation is converted as the host converts it;
/// the result of an attempt is not converted.
fn seen(run: Run, recorded: &Recorded, contract: &Contract) -> Seen {
    if recorded.attempt == 0 {
        let rules = Looks { contract, asked: &recorded.asked };
        return Seen::of_look(&observe::observation(run, recorded.at_ms, rules), contract);
    }
    Seen {
        exchanges: run.exchanges,
        refused: run.refused,
        state: json!({}),
        derived: [].into(),
        claim: Some(run.claim),
        is_usable: true,
    }
}
