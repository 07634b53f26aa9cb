//! When a driver follows a reload of the configuration.
//!
//! A driver follows it at the start of a step. From the decision that permits an attempt to the judgement of what the
//! attempt did, it keeps its configuration: the observation after the attempt must be of the same state, and a further
//! attempt continues the same writes. What a reload revokes is checked before each write (`revoked`).

use std::sync::{Arc, OnceLock};

use deed_record::lifecycle::event::Phase;
use deed_record::lifecycle::status::Status;

use super::current::Current;
use super::drive::Drive;
use super::error::EngineError;
use super::revoked;

impl Drive<'_> {
    /// Takes the newest configuration, unless the action must keep its own. A permit is dropped with the configuration
    /// under which policy gave it, so the checks before an attempt are repeated.
    pub(super) fn follow_configuration(&mut self) {
        if !self.keeps_configuration() {
            self.adopt(self.engine.current());
        }
    }

    /// Whether the configuration was reloaded since the checks before the first attempt, so that these are repeated.
    pub(super) fn is_overtaken_by_a_reload(&self) -> bool {
        !self.keeps_configuration() && !Arc::ptr_eq(&self.current, &self.engine.current())
    }

    /// Follows the newest configuration before another attempt, or returns why there is no other attempt: the
    /// configuration has another contract, adapter, binding or credential for writes. What was done is then judged by
    /// the configuration under which it was done.
    pub(super) fn follow_for_retry(&mut self) -> Result<Option<String>, EngineError> {
        let newest = self.engine.current();
        if Arc::ptr_eq(&self.current, &newest) {
            return Ok(None);
        }
        let name = &self.work.story.bound.action.contract.name;
        let tenant = newest.tenant(&self.tenant.name);
        let Some((tenant, granted)) = tenant.and_then(|one| Some((one, one.grants.get(name)?)))
        else {
            return Ok(Some(format!("the grant for `{name}` was removed")));
        };
        if let Some(what) = self.difference(tenant, granted)? {
            return Ok(Some(format!("the {what} changed")));
        }
        // The binding does not have all of the table of a secret or token.
        let configurations = (self.current.as_ref(), newest.as_ref());
        let allowed = (tenant.as_ref(), granted);
        let replaced = revoked::replaced_access(configurations, allowed, &self.work.story);
        if replaced.is_some() {
            return Ok(replaced);
        }
        self.adopt(newest);
        Ok(None)
    }

    fn keeps_configuration(&self) -> bool {
        match self.work.story.status {
            Status::Attempting
            | Status::Attempted
            | Status::Observing(Phase::Post)
            | Status::Observed(Phase::Post)
            | Status::Retrying => true,
            Status::CancelRequested => self.is_between_attempts(),
            _ => self.permit.is_some() && self.is_between_attempts(),
        }
    }

    fn adopt(&mut self, newest: Arc<Current>) {
        if Arc::ptr_eq(&self.current, &newest) {
            return;
        }
        // A reload cannot remove a tenant.
        let Some(tenant) = newest.tenant(&self.tenant.name).cloned() else { return };
        (self.tenant, self.current) = (tenant, newest);
        self.world = OnceLock::new();
        self.permit = None;
    }
}
