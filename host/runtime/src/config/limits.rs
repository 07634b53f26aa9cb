//! `[limits]`: how many runs and actions the host handles at once, in total, per tenant and per agent.
//!
//! The defaults are for a machine with two cores. A tenant or agent may use at most as much as it leaves free for
//! others, so it gets at most half even if no other tenant or agent uses anything. A configured limit above half could
//! never be reached, so it is refused.

use super::fault::{Faults, Source};
use super::raw;

/// The maximum number of concurrent runs that can be configured: the sandbox has room for no more.
const RUNS_MAX: u32 = 64;
/// Upper bound of the action limits: more actions than a host could hold in memory or people could answer.
const ACTIONS_MAX: usize = 1_000_000;

/// The default limits on actions under way. An ordinary action takes about 100 KiB of memory while it is under way.
const UNDER_WAY: Bounds = Bounds { host: 512, tenant: 256, agent: 128 };
/// The default limits on actions that wait for people. Such an action takes a few KiB of memory. A limit of 1,000 for
/// one agent is enough, because people will not read more of its actions.
const WAITING: Bounds = Bounds { host: 40_000, tenant: 20_000, agent: 1_000 };

/// How many runs and actions the host handles at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Concurrent runs of adapters. Each run may use 64 MiB of memory.
    pub runs: u32,
    /// Actions under way: accepted, not ended, and not waiting for people.
    pub under_way: Bounds,
    /// Actions that wait for people.
    pub waiting: Bounds,
}

/// The limits for the whole host, for one tenant, and for one agent of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub host: usize,
    pub tenant: usize,
    pub agent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { runs: RUNS_MAX, under_way: UNDER_WAY, waiting: WAITING }
    }
}

pub(super) fn build(raw: &raw::Limits, here: &Source, faults: &mut Faults) -> Limits {
    let runs = raw.runs.unwrap_or(RUNS_MAX);
    if !(1..=RUNS_MAX).contains(&runs) {
        let what = format!("`runs` must be from 1 to {RUNS_MAX}");
        faults.push(here.fault_in("[limits]", "runs", &what));
    }
    let mut of = |name: &str, raw: Option<&raw::Bounds>, default: Bounds| {
        let bounds = bounds(raw, default);
        if let Some(what) = wrong(name, bounds) {
            faults.push(here.fault_in("[limits]", name, &what));
        }
        bounds
    };
    let under_way = of("under_way", raw.under_way.as_ref(), UNDER_WAY);
    let waiting = of("waiting", raw.waiting.as_ref(), WAITING);
    Limits { runs, under_way, waiting }
}

/// Returns the configured values. A value that is not configured is the default, reduced if necessary to fit the
/// configured values.
fn bounds(raw: Option<&raw::Bounds>, default: Bounds) -> Bounds {
    let Some(raw) = raw else { return default };
    let host = raw.host.unwrap_or(default.host);
    let tenant = raw.tenant.unwrap_or(default.tenant.min(host / 2));
    let agent = raw.agent.unwrap_or(default.agent.min(tenant / 2));
    Bounds { host, tenant, agent }
}

fn wrong(name: &str, bounds: Bounds) -> Option<String> {
    let Bounds { host, tenant, agent } = bounds;
    if host > ACTIONS_MAX {
        return Some(format!("`host` of `{name}` must be at most {ACTIONS_MAX}"));
    }
    let half = |small: &str, large: &str, most: usize| {
        format!(
            "`{small}` of `{name}` must be from 1 to half of `{large}`, here {most}; \
             the other half is reserved for others"
        )
    };
    if tenant == 0 || tenant > host / 2 {
        return Some(half("tenant", "host", host / 2));
    }
    (agent == 0 || agent > tenant / 2).then(|| half("agent", "tenant", tenant / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_fits_to_what_is() {
        let some = |host, tenant, agent| Some(raw::Bounds { host, tenant, agent });
        let of = |raw: Option<raw::Bounds>| bounds(raw.as_ref(), UNDER_WAY);
        assert_eq!(of(None), UNDER_WAY);
        assert_eq!(of(some(Some(40), None, None)), Bounds { host: 40, tenant: 20, agent: 10 });
        assert_eq!(of(some(None, None, Some(7))), Bounds { agent: 7, ..UNDER_WAY });
        assert_eq!(of(some(None, Some(10), None)), Bounds { tenant: 10, agent: 5, ..UNDER_WAY });
        for default in [UNDER_WAY, WAITING] {
            assert_eq!(wrong("x", default), None);
        }
    }

    #[test]
    fn a_bound_that_nobody_could_reach_is_refused() {
        for (bad, what) in [
            (
                Bounds { host: 10, tenant: 6, agent: 1 },
                "`tenant` of `x` must be from 1 to half of `host`, here 5",
            ),
            (
                Bounds { host: 10, tenant: 4, agent: 3 },
                "`agent` of `x` must be from 1 to half of `tenant`, here 2",
            ),
            (Bounds { host: 10, tenant: 4, agent: 0 }, "`agent`"),
            (Bounds { host: 1, tenant: 0, agent: 0 }, "`tenant`"),
            (
                Bounds { host: ACTIONS_MAX + 1, tenant: 4, agent: 1 },
                "`host` of `x` must be at most",
            ),
        ] {
            assert!(wrong("x", bad).unwrap().contains(what), "{bad:?}");
        }
    }
}
