//! The state of the engine for operators: work under way, refused work, and failures.

use deed_sandbox::RunStanding;
use deed_spec::digest::Digest;
use deed_spec::note::Checkpoint;
use deed_store::log::{Publisher, Standing};

use super::Engine;
use crate::capacity::admission::{Limit, Load};
use crate::config::{CredentialUse, Expiry, Tenant};

impl Engine {
    /// The state of each witness of each tenant's log.
    pub fn witnesses(&self) -> Vec<(&str, Standing)> {
        let of = |(tenant, publisher)| -> Vec<(&str, Standing)> {
            let (tenant, publisher): (&String, &Publisher) = (tenant, publisher);
            publisher.witnesses().into_iter().map(|one| (tenant.as_str(), one)).collect()
        };
        self.publishers.iter().flat_map(of).collect()
    }

    /// The number of running drivers.
    pub fn under_way(&self) -> usize {
        self.in_flight.count()
    }

    /// How many actions of each tenant are under way, and how many wait for people.
    pub fn loads(&self) -> Vec<Load> {
        self.admission.loads()
    }

    /// What expires of the configuration in force, each with its tenant.
    pub fn expiries(&self) -> Vec<(String, Expiry)> {
        let of = |tenant: &Tenant| -> Vec<(String, Expiry)> {
            tenant.expiries().into_iter().map(|one| (tenant.name.clone(), one)).collect()
        };
        self.current().tenants().values().flat_map(|tenant| of(tenant)).collect()
    }

    /// The credentials that the upstreams of a tenant get by the configuration in force.
    pub fn credential_uses(&self, tenant: &str) -> Vec<CredentialUse> {
        let tenant = self.current().tenants().get(tenant).cloned();
        tenant.map(|tenant| tenant.credential_uses()).unwrap_or_default()
    }

    /// How often each limit refused new work.
    pub fn refused(&self) -> [(Limit, u64); Limit::ALL.len()] {
        self.admission.refused()
    }

    /// How many runs are in progress, and how many actions wait for a run slot.
    pub fn run_slots(&self) -> RunStanding {
        self.sandbox.run_queue().standing()
    }

    /// Why the journal or a log failed, if one of them did. After such a failure nothing may run, and the host exits.
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

    /// The payload digest of the activation that is in force for a tenant, and when it was signed, in Unix milliseconds.
    pub fn activation(&self, tenant: &str) -> Option<(Digest, Option<i64>)> {
        let digest = *self.current().activated.get(tenant)?;
        let activation = self.key_history.activation_of(digest).ok().flatten();
        Some((digest, activation.map(|one| one.at_ms)))
    }

    /// The newest checkpoint of a tenant's log. The call may wait for the disk.
    pub fn log_head(&self, tenant: &str) -> Option<Checkpoint> {
        let note = self.publisher(tenant)?.checkpoint()?;
        let (text, _) = note.split_once("\n\n")?;
        Checkpoint::parse(&format!("{text}\n")).ok()
    }

    pub fn is_stopping(&self) -> bool {
        self.in_flight.is_stopping()
    }
}
