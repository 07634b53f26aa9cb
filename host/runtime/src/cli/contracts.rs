//! `deed contracts`: prints each contract that the host grants to the caller, with its parameters.
//!
//! The host decides which contracts are listed. Text from the host is escaped before it is shown.

use std::process::ExitCode;

use deed_record::contract::schema::Schema;
use deed_record::contract::template::percent_encode;
use deed_record::contract::{Evidence, Head, Params, Verb};
use deed_spec::json::{self, ShapeError};
use deed_spec::text::safe;
use serde::Deserialize;
use serde_json::Value;

use super::client::Connection;
use super::out::{Failure, Format};
use super::quote::quoted;
use super::text::{compact, line};
use crate::api::contracts::{Can, CanAnswer, NeededApproval};

/// List the contracts that you may use, with their parameters, or show one
///
/// For each contract, prints its name, version, title, verb, resource and parameters, how many sources a proposal must
/// name and, for an agent, what policy says before a proposal. Stderr shows the `deed act` command for the first
/// contract.
#[derive(Debug, clap::Args)]
pub(super) struct ContractsArgs {
    /// The name of one contract, such as `idp.restore_access`
    name: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// The answer to `GET /v1/contracts`.
#[derive(Deserialize)]
struct Listing {
    contracts: Vec<Shown>,
}

/// The parts of a contract that an agent needs to propose an action.
#[derive(Deserialize)]
struct Shown {
    name: String,
    version: String,
    title: String,
    verb: Verb,
    resource: String,
    sources: usize,
    params: Schema,
    /// What policy says to an agent; absent for a person.
    can: Option<Can>,
}

/// The answer to `GET /v1/contracts/{name}`.
#[derive(Deserialize)]
struct Granted {
    contract: Declared,
    can: Option<Can>,
}

#[derive(Deserialize)]
struct Declared {
    action: Head,
    params: Params,
    #[serde(default)]
    evidence: Evidence,
}

pub(super) fn run(args: &ContractsArgs) -> Result<ExitCode, Failure> {
    let client = args.connection.open()?;
    let path = match &args.name {
        Some(name) => format!("/v1/contracts/{}", percent_encode(name)),
        None => "/v1/contracts".to_owned(),
    };
    let answer: Value = client.get(&path, &[])?;
    let shown = if args.name.is_some() { one(&answer) } else { all(&answer) };
    let shown = shown.map_err(Failure::failed)?;
    args.format.print(&answer, |_| text(&shown))?;
    if let Some(first) = shown.first() {
        let url = args.connection.other_url().map(|url| format!(" --url {}", quoted(url)));
        args.format.next(&format!("{}{}", act(first), url.unwrap_or_default()));
    }
    Ok(ExitCode::SUCCESS)
}

fn all(answer: &Value) -> Result<Vec<Shown>, ShapeError> {
    Ok(json::from_value::<Listing>(answer.clone())?.contracts)
}

fn one(answer: &Value) -> Result<Vec<Shown>, ShapeError> {
    let Granted { contract, can } = json::from_value(answer.clone())?;
    let Declared { action, params, evidence } = contract;
    Ok(vec![Shown {
        name: action.name,
        version: action.version,
        title: action.title,
        verb: action.verb,
        resource: action.resource,
        sources: evidence.sources,
        params: Schema::object(params.required, params.properties),
        can,
    }])
}

fn text(shown: &[Shown]) -> String {
    if shown.is_empty() {
        return "no contracts are granted to your tenant, or policy denies each of them to you"
            .to_owned();
    }
    let pages: Vec<String> = shown.iter().map(page).collect();
    pages.join("\n")
}

fn page(shown: &Shown) -> String {
    let Shown { name, version, title, verb, resource, sources, params, can } = shown;
    let mut text = format!("{} {}: {}\n", safe(name), safe(version), safe(title));
    let sources = match sources {
        0 => "none needed".to_owned(),
        least => format!("at least {least}"),
    };
    for (title, value) in [("verb", verb.as_str()), ("resource", resource), ("sources", &sources)] {
        line(&mut text, format_args!("  {title:<10} {}", safe(value)));
    }
    for (title, value) in can.iter().flat_map(policy) {
        line(&mut text, format_args!("  {title:<10} {}", safe(&value)));
    }
    for (name, schema) in &params.properties {
        let is_required = params.required.contains(name);
        line(
            &mut text,
            format_args!("  {:<10} {}", "parameter", parameter(name, schema, is_required)),
        );
    }
    if params.properties.is_empty() {
        line(&mut text, format_args!("  {:<10} none", "parameter"));
    }
    text
}

/// What policy says before a proposal, in lines with their titles.
fn policy(can: &Can) -> Vec<(&'static str, String)> {
    let answer = match can.answer {
        CanAnswer::Always if can.approval.is_empty() => "allows every action".to_owned(),
        CanAnswer::Always => "allows every action, after the approvals below".to_owned(),
        CanAnswer::Depends => format!("depends on {}", can.depends_on.join(", ")),
        CanAnswer::Never if can.policies.is_empty() => "permits no action".to_owned(),
        CanAnswer::Never => format!("denies every action: {}", can.policies.join(", ")),
    };
    let approvals = can.approval.iter().map(|needed| ("approval", approval(needed)));
    std::iter::once(("policy", answer)).chain(approvals).collect()
}

fn approval(needed: &NeededApproval) -> String {
    let NeededApproval { count, role, policy, always } = needed;
    let when = if *always { "" } else { "in some cases, " };
    format!("{when}{count} by role {role} (policy {policy})")
}

/// Formats a parameter as one line, such as `user_id (id of the user): string, required, pattern ^[0-9]+$`.
fn parameter(name: &str, schema: &Schema, is_required: bool) -> String {
    let keywords = serde_json::to_value(schema).unwrap_or_default();
    let keyword = |name: &str| keywords.get(name).map(word);
    let title = keyword("title").or_else(|| keyword("description"));
    let title = title.map(|title| format!(" ({title})")).unwrap_or_default();
    let kind = keyword("type").unwrap_or_else(|| "object".to_owned());
    let required = if is_required { "required" } else { "optional" };
    let mut text = format!("{}{title}: {kind}, {required}", safe(name));
    if schema.private {
        text += ", private";
    }
    let rest = keywords.as_object().into_iter().flatten();
    let said = ["type", "title", "description", "private"];
    for (name, value) in rest.filter(|(name, _)| !said.contains(&name.as_str())) {
        text.extend([", ", name, " ", &word(value)]);
    }
    text
}

/// Formats a string without quotes and any other value as JSON.
fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| compact(value), safe)
}

/// The `deed act` command for a contract, with a placeholder for every required parameter and source.
fn act(shown: &Shown) -> String {
    let params =
        shown.params.required.iter().map(|name| format!(" --param {}=VALUE", quoted(name)));
    let sources = std::iter::repeat_n(" --source URI".to_owned(), shown.sources);
    let required: String = params.chain(sources).collect();
    format!("deed act {}{required} --intent TEXT", quoted(&shown.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract() -> Value {
        json!({"contracts": [{
            "name": "crm.note", "version": "1.0.0", "title": "Add a note", "verb": "create", "mode": "write",
            "effect": "opaque", "resource": "crm/notes/{id}", "digest": "sha256:00", "sources": 2,
            "params": {"type": "object", "required": ["id", "text"], "properties": {
                "id": {"type": "integer", "title": "Number of the\u{1b} customer", "minimum": 1},
                "text": {"type": "string", "private": true, "maxLength": 100},
                "kind": {"type": "string", "enum": ["call", "visit"], "description": "What it was"},
                "tags": {"type": "array", "items": {"type": "string"}},
            }},
        }]})
    }

    #[test]
    fn a_contract_is_shown_with_all_that_a_proposal_needs() {
        let shown = all(&contract()).unwrap();
        let text = text(&shown);
        for words in [
            "crm.note 1.0.0: Add a note\n",
            "  verb       create\n  resource   crm/notes/{id}\n  sources    at least 2\n",
            "  parameter  id (Number of the\\u{1b} customer): integer, required, minimum 1\n",
            "  parameter  kind (What it was): string, optional, enum [\"call\",\"visit\"]\n",
            "  parameter  tags: array, optional, items {\"type\":\"string\"}\n",
            "  parameter  text: string, required, private, maxLength 100\n",
        ] {
            assert!(text.contains(words), "no `{words}` in\n{text}");
        }
        assert_eq!(
            act(&shown[0]),
            "deed act crm.note --param id=VALUE --param text=VALUE --source URI --source URI --intent TEXT"
        );
    }

    fn can(answer: &str, facts: &[&str], policies: &[&str], approval: &[&Value]) -> Value {
        json!({"answer": answer, "depends_on": facts, "policies": policies, "approval": approval})
    }

    #[test]
    fn an_agent_sees_what_policy_says() {
        let lead = json!({"count": 2, "role": "lead", "policy": "needs-lead", "always": false});
        let always = json!({"count": 1, "role": "lead", "policy": "needs-lead", "always": true});
        for (can, words) in [
            (
                can("depends", &["params.id", "time"], &["x"], &[&lead]),
                "  policy     depends on params.id, time\n  \
                   approval   in some cases, 2 by role lead (policy needs-lead)\n",
            ),
            (can("always", &[], &[], &[]), "  policy     allows every action\n"),
            (
                can("always", &[], &[], &[&always]),
                "  policy     allows every action, after the approvals below\n  \
                 approval   1 by role lead (policy needs-lead)\n",
            ),
            (can("never", &[], &["a"], &[]), "  policy     denies every action: a\n"),
            (can("never", &[], &[], &[]), "  policy     permits no action\n"),
        ] {
            let mut answer = contract();
            answer["contracts"][0]["can"] = can;
            let page = page(&all(&answer).unwrap()[0]);
            assert!(page.contains(words), "no `{words}` in\n{page}");
        }
        assert!(!page(&all(&contract()).unwrap()[0]).contains("  policy"));
    }

    #[test]
    fn no_contracts_and_no_parameters_are_said() {
        assert!(
            text(&all(&json!({"contracts": []})).unwrap()).contains("no contracts are granted")
        );
        let mut answer = contract();
        answer["contracts"][0]["params"] = json!({"type": "object"});
        answer["contracts"][0]["sources"] = json!(0);
        let shown = all(&answer).unwrap();
        let page = page(&shown[0]);
        assert!(page.contains("  sources    none needed\n  parameter  none\n"), "{page}");
        assert_eq!(act(&shown[0]), "deed act crm.note --intent TEXT");
    }
}
