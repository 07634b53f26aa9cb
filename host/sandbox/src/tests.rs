//! Tests of whole runs: real components, written as WebAssembly text, send requests to a real server on loopback.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use deed_record::action::commitment::Live;
use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::contract::StateShape;
use deed_record::exchange::Fate;
use deed_record::policy::{Decision, Verdict};
use deed_spec::digest::Digest;
use serde_json::json;

use self::support::{Dir, Reply, Server};
use super::*;
use crate::grant;

mod attempts;
pub(super) mod authority;
mod chance;
pub(super) mod open;
mod reasons;
mod rehearsals;
pub(super) mod support;

const OK: &str = "(i32.const 256)";

struct Bench {
    sandbox: Sandbox,
    server: Server,
    adapter: Adapter,
    intents: Arc<Mutex<Vec<Intent>>>,
    _dir: Dir,
}

impl Bench {
    async fn new(observe: &str, perform: &str, replies: Vec<Reply>) -> Self {
        let dir = Dir::new();
        let sandbox = Sandbox::new(&dir.0, Clock::new()).unwrap();
        let adapter = sandbox.load(&support::guest(observe, perform), World::Strict).unwrap();
        Self {
            sandbox,
            server: Server::start(replies).await,
            adapter,
            intents: Arc::default(),
            _dir: dir,
        }
    }

    fn scope(&self, rendered: Vec<Rendered>) -> Scope {
        let shape: StateShape =
            serde_json::from_value(json!({"properties": {"id": {"type": "string"}}})).unwrap();
        Scope {
            tenant: "acme".into(),
            person: "alice".into(),
            access: None,
            action: ActionId::new(1, [0; 10]),
            contract: "idp.restore_access".into(),
            params: Live::new(json!({"user_id": "42"})),
            private: Live::new(Vec::new()),
            attempt: 1,
            rendered: rendered.into_iter().map(Prepared::plain).collect(),
            searches: vec![],
            tags: BTreeMap::new(),
            once: vec![],
            course: None,
            upstreams: BTreeMap::from([(
                "idp".into(),
                Arc::new(support::upstream(self.server.port)),
            )]),
            slots: Arc::default(),
            memory: Arc::default(),
            states: BTreeMap::from([("user".into(), shape)]).into(),
            adapter: self.adapter.digest(),
            timeout: Duration::from_secs(2),
        }
    }

    async fn observe(&self) -> Run {
        let grant = grant::read(&allow(), self.scope(vec![support::get("/Users/42")])).unwrap();
        self.sandbox.observe(&self.adapter, grant, &self.turn().await).await
    }

    async fn perform(&self, scope: Scope) -> Run {
        let grant = authority::live(scope).await;
        let keep = support::intend(&self.intents, None);
        self.sandbox.perform(&self.adapter, grant, keep, &self.turn().await).await
    }

    async fn turn(&self) -> RunSlot {
        let (tenant, agent) = ("acme".into(), "helpdesk".into());
        self.sandbox
            .run_queue()
            .take(&Arc::new(RunRequest { tenant, agent, upstreams: vec![], wasi: false }))
            .await
    }
}

fn allow() -> Decision {
    Decision {
        verdict: Verdict::Allow,
        obligations: Vec::new(),
        determining: Vec::new(),
        not_applied: Vec::new(),
        errors: Vec::new(),
        policy_set: Digest::of(b""),
        reason: None,
        rests_on_private: false,
    }
}

fn user() -> Reply {
    support::ok(&json!({"id": "42", "password": "x"}))
}

#[tokio::test]
async fn an_observation_reads_state_out_of_its_exchange() {
    let bench =
        Bench::new(&format!("(call $get) (call $read) (call $log) {OK}"), OK, vec![user(), user()])
            .await;
    // The second run has a new store, so it may read the state although the first run has already read it.
    for _ in 0..2 {
        let run = bench.observe().await;
        assert_eq!((run.claim, run.problem), (Claim::Done, None));
        assert_eq!(
            run.exchanges.first().map(|exchange| exchange.fate),
            Some(Fate::Answered { status: 200 })
        );
        assert_eq!(
            run.reads.get("user"),
            Some(&StateRead { value: json!({"id": "42"}), derived: false })
        );
        assert_eq!(run.log, [LogLine { level: LogLevel::Info, text: "user".into() }]);
    }
}

#[tokio::test]
async fn observation_cannot_write() {
    let bench =
        Bench::new(&format!("(call $patch) (call $forbidden) {OK}"), OK, vec![Reply::Hang]).await;
    let run = bench.observe().await;
    assert_eq!((run.claim, run.exchanges.len()), (Claim::Done, 0));
    assert!(bench.server.requests().is_empty());
}

#[tokio::test]
async fn performing_sends_after_the_intent_and_reads_no_state() {
    let no_content = Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    let bench =
        Bench::new(OK, "(call $patch) (call $read) (i32.const 512)", vec![no_content]).await;
    let run = bench.perform(bench.scope(vec![support::patch("/Users/42")])).await;
    assert_eq!(run.claim, Claim::Refused("user".into()));
    assert!(run.problem.is_some() && run.reads.is_empty());
    assert_eq!(
        run.exchanges.first().map(|exchange| exchange.fate),
        Some(Fate::Answered { status: 204 })
    );
    assert_eq!(bench.intents.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_spinning_guest_is_stopped_and_the_cpu_goes_quiet() {
    let bench = Bench::new("(loop (br 0)) (unreachable)", OK, Vec::new()).await;
    let mut scope = bench.scope(vec![support::get("/Users/42")]);
    scope.timeout = Duration::from_millis(100);
    let start = Instant::now();
    let grant = grant::read(&allow(), scope).unwrap();
    let run = bench.sandbox.observe(&bench.adapter, grant, &bench.turn().await).await;
    assert_eq!(run.claim, Claim::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let before = cpu_ticks();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(cpu_ticks() - before < 15, "this thread still works after the guest was stopped");
}

/// CPU time that this thread has used, in clock ticks of 10 ms (fields 14 and 15 of `stat`, see proc(5)). The test's
/// runtime runs only on this thread.
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_run_that_times_out_waits_for_its_write() {
    let late =
        Reply::Late(Duration::from_millis(300), support::text("200 OK", "application/json", "{}"));
    let bench = Bench::new(OK, &format!("(call $patch) {OK}"), vec![late]).await;
    let mut scope = bench.scope(vec![support::patch("/Users/42")]);
    scope.timeout = Duration::from_millis(100);
    let run = bench.perform(scope).await;
    assert_eq!(run.claim, Claim::TimedOut);
    assert_eq!(
        run.exchanges.first().map(|exchange| exchange.fate),
        Some(Fate::Answered { status: 200 })
    );
}

#[tokio::test]
async fn traps_are_told_and_nothing_is_lost() {
    let bench = Bench::new(OK, "(call $patch) (unreachable)", vec![user()]).await;
    let run = bench.perform(bench.scope(vec![support::patch("/Users/42")])).await;
    assert!(matches!(&run.claim, Claim::Trapped(text) if text.contains("unreachable")), "{run:?}");
    assert_eq!(run.exchanges.len(), 1);
}

#[tokio::test]
async fn memory_beyond_the_limit_is_not_given() {
    // The limit of 64 MiB is 1,024 pages, and the guest already has 64 pages.
    let grow = "(if (i32.eq (memory.grow (i32.const 961)) (i32.const -1)) (then (unreachable)))";
    let bench = Bench::new(&format!("{grow} {OK}"), OK, Vec::new()).await;
    assert!(matches!(bench.observe().await.claim, Claim::Trapped(_)));
    let fits = grow.replace("961", "960");
    let bench = Bench::new(&format!("{fits} {OK}"), OK, Vec::new()).await;
    assert_eq!(bench.observe().await.claim, Claim::Done);
}

#[tokio::test]
async fn a_host_call_cannot_copy_without_bound() {
    // The guest passes 62 MB of zeros as a log message.
    let grow = "(drop (memory.grow (i32.const 950)))";
    let flood = "(call $write (i32.const 1) (i32.const 0) (i32.const 62000000))";
    let bench = Bench::new(&format!("{grow} {flood} {OK}"), OK, Vec::new()).await;
    let claim = bench.observe().await.claim;
    assert!(matches!(&claim, Claim::Trapped(text) if text.contains("fuel")), "{claim:?}");
}

#[tokio::test]
async fn a_grant_is_for_one_adapter() {
    let bench = Bench::new(OK, OK, Vec::new()).await;
    let scope =
        Scope { adapter: Digest::of(b"another"), ..bench.scope(vec![support::patch("/Users/42")]) };
    let run = bench.perform(scope).await;
    assert!(matches!(run.claim, Claim::Invalid(text) if text.contains("the grant is for adapter")));
}

#[test]
fn only_components_of_our_world_are_loaded() {
    let dir = Dir::new();
    let sandbox = Sandbox::new(&dir.0, Clock::new()).unwrap();
    let refused = |bytes: &[u8]| sandbox.load(bytes, World::Strict).unwrap_err();
    let text = |wat: &str| wat::parse_str(wat).unwrap();
    assert_eq!(refused(b"#!/bin/sh"), LoadError::NotWasm);
    assert_eq!(refused(b""), LoadError::NotWasm);
    assert_eq!(refused(&text("(module)")), LoadError::CoreModule);
    assert_eq!(refused(&text("(component)")), LoadError::MissingExport("observe"));
    let foreign =
        "(component (import \"wasi:clocks/wall-clock@0.2.0\" (instance (export \"now\" (func)))))";
    assert_eq!(
        refused(&text(foreign)),
        LoadError::ForeignImport("wasi:clocks/wall-clock@0.2.0".into())
    );
    let told = refused(&text(foreign)).to_string();
    for flag in ["--stub-wasi", "--disable all", "wasm32-unknown-unknown"] {
        assert!(told.contains("`wasi:clocks/wall-clock@0.2.0`") && told.contains(flag), "{told}");
    }
    let newer = "(component (import \"deed:adapter/http@0.3.0\" (instance)))";
    assert_eq!(refused(&text(newer)), LoadError::ForeignImport("deed:adapter/http@0.3.0".into()));
    let mut broken = support::guest(OK, OK);
    broken.truncate(broken.len() / 2);
    assert!(matches!(refused(&broken), LoadError::Compile(_)));
    let odd = "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i \"f\"))) (export \"observe\" (func $f)) (export \"perform\" (func $f)))";
    assert!(matches!(refused(&text(odd)), LoadError::Shape(_)));
}

#[test]
fn the_digest_is_of_the_bytes_that_are_compiled() {
    let dir = Dir::new();
    let sandbox = Sandbox::new(&dir.0, Clock::new()).unwrap();
    let bytes = support::guest(OK, OK);
    assert_eq!(sandbox.load(&bytes, World::Strict).unwrap().digest(), Digest::of(&bytes));
}

#[test]
fn a_cache_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::new();
    drop(Sandbox::new(&dir.0, Clock::new()).unwrap());
    assert_eq!(std::fs::metadata(&dir.0).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&dir.0, std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = Sandbox::new(&dir.0, Clock::new()).unwrap_err();
    assert!(refused.to_string().contains("chmod 700"));
}
