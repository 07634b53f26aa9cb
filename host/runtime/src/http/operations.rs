//! Health, readiness and counters, for operations only.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

use super::App;
use crate::log::Standing;

/// Counters since the start of the host.
#[derive(Debug, Default)]
pub struct Metrics {
    unauthorized: AtomicU64,
    refused: AtomicU64,
    throttled: AtomicU64,
    cut: AtomicU64,
    turned_away: AtomicU64,
}

impl Metrics {
    pub(super) fn unauthorized(&self) {
        self.unauthorized.fetch_add(1, Ordering::Relaxed);
    }

    /// A proposal that did not bind: no receipt, so at least a count.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A request of a principal that was refused too often or asks too much at once.
    pub(super) fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection whose request did not come in time, or that made room for another.
    pub(super) fn cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that found every other one with a request in progress.
    pub(super) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
}

pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Ready means: journal and logs take more, and the host is not stopping.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, String) {
    if let Some(why) = app.pipeline.failed() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    }
    if app.pipeline.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    (StatusCode::OK, "ready\n".to_owned())
}

/// Prometheus text exposition format 0.0.4.
pub(super) async fn metrics(State(app): State<App>) -> String {
    let m = &app.metrics;
    let counters = [
        ("deed_unauthorized_total", "requests without a valid token", &m.unauthorized),
        ("deed_proposals_refused_total", "proposals that did not bind", &m.refused),
        ("deed_throttled_total", "requests of principals over their budget", &m.throttled),
        ("deed_connections_cut_total", "connections without a request in time", &m.cut),
        ("deed_connections_refused_total", "connections when all were busy", &m.turned_away),
    ];
    let counted = counters.iter().fold(String::new(), |mut out, (name, help, count)| {
        let value = count.load(Ordering::Relaxed);
        // Writing to a String cannot fail.
        write!(out, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n")
            .unwrap_or_default();
        out
    });
    counted + &witnesses(&app.pipeline.witnesses())
}

/// Per log and witness, whether it vouches and whether it contradicts; nothing where none is configured.
fn witnesses(standings: &[(&str, Standing)]) -> String {
    type Gauge = (&'static str, &'static str, fn(&Standing) -> bool);
    let gauges: [Gauge; 2] = [
        ("deed_witness_prompt", "1 while the witness vouches in time", |one| one.prompt),
        ("deed_witness_alarm", "1 while the witness contradicts the log", |one| {
            one.alarm.is_some()
        }),
    ];
    let mut out = String::new();
    for (name, help, holds) in gauges.into_iter().filter(|_| !standings.is_empty()) {
        write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n").unwrap_or_default();
        for (tenant, one) in standings {
            let (witness, value) = (&one.witness, u8::from(holds(one)));
            writeln!(out, "{name}{{tenant=\"{tenant}\",witness=\"{witness}\"}} {value}")
                .unwrap_or_default();
        }
    }
    out
}
