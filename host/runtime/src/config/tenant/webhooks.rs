//! The webhooks of a tenant's agents. An agent cannot choose or change its receiver: only `deed.toml` names URLs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Builder;
use crate::config::notify::{self, Wrong};
use crate::config::webhook::Webhook;
use crate::config::{raw, secret};

impl Builder<'_> {
    /// The receivers of agents, by the name of the agent.
    pub(super) fn webhooks(&mut self) -> BTreeMap<String, Arc<Webhook>> {
        let mut webhooks = BTreeMap::new();
        for (agent, raw) in &self.raw.agent {
            let Some(raw) = &raw.notify else { continue };
            match self.webhook(agent, raw) {
                Ok(webhook) => {
                    webhooks.insert(agent.clone(), Arc::new(webhook));
                }
                Err((needle, what)) => {
                    self.fault("agent", &format!("{agent}.notify"), needle, &what);
                }
            }
        }
        webhooks
    }

    fn webhook(&self, agent: &str, raw: &raw::Notify) -> Result<Webhook, Wrong> {
        let table = format!("[tenant.{}.agent.{agent}.notify]", self.name);
        if raw.events.is_some() {
            let what = format!(
                "`events` is for [notify] only; an agent's webhook reports the end of its actions; remove `events` \
                 under {table}"
            );
            return Err(("events", what));
        }
        notify::webhook(self.files, raw, &table, &secret::of_agent(agent))
    }
}
