//! What the policies say about each contract before an agent proposes an action.
//!
//! A configuration in force does not change. Therefore the policies of one configuration are evaluated once for each
//! agent, at its first request that needs the answers. The answers decide only what is listed; every proposal is decided
//! by itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use deed_record::policy::{REACH_STACK, Reach};
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::Engine;
use crate::config::Tenant;
use crate::stage::policy;

/// The answers for one agent, in the order of its tenant's grants. Equal answers of all agents are stored once.
type Answers = Arc<[Arc<Reach>]>;

/// What the policies say about each contract that is granted to an agent's tenant.
#[derive(Clone, Debug)]
pub struct Reaches {
    /// The names of the contracts, sorted.
    contracts: Arc<[String]>,
    answers: Answers,
}

impl Reaches {
    /// The answer for a contract; `None` if the contract is not granted.
    pub fn get(&self, contract: &str) -> Option<&Reach> {
        let place = self.contracts.binary_search_by(|name| name.as_str().cmp(contract)).ok()?;
        self.answers.get(place).map(|answer| &**answer)
    }

    /// Whether the contract is granted, and the policies do not deny every action of the agent under it.
    pub fn may_use(&self, contract: &str) -> bool {
        self.get(contract).is_some_and(|reach| !reach.is_never())
    }
}

/// The answers that are known so far.
#[derive(Debug)]
pub(super) struct KnownReach {
    tenants: BTreeMap<String, OfTenant>,
    distinct: Mutex<HashSet<Arc<Reach>>>,
}

#[derive(Debug)]
struct OfTenant {
    contracts: Arc<[String]>,
    agents: BTreeMap<String, OnceLock<Answers>>,
    /// Held during an evaluation, so that each tenant uses one thread at a time.
    turn: Arc<AsyncMutex<()>>,
}

impl OfTenant {
    fn new(tenant: &Tenant) -> Self {
        let agents = tenant.agents.keys().map(|name| (name.clone(), OnceLock::new()));
        let contracts = tenant.grants.keys().cloned().collect();
        Self { contracts, agents: agents.collect(), turn: Arc::default() }
    }

    fn reaches(&self, answers: &Answers) -> Reaches {
        Reaches { contracts: Arc::clone(&self.contracts), answers: Arc::clone(answers) }
    }
}

impl KnownReach {
    pub(super) fn new(tenants: &BTreeMap<String, Arc<Tenant>>) -> Self {
        let tenants = tenants.iter().map(|(name, tenant)| (name.clone(), OfTenant::new(tenant)));
        Self { tenants: tenants.collect(), distinct: Mutex::default() }
    }

    /// The answers for an agent if they are known already.
    fn find(&self, tenant: &str, agent: &str) -> Option<Reaches> {
        let of_tenant = self.tenants.get(tenant)?;
        of_tenant.agents.get(agent)?.get().map(|answers| of_tenant.reaches(answers))
    }

    /// The answers for an agent. Of concurrent calls for one agent, only one evaluates the policies.
    fn of(&self, tenant: &Tenant, agent: &str, environment: &str) -> Option<Reaches> {
        let of_tenant = self.tenants.get(&tenant.name)?;
        let evaluate = || {
            let answers = policy::reach(tenant, agent, environment).unwrap_or_default();
            answers.into_iter().map(|reach| self.shared(reach)).collect()
        };
        let answers = of_tenant.agents.get(agent)?.get_or_init(evaluate);
        Some(of_tenant.reaches(answers))
    }

    fn shared(&self, reach: Reach) -> Arc<Reach> {
        let mut distinct = self.distinct.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = distinct.get(&reach) {
            return Arc::clone(known);
        }
        let reach = Arc::new(reach);
        distinct.insert(Arc::clone(&reach));
        reach
    }
}

impl Engine {
    /// What the policies in force say about the contracts before this agent proposes an action; `None` if the agent is
    /// not configured, or if the host stops.
    ///
    /// The first call for an agent can take a second for a thousand contracts and needs a large stack, so it has a thread
    /// of its own.
    pub async fn reach(&self, tenant: &str, agent: &str) -> Option<Reaches> {
        let current = self.current();
        if let Some(known) = current.reach.find(tenant, agent) {
            return Some(known);
        }
        let turn = Arc::clone(&current.reach.tenants.get(tenant)?.turn).lock_owned().await;
        if let Some(known) = current.reach.find(tenant, agent) {
            return Some(known);
        }
        let (tenant, agent) = (Arc::clone(current.tenant(tenant)?), agent.to_owned());
        let (answer, answered) = oneshot::channel();
        let evaluate = move || {
            let answers = current.reach.of(&tenant, &agent, &current.config.environment);
            // The evaluation keeps the turn until it ends, even if the request ends before.
            drop(turn);
            drop(answer.send(answers));
        };
        thread::Builder::new().stack_size(REACH_STACK).spawn(evaluate).ok()?;
        answered.await.ok().flatten()
    }
}
