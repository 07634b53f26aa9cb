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
mod run;
mod run_queue;
mod transport;
pub mod upstream;

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Rendered, beyond_grant};
use deed_spec::json;
use deed_system::clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::bindings::deed::adapter::types::Action;
use self::bindings::v2::deed::adapter::types::Request;
use self::egress::Egress;
use self::egress::allowlist::Allowance;
use self::engine::compile::Compiler;
pub use self::engine::compile::{COMMAND as COMPILE_COMMAND, serve as compile_as_child};
pub use self::engine::{Adapter, EngineError, LoadError};
use self::exchange_log::ExchangeLog;
use self::host_functions::Guest;
use self::limits::Meter;
use self::run::Call;
pub use self::run_queue::{RunQueue, RunRequest, RunSlot, Standing as RunStanding, UpstreamLoad};
use self::transport::Transport;
use crate::grant::{LiveGrant, ReadGrant, ReplayGrant, Scope};
use crate::upstream::Upstream;

/// The engine, its instance pool and its compile cache. A process creates one sandbox; clones are cheap.
#[derive(Clone)]
pub struct Sandbox {
    engine: wasmtime::Engine,
    compiler: Compiler,
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
        let turns = RunQueue::new(usize::try_from(limits::RUNS).unwrap_or(1));
        let engine = engine::engine()?;
        let compiler = Compiler::new(cache_dir, &engine)?;
        Ok(Self { engine, compiler, clock, turns })
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
    /// # Errors
    ///
    /// Fails when the bytes do not compile or are not an adapter.
    pub fn load(&self, bytes: &[u8]) -> Result<Adapter, LoadError> {
        engine::load(&self.engine, &self.compiler, bytes)
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
        let (scope, record) = grant.into_parts();
        let observing = scope.attempt == 0;
        let road = Transport::record(&scope.private, record);
        let (tenant, agent) = (scope.tenant.clone(), String::new());
        let claim = Arc::new(RunRequest { tenant, agent, upstreams: vec![] });
        let _turn = self.turns.take(&claim).await;
        self.run(adapter, scope, road, observing).await
    }

    async fn run(&self, adapter: &Adapter, scope: Scope, road: Transport, observing: bool) -> Run {
        if adapter.digest() != scope.adapter {
            return Run::refused(format!(
                "the grant is for adapter {}, not {}",
                scope.adapter,
                adapter.digest()
            ));
        }
        let (timeout, id) = (scope.timeout, scope.action.clone());
        let run = match self.guest(scope, road, observing) {
            Ok((guest, call)) => run::run(&self.engine, adapter, guest, &call, timeout).await,
            Err(problem) => Run::refused(problem),
        };
        run.tell(&id);
        run
    }

    /// Creates the host's state of a run, and the action that is passed to the guest.
    fn guest(
        &self,
        scope: Scope,
        road: Transport,
        observing: bool,
    ) -> Result<(Guest, Call), String> {
        // The parameters are canonical JSON, so that the guest gets the same text when a replay rebuilds them from
        // `action.json` alone.
        let params = json::canonical(scope.params.reveal()).map_err(|error| error.to_string())?;
        let action = Action {
            contract: scope.contract.clone(),
            params: String::from_utf8(params).map_err(|error| error.to_string())?,
            // The guest cannot distinguish observations before an attempt from those after it.
            attempt: if observing { 0 } else { scope.attempt },
        };
        let requests = scope.rendered.iter().map(|one| requested(one.live()));
        let call = Call { plain: action, requests: requests.collect::<Result<_, _>>()? };
        let redactor = road.redactor();
        let phase = if observing { "observe" } else { "perform" };
        let egress = Egress {
            allowance: Allowance::new(&scope.contract, phase, scope.rendered),
            road,
            exchanges: ExchangeLog::new(self.clock.clone()),
        };
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
            meter: Meter::default(),
        };
        Ok((guest, call))
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("turns", &self.turns.standing()).finish_non_exhaustive()
    }
}

/// Records a step of a write in the journal. If recording fails, the write is not sent or its result is not reported.
/// When the returned future is ready, an intent is on disk. A result is on disk at the latest before the next intent or
/// the receipt.
pub type Keep = Arc<dyn Fn(WriteStep) -> BoxFuture<Result<(), String>> + Send + Sync>;

/// A future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The steps of a write, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteStep {
    Intended(Box<Intent>),
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
fn secrets(
    upstreams: &BTreeMap<String, Arc<Upstream>>,
) -> impl Iterator<Item = &Arc<crate::credentials::Secret>> {
    let credentials =
        upstreams.values().flat_map(|upstream| upstream.read.iter().chain(&upstream.write));
    credentials.map(|credential| &credential.secret)
}

#[cfg(test)]
mod tests;
