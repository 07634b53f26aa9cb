//! Counters and gauges in the Prometheus text exposition format 0.0.4.
//!
//! The values are read at every scrape. What a value means is documented in the module that maintains it.

use std::fmt;

use axum::extract::State;
use axum::http::{HeaderName, header};
use deed_store::log::Standing;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::registry::Registry;

use super::families::{Families, seconds};
use super::{expiring, load};
use crate::capacity::counters::Metrics;
use crate::engine::{Engine, Unready};
use crate::http::App;

pub(in crate::http) async fn metrics(
    State(app): State<App>,
) -> ([(HeaderName, &'static str); 1], String) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(app)));
    let mut text = String::new();
    // Writing to a String cannot fail.
    prometheus_text::encode(&mut text, &registry).unwrap_or_default();
    ([(header::CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text)
}

/// Writes the metrics as a collector, which keeps HELP texts unchanged. The library would append a full stop to the
/// text of a registered metric.
#[derive(Debug)]
struct Scrape(App);

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(app) = self;
        let App { engine, metrics, .. } = app;
        let mut families = Families::new(encoder);
        counters(&mut families, metrics)?;
        let files = app.live().callers.of_files(engine.latest_ms());
        let files = files.map(|(state, n)| ([("state", state)], n));
        families.gauges("deed_token_files", "tokens of agents in tokens/", files)?;
        readiness(&mut families, engine)?;
        reloads(&mut families, engine)?;
        notifications(&mut families, engine)?;
        expiring::write(&mut families, engine)?;
        load::write(&mut families, engine)?;
        witnesses(&mut families, &engine.witnesses())
    }
}

fn counters(families: &mut Families<'_>, m: &Metrics) -> fmt::Result {
    let counters = [
        ("deed_unauthorized", "requests without a valid token", &m.unauthorized),
        ("deed_proposals_refused", "proposals that were not valid", &m.refused),
        ("deed_throttled", "requests over the limit of a principal, tenant or host", &m.throttled),
        ("deed_connections_cut", "connections closed without a request in time", &m.cut),
        ("deed_connections_refused", "connections refused because all were busy", &m.turned_away),
    ];
    counters.iter().try_for_each(|(name, help, count)| families.counter(name, help, count.get()))
}

/// Writes whether new work is accepted, the reasons if it is refused, and the measured values that these reasons depend
/// on.
fn readiness(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    let reasons = engine.unready();
    let (drift_ms, free) = engine.gauges();
    families.gauge("deed_ready", "1 while new work is accepted", &u32::from(reasons.is_empty()))?;
    let unready = Unready::WORDS.iter().map(|word| {
        let holds = reasons.iter().any(|why| why.word() == *word);
        ([("reason", *word)], u32::from(holds))
    });
    families.gauges("deed_unready", "1 while new work is refused for this reason", unready)?;
    families.gauge(
        "deed_clock_drift_seconds",
        "how far the system's clock is ahead of the host's",
        &seconds(drift_ms),
    )?;
    if let Some(free) = free {
        families.gauge("deed_disk_free_bytes", "free space for state/", &free)?;
    }
    families.gauge("deed_actions_under_way", "actions that are under way", &engine.under_way())
}

/// Writes how many reloads of the configuration had each result, and the age of what is in force.
fn reloads(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    let reloads = engine.reloads();
    families.counters(
        "deed_reloads",
        "reloads of the configuration",
        reloads.counts().map(|(result, count)| ([("result", result)], count)),
    )?;
    families.gauge(
        "deed_configuration_read_seconds",
        "Unix time at which the configuration in force was read or found unchanged",
        &seconds(reloads.good_ms()),
    )
}

/// Writes how many messages for people were delivered, were given up, and were dropped because a queue was full.
fn notifications(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    let told = engine.people_told().into_iter();
    families.counters(
        "deed_notifications",
        "messages for people by e-mail and chat",
        told.map(|([channel, result], n)| ([("channel", channel), ("result", result)], n)),
    )
}

/// Writes for each log and witness whether the witness cosigns in time and whether it contradicts the log. Writes
/// nothing if no witness is configured.
fn witnesses(families: &mut Families<'_>, standings: &[(&str, Standing)]) -> fmt::Result {
    type Gauge = (&'static str, &'static str, fn(&Standing) -> bool);
    let gauges: [Gauge; 2] = [
        ("deed_witness_prompt", "1 while the witness cosigns in time", |one| one.prompt),
        ("deed_witness_alarm", "1 while the witness contradicts the log", |one| {
            one.alarm.is_some()
        }),
    ];
    for (name, help, holds) in gauges.into_iter().filter(|_| !standings.is_empty()) {
        let values = standings.iter().map(|(tenant, one)| {
            ([("tenant", *tenant), ("witness", one.witness.as_str())], u32::from(holds(one)))
        });
        families.gauges(name, help, values)?;
    }
    Ok(())
}
