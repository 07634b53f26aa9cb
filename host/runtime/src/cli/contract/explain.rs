//! `deed contract explain`: the rendered requests of a contract, with the origin of every value.

mod open;
mod page;
mod request;
mod state;

use std::collections::BTreeMap;
use std::process::ExitCode;

use deed_record::action::id::ActionId;
use deed_record::action::{Proposal, Rendering, render_live};
use deed_record::contract::expression::Expression;
use deed_record::contract::template::Rule;
use deed_record::contract::{Contract, Requests, StateShape, may_change};
use deed_record::exchange::Rendered;
use serde::Serialize;
use serde_json::{Map, Value};

use self::request::Request;
use super::super::out::{self, Failure};
use super::super::proposal::{pairs, typed};
use super::{ExplainArgs, note_questions, note_unverified, read};

#[derive(Debug, Serialize)]
struct Report {
    contract: String,
    version: String,
    resource: String,
    /// Whether the adapter computes parts of the writes, so that each action is rehearsed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    open: bool,
    states: Vec<State>,
    observe: Vec<Request>,
    perform: Vec<Request>,
    before: Vec<String>,
    after: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<String>,
    may_change: Vec<String>,
    /// What an approval is bound to; empty for all values that are not volatile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<String>,
    /// What the grant must permit: the requests of the POST rules that only read, each with the digest of its rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    safe: BTreeMap<String, String>,
}

/// Where the host reads a state from.
#[derive(Debug, Serialize)]
struct State {
    name: String,
    /// The requests from whose answers the host reads the state, or `None` if the adapter reads the state.
    from: Option<Requests>,
    may_be_absent: bool,
}

/// The random part of the example action id, which is zero.
const EXAMPLE: [u8; 10] = [0; 10];

pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let (text, contract) = read(&args.file)?;
    note_questions(&args.file, &text);
    note_unverified(&args.file, &text, &contract);
    let states = state::given(&contract, &args.state)?;
    let (params, rendering) = rendering(&contract, &args.param)?;
    let report = report(&contract, &params, &states, rendering)?;
    if args.raw {
        out::print(&page::raw(&report))?;
    } else {
        args.format.print(&report, page::page)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rendering(contract: &Contract, params: &[String]) -> Result<(Value, Rendering), Failure> {
    let (name, declared) = (&contract.action.name, &contract.params.properties);
    let value = |(key, text): (&String, &String)| {
        Ok((key.clone(), typed(name, key, text, declared.get(key))?))
    };
    let members: Result<Map<String, Value>, Failure> = pairs(params)?.iter().map(value).collect();
    let mut proposal = Proposal {
        dry_run: false,
        contract: name.clone(),
        params: Value::Object(members?),
        intent: "explain".to_owned(),
        reasoning: None,
        on_behalf_of: None,
        sources: vec![],
        environment: None,
        expect: [].into(),
    };
    contract.normal_params(&mut proposal.params);
    let rendered = render_live(contract, &proposal, &ActionId::new(0, EXAMPLE));
    let rendered = rendered.map_err(|error| {
        let missing =
            contract.params.required.iter().find(|one| proposal.params.get(one).is_none());
        let hint = missing.map(|one| format!("; add --param {one}=VALUE")).unwrap_or_default();
        let detail = match &error {
            deed_record::action::BindError::Params(violations) => {
                violations.first().map(|first| format!(": {first}")).unwrap_or_default()
            }
            _ => String::new(),
        };
        Failure::Failed(format!("{error}{detail}{hint}"))
    })?;
    Ok((proposal.params, rendered))
}

fn report(
    contract: &Contract,
    params: &Value,
    states: &Value,
    rendering: Rendering,
) -> Result<Report, Failure> {
    // The runtime has neither a timer nor an I/O driver, so no code in it can open a socket.
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Failure::failed)?;
    let request = request::Explain { contract, params, states, runtime };
    let phase = |rules: &[Rule], rendered: Vec<Rendered>| -> Result<Vec<Request>, Failure> {
        rules.iter().zip(rendered).map(|(rule, rendered)| request.of(rule, rendered)).collect()
    };
    let texts = |list: &[Expression]| list.iter().map(ToString::to_string).collect();
    let state = |(name, shape): (&String, &StateShape)| State {
        name: name.clone(),
        from: shape.from.clone(),
        may_be_absent: contract.may_be_absent(shape),
    };
    let searches = contract.observe.http.iter().filter(|rule| rule.reads);
    let reviewed = |rule: &Rule| {
        let digest = contract.reviewed(rule).map_err(Failure::failed)?;
        Ok((rule.request.clone(), digest.to_string()))
    };
    let safe: Result<BTreeMap<String, String>, Failure> = searches.map(reviewed).collect();
    Ok(Report {
        contract: contract.action.name.clone(),
        version: contract.action.version.clone(),
        resource: rendering.resource,
        open: contract.is_open(),
        states: contract.state.iter().map(state).collect(),
        observe: phase(&contract.observe.http, rendering.observe)?,
        perform: phase(&contract.perform.http, rendering.perform)?,
        before: texts(&contract.verify.before),
        after: texts(&contract.verify.after),
        pending: contract.verify.pending.iter().map(ToString::to_string).collect(),
        may_change: may_change::allowed(contract, params),
        depends_on: contract.depends_on().unwrap_or_default().to_vec(),
        outputs: contract.outputs.iter().map(|(name, from)| format!("{name} = {from}")).collect(),
        safe: safe?,
    })
}
