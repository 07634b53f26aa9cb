//! The plan of an action, and the writes that follow from the plan.
//!
//! A plan belongs to the state under which it was made. A new observation before an attempt therefore removes it, and
//! further attempts under the same state keep it.

use super::Story;
use crate::contract::Contract;
use crate::exchange::{Exchange, NoValue, Rendered};
use crate::plan::{self, Plan, sent};

impl Story {
    /// Whether the action must be rehearsed before anything else can happen under the latest state: the contract is
    /// open, and the action was not rehearsed under this state.
    pub fn needs_rehearsal(&self) -> bool {
        self.rehearsal.is_none() && plan::is_open(&self.bound.perform)
    }

    /// The plan of the action; `None` if the contract is closed, or the action was not rehearsed under the latest
    /// state.
    pub fn plan(&self) -> Option<&Plan> {
        self.rehearsal.as_ref().and_then(|rehearsal| rehearsal.plan.as_ref())
    }

    /// The writes of the next or the running attempt. With a plan, these are the planned writes in their order, with
    /// the values of all answers so far. Without a plan, they are the writes of the contract, each as often as one
    /// attempt may send it.
    ///
    /// # Errors
    ///
    /// Fails when the state lacks a value that a write sends.
    pub fn writes(&self, contract: &Contract) -> Result<Vec<Rendered>, NoValue> {
        if let Some(plan) = self.plan() {
            return Ok(sent::with_answers_so_far(contract, plan, &self.known_exchanges()));
        }
        let perform = self.perform()?;
        let writes = perform.iter().filter(|request| request.writes);
        Ok(writes.flat_map(|request| (0..request.calls).map(move |_| request.clone())).collect())
    }

    /// The exchanges of every attempt, and the results so far of the attempt that is under way.
    fn known_exchanges(&self) -> Vec<&Exchange> {
        let mut all = self.exchanges();
        all.extend(self.running.iter().flat_map(|run| &run.ended).map(|one| &**one));
        all
    }
}
