//! Cases of `deed policy test`: what is asked, and what is wanted.
//!
//! Takes TOML, gives cases with their lines; decides a case as the host decides an action. It never
//! lets a fact through that the host would not let through: such a case would prove nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deed_record::action::{BindError, Proposal, Source};
use deed_record::event::{Entry, Event};
use deed_record::id::ActionId;
use deed_record::policy::{Decision, Verdict};
use deed_record::schema::{Schema, Violation};
use deed_record::story::Story;
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use crate::config::{Config, Fault, Granted, Tenant};
use crate::contract::{self, BindFault};
use crate::policy;

/// The cases of one file, each with its line.
#[derive(Debug)]
pub(super) struct Cases {
    pub(super) file: String,
    pub(super) list: Vec<(usize, Case)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The format's version: 0.
    format: Spanned<u32>,
    #[serde(default)]
    case: Vec<Spanned<Case>>,
}

/// One `[[case]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) tenant: Option<String>,
    agent: String,
    contract: String,
    params: Value,
    /// The host's own when absent.
    environment: Option<String>,
    on_behalf_of: Option<String>,
    /// URIs.
    #[serde(default)]
    sources: Vec<String>,
    /// By role, how many distinct persons approved.
    #[serde(default)]
    approvals: BTreeMap<String, u32>,
    /// The observed state by name; policy is asked before the first look when absent.
    pre: Option<Value>,
    /// Seconds since 1970-01-01T00:00:00Z, as `context.time`; now when absent.
    time: Option<i64>,
    pub(super) want: Verdict,
    /// Such as `approve:1:support-lead`; all of them.
    pub(super) obligations: Option<BTreeSet<String>>,
    /// Ids of the policies that decide; all of them.
    pub(super) by: Option<BTreeSet<String>>,
}

/// Reads a file of cases; unknown fields are errors.
pub(super) fn read(path: &Path) -> Result<Cases, Fault> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Fault::new(&file, 0, format!("cannot be read: {e}")))?;
    let parsed: File = toml::from_str(&text).map_err(|e| {
        let start = e.span().map_or(0, |span| span.start);
        Fault::new(&file, line_of(&text, start), e.message().replace('\n', "; "))
    })?;
    if *parsed.format.get_ref() != 0 {
        let line = line_of(&text, parsed.format.span().start);
        return Err(Fault::new(&file, line, "this format is not known; use `format = 0`"));
    }
    if parsed.case.is_empty() {
        return Err(Fault::new(&file, 0, "there is no [[case]]; add one"));
    }
    let placed = |case: Spanned<Case>| (line_of(&text, case.span().start), case.into_inner());
    Ok(Cases { list: parsed.case.into_iter().map(placed).collect(), file })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(0, |head| head.matches('\n').count() + 1)
}

/// Decides a case as the host decides an action at the gate, or says why it is no case.
pub(super) fn decide(
    config: &Config,
    tenant: &Tenant,
    case: &Case,
    now_ms: i64,
) -> Result<Decision, String> {
    check_roles(tenant, case)?;
    let now_ms = case.time.map_or(now_ms, |seconds| seconds.saturating_mul(1000));
    let story = story(config, tenant, case, now_ms)?;
    let granted = tenant.grants.get(&case.contract).ok_or("the contract is not granted")?;
    check_state(granted, case)?;
    let (decision, mut facts) = policy::decide(tenant, &story, now_ms, case.pre.clone());
    // Only the host's own refusal differs from what the policies say; no approval changes it.
    if decision != tenant.policies.evaluate(&facts) {
        return Ok(decision);
    }
    facts.approvals.clone_from(&case.approvals);
    Ok(tenant.policies.evaluate(&facts))
}

/// The case as an action that was just proposed.
fn story(config: &Config, tenant: &Tenant, case: &Case, at_ms: i64) -> Result<Story, String> {
    let agent = tenant.agents.get(&case.agent).ok_or_else(|| {
        let known = tenant.agents.keys().cloned().collect::<Vec<_>>().join("`, `");
        format!("tenant `{}` has no agent `{}`; it has `{known}`", tenant.name, case.agent)
    })?;
    let caller = contract::Caller {
        tenant,
        environment: case.environment.as_deref().unwrap_or(&config.environment),
        agent: &case.agent,
        person: &agent.person,
    };
    let nonce = "0".repeat(32);
    let fresh = contract::bind(caller, proposal(case), ActionId::new(0, [0; 10]), nonce)
        .map_err(|fault| unbound(&fault))?;
    let event =
        Event::Proposed { bound: Box::new(fresh.bound), bindings: fresh.bindings, trace: None };
    Story::fold(&[Entry { at_ms, event }]).map_err(|e| e.to_string())
}

fn proposal(case: &Case) -> Proposal {
    let source = |uri: &String| Source { uri: uri.clone(), sha256: None };
    Proposal {
        contract: case.contract.clone(),
        params: case.params.clone(),
        intent: case.name.clone(),
        reasoning: None,
        on_behalf_of: case.on_behalf_of.clone(),
        sources: case.sources.iter().map(source).collect(),
        environment: None,
        expect: BTreeMap::new(),
    }
}

fn unbound(fault: &BindFault) -> String {
    match fault {
        BindFault::Unknown(name) => format!("contract `{name}` is not granted; add its grant"),
        BindFault::Bind(BindError::Params(violations)) => places("params", violations),
        fault => fault.to_string(),
    }
}

fn check_roles(tenant: &Tenant, case: &Case) -> Result<(), String> {
    let agents = tenant.agents.values().flat_map(|agent| &agent.roles);
    let roles: BTreeSet<&String> =
        agents.chain(tenant.persons.values().flat_map(|person| &person.roles)).collect();
    match case.approvals.keys().find(|role| !roles.contains(role)) {
        Some(role) => Err(format!(
            "nobody of tenant `{}` has the role `{role}`; `approvals` are by roles of deed.toml",
            tenant.name
        )),
        None => Ok(()),
    }
}

/// The state must be one that the contract declares; it need not be all of it.
fn check_state(granted: &Granted, case: &Case) -> Result<(), String> {
    let Some(pre) = &case.pre else { return Ok(()) };
    let whole = Schema::object([], granted.contract.state_schemas());
    let violations = partial(&whole).violations(pre);
    if violations.is_empty() { Ok(()) } else { Err(places("pre", &violations)) }
}

/// The schema with nothing required.
fn partial(schema: &Schema) -> Schema {
    Schema {
        required: BTreeSet::new(),
        properties: schema.properties.iter().map(|(k, s)| (k.clone(), partial(s))).collect(),
        items: schema.items.as_deref().map(|items| Box::new(partial(items))),
        ..schema.clone()
    }
}

fn places(field: &str, violations: &[Violation]) -> String {
    let one = |v: &Violation| format!("`{field}{}` {}", v.pointer, v.reason);
    violations.iter().map(one).collect::<Vec<_>>().join("; ")
}
