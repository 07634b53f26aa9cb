//! Replays the runs of a bundle: runs an adapter again with the recorded exchanges.
//!
//! A replay cannot reach the network, because its grants have no upstreams. A replay shows whether the adapter does the
//! same as in the record when it gets the same answers. A replay does not show that the recorded answers are authentic;
//! `deed verify` checks that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deed_record::action::commitment::Live;
use deed_record::action::private::{self, Prepared};
use deed_record::contract::Contract;
use deed_record::plan::course::Course;
use deed_record::plan::draft::Draft;
use deed_sandbox::grant::{self, Scope};
use deed_sandbox::{Adapter, Run, Sandbox};
use deed_spec::digest::Digest;
use deed_verify::replay::{Case, Line, Part, Recorded, Report, Seen, compare};
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
    if let Part::Rehearsal { seed } = recorded.part {
        return rehearsed_again(sandbox, adapter, case, (recorded, seed)).await;
    }
    let grant = grant::replay(scope(adapter, case, recorded), recorded.seen.exchanges.clone());
    let run = sandbox.replay(adapter, grant).await;
    compare(recorded, &seen(run, recorded, &case.contract))
}

/// Repeats the rehearsal. The host makes the same answers from the seed again, so the plan must be the same.
async fn rehearsed_again(
    sandbox: &Sandbox,
    adapter: &Adapter,
    case: &Case,
    (recorded, seed): (&Recorded, Digest),
) -> Line {
    let scope = scope(adapter, case, recorded);
    let private = scope.private.reveal().clone();
    let draft = Draft::new(&case.contract, prepared(recorded), private, seed);
    let grant = grant::replay_rehearsal(scope, draft, recorded.seen.exchanges.clone());
    let rehearsal = sandbox.replay_rehearsal(adapter, grant).await;
    compare(recorded, &Seen::from(&rehearsal))
}

fn prepared(recorded: &Recorded) -> Vec<Prepared> {
    recorded.requests.iter().cloned().map(Prepared::plain).collect()
}

/// The course of an attempt under a plan.
fn course(case: &Case, recorded: &Recorded) -> Option<Course> {
    match &recorded.part {
        Part::Attempt { plan, reads, earlier } => {
            let course = Course::new(&case.contract, prepared(recorded), plan, reads.clone());
            Some(course.knowing(&earlier.iter().collect::<Vec<_>>()))
        }
        Part::None | Part::Rehearsal { .. } | Part::OtherPlan => None,
    }
}

/// The scope of the recorded run, without upstreams.
fn scope(adapter: &Adapter, case: &Case, recorded: &Recorded) -> Scope {
    let Case { action, contract, .. } = case;
    Scope {
        tenant: action.tenant.clone(),
        person: action.person.clone(),
        access: None,
        action: action.id.clone(),
        contract: action.contract.name.clone(),
        // A bundle has commitments in place of private values. An adapter that only passes parameters on behaves in the
        // same way with commitments.
        params: Live::new(action.params.clone()),
        private: private::words(contract, &action.params),
        attempt: recorded.attempt,
        rendered: prepared(recorded),
        course: course(case, recorded),
        searches: vec![],
        tags: BTreeMap::new(),
        once: vec![],
        upstreams: BTreeMap::new(),
        slots: Arc::default(),
        memory: Arc::default(),
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
        plan: None,
    }
}
