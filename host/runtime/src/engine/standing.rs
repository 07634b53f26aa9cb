//! The state of the engine, for operators: what is under way, what was refused, and why it failed.

use deed_sandbox::RunStanding;
use deed_store::log::{Publisher, Standing};

use super::Engine;
use crate::capacity::admission::{Limit, Load};

impl Engine {
    /// Per tenant, the standing of each witness of its log.
    pub fn witnesses(&self) -> Vec<(&str, Standing)> {
        let of = |(tenant, publisher)| -> Vec<(&str, Standing)> {
            let (tenant, publisher): (&String, &Publisher) = (tenant, publisher);
            publisher.witnesses().into_iter().map(|one| (tenant.as_str(), one)).collect()
        };
        self.publishers.iter().flat_map(of).collect()
    }

    /// How many drivers are under way.
    pub fn under_way(&self) -> usize {
        self.in_flight.count()
    }

    /// Per tenant, how many actions are under way and how many wait for people.
    pub fn loads(&self) -> Vec<Load> {
        self.admission.loads()
    }

    /// How often each limit refused new work.
    pub fn refused(&self) -> [(Limit, u64); Limit::ALL.len()] {
        self.admission.refused()
    }

    /// How many runs are in progress, and how many actions wait for a run slot.
    pub fn run_slots(&self) -> RunStanding {
        self.sandbox.run_queue().standing()
    }

    /// Why nothing may run any more: the journal or a log failed. The host ends then.
    pub fn failed(&self) -> Option<String> {
        let journal =
            self.store.failed().map(|why| format!("the journal cannot be written: {why}"));
        let logs = || {
            let failed = |(tenant, publisher): (&String, &Publisher)| {
                publisher
                    .failed()
                    .map(|why| format!("the log of `{tenant}` cannot be written: {why}"))
            };
            self.publishers.iter().find_map(failed)
        };
        journal.or_else(logs)
    }

    pub fn is_stopping(&self) -> bool {
        self.in_flight.is_stopping()
    }
}
