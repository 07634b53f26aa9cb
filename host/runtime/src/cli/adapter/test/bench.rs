//! The host of a test: a child process on a private temporary directory, as for `deed contract try`. It may write, but
//! only to the ports of the test. On a real upstream, it makes only dry runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use deed_record::action::{Proposal, Source};
use deed_record::contract::Contract;
use deed_record::lifecycle::outcome::Outcome;
use serde_json::Value;

use super::evidence::Evidence;
use super::server::{Port, Stage};
use super::shorter;
use super::suite::Suite;
use crate::api::view::View;
use crate::cli::client::{Client, action_path, prefer, watch};
use crate::cli::contract::trial::credentials::Credential;
use crate::cli::contract::trial::directory::{self, CONTRACT, Tokens};
use crate::cli::contract::trial::faults;
use crate::cli::contract::trial::host::Process;
use crate::cli::contract::trial::inputs::{Inputs, Own};
use crate::cli::contract::trial::log;
use crate::cli::contract::trial::place::Place;
use crate::cli::contract::trial::searches;
use crate::cli::contract::trial::targets::{Target, names};
use crate::cli::out::Failure;
use crate::config::{Plan, keys};

/// How long the start of the host may take. The adapter was compiled before.
pub(super) const START: Duration = Duration::from_mins(2);
/// How long one action may take.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// The place of the host. Dropping it ends the host first, and then removes the directory: fields are dropped in this
/// order.
#[derive(Debug)]
pub(super) struct Bench {
    process: Process,
    place: Place,
    /// The time limit of one exchange.
    exchange: Duration,
}

/// The host while it serves one contract.
pub(super) struct Serving<'a> {
    bench: &'a Bench,
    pub(super) inputs: Inputs,
    tokens: Tokens,
    url: String,
    pub(super) stage: Stage,
}

/// An action that was run.
#[derive(Debug)]
pub(super) struct Ran {
    /// The action as a person sees it. It has no outcome if it did not end in time.
    pub(super) view: View,
    pub(super) evidence: Evidence,
    /// Lines of the adapter's log, and of the host's log about the runs.
    pub(super) log: Vec<String>,
}

impl Bench {
    pub(super) fn new(exchange: Duration) -> Result<Self, Failure> {
        let process = Process::prepare()?;
        Ok(Self { process, place: Place::new("deed-adapter-test")?, exchange })
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.process.is_interrupted()
    }

    /// Starts a host for a contract. The code that was compiled for an earlier contract is kept.
    pub(super) fn serve(&self, suite: &Suite, adapter: &Own) -> Result<Serving<'_>, Failure> {
        let stage = Stage::default();
        let inputs = self.inputs(suite, adapter, &stage)?;
        self.host(inputs, stage, |served| shorten(served, suite))
    }

    /// Starts a host for dry runs on the upstreams of these inputs, which must propose a dry run.
    pub(super) fn look(&self, inputs: Inputs) -> Result<Serving<'_>, Failure> {
        self.host(inputs, Stage::default(), |_| Ok(()))
    }

    fn host(
        &self,
        inputs: Inputs,
        stage: Stage,
        change: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<Serving<'_>, Failure> {
        self.process.stop();
        let served = self.place.served();
        keep_only(&served, "state").map_err(Failure::failed)?;
        keep_only(&served.join("state"), "cache").map_err(Failure::failed)?;
        let tokens = directory::make(&served, &inputs)?;
        faults::check(&served, &inputs)?;
        change(&served)?;
        let url = self.start(&inputs)?;
        Ok(Serving { bench: self, inputs, tokens, url, stage })
    }

    fn start(&self, inputs: &Inputs) -> Result<String, Failure> {
        self.process.stop();
        match fs::remove_file(self.place.log()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Failure::failed(e)),
            _ => {}
        }
        self.process.start(&self.place, START).map_err(|why| {
            let said = log::read_from(&self.place.log(), 0);
            Failure::failed(faults::local(&format!("{}\n{said}", why.what()), inputs))
        })
    }

    fn inputs(&self, suite: &Suite, adapter: &Own, stage: &Stage) -> Result<Inputs, Failure> {
        let (mut targets, mut credentials) = (BTreeMap::new(), BTreeMap::new());
        for name in names(&suite.contract) {
            let port = Port::open(&name, stage, self.exchange)?;
            let url = format!("http://{}", port.address);
            targets.insert(name.clone(), Target { url, kinds: ["loopback"].into() });
            credentials.insert(name, credential(port));
        }
        let file = Own { name: suite.name.clone(), bytes: suite.text.clone().into_bytes() };
        let adapter = Own { name: adapter.name.clone(), bytes: adapter.bytes.clone() };
        Ok(Inputs {
            contract: suite.contract.clone(),
            file,
            adapter: Some(adapter),
            policies: vec![],
            roles: vec![],
            targets,
            credentials,
            // They are sent only to the ports of the test.
            safe: searches::declared(&suite.contract),
            proposal: proposal(&suite.contract),
            timeout: START,
            exchange: self.exchange,
        })
    }
}

/// The credentials of a port. They differ, because a credential for reads by POST must not be one for writes.
fn credential(port: Port) -> Credential {
    let (option, variable) = ("the test", String::new());
    let (password, write) = (Some(port.token), Some(port.write));
    Credential { option, variable, slot: "bearer".into(), password, write }
}

/// The proposal of each case, which has its own parameters. If the contract wants sources, the test names some.
pub(super) fn proposal(contract: &Contract) -> Proposal {
    let source = |n: usize| Source { uri: format!("test:{n}"), sha256: None };
    Proposal {
        dry_run: false,
        contract: contract.action.name.clone(),
        params: Value::Null,
        intent: "test the adapter".to_owned(),
        reasoning: None,
        on_behalf_of: None,
        sources: (1..=contract.evidence.sources).map(source).collect(),
        environment: None,
        expect: BTreeMap::new(),
    }
}

/// Removes everything in a directory except for one entry. A directory that does not exist is empty.
fn keep_only(dir: &Path, kept: &str) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == kept {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Puts the contract with shorter waits in place of the author's, which was checked, and pins it.
fn shorten(served: &Path, suite: &Suite) -> Result<(), Failure> {
    let Some(text) = shorter::contract(&suite.text, &suite.contract) else { return Ok(()) };
    let file = served.join(CONTRACT);
    fs::remove_file(&file).map_err(Failure::failed)?;
    keys::write_new(&file, text.as_bytes(), 0o600).map_err(Failure::failed)?;
    Plan::make(served).and_then(Plan::carry_out).map(drop).map_err(Failure::failed)
}

impl Serving<'_> {
    /// Runs an action to its end.
    pub(super) fn run(&mut self, params: &Value, dry_run: bool) -> Result<Ran, Failure> {
        let file = self.bench.place.log();
        let start = fs::metadata(&file).map_or(0, |file| file.len());
        let (view, evidence) = self.propose(params, dry_run)?;
        let log = log::lines(&log::read_from(&file, start));
        // The host would keep looking at an action that is open, and would keep its resource for it.
        if matches!(view.outcome, None | Some(Outcome::Indeterminate)) {
            self.restart()?;
        }
        Ok(Ran { view, evidence, log })
    }

    /// Proposes an action as the agent, and reads it as a person, who sees the state and the evidence.
    fn propose(&self, params: &Value, dry_run: bool) -> Result<(View, Evidence), Failure> {
        let agent = Client::to(&self.url, &self.tokens.agent);
        let person = Client::to(&self.url, &self.tokens.person);
        // With the inputs of a recording, every action is a dry run.
        let dry_run = dry_run || self.inputs.proposal.dry_run;
        let proposal = Proposal { dry_run, params: params.clone(), ..self.inputs.proposal.clone() };
        let body = serde_json::to_vec(&proposal).map_err(Failure::failed)?;
        let (wait, key) = (prefer(0), keys::random_hex::<16>().map_err(Failure::failed)?);
        let headers = [("prefer", wait.as_str()), ("idempotency-key", key.as_str())];
        let view: View = agent.post("/v1/actions", &headers, &body)?;
        let view = watch(&agent, view, Instant::now() + PATIENCE, |view| view.outcome.is_some())?;
        let full: View = person.get(&action_path(&view.id, "")?, &[])?;
        if full.outcome.is_none() {
            return Ok((full, Evidence::default()));
        }
        let bundle = person.bytes("GET", &action_path(&view.id, "/bundle")?, &[], &[])?;
        Ok((full, Evidence::read(&bundle)?))
    }

    /// Starts the host again with an empty journal.
    fn restart(&mut self) -> Result<(), Failure> {
        self.bench.process.stop();
        let state = self.bench.place.served().join("state");
        keep_only(&state, "cache").map_err(Failure::failed)?;
        self.url = self.bench.start(&self.inputs)?;
        Ok(())
    }
}
