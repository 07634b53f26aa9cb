//! What a reload of the configuration revokes is checked before each write, also while an attempt is under way. A write
//! that was sent is not affected.

use std::collections::BTreeSet;
use std::sync::Arc;

use deed_record::action::Binding;
use deed_record::exchange::Exchange;
use deed_record::lifecycle::outcome::Judgement;
use deed_record::lifecycle::story::Story;
use deed_sandbox::credentials::Behalf;

use super::Engine;
use super::current::Current;
use crate::config::{Granted, Tenant};
use crate::stage::{approval, contract};

impl Engine {
    /// Why no further write of the action may be sent, although its attempt was permitted under the configuration
    /// `under`; `None` if the newest configuration revokes nothing that the attempt relies on. What was revoked for one
    /// upstream stops the writes to all of them, because people approved the action as a whole.
    pub(super) fn revoked(&self, under: &Arc<Current>, story: &Story) -> Option<String> {
        let newest = self.current();
        if Arc::ptr_eq(under, &newest) {
            return None;
        }
        let action = &story.bound.action;
        let name = &action.contract.name;
        let no_grant = || format!("the grant for `{name}` was removed");
        let Some(tenant) = newest.tenant(&action.tenant) else { return Some(no_grant()) };
        let Some(granted) = tenant.grants.get(name) else { return Some(no_grant()) };
        let (agent, person) = (&action.principal, &action.person);
        if tenant.agents.get(agent).is_none_or(|one| one.person != *person) {
            return Some(format!("`{person}` is no longer responsible for `{agent}`"));
        }
        if story.ask.is_some()
            && let Err(error) = approval::still_counts(tenant, story, self.clock.latest_ms())
        {
            return Some(format!("an approval is no longer valid: {error}"));
        }
        replaced_access((under.as_ref(), newest.as_ref()), (tenant.as_ref(), granted), story)
    }
}

/// Why no other write may follow under the configuration `newest`: the credential for the writes, or the way to an
/// upstream, is not the one that the action was approved with and that its attempts under `under` used.
pub(super) fn replaced_access(
    (under, newest): (&Current, &Current),
    (tenant, granted): (&Tenant, &Granted),
    story: &Story,
) -> Option<String> {
    let secrets = under.config.parts.other_secrets(&newest.config.parts, &tenant.name);
    let requester = contract::recorded_requester(&story.bindings);
    let behalf = Behalf { person: &story.bound.action.person, requester: requester.as_ref() };
    let here = (tenant, behalf);
    let now = contract::bindings(here, granted, (&[], &[]));
    let now = contract::in_form_of(&story.bindings, now);
    story.bindings.iter().find_map(|(upstream, was)| {
        let Some(is) = now.get(upstream) else {
            return Some(format!("the grant no longer reaches the upstream `{upstream}`"));
        };
        if !has_same_credential(was, is) || has_other_source(tenant, upstream, &secrets) {
            let what = format!("the credential for writes to `{upstream}` was removed or replaced");
            return Some(what);
        }
        let has_other_way = !has_same_way(was, is);
        has_other_way.then(|| format!("the way to the upstream `{upstream}` was changed"))
    })
}

/// Adds to the reason of a judgement why the host withheld a write that no attempt sent. A person must see this also if
/// the state is as the contract requires without this write.
pub(super) fn with_withheld(judgement: Judgement, story: &Story) -> Judgement {
    let exchanges = story.exchanges();
    let was_sent = |write: &Exchange| {
        exchanges.iter().any(|one| one.request == write.request && one.may_have_written())
    };
    let mut missing = exchanges.iter().filter(|one| !was_sent(one));
    let Some(why) = missing.find_map(|one| one.withheld()) else { return judgement };
    if judgement.reason.contains(why) {
        return judgement;
    }
    let reason = format!("{}; a write was not sent: {why}", judgement.reason);
    Judgement { reason, ..judgement }
}

/// Whether the host would write as the same party. The certificate of the host identifies it as a secret does.
fn has_same_credential(was: &Binding, is: &Binding) -> bool {
    was.write == is.write
        && was.client_certificate == is.client_certificate
        && was.client_key == is.client_key
}

/// Whether a write would reach the same server, and whether the same servers would be trusted to be it.
fn has_same_way(was: &Binding, is: &Binding) -> bool {
    was.base_url == is.base_url
        && was.addresses == is.addresses
        && was.tls_roots == is.tls_roots
        && was.proxy == is.proxy
        && was.headers == is.headers
}

/// Whether the table of a secret or token that belongs to the credential for writes differs. `secrets` has the names of
/// the secrets and tokens whose table does.
fn has_other_source(tenant: &Tenant, upstream: &str, secrets: &BTreeSet<String>) -> bool {
    let write = tenant.upstreams.get(upstream).and_then(|one| one.write.as_ref());
    write.is_some_and(|write| {
        let stored = write.secrets();
        secrets.contains(write.source.name())
            || stored.iter().any(|one| secrets.contains(one.name()))
    })
}
