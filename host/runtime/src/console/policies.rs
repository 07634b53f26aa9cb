//! The texts of the policies in force, and the newest decisions that each of them determined.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::policy::Verdict;
use maud::{Markup, html};

use super::decisions::{self, Newest, Told, Which};
use super::desk::Desk;
use super::html::page;
use super::parts::{Cells, code, facts, link, note, paragraph, status, table};
use super::place::{POLICIES, Place};
use super::refusal::Refused;
use super::text::{Block, Shown as _, Text, Time};
use super::visitor::Visitor;
use crate::config::Tenant;

/// The number of actions whose decisions are shown.
const NEWEST: usize = 50;
/// The maximum number of decisions of one policy.
const OF_POLICY: usize = 5;
/// The maximum number of policies.
const POLICIES_MAX: usize = 200;
const HEADS: [&str; 5] = ["Action", "Verdict", "Status", "Agent", "Last event"];

pub(super) async fn show(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, Refused> {
    let tenant = &visitor.caller.tenant;
    let which = (Which::All, NEWEST);
    let newest = decisions::newest(&desk.app, &desk.decisions, &tenant.name, which).await?;
    let content = content(tenant, &newest);
    Ok(page(StatusCode::OK, &visitor.frame("Policies", POLICIES), &content))
}

fn content(tenant: &Tenant, newest: &Newest) -> Markup {
    let digest = tenant.policies.digest().to_string();
    let all: Vec<(&str, String)> = tenant.policies.each().take(POLICIES_MAX + 1).collect();
    html! {
        h1 { "Policies" }
        (facts(&[("Policy set in force", code(&Text::new(&digest)))]))
        p {
            "An obligation is written as an " code { "unless" } " clause. The decisions are those of the newest "
            (newest.told.len().shown()) " actions; older decisions are on the pages of their actions."
        }
        @if all.is_empty() {
            (paragraph(&"There are no policies, so every action is denied. Here would be the text of each policy."))
        }
        @for (id, text) in all.iter().take(POLICIES_MAX) { (policy(id, text, newest)) }
        @if all.len() > POLICIES_MAX { (note(&"There are more policies than this page shows.")) }
    }
}

fn policy(id: &str, text: &str, newest: &Newest) -> Markup {
    let by = |told: &&Arc<Told>| {
        let decision = told.decision.as_ref();
        decision.is_some_and(|decision| decision.causes().contains(&id))
    };
    let rows: Vec<Cells> =
        newest.told.iter().filter(by).take(OF_POLICY).map(|told| cells(told)).collect();
    html! {
        section {
            h2 { (Text::new(id)) }
            (Block::new(text).shown())
            @if rows.is_empty() { (paragraph(&"It determined none of the newest decisions.")) }
            @else { (table("Newest decisions by this policy", &HEADS, &rows)) }
        }
    }
}

fn cells(told: &Told) -> Cells {
    let verdict = told.decision.as_ref().map(|decision| match decision.verdict {
        Verdict::Allow => "✓ allow",
        Verdict::Ask => "◆ ask",
        Verdict::Deny => "✕ deny",
    });
    vec![
        link(&Place::action(&told.id), &Text::new(&told.contract)),
        verdict.shown(),
        status(told.status),
        Text::new(&told.agent).shown(),
        Time(told.at_ms).shown(),
    ]
}
