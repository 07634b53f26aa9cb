//! The tokens that identify callers. The tokens of `deed.toml` belong to one configuration; the tokens of `tokens/` are
//! replaced each time that the folder was read.
//!
//! A budget belongs to an agent or person, and not to a token, so a new token does not come with a new budget.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use deed_spec::digest::Digest;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tokio::time::Instant;

use super::{Caller, Who};
use crate::capacity::concurrency_limit::ConcurrencyLimit;
use crate::capacity::rate_limit::{Budget, ConcurrencyLimits, LIMITS};
use crate::config::{AgentToken, Tenant};
use crate::stage::contract::NoAccess;

/// How long the tokens of `tokens/` stay valid if the folder cannot be read any more. The host then cannot know which
/// tokens were revoked. The time is long enough for a disk that answers slowly.
pub(super) const UNREAD_FOR: Duration = Duration::from_secs(10);

/// All callers of the configuration, and the tokens that identify them.
#[derive(Debug)]
pub(in crate::http) struct Callers {
    /// Every agent by tenant and name, whether or not it has a token.
    agents: BTreeMap<(String, String), Caller>,
    /// The tokens of `deed.toml`.
    configured: Vec<Known>,
    /// Every person by tenant and name.
    people: BTreeMap<(String, String), Caller>,
    now: RwLock<Snapshot>,
    halls: ConcurrencyLimits,
}

/// A token that the host knows.
#[derive(Clone, Debug)]
struct Known {
    caller: Caller,
    hash: Digest,
    origin: Origin,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    Configuration,
    File { expires_ms: Option<i64> },
}

/// All known tokens since the last reading of `tokens/`.
#[derive(Clone, Debug)]
struct Snapshot {
    known: Arc<Vec<Known>>,
    read_at: Instant,
    /// The number of files in `tokens/` with a fault.
    faults: usize,
}

impl Callers {
    /// All callers in the configuration, with limits that suit this many connections, and without the tokens of
    /// `tokens/`.
    pub(in crate::http) fn of(
        tenants: &BTreeMap<String, Arc<Tenant>>,
        connections_max: usize,
    ) -> Self {
        Self::with(tenants, ConcurrencyLimits::new(connections_max, tenants.len()), None)
    }

    /// All callers of another configuration of the same tenants. A caller that both have keeps its budget.
    pub(in crate::http) fn next(&self, tenants: &BTreeMap<String, Arc<Tenant>>) -> Self {
        Self::with(tenants, self.halls.clone(), Some(self))
    }

    fn with(
        tenants: &BTreeMap<String, Arc<Tenant>>,
        halls: ConcurrencyLimits,
        before: Option<&Self>,
    ) -> Self {
        let (mut agents, mut people) = (BTreeMap::new(), BTreeMap::new());
        let mut configured = Vec::new();
        let known = |caller: &Caller, hash| Known {
            caller: caller.clone(),
            hash,
            origin: Origin::Configuration,
        };
        for tenant in tenants.values() {
            let place = |name: &String| (tenant.name.clone(), name.clone());
            for (name, agent) in &tenant.agents {
                let who = Who::Agent { name: name.clone(), person: agent.person.clone() };
                let same = before.and_then(|before| before.agents.get(&place(name)));
                let caller = caller(tenant, who, &halls.agents, same);
                configured.extend(agent.token.map(|hash| known(&caller, hash)));
                agents.insert(place(name), caller);
            }
            for (name, person) in &tenant.persons {
                let who = Who::Person { name: name.clone() };
                let same = before.and_then(|before| before.people.get(&place(name)));
                let caller = caller(tenant, who, &halls.people, same);
                configured.extend(person.token.map(|hash| known(&caller, hash)));
                people.insert(place(name), caller);
            }
        }
        let known = Arc::new(configured.clone());
        let now = RwLock::new(Snapshot { known, read_at: Instant::now(), faults: 0 });
        Self { agents, configured, people, now, halls }
    }

    /// Replaces the tokens of `tokens/` by those of a reading that began at this time.
    pub(in crate::http) fn put<'a>(
        &self,
        tokens: impl Iterator<Item = &'a AgentToken>,
        faults: usize,
        read_at: Instant,
    ) {
        let of_file = |token: &AgentToken| {
            let caller = self.agents.get(&(token.tenant.clone(), token.agent.clone()))?.clone();
            let origin = Origin::File { expires_ms: token.expires_ms };
            Some(Known { caller, hash: token.hash, origin })
        };
        let known = self.configured.iter().cloned().chain(tokens.filter_map(of_file)).collect();
        let next = Snapshot { known: Arc::new(known), read_at, faults };
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Finds the caller with this token. The token is compared with every known token even after a match, so that the
    /// duration does not show which token matches.
    pub(super) fn find(&self, token: &str, now_ms: i64) -> Option<Caller> {
        let shown = Digest::of(token.as_bytes());
        let now = self.snapshot();
        let mut found = u32::MAX;
        for (index, one) in now.known.iter().enumerate() {
            let equal: Choice = one.hash.as_bytes().ct_eq(shown.as_bytes());
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            found = u32::conditional_select(&found, &index, equal);
        }
        let one = now.known.get(usize::try_from(found).ok()?)?;
        one.origin.is_valid(now_ms, now.is_fresh()).then(|| one.caller.clone())
    }

    /// The agent with this name. Its budget is the same, whichever token it shows.
    pub(in crate::http) fn agent(&self, tenant: &str, name: &str) -> Option<Caller> {
        self.agents.get(&(tenant.to_owned(), name.to_owned())).cloned()
    }

    /// The person with this name.
    pub(in crate::http) fn person(&self, tenant: &str, name: &str) -> Option<Caller> {
        self.people.get(&(tenant.to_owned(), name.to_owned())).cloned()
    }

    /// Whether the configuration still has this caller, with the same person if it is an agent.
    pub(in crate::http) fn has(&self, caller: &Caller) -> bool {
        let place = (caller.tenant.name.clone(), caller.name().to_owned());
        let all = if caller.is_person() { &self.people } else { &self.agents };
        all.get(&place).is_some_and(|now| now.who == caller.who)
    }

    /// How many tokens of `tokens/` are valid, how many have expired, and how many are refused because of a fault or
    /// because the folder cannot be read.
    pub(in crate::http) fn of_files(&self, now_ms: i64) -> [(&'static str, usize); 3] {
        let now = self.snapshot();
        let is_file = |one: &&Known| matches!(one.origin, Origin::File { .. });
        let files = || now.known.iter().filter(is_file).map(|one| one.origin);
        let valid = files().filter(|one| one.is_valid(now_ms, now.is_fresh())).count();
        let expired = files().filter(|one| !one.is_valid(now_ms, true)).count();
        let refused = files().count().saturating_sub(valid + expired) + now.faults;
        [("valid", valid), ("expired", expired), ("refused", refused)]
    }

    /// How many tokens of `tokens/` of this tenant's agents are valid, and how many have expired or are refused because
    /// the folder cannot be read.
    pub(in crate::http) fn of_tenant(&self, tenant: &str, now_ms: i64) -> (usize, usize) {
        let now = self.snapshot();
        let own = |one: &&Known| {
            matches!(one.origin, Origin::File { .. }) && one.caller.tenant.name == tenant
        };
        let all = now.known.iter().filter(own);
        let (valid, rest): (Vec<_>, Vec<_>) =
            all.partition(|one| one.origin.is_valid(now_ms, now.is_fresh()));
        (valid.len(), rest.len())
    }

    fn snapshot(&self) -> Snapshot {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Snapshot {
    fn is_fresh(&self) -> bool {
        self.read_at.elapsed() <= UNREAD_FOR
    }
}

impl Origin {
    fn is_valid(self, now_ms: i64, is_fresh: bool) -> bool {
        match self {
            Self::Configuration => true,
            Self::File { expires_ms } => {
                is_fresh && expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
            }
        }
    }
}

/// A caller, with the budget that it had in the configuration before.
fn caller(
    tenant: &Arc<Tenant>,
    who: Who,
    hall: &Arc<ConcurrencyLimit>,
    before: Option<&Caller>,
) -> Caller {
    let new = || Arc::new(Budget::new(LIMITS, Arc::clone(hall), &tenant.name));
    let budget = before.map_or_else(new, |same| Arc::clone(&same.budget));
    let access = Err(NoAccess::Own);
    Caller { tenant: Arc::clone(tenant), who, budget, on_behalf_of: None, access }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_file_is_valid_until_it_expires_and_while_the_folder_can_be_read() {
        let file = |expires_ms| Origin::File { expires_ms };
        for (origin, now_ms, is_fresh, is_valid) in [
            (Origin::Configuration, i64::MAX, false, true),
            (file(None), i64::MAX, true, true),
            (file(None), 0, false, false),
            (file(Some(10)), 9, true, true),
            (file(Some(10)), 10, true, false),
            (file(Some(10)), 9, false, false),
        ] {
            assert_eq!(origin.is_valid(now_ms, is_fresh), is_valid, "{origin:?} {now_ms}");
        }
    }
}
