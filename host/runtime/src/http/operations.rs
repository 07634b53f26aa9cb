//! Handlers for health, readiness and metrics on the operations listener.

mod expiring;
mod families;
mod load;
mod metrics;

use axum::extract::State;
use axum::http::StatusCode;

pub(super) use self::metrics::metrics;
use super::App;
use crate::engine::Unready;

/// Reports the host as healthy while the process answers and its store accepts writes.
pub(super) async fn health(State(app): State<App>) -> (StatusCode, String) {
    match app.engine.failed() {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        None => (StatusCode::OK, "ok\n".to_owned()),
    }
}

/// Reports whether the host accepts new work. If the host does not accept new work, the answer has one line for each
/// reason.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, String) {
    let reasons = app.engine.unready();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let line = |why: &Unready| why.to_string().replace('\n', " ") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, reasons.iter().map(line).collect())
}
