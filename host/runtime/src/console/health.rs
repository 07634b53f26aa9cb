//! What an operator looks at: whether the host takes work, what waits, the credentials of upstreams, what people
//! decided, the configuration in force, and the log. The page shows nothing of other tenants.

mod credentials;
mod people;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_spec::note::Checkpoint;
use maud::{Markup, html};

use super::decisions::{self, Newest, Which};
use super::desk::Desk;
use super::html::page;
use super::parts::{Cells, code, duration, facts, list, paragraph, section, table};
use super::place::HEALTH;
use super::refusal::Refused;
use super::text::{Shown as _, Text, Time};
use super::visitor::Visitor;
use crate::engine::{Engine, Waits, WaitsFor};

/// The number of newest actions among which decisions of people are counted.
const NEWEST: usize = 500;

pub(super) async fn show(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, Refused> {
    let tenant = visitor.caller.tenant.name.as_str();
    let which = (Which::Ended, NEWEST);
    let newest = decisions::newest(&desk.app, &desk.decisions, tenant, which).await?;
    let (engine, of) = (Arc::clone(&desk.app.engine), tenant.to_owned());
    // The call may wait for the disk.
    let head = tokio::task::spawn_blocking(move || engine.log_head(&of)).await.ok().flatten();
    let content = content(&desk, tenant, &newest, head.as_ref());
    Ok(page(StatusCode::OK, &visitor.frame("Health", HEALTH), &content))
}

fn content(desk: &Desk, tenant: &str, newest: &Newest, head: Option<&Checkpoint>) -> Markup {
    let engine = &desk.app.engine;
    html! {
        h1 { "Health" }
        (work(engine))
        (queues(engine, tenant))
        (waiting(engine, tenant, desk.now_ms()))
        (credentials::credentials(engine, tenant, desk.now_ms()))
        (people::decisions(newest))
        (configuration(desk, tenant))
        (log(engine, tenant, head))
    }
}

/// Whether the host takes new work.
fn work(engine: &Engine) -> Markup {
    let reasons: Vec<Markup> = engine.unready().iter().map(|why| why.told().shown()).collect();
    let content = if reasons.is_empty() {
        paragraph(&"✓ The host accepts new actions.")
    } else {
        list(&reasons)
    };
    section("work", "New work", &content)
}

/// The tenant's actions under way, and its upstreams.
fn queues(engine: &Engine, tenant: &str) -> Markup {
    let loads = engine.loads();
    let own = loads.iter().find(|load| load.tenant == tenant);
    let rows: Vec<Cells> = engine
        .run_slots()
        .upstreams
        .iter()
        .filter(|one| one.tenant == tenant)
        .map(|one| vec![Text::new(&one.upstream).shown(), one.taken.shown(), one.queued.shown()])
        .collect();
    let content = html! {
        (facts(&[("Actions under way", own.map_or(0, |load| load.under_way).shown())]))
        @if rows.is_empty() { (paragraph(&"No adapter runs or waits for a run slot.")) }
        @else { (table("Run slots", &["Upstream", "Running", "Queued"], &rows)) }
    };
    section("queues", "Queues and places", &content)
}

fn waiting(engine: &Engine, tenant: &str, now_ms: i64) -> Markup {
    let all = engine.waits(tenant);
    let is_ask = |waits: &&Arc<Waits>| matches!(waits.what, WaitsFor::Approval { .. });
    let asks: Vec<&Arc<Waits>> = all.iter().filter(is_ask).collect();
    let oldest = asks.first().map(|waits| {
        let age = duration(now_ms.saturating_sub(waits.proposed_ms));
        html! { (Time(waits.proposed_ms)) " (" (Text::new(&age)) " ago)" }
    });
    let rows = [
        ("Actions that wait for people", asks.len().shown()),
        ("The oldest of them was proposed", oldest.unwrap_or_default()),
        ("Open outcomes", all.len().saturating_sub(asks.len()).shown()),
    ];
    section("waiting", "What waits", &facts(&rows))
}

/// The configuration in force, and tokens that are not accepted.
fn configuration(desk: &Desk, tenant: &str) -> Markup {
    let engine = &desk.app.engine;
    let (valid, rest) = desk.app.token_files(tenant);
    let activation = engine.activation(tenant);
    let digest = activation.map(|(digest, _)| code(&Text::new(&digest.to_string())));
    let since = activation.and_then(|(_, at_ms)| at_ms).map(Time);
    let rows = [
        ("Activation", digest.unwrap_or_default()),
        ("In force since", since.shown()),
        ("Read or found unchanged", Time(engine.reloads().good_ms()).shown()),
        ("Valid tokens in tokens/", valid.shown()),
        ("Tokens in tokens/ that are refused or expired", rest.shown()),
    ];
    section("configuration", "Configuration in force", &facts(&rows))
}

/// The log of the tenant, and its witnesses.
fn log(engine: &Engine, tenant: &str, head: Option<&Checkpoint>) -> Markup {
    let rows = [
        ("Entries", head.map(|head| head.size).shown()),
        ("Origin", head.map(|head| Text::new(&head.origin)).shown()),
        ("Root of the last checkpoint", head.map(root).shown()),
    ];
    let witnesses: Vec<Cells> = engine
        .witnesses()
        .into_iter()
        .filter(|(of, _)| *of == tenant)
        .map(|(_, standing)| {
            let prompt = if standing.prompt { "✓ yes" } else { "✕ no" };
            let alarm = standing.alarm.as_deref().map(Text::new);
            vec![Text::new(&standing.witness).shown(), prompt.shown(), alarm.shown()]
        })
        .collect();
    let content = html! {
        (facts(&rows))
        @if witnesses.is_empty() { (paragraph(&"No witness is configured.")) }
        @else { (table("Witnesses", &["Witness", "Cosigns in time", "Contradiction"], &witnesses)) }
    };
    section("log", "Log", &content)
}

fn root(head: &Checkpoint) -> Markup {
    let text = head.to_string();
    code(&Text::new(text.lines().nth(2).unwrap_or_default()))
}
