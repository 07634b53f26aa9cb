//! Health, readiness and counters, for operations only.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

use super::App;

/// Counters since the start of the host.
#[derive(Debug, Default)]
pub struct Metrics {
    unauthorized: AtomicU64,
    refused: AtomicU64,
}

impl Metrics {
    pub(super) fn unauthorized(&self) {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
    }

    /// A proposal that did not bind: no receipt, so at least a count.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Ready means: journal and logs take more, and the host is not stopping.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, String) {
    if let Some(why) = app.pipeline.failed() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "{why}
"
            ),
        );
    }
    if app.pipeline.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    (StatusCode::OK, "ready\n".to_owned())
}

/// Prometheus text exposition format 0.0.4.
pub(super) async fn metrics(State(app): State<App>) -> String {
    let counters = [
        ("deed_unauthorized_total", "requests without a valid token", &app.metrics.unauthorized),
        ("deed_proposals_refused_total", "proposals that did not bind", &app.metrics.refused),
    ];
    counters.iter().fold(String::new(), |mut out, (name, help, count)| {
        let value = count.load(Ordering::Relaxed);
        // Writing to a String cannot fail.
        write!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n")
            .unwrap_or_default();
        out
    })
}
