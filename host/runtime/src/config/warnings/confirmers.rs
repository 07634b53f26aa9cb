//! Warnings about people who cannot confirm actions.

use super::super::Tenant;
use super::super::fault::{Fault, Source};

/// Warns about an agent whose responsible person has no key, if a policy asks for confirmations. Policy may ask for none
/// of the agent's actions, so this is no fault.
pub(super) fn without_key(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>) {
    if !tenant.policies.ask_for_confirmations() {
        return;
    }
    for (name, agent) in &tenant.agents {
        let person = &agent.person;
        if tenant.persons.get(person).is_some_and(|known| !known.keys.is_empty()) {
            continue;
        }
        let what = format!(
            "a policy has the obligation `confirm`, and `{person}`, who is responsible for agent `{name}`, has no key: \
             actions of the agent that `{person}` must confirm are denied; add `keys` or `passkeys`"
        );
        found.push(here.fault_in(&format!("[tenant.{}.person.{person}]", tenant.name), "", &what));
    }
}
