//! What the author gives for a trial: the contract, the adapter, the policies, the upstreams and the proposal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use deed_record::action::{Proposal, Source};
use deed_record::contract::Contract;
use deed_spec::text::safe;
use deed_system::files::{ADAPTER_MAX, TEXT_MAX};
use serde_json::{Map, Value};

use super::TrialArgs;
use super::credentials::{self, Credential};
use super::searches;
use super::targets::{self, Target};
use crate::cli::contract::read;
use crate::cli::out::{Failure, shell};
use crate::cli::proposal::{pairs, typed};
use crate::config::declared;

/// A file of the author, under the author's own name for it.
#[derive(Debug)]
pub(in crate::cli) struct Own {
    pub(in crate::cli) name: String,
    pub(in crate::cli) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(in crate::cli) struct Inputs {
    pub(in crate::cli) contract: Contract,
    pub(in crate::cli) file: Own,
    /// The adapter; `None` if the contract names the one that ships with the host.
    pub(in crate::cli) adapter: Option<Own>,
    pub(in crate::cli) policies: Vec<Own>,
    pub(in crate::cli) roles: Vec<String>,
    pub(in crate::cli) targets: BTreeMap<String, Target>,
    pub(in crate::cli) credentials: BTreeMap<String, Credential>,
    /// The POST requests of `observe` that the host may send.
    pub(in crate::cli) safe: BTreeSet<String>,
    pub(in crate::cli) proposal: Proposal,
    pub(in crate::cli) timeout: Duration,
    /// The maximum time of one exchange with an upstream.
    pub(in crate::cli) exchange: Duration,
}

impl Inputs {
    /// Reads and checks everything that needs no host. Fails with the author's file and line, or with the option to give.
    pub(in crate::cli) fn read(args: &TrialArgs) -> Result<Self, Failure> {
        let (text, contract) = read(&args.file)?;
        let names = targets::names(&contract);
        let policies = args.policy.iter().map(|file| own(file, TEXT_MAX));
        Ok(Self {
            targets: targets::targets(&shell(&args.file), &names, &args.against)?,
            credentials: credentials::of(&args.credentials, &names)?,
            safe: searches::permitted(&contract, &args.safe)?,
            proposal: proposal(args, &contract)?,
            adapter: adapter(args, &contract)?,
            policies: policies.collect::<Result<_, _>>()?,
            roles: args.role.clone(),
            file: Own { name: args.file.display().to_string(), bytes: text.into_bytes() },
            timeout: Duration::from_secs(args.timeout),
            // A look can be repeated three times, so one exchange gets a part of the time.
            exchange: Duration::from_secs((args.timeout / 4).clamp(1, 10)),
            contract,
        })
    }
}

/// Reads a file of a bounded size.
pub(in crate::cli) fn own(file: &Path, max: u64) -> Result<Own, Failure> {
    let name = file.display().to_string();
    let failed = |e: std::io::Error| Failure::Failed(format!("`{name}`: {e}"));
    let mut bytes = Vec::new();
    File::open(file).map_err(failed)?.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(Failure::Failed(format!(
            "`{name}` has more than {max} bytes; is this the file?"
        )));
    }
    Ok(Own { name, bytes })
}

/// The adapter that the contract needs, and no other.
fn adapter(args: &TrialArgs, contract: &Contract) -> Result<Option<Own>, Failure> {
    let name = &contract.action.adapter;
    match (&args.adapter, declared::is_named_by(contract)) {
        (Some(file), false) => own(file, ADAPTER_MAX).map(Some),
        (None, true) => Ok(None),
        (Some(_), true) => Err(Failure::usage(
            "the contract has the adapter `declared`, which ships with the host; leave out --adapter",
        )),
        (None, false) => Err(Failure::usage(format!(
            "the contract has the adapter `{name}`; give its component with --adapter FILE.wasm"
        ))),
    }
}

/// The dry run that the agent proposes. If the contract wants sources, the trial names some, because nobody relies on
/// them.
fn proposal(args: &TrialArgs, contract: &Contract) -> Result<Proposal, Failure> {
    let source = |n: usize| Source { uri: format!("trial:{n}"), sha256: None };
    Ok(Proposal {
        dry_run: true,
        contract: contract.action.name.clone(),
        params: params(&args.param, contract)?,
        intent: args.intent.clone(),
        reasoning: None,
        on_behalf_of: None,
        sources: (1..=contract.evidence.sources).map(source).collect(),
        environment: None,
        expect: BTreeMap::new(),
    })
}

fn params(given: &[String], contract: &Contract) -> Result<Value, Failure> {
    let (name, declared) = (&contract.action.name, &contract.params.properties);
    let given = pairs(given)?;
    if let Some(missing) = contract.params.required.iter().find(|one| !given.contains_key(*one)) {
        return Err(Failure::usage(format!(
            "the contract requires the parameter `{0}`; add --param {0}=VALUE",
            safe(missing)
        )));
    }
    let value = |(key, text): (&String, &String)| {
        Ok((key.clone(), typed(name, key, text, declared.get(key))?))
    };
    let members: Result<Map<String, Value>, Failure> = given.iter().map(value).collect();
    members.map(Value::Object)
}
