//! The HTTP API. This module parses requests, passes them to the engine and formats the answers; it makes no decisions
//! about actions.

mod access;
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
pub(crate) mod origin;
mod page;
mod payload;
mod resolutions;
mod resource;
mod routes;
mod tools;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use deed_record::action::id::ActionId;
use serde_json::Value;

pub(crate) use self::actions::{
    accepted, acting_for, bundled, cancelled, carried, explained, listed, looked_at, parse_id,
    proposed, viewed,
};
pub(crate) use self::auth::Caller;
use self::auth::Callers;
pub(crate) use self::contracts::reach;
pub(crate) use self::headers::{WAIT_MAX_S, claim, traceparent};
pub use self::listener::Listener;
pub(crate) use self::payload::Payload;
use crate::api;
use crate::capacity::counters::Metrics;
use crate::config::public_url;
use crate::engine::Engine;
use crate::oauth::Issuers;

/// The state that all routes share.
#[derive(Clone, Debug)]
pub struct App {
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    callers: Arc<Callers>,
    /// The beginning of links to the host's pages, if it is known.
    public_url: Option<Arc<str>>,
    issuers: Arc<Issuers>,
}

impl App {
    /// Creates the state of the routes for a listener with at most this many connections.
    pub fn new(engine: Arc<Engine>, connections_max: usize) -> Self {
        let callers = Arc::new(Callers::of(engine.tenants(), connections_max));
        let public_url: Option<Arc<str>> = engine.public_url().map(Arc::from);
        let issuers = Arc::new(Issuers::new(engine.issuers(), engine.tenants(), engine.clock()));
        Self { engine, metrics: Arc::default(), callers, public_url, issuers }
    }

    /// Sets the address of the listener. Links begin with it, unless the configuration says at which address people
    /// reach the host, or a proxy hides the listener.
    #[must_use]
    pub fn listening_at(mut self, address: SocketAddr) -> Self {
        if self.public_url.is_none() && !self.engine.behind_proxy() {
            self.public_url = Some(format!("http://{address}").into());
        }
        self
    }

    /// The address of the page of an action, if the host knows how people reach it.
    fn page_of(&self, action: &str) -> Option<String> {
        self.public_url.as_ref().map(|base| public_url::page(base, action))
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
pub(crate) fn approve_url(app: &App, id: &ActionId) -> Option<String> {
    app.page_of(id.as_str())
}
