//! The HTTP API. This module parses requests, passes them to the engine and formats the answers; it makes no decisions
//! about actions.

mod access;
mod account;
mod actions;
mod approvals;
mod auth;
mod contracts;
mod deferrals;
mod drafts;
mod extract;
mod filters;
mod headers;
pub(crate) mod listener;
mod live;
mod log;
mod operations;
pub(crate) mod origin;
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

pub(crate) use self::actions::{
    accepted, acting_for, attached, bundled, cancelled, carried, explained, found, listed,
    looked_at, parse_id, proposed, requester, viewed,
};
pub(crate) use self::approvals::{not_waiting, requested, submitted};
pub(crate) use self::auth::Caller;
pub(crate) use self::contracts::reach;
pub(crate) use self::deferrals::deferred;
pub(crate) use self::drafts::drafted;
pub(crate) use self::extract::{Path, Query};
pub(crate) use self::filters::Wanted;
pub(crate) use self::headers::{WAIT_MAX_S, claim, traceparent};
pub use self::listener::Listener;
use self::live::Live;
pub(crate) use self::payload::Payload;
pub(crate) use self::routes::{
    ACTION_ID, Route, attachment, get, operations_of_api, post, router_of,
};
use crate::api;
use crate::capacity::counters::Metrics;
use crate::config::public_url;
use crate::engine::{Derived, Engine};

/// The state that all routes share.
#[derive(Clone, Debug)]
pub struct App {
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    live: Arc<Derived<Live>>,
    /// The beginning of links to the host's pages, if it is known.
    public_url: Option<Arc<str>>,
}

impl App {
    /// Creates the state of the routes for a listener with at most this many connections.
    pub fn new(engine: Arc<Engine>, connections_max: usize) -> Self {
        let current = engine.current();
        let first = Live::first(&engine, Arc::clone(&current), connections_max);
        let public_url: Option<Arc<str>> = engine.public_url().map(Arc::from);
        Self {
            engine,
            metrics: Arc::default(),
            live: Arc::new(Derived::new(current, first)),
            public_url,
        }
    }

    /// The callers and issuers of the configuration in force.
    fn live(&self) -> Arc<Live> {
        self.live.get(&self.engine, |current, last| last.next(&self.engine, current))
    }

    /// Makes what the routes need from the configuration in force, so that the first request after a reload does not
    /// wait for it.
    pub fn refresh(&self) {
        drop(self.live());
    }

    /// Sets the address of the listener. Links begin with it, unless the configuration says at which address people
    /// reach the host, or a proxy hides the listener.
    #[must_use]
    pub fn listening_at(mut self, address: SocketAddr) -> Self {
        if self.public_url.is_none() && !self.engine.behind_proxy() {
            self.public_url = Some(public_url::of_listener(address).into());
        }
        self
    }

    /// The beginning of links to the host's pages, if it is known.
    pub(crate) fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// Counts a request without valid credentials.
    pub(crate) fn count_unauthorized(&self) {
        self.metrics.unauthorized();
    }

    /// How many tokens of `tokens/` of this tenant's agents are valid, and how many are not.
    pub(crate) fn token_files(&self, tenant: &str) -> (usize, usize) {
        self.live().callers.of_tenant(tenant, self.engine.latest_ms())
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
        auth::watch::start(&self.engine, &self.live)
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

/// The page on which people see an action and how to approve it; `None` if the host has no address for people.
pub(crate) fn approve_url(app: &App, id: &ActionId) -> Option<String> {
    app.page_of(id.as_str())
}
