//! The HTTP surface: parses requests, appends outside facts, shows stories. It decides nothing.

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

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

use self::auth::Callers;
pub(crate) use self::headers::WAIT_MAX_S;
pub use self::listener::Door;
use crate::api;
use crate::capacity::counters::Metrics;
use crate::engine::Engine;

/// What every route has at hand.
#[derive(Clone, Debug)]
pub struct App {
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    callers: Arc<Callers>,
}

impl App {
    /// What the routes have at hand behind a door that holds so many connections.
    pub fn new(engine: Arc<Engine>, connections_max: usize) -> Self {
        let callers = Arc::new(Callers::of(engine.tenants(), connections_max));
        Self { engine, metrics: Arc::default(), callers }
    }
}

/// The routes for agents, approvers and auditors.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/v1/actions", post(actions::propose).get(actions::list))
        .route("/v1/explain", post(actions::explain))
        .route("/v1/actions/{id}", get(actions::show))
        .route("/v1/actions/{id}/cancel", post(actions::cancel))
        .route("/v1/actions/{id}/bundle", get(actions::bundle))
        .route("/v1/actions/{id}/approval_request", get(approvals::request))
        .route("/v1/actions/{id}/approvals", post(approvals::answer))
        .route("/v1/actions/{id}/resolution_request", get(resolutions::request))
        .route("/v1/actions/{id}/resolution", post(resolutions::resolve))
        .route("/v1/contracts", get(contracts::list))
        .route("/v1/contracts/{name}", get(contracts::show))
        .route("/log/{tenant}/checkpoint", get(log::checkpoint))
        .route("/log/{tenant}/tile/{*path}", get(log::tile))
        .fallback(crate::api::problem::no_route)
        .method_not_allowed_fallback(crate::api::problem::no_method)
        .layer(DefaultBodyLimit::max(api::BODY_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), account::account))
        .with_state(app)
}

/// The routes for operations, on their own listener.
pub fn operations(app: App) -> Router {
    Router::new()
        .route("/healthz", get(operations::health))
        .route("/readyz", get(operations::ready))
        .route("/metrics", get(operations::metrics))
        .fallback(crate::api::problem::no_route)
        .method_not_allowed_fallback(crate::api::problem::no_method)
        .with_state(app)
}
