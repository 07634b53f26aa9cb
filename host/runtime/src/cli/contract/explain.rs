//! `deed contract explain`: the rendered requests of a contract, with the origin of every value.

use std::process::ExitCode;

use deed_record::action::id::ActionId;
use deed_record::action::{Proposal, Rendering, render_live};
use deed_record::contract::template::text::Source;
use deed_record::contract::template::{Place, Rule};
use deed_record::contract::{Contract, Requests, may_change};
use deed_record::exchange::Rendered;
use deed_record::exchange::codec::Outgoing;
use deed_spec::text::safe;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::out::Failure;
use super::super::proposal::{pairs, typed};
use super::super::shown;
use super::super::text::{compact, line, pretty};
use super::{ExplainArgs, read};

#[derive(Debug, Serialize)]
struct Report {
    contract: String,
    version: String,
    resource: String,
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
}

/// Where the host reads a state from.
#[derive(Debug, Serialize)]
struct State {
    name: String,
    /// The requests from whose answers the host reads the state, or `None` if the adapter reads the state.
    from: Option<Requests>,
    may_be_absent: bool,
}

#[derive(Debug, Serialize)]
struct Request {
    rendered: Rendered,
    /// The encoded body, if its encoding is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoded: Option<String>,
    values: Vec<Origin>,
}

/// One placeholder, and what it stands for.
#[derive(Debug, Serialize)]
struct Origin {
    written: String,
    stands_for: &'static str,
    place: &'static str,
}

/// The random part of the example action id, which is zero.
const EXAMPLE: [u8; 10] = [0; 10];

pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode, Failure> {
    let (_, contract) = read(&args.file)?;
    let (params, rendering) = rendering(&contract, &args.param)?;
    let report = report(&contract, &params, rendering)?;
    args.format.print(&report, page)?;
    Ok(ExitCode::SUCCESS)
}

fn rendering(contract: &Contract, params: &[String]) -> Result<(Value, Rendering), Failure> {
    let (name, declared) = (&contract.action.name, &contract.params.properties);
    let value = |(key, text): (&String, &String)| {
        Ok((key.clone(), typed(name, key, text, declared.get(key))?))
    };
    let members: Result<Map<String, Value>, Failure> = pairs(params)?.iter().map(value).collect();
    let mut proposal = Proposal {
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

fn report(contract: &Contract, params: &Value, rendering: Rendering) -> Result<Report, Failure> {
    let phase = |rules: &[Rule], rendered: Vec<Rendered>| -> Result<Vec<Request>, Failure> {
        rules
            .iter()
            .zip(rendered)
            .map(|(rule, rendered)| request(contract, rule, rendered))
            .collect()
    };
    let texts = |list: &[deed_record::contract::expression::Expression]| {
        list.iter().map(ToString::to_string).collect()
    };
    let state = |(name, shape): (&String, &deed_record::contract::StateShape)| State {
        name: name.clone(),
        from: shape.from.clone(),
        may_be_absent: contract.may_be_absent(shape),
    };
    Ok(Report {
        contract: contract.action.name.clone(),
        version: contract.action.version.clone(),
        resource: rendering.resource,
        states: contract.state.iter().map(state).collect(),
        observe: phase(&contract.observe.http, rendering.observe)?,
        perform: phase(&contract.perform.http, rendering.perform)?,
        before: texts(&contract.verify.before),
        after: texts(&contract.verify.after),
        pending: contract.verify.pending.iter().map(ToString::to_string).collect(),
        may_change: may_change::allowed(contract, params),
        depends_on: contract.depends_on().unwrap_or_default().to_vec(),
        outputs: contract.outputs.iter().map(|(name, from)| format!("{name} = {from}")).collect(),
    })
}

fn request(contract: &Contract, rule: &Rule, rendered: Rendered) -> Result<Request, Failure> {
    let body = rule.body_template().map_err(Failure::failed)?;
    let uses = rule.placeholders(body.as_deref(), contract.templates()).map_err(Failure::failed)?;
    let origin = |one: &deed_record::contract::template::Use<'_>| Origin {
        written: one.source.written(),
        stands_for: match one.source {
            Source::Param { .. } => "parameter",
            Source::ActionId => "id of the action, here an example",
            Source::Pre(_) => "value of the state before the action, here null",
            Source::Answer(_) => "value of the answer to a write, known afterwards",
        },
        place: match one.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Body => "body",
            Place::Where => "list",
        },
    };
    let values = uses.iter().map(origin).collect();
    Ok(Request { encoded: encoded(&rendered)?, rendered, values })
}

/// The bytes of a form-urlencoded body, which are ASCII.
fn encoded(rendered: &Rendered) -> Result<Option<String>, Failure> {
    match (&rendered.body, rendered.codec.request) {
        (Some(body), Outgoing::Form) => {
            let bytes = rendered.codec.encode(body, &rendered.numbers).map_err(Failure::failed)?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => Ok(None),
    }
}

fn page(report: &Report) -> String {
    let mut text = format!("{} {}\n", safe(&report.contract), safe(&report.version));
    line(&mut text, format_args!("resource  {}", safe(&report.resource)));
    for state in &report.states {
        let from = match &state.from {
            Some(Requests::One(from)) => format!("read by the host from `{}`", safe(from)),
            Some(Requests::Pages(all)) => {
                let all: Vec<String> = all.iter().map(|one| format!("`{}`", safe(one))).collect();
                format!("read by the host from the pages {}", all.join(", "))
            }
            None => "read by the adapter".to_owned(),
        };
        let absent = if state.may_be_absent { "; null if it does not exist" } else { "" };
        line(&mut text, format_args!("state     {}: {from}{absent}", safe(&state.name)));
    }
    for (title, requests) in [("observe", &report.observe), ("perform", &report.perform)] {
        if !requests.is_empty() {
            line(&mut text, format_args!("\n{title}"));
        }
        for one in requests {
            show(&mut text, one);
        }
    }
    for (title, list) in [
        ("before", &report.before),
        ("after", &report.after),
        ("open while", &report.pending),
        ("may change", &report.may_change),
        ("an approval depends on", &report.depends_on),
        ("outputs", &report.outputs),
    ] {
        if !list.is_empty() {
            line(&mut text, format_args!("\n{title}"));
        }
        for one in list {
            line(&mut text, format_args!("  {}", safe(one)));
        }
    }
    text
}

fn show(text: &mut String, one: &Request) {
    let Request { rendered, encoded, values } = one;
    line(text, format_args!("  {}", shown::request(rendered)));
    if let Some(guard) = rendered.guard {
        line(text, format_args!("    {}", shown::guard(guard)));
    }
    for (name, value) in &rendered.headers {
        line(text, format_args!("    {}: {}", safe(name), safe(value)));
    }
    *text += &rendered.body.as_ref().map(|body| pretty(body, "    ")).unwrap_or_default();
    *text += &shown::notes(rendered);
    if let Some(encoded) = encoded {
        let kind = rendered.codec.content_type();
        line(text, format_args!("    sent as {kind}: {}", safe(encoded)));
    }
    for (statuses, what) in [
        (&rendered.absent, "says that the state does not exist"),
        (&rendered.created, "proves that this write created the state"),
        (&rendered.throttled, "with `Retry-After` says that the request may be repeated"),
        (&rendered.accepted, "says that the write may be carried out later"),
    ] {
        if !statuses.is_empty() {
            line(
                text,
                format_args!("    a status of {} {what}", compact(&Value::from(statuses.clone()))),
            );
        }
    }
    for value in values {
        line(
            text,
            format_args!(
                "    {} in the {}: {}",
                safe(&value.written),
                value.place,
                value.stands_for
            ),
        );
    }
}
