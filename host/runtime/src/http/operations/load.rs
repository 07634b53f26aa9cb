//! Metrics of the load: work under way, actions that wait for a run slot, and refusals by each limit.

use std::fmt;

use super::families::Families;
use crate::engine::Engine;

pub(super) fn write(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    families.counters(
        "deed_admission_refused",
        "new work that a limit refused",
        engine.refused().map(|(limit, count)| ([("limit", limit.word())], count)),
    )?;
    tenants(families, engine)?;
    turns(families, engine)
}

fn tenants(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    let loads = engine.loads();
    let states = loads.iter().flat_map(|load| {
        [("under_way", load.under_way), ("waiting", load.waiting)]
            .map(|(state, count)| ([("tenant", load.tenant.as_str()), ("state", state)], count))
    });
    families.gauges("deed_tenant_actions", "actions under way, and waiting for people", states)
}

fn turns(families: &mut Families<'_>, engine: &Engine) -> fmt::Result {
    let turns = engine.run_slots();
    families.gauge("deed_runs", "actions with a run slot in the sandbox", &turns.taken)?;
    families.gauge("deed_runs_queued", "actions that wait for a run slot", &turns.queued)?;
    let states = turns.upstreams.iter().flat_map(|one| {
        let labels = |state| {
            [("tenant", one.tenant.as_str()), ("upstream", one.upstream.as_str()), ("state", state)]
        };
        [(labels("running"), one.taken), (labels("queued"), one.queued)]
    });
    families.gauges(
        "deed_upstream_runs",
        "run slots that may reach an upstream, and actions that wait for one",
        states,
    )
}
