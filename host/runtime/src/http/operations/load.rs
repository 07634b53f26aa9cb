//! How much is carried, who waits for a turn, and whom which limit kept out, as metrics.

use std::fmt::Write as _;

use crate::engine::Engine;

/// Prometheus text exposition format 0.0.4.
pub(super) fn text(engine: &Engine) -> String {
    let mut out = String::new();
    family(&mut out, "deed_admission_refused_total", "counter", "new work that a limit kept out");
    for (limit, count) in engine.refused() {
        line(
            &mut out,
            &format!("deed_admission_refused_total{{limit=\"{}\"}}", limit.word()),
            count,
        );
    }
    let loads = engine.loads();
    family(&mut out, "deed_tenant_actions", "gauge", "actions under way, and waiting for people");
    for load in &loads {
        for (state, count) in [("under_way", load.under_way), ("waiting", load.waiting)] {
            let tenant = &load.tenant;
            let name = format!("deed_tenant_actions{{tenant=\"{tenant}\",state=\"{state}\"}}");
            line(&mut out, &name, count);
        }
    }
    let turns = engine.turns();
    for (name, help, count) in [
        ("deed_runs", "actions that have a turn in the sandbox", turns.taken),
        ("deed_runs_queued", "actions that wait for a turn", turns.queued),
    ] {
        family(&mut out, name, "gauge", help);
        line(&mut out, name, count);
    }
    family(
        &mut out,
        "deed_upstream_runs",
        "gauge",
        "turns that may reach an upstream, and those who wait",
    );
    for one in &turns.upstreams {
        for (state, count) in [("running", one.taken), ("queued", one.queued)] {
            let (tenant, upstream) = (&one.tenant, &one.upstream);
            let labels = format!("tenant=\"{tenant}\",upstream=\"{upstream}\",state=\"{state}\"");
            line(&mut out, &format!("deed_upstream_runs{{{labels}}}"), count);
        }
    }
    out
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a String cannot fail.
    write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n").unwrap_or_default();
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    writeln!(out, "{name} {value}").unwrap_or_default();
}
