//! Health, readiness and counters, for operations only.

mod load;

use std::fmt::Write;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use deed_store::log::Standing;

use super::App;
use crate::engine::{Engine, Unready};

/// The process answers, and its store takes what it must take.
pub(super) async fn health(State(app): State<App>) -> (StatusCode, String) {
    match app.engine.failed() {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        None => (StatusCode::OK, "ok\n".to_owned()),
    }
}

/// Ready means that new work is taken. Otherwise every reason has a line of its own.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, String) {
    let reasons = app.engine.unready();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let line = |why: &Unready| why.to_string().replace('\n', " ") + "\n";
    (StatusCode::SERVICE_UNAVAILABLE, reasons.iter().map(line).collect())
}

/// Prometheus text exposition format 0.0.4.
pub(super) async fn metrics(State(app): State<App>) -> String {
    let m = &app.metrics;
    let counters = [
        ("deed_unauthorized_total", "requests without a valid token", &m.unauthorized),
        ("deed_proposals_refused_total", "proposals that did not bind", &m.refused),
        (
            "deed_throttled_total",
            "requests over what one principal, tenant or all may have",
            &m.throttled,
        ),
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
    counted
        + &readiness(&app.engine)
        + &load::text(&app.engine)
        + &witnesses(&app.engine.witnesses())
}

/// Whether new work is taken, why not, and what that rests on.
fn readiness(engine: &Engine) -> String {
    let reasons = engine.unready();
    let (drift_ms, free) = engine.gauges();
    let ready = u8::from(reasons.is_empty());
    let gauge = |name: &str, help: &str, value: &str| {
        format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n")
    };
    let mut out = gauge("deed_ready", "1 while new work is taken", &ready.to_string());
    out +=
        "# HELP deed_unready 1 while this is why no new work is taken\n# TYPE deed_unready gauge\n";
    for word in Unready::WORDS {
        let holds = u8::from(reasons.iter().any(|why| why.word() == word));
        writeln!(out, "deed_unready{{reason=\"{word}\"}} {holds}").unwrap_or_default();
    }
    let (whole, rest) = (drift_ms.abs() / 1_000, drift_ms.abs() % 1_000);
    let sign = if drift_ms < 0 { "-" } else { "" };
    let drift = format!("{sign}{whole}.{rest:03}");
    out +=
        &gauge("deed_clock_drift_seconds", "how far the system's clock is ahead of ours", &drift);
    if let Some(free) = free {
        out += &gauge("deed_disk_free_bytes", "room for state/ that is left", &free.to_string());
    }
    let under_way = engine.under_way().to_string();
    out + &gauge("deed_actions_under_way", "actions that are carried on right now", &under_way)
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
