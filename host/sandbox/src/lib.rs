//! The sandbox runs an adapter under a grant and returns what the host saw. Only this crate uses wasmtime, opens
//! connections for guests and handles credentials.
//!
//! No adapter runs without a grant, and each run has its own wasmtime store.

mod bindings;
mod codec;
pub mod credentials;
mod egress;
mod engine;
mod exchange_log;
pub mod grant;
mod host_functions;
pub mod limits;
pub mod preview;
mod prior_writes;
mod reason;
mod redact;
mod rehearsal;
mod run;
mod run_queue;
mod transport;
pub mod upstream;
mod wasi;

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Rendered, beyond_grant};
use deed_record::plan::draft::Draft;
use deed_spec::json;
use deed_system::clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::bindings::deed::adapter::types::Action;
use self::bindings::v2::deed::adapter::types::Request;
use self::egress::Egress;
use self::egress::allowlist::Allowance;
use self::egress::open::{Open, Rules};
pub use self::egress::probe;
use self::engine::Machine;
pub use self::engine::compile::{COMMAND as COMPILE_COMMAND, serve as compile_as_child};
pub use self::engine::{Adapter, EngineError, LoadError, World};
use self::exchange_log::ExchangeLog;
use self::host_functions::Guest;
use self::limits::Meter;
pub use self::rehearsal::Rehearsed;
use self::run::Call;
pub use self::run_queue::{RunQueue, RunRequest, RunSlot, Standing as RunStanding, UpstreamLoad};
use self::transport::Transport;
use self::wasi::state::Wasi;
use crate::grant::{LiveGrant, ReadGrant, ReplayGrant, Scope};
use crate::upstream::{Credential, Upstream};

/// The engine, its instance pool and its compile cache. A process creates one sandbox; clones are cheap.
#[derive(Clone)]
pub struct Sandbox {
    strict: Machine,
    wasi: Machine,
    clock: Clock,
    /// The queue has at most as many slots as the instance pool. With more slots, a run could start although the pool
    /// is full, and fail instead of waiting.
    turns: RunQueue,
}

impl Sandbox {
    /// Starts the engine. The cache directory is created with mode 0700 if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails when the engine does not start, or the cache directory cannot be created or other users can access it.
    pub fn new(cache_dir: &Path, clock: Clock) -> Result<Self, EngineError> {
        Self::start(cache_dir, None, clock)
    }

    /// Starts the engine with a second cache directory: its code is copied into the first one, and new code is stored in
    /// both. For commands; a host trusts only its own cache.
    ///
    /// # Errors
    ///
    /// Fails like [`Sandbox::new`], for each of the directories.
    pub fn sharing(cache_dir: &Path, shared: &Path, clock: Clock) -> Result<Self, EngineError> {
        Self::start(cache_dir, Some(shared), clock)
    }

    fn start(cache: &Path, shared: Option<&Path>, clock: Clock) -> Result<Self, EngineError> {
        let turns = RunQueue::new(usize::try_from(limits::RUNS).unwrap_or(1));
        let strict = Machine::start(World::Strict, cache, shared)?;
        let wasi = Machine::start(World::Wasi, cache, shared)?;
        Ok(Self { strict, wasi, clock, turns })
    }

    /// Allows fewer concurrent runs than the instance pool has room for.
    #[must_use]
    pub fn with_runs(self, runs: u32) -> Self {
        let runs = usize::try_from(runs.clamp(1, limits::RUNS)).unwrap_or(1);
        Self { turns: RunQueue::new(runs), ..self }
    }

    /// The queue for run slots.
    pub fn run_queue(&self) -> &RunQueue {
        &self.turns
    }

    /// Compiles and checks an adapter. A large adapter takes seconds, so call this only where blocking is allowed.
    ///
    /// The component alone determines its world: it needs WASI if it imports WASI, or has more core modules than the
    /// strict world allows. So a replay, which has no grant, runs it in the same world.
    ///
    /// # Errors
    ///
    /// Fails when the bytes do not compile or are not an adapter, or when the adapter needs more than `allowed`.
    pub fn load(&self, bytes: &[u8], allowed: World) -> Result<Adapter, LoadError> {
        match (engine::need(bytes), allowed) {
            (None, _) => engine::load(&self.strict, bytes),
            (Some(_), World::Wasi) => engine::load(&self.wasi, bytes),
            (Some(need), World::Strict) => Err(need.into()),
        }
    }

    /// Runs one observation of the system of record with the read credentials.
    pub async fn observe(&self, adapter: &Adapter, grant: ReadGrant, _turn: &RunSlot) -> Run {
        let mut scope = grant.into_scope();
        let road = Transport::network(&mut scope, None);
        self.run(adapter, scope, road, true).await
    }

    /// Runs one attempt. `keep` is awaited before the first byte of every write is sent, and before the guest gets the
    /// result of the write.
    ///
    /// Returns only after every write has ended or reached its deadline, so the exchanges are complete.
    pub async fn perform(
        &self,
        adapter: &Adapter,
        grant: LiveGrant,
        keep: Keep,
        _turn: &RunSlot,
    ) -> Run {
        let mut scope = grant.into_scope();
        let road = Transport::network(&mut scope, Some(keep));
        self.run(adapter, scope, road, false).await
    }

    /// Repeats a run with its recorded exchanges. If the attempt number in the grant is 0, the run is an observation;
    /// otherwise, it is the attempt with this number.
    pub async fn replay(&self, adapter: &Adapter, grant: ReplayGrant) -> Run {
        let (scope, record, draft) = grant.into_parts();
        if draft.is_some() {
            return Run::refused("the grant is for the replay of a rehearsal".into());
        }
        let observing = scope.attempt == 0;
        let road = Transport::record(&scope.private, record);
        let _turn = self.replay_slot(&scope).await;
        self.run(adapter, scope, road, observing).await
    }

    /// A run slot for a replay, which belongs to no agent and uses no upstream.
    async fn replay_slot(&self, scope: &Scope) -> RunSlot {
        let (tenant, agent) = (scope.tenant.clone(), String::new());
        self.turns
            .take(&Arc::new(RunRequest { tenant, agent, upstreams: vec![], wasi: false }))
            .await
    }

    /// Runs an observation or an attempt.
    async fn run(&self, adapter: &Adapter, scope: Scope, road: Transport, observing: bool) -> Run {
        let id = scope.action.clone();
        let (run, _) = self.run_once(adapter, scope, road, observing, None).await;
        run.tell(&id);
        run
    }

    /// Runs an adapter in a new store. `draft` is set only for a rehearsal; it is returned unless the run was not
    /// started.
    async fn run_once(
        &self,
        adapter: &Adapter,
        scope: Scope,
        road: Transport,
        observing: bool,
        draft: Option<Draft>,
    ) -> (Run, Option<Draft>) {
        if adapter.digest() != scope.adapter {
            let (granted, other) = (scope.adapter, adapter.digest());
            let problem = format!("the grant is for adapter {granted}, not {other}");
            return (Run::refused(problem), None);
        }
        let timeout = scope.timeout;
        match self.guest(scope, road, observing, draft, adapter.world()) {
            Ok((guest, call)) => run::run(adapter, guest, &call, timeout).await,
            Err(problem) => (Run::refused(problem), None),
        }
    }

    /// Creates the host's state of a run, and the action that is passed to the guest.
    fn guest(
        &self,
        scope: Scope,
        road: Transport,
        observing: bool,
        draft: Option<Draft>,
        world: World,
    ) -> Result<(Guest, Call), String> {
        // The parameters are canonical JSON, so that the guest gets the same text when a replay rebuilds them from
        // `action.json` alone.
        let params = json::canonical(scope.params.reveal()).map_err(|error| error.to_string())?;
        let is_open = draft.is_some() || scope.course.is_some();
        let action = Action {
            contract: scope.contract.clone(),
            params: String::from_utf8(params).map_err(|error| error.to_string())?,
            // The guest cannot distinguish observations before an attempt from those after it. Under an open contract,
            // it cannot distinguish a rehearsal from an attempt, so that the attempt computes what the rehearsal
            // computed.
            attempt: if observing {
                0
            } else if is_open {
                1
            } else {
                scope.attempt
            },
        };
        let requests = scope.rendered.iter().map(|one| requested(one.live()));
        let call = Call { plain: action, requests: requests.collect::<Result<_, _>>()? };
        let redactor = road.redactor();
        let waits = road.is_network();
        let phase = if observing { "observe" } else { "perform" };
        let rules = match (draft, scope.course) {
            (Some(draft), _) => Rules::Open(Open::rehearsal(draft)),
            (None, Some(course)) => Rules::Open(Open::attempt(course)),
            (None, None) => Rules::Closed(Allowance::new(&scope.contract, phase, scope.rendered)),
        };
        let egress = Egress { rules, road, exchanges: ExchangeLog::new(self.clock.clone()) };
        let guest = Guest {
            egress,
            observing,
            states: scope.states,
            reads: BTreeMap::new(),
            kept: 0,
            log: Vec::new(),
            dropped: 0,
            panic: None,
            misfits: BTreeMap::new(),
            refused: Vec::new(),
            redactor,
            meter: if world == World::Wasi { Meter::wasi() } else { Meter::default() },
            wasi: (world == World::Wasi).then(|| Box::new(Wasi::new(&scope.action, waits))),
            action: scope.action,
        };
        Ok((guest, call))
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("turns", &self.turns.standing()).finish_non_exhaustive()
    }
}

/// Records a step of a write in the journal. If recording fails, the write is not sent or its result is not reported;
/// the text of the error says why.
/// When the returned future is ready, an intent is on disk. A result is on disk at the latest before the next intent or
/// the receipt. [`WriteStep::Sending`] leaves no trace in the journal.
pub type Keep = Arc<dyn Fn(WriteStep) -> BoxFuture<Result<(), String>> + Send + Sync>;

/// A future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The steps of a write, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteStep {
    Intended(Box<Intent>),
    /// The connection is open, and the first byte of the request is about to leave. To connect may have taken seconds,
    /// so what permits the write is checked again.
    Sending,
    /// The write has ended, whether it was sent or not.
    Ended(Box<Exchange>),
}

/// A write that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Position of the exchange in the run, from 0.
    pub ordinal: u32,
    /// The public rendering of the request, as in the records.
    pub request: Rendered,
    /// Unix milliseconds after which the host gives up the connection.
    pub deadline_ms: i64,
    pub idempotency_key: Option<String>,
}

/// The result of one run.
#[derive(Debug)]
pub struct Run {
    /// What the guest reports. The outcome does not depend on this report; it is judged from the exchanges and the
    /// state.
    pub claim: Claim,
    /// The exchanges of every request that the guest was allowed to send, in order.
    pub exchanges: Vec<Exchange>,
    /// The state that was read, by name. The map is empty after `perform`.
    pub reads: BTreeMap<String, StateRead>,
    pub log: Vec<LogLine>,
    /// The first few requests that were refused because they are outside of the grant.
    pub refused: Vec<String>,
    /// Whether the adapter read a state from an answer with a 2xx status, and the content of the answer did not fit the
    /// declared state.
    pub misfit: bool,
    /// Why the run did not do what the host asked for; `None` if it did.
    pub problem: Option<String>,
}

impl Run {
    /// Logs the adapter's lines and its refused requests for the operator. These lines and requests are not evidence.
    fn tell(&self, action: &ActionId) {
        for line in &self.log {
            match line.level {
                LogLevel::Debug => tracing::debug!(%action, "adapter: {}", line.text),
                LogLevel::Info => tracing::info!(%action, "adapter: {}", line.text),
                LogLevel::Warn => tracing::warn!(%action, "adapter: {}", line.text),
                LogLevel::Error => tracing::error!(%action, "adapter: {}", line.text),
            }
        }
        for refused in beyond_grant(&self.refused, &self.exchanges) {
            tracing::warn!(%action, "the adapter made a request outside its grant: {refused}");
        }
        for why in self.exchanges.iter().filter_map(Exchange::forbidden) {
            tracing::warn!(%action, "the configuration does not allow the connection: {why}");
        }
    }

    /// The result of a run that was not started.
    fn refused(problem: String) -> Self {
        let claim = Claim::Invalid(problem.clone());
        let problem = Some(problem);
        Self {
            claim,
            exchanges: Vec::new(),
            reads: BTreeMap::new(),
            log: Vec::new(),
            refused: Vec::new(),
            misfit: false,
            problem,
        }
    }
}

/// A state that a run has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRead {
    /// The value, reduced to the fields that the contract declares.
    pub value: Value,
    /// Whether the adapter computed the value. Otherwise, the host extracted it from an exchange.
    pub derived: bool,
}

/// One log line of an adapter. The line is for the operator and is not evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    pub level: LogLevel,
    pub text: String,
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// A rendered request in the form in which a guest passes it to the host to send it.
fn requested(rendered: &Rendered) -> Result<Request, String> {
    let body = rendered.body.as_ref().map(|body| json::canonical(body).map_err(|e| e.to_string()));
    let body = body.transpose()?.map(|bytes| String::from_utf8(bytes).map_err(|e| e.to_string()));
    Ok(Request {
        upstream: rendered.upstream.clone(),
        method: rendered.method.clone(),
        path: rendered.path.clone(),
        headers: Vec::new(),
        body: body.transpose()?,
    })
}

/// Returns the read and the write credential of every upstream, because an answer during `observe` may echo the
/// credential for `perform`, or the other way round.
fn credentials_of(upstreams: &BTreeMap<String, Arc<Upstream>>) -> Arc<[Credential]> {
    let all = upstreams.values().flat_map(|upstream| upstream.read.iter().chain(&upstream.write));
    all.cloned().collect()
}

/// Returns the passwords for proxies, because a proxy can pass its password on to an upstream, which may echo it.
fn logins_of(upstreams: &BTreeMap<String, Arc<Upstream>>) -> Vec<Arc<crate::credentials::Secret>> {
    let logins = upstreams.values().filter_map(|upstream| upstream.proxy.as_ref()?.login.as_ref());
    logins.flat_map(|login| login.secret.in_force()).collect()
}

#[cfg(test)]
mod tests;
