//! The HTTP API. This module parses requests, passes them to the engine and formats the answers; it makes no decisions
//! about actions.

mod account;
mod actions;
mod approvals;
mod auth;
mod contracts;
mod extract;
mod filters;
mod headers;
pub(crate) mod listener;
mod log;
mod operations;
mod payload;
mod resolutions;
mod routes;
mod tools;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use deed_record::action::id::ActionId;
use serde_json::Value;

pub(crate) use self::actions::{
    bundled, cancelled, explained, listed, looked_at, parse_id, proposed, viewed,
};
pub(crate) use self::auth::Caller;
use self::auth::Callers;
pub(crate) use self::contracts::reach;
pub(crate) use self::headers::{WAIT_MAX_S, claim, traceparent};
pub use self::listener::Listener;
pub(crate) use self::payload::Payload;
use crate::api;
use crate::capacity::counters::Metrics;
use crate::engine::Engine;

/// The state that all routes share.
#[derive(Clone, Debug)]
pub struct App {
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    callers: Arc<Callers>,
}

impl App {
    /// Creates the state of the routes for a listener with at most this many connections.
    pub fn new(engine: Arc<Engine>, connections_max: usize) -> Self {
        let callers = Arc::new(Callers::of(engine.tenants(), connections_max));
        Self { engine, metrics: Arc::default(), callers }
    }

    /// Accepts the tokens of `tokens/`, and from then on notices when the folder changes.
    ///
    /// # Errors
    ///
    /// Fails when no thread can be started.
    pub fn watch_tokens(&self) -> Result<(), String> {
        auth::watch::start(&self.engine, &self.callers)
    }
}

/// The routes for agents, approvers and auditors, and further routes that are not part of the HTTP API.
pub fn router(app: App, further: Router<App>) -> Router {
    routes::main()
        .merge(further)
        .fallback(crate::api::problem::no_route)
        .method_not_allowed_fallback(crate::api::problem::no_method)
        .layer(DefaultBodyLimit::max(api::BODY_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), account::account))
        .with_state(app)
}

/// The routes for health checks and metrics, which have their own listener.
pub fn operations(app: App) -> Router {
    routes::operations()
        .fallback(crate::api::problem::no_route)
        .method_not_allowed_fallback(crate::api::problem::no_method)
        .with_state(app)
}

/// The OpenAPI document that describes the routes of both listeners.
pub(crate) fn document() -> Value {
    routes::document()
}

/// The page on which people see an action and how to approve it; `None` if the host has no address for people.
pub(crate) fn approve_url(_app: &App, _id: &ActionId) -> Option<String> {
    // The configuration has no address for people yet.
    None
}
