//! The console: pages for people with a browser. The pages show, and a person with a passkey answers on the page of an
//! action; what else changes something are the forms for signing in and out, the one that puts a request off, and the
//! one that changes an action and proposes it again.
//!
//! A person signs in with a name and a token, which begins a session (`session`, `cookie`, `sign_in`). `visitor`
//! identifies the person of a request, `form` refuses forms of other sites, `html` has the frame and the headers of
//! every page, and `text` and `parts` are what pages consist of. `question` is what a waiting action asks of a person, and
//! `answer` has the routes for the script of its page.

mod action;
mod agents;
mod answer;
mod attempts;
mod base;
mod cookie;
mod decisions;
mod deferral;
mod desk;
mod edit;
mod enrol;
mod form;
mod health;
mod html;
mod inbox;
mod parts;
mod passkeys;
mod place;
mod policies;
mod question;
mod refusal;
mod script;
mod search;
mod sent;
mod session;
mod sign_in;
mod table;
mod text;
mod usable;
mod verifier;
mod visitor;

use std::sync::Arc;

use axum::{Router, middleware};
use serde_json::Value;

use self::desk::Desk;
use crate::api::openapi;
use crate::config::public_url;
use crate::http::{self, App};

/// The routes of the console, for the listener of the agents.
pub fn routes(app: &App) -> Router<App> {
    let base: Arc<str> = public_url::path(app.public_url().unwrap_or_default()).into();
    http::router_of(table::all().into_iter())
        .route_layer(middleware::from_fn_with_state(base, base::within))
        .with_state(Desk::new(app))
}

/// The OpenAPI document that describes the routes of both listeners.
pub(crate) fn document() -> Value {
    let mut operations = http::operations_of_api();
    operations.extend(table::all().into_iter().map(|route| route.operation));
    openapi::document(operations.iter())
}

#[cfg(test)]
mod tests;
