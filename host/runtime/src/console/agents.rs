//! What each agent can do now: per contract, the answer that policy gives before a proposal, and why.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::policy::CONFIRM;
use maud::{Markup, html};

use super::desk::Desk;
use super::form;
use super::html::page;
use super::parts::{Cells, facts, link, paragraph, table};
use super::place::{ACTIONS, AGENTS, Place};
use super::refusal::Refused;
use super::text::{Shown as _, Text};
use super::visitor::Visitor;
use crate::api::contracts::{Can, CanAnswer};
use crate::api::problem::Problem;
use crate::config::{Agent, Granted, Tenant};
use crate::engine::Reaches;
use crate::http::Query;

/// The maximum number of agents on one page.
const AGENTS_MAX: usize = 10;
/// The maximum number of contracts of an agent.
const CONTRACTS_MAX: usize = 100;
const HEADS: [&str; 6] = ["Contract", "Resource", "Effect", "Policy now", "Why", "Limits"];

/// An agent as the page shows it.
struct Listed<'a> {
    name: &'a str,
    agent: &'a Agent,
    /// `None` if the host is stopping.
    reaches: Option<Reaches>,
}

pub(super) async fn show(
    State(desk): State<Desk>,
    query: Result<Query<Vec<(String, String)>>, Problem>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let Query(pairs) = query?;
    let fields = form::fields(pairs, &["after"])?;
    let tenant = &visitor.caller.tenant;
    let after = fields.get("after");
    let rest = tenant.agents.iter().filter(|(name, _)| name.as_str() > after);
    let rest: Vec<(&String, &Agent)> = rest.take(AGENTS_MAX + 1).collect();
    let mut listed = Vec::new();
    for (name, agent) in rest.iter().copied().take(AGENTS_MAX) {
        let reaches = desk.app.engine.reach(&tenant.name, name).await;
        listed.push(Listed { name, agent, reaches });
    }
    let more = rest.get(AGENTS_MAX).and_then(|_| listed.last()).map(|last| last.name);
    let more = more.map(|name| Place::with(AGENTS, &[("after", Some(name))]));
    let content = content(tenant, &listed, more.as_ref());
    Ok(page(StatusCode::OK, &visitor.frame("Agents", AGENTS), &content))
}

fn content(tenant: &Tenant, listed: &[Listed<'_>], more: Option<&Place>) -> Markup {
    html! {
        h1 { "Agents and grants" }
        p {
            "The agents of the tenant, and what the policies in force answer before an agent proposes an action. Each \
             proposal is decided by itself. Limits are those of the contracts."
        }
        @if listed.is_empty() {
            (paragraph(&"No agents follow. Here would be each agent of the tenant and its responsible person."))
        }
        @for one in listed { (agent(tenant, one)) }
        @if let Some(more) = more { p { (link(more, &"More agents")) } }
    }
}

fn agent(tenant: &Tenant, listed: &Listed<'_>) -> Markup {
    let Listed { name, agent, reaches } = listed;
    let named = Text::new(name);
    let roles =
        if agent.roles.is_empty() { "none".shown() } else { Text::list(&agent.roles).shown() };
    let search = Place::with(ACTIONS, &[("agent", Some(*name))]);
    let rows = [
        ("Responsible person", Text::new(&agent.person).shown()),
        ("Roles", roles),
        ("Actions", link(&search, &"The agent’s actions")),
    ];
    let grants = tenant.grants.values().take(CONTRACTS_MAX);
    let cells: Vec<Cells> = grants.map(|granted| cells(granted, reaches.as_ref())).collect();
    let left = tenant.grants.len().saturating_sub(CONTRACTS_MAX);
    html! {
        section {
            h2 { (named.shown()) }
            (facts(&rows))
            @if cells.is_empty() { (paragraph(&"No contract is granted.")) }
            @else { (table("Granted contracts", &HEADS, &cells)) }
            @if left > 0 { p { (left.shown()) " more contracts are not shown here; deed contracts lists them." } }
        }
    }
}

fn cells(granted: &Granted, reaches: Option<&Reaches>) -> Cells {
    let (head, limits) = (&granted.contract.action, &granted.contract.limits);
    let can = reaches.and_then(|reaches| reaches.get(&head.name)).map(Can::from);
    let limits = format!("{} attempts, {} for a run", limits.attempts, limits.timeout);
    vec![
        Text::new(&head.name).shown(),
        Text::new(&head.resource).shown(),
        Text::new(head.verb.as_str()).shown(),
        answer(can.as_ref()).shown(),
        can.as_ref().map_or_else(Markup::default, why),
        Text::new(&limits).shown(),
    ]
}

fn answer(can: Option<&Can>) -> &'static str {
    match can.map(|can| can.answer) {
        None => "not known now",
        Some(CanAnswer::Never) => "✕ denies every action",
        Some(CanAnswer::Depends) => "◆ depends on the action",
        Some(CanAnswer::Always) => "✓ denies no action",
    }
}

/// The policies, facts and approvals behind an answer.
fn why(can: &Can) -> Markup {
    let approvals = can.approval.iter().map(|one| {
        let always = if one.always { "always" } else { "in some cases" };
        let what = match one.role.as_str() {
            CONFIRM => "confirmation by the responsible person".to_owned(),
            role => format!("{} of {role}", one.count),
        };
        Text::new(&format!("{what} ({always}, by {})", one.policy))
    });
    let no_permit = can.answer == CanAnswer::Never && can.policies.is_empty();
    html! {
        @if no_permit { "no policy permits it" }
        @if !can.policies.is_empty() { div { "by " (Text::list(&can.policies)) } }
        @if !can.depends_on.is_empty() { div { "depends on " (Text::list(&can.depends_on)) } }
        @for approval in approvals { div { "approvals: " (approval) } }
    }
}
