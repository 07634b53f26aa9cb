//! The MCP server for agents: a tool for each contract, and tools for actions. The server speaks the revision
//! 2026-07-28 of the protocol, and older revisions that begin with `initialize`.
//!
//! The crate `rmcp` reads messages and follows the protocol. The host's own checks of a request come before it: `door`
//! authenticates and limits, `message` compares headers with the body. Tools call the functions of the HTTP API's
//! routes, so both have the same checks, limits and refusals.

mod answer;
mod ask;
mod call;
mod can;
mod card;
mod checked;
mod context;
mod declared;
mod define;
mod door;
mod exact;
mod explain;
mod handler;
mod join;
mod joins;
mod message;
mod offer;
mod own;
mod progress;
mod receipt;
mod refusal;
mod request_state;
mod revisions;
mod search;
mod task;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;

pub use self::checked::{Refused, check_message, check_origin};
use self::door::Edge;
use self::handler::Handler;
use crate::api;
use crate::http::App;

/// The route of the MCP server, for the listener of the agents.
pub fn routes(app: &App) -> Router<App> {
    let handler = Handler::new(app);
    // Every request is complete in itself, also in the revisions that permit sessions. A session would end with the
    // host, and its id would be one more thing that must belong to the caller. The host checks `Host` and `Origin`
    // itself, because the names by which callers may reach it depend on its configuration.
    let settings = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_retry(None)
        .with_max_request_body_bytes(api::BODY_MAX)
        .disable_allowed_hosts();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, settings);
    let edge = Edge { app: app.clone(), service };
    Router::new().route("/mcp", post(door::serve)).with_state(edge)
}
