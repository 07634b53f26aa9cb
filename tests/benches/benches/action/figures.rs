//! Results of the action bench. For each kind of work and each number of callers, this module computes the median cost
//! over several rounds and the ratio to the floor (the minimum cost) of the same run. The module writes lines for a
//! terminal and figures for `bench.json`.

use std::collections::BTreeMap;
use std::time::Duration;

use deed_benches::{RSS_OF_HISTORY, median, report, rounded};
use deed_tests::services::Result;
use serde_json::json;

use super::{KINDS, PARTS};

/// The CPU time in microseconds of a bare tool call and of one fresh sandbox run, on the machine on which the goal was
/// set.
const GOAL_US: f64 = 190.0;
const GOAL_RUN_US: f64 = 26.0;

/// One measurement. All times are per request or action.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) per_s: f64,
    /// User and system time of the server.
    pub(super) cpu_us: f64,
    /// Peak memory of the server while the requests were in flight.
    pub(super) peak_mib: f64,
}

#[derive(Debug, Default)]
pub(super) struct Table(BTreeMap<(&'static str, u64), Vec<Cost>>);

impl Table {
    pub(super) fn add(&mut self, what: &'static str, callers: u64, cost: Cost) {
        self.0.entry((what, callers)).or_default().push(cost);
    }

    /// The medians over all rounds, except for memory, whose maximum is returned. The result is zero if nothing was
    /// measured.
    pub(super) fn of(&self, what: &'static str, callers: u64) -> Cost {
        let rounds = self.0.get(&(what, callers)).map_or(&[][..], Vec::as_slice);
        let of = |field: fn(&Cost) -> f64| median(rounds.iter().map(field));
        Cost {
            p50_us: of(|c| c.p50_us),
            p99_us: of(|c| c.p99_us),
            per_s: of(|c| c.per_s),
            cpu_us: of(|c| c.cpu_us),
            peak_mib: rounds.iter().map(|c| c.peak_mib).fold(0.0, f64::max),
        }
    }

    pub(super) fn lines(&self, callers: u64) -> Vec<String> {
        let floor = self.of("whole", callers);
        let line = |what: &'static str| {
            let Cost { p50_us, p99_us, per_s, cpu_us, peak_mib } = self.of(what, callers);
            let (slower, dearer) = (p50_us / floor.p50_us, cpu_us / floor.cpu_us);
            format!(
                "{callers:>4} {what:<10} p50 {p50_us:>9.0} µs  p99 {p99_us:>9.0} µs  {per_s:>8.0}/s  \
                 cpu {cpu_us:>7.1} µs  {peak_mib:>6.1} MiB   × floor: p50 {slower:>5.2}  rate {:>5.3}  cpu {dearer:>5.2}",
                per_s / floor.per_s
            )
        };
        PARTS
            .into_iter()
            .chain(KINDS)
            .filter(|what| self.0.contains_key(&(*what, callers)))
            .map(line)
            .collect()
    }

    /// The CPU time of a part of the floor, without the cost of an empty request.
    fn share(&self, part: &'static str, callers: u64) -> f64 {
        (self.of(part, callers).cpu_us - self.of("nothing", callers).cpu_us).max(0.0)
    }

    /// The cost of a call over MCP beside the same action over HTTP.
    fn report_mcp(&self) -> Result<()> {
        let ratio = |callers| {
            let (mcp, read) = (self.of("mcp", callers), self.of("read", callers));
            (mcp.p50_us / read.p50_us, mcp.cpu_us / read.cpu_us)
        };
        let ((p50, cpu), (p50_64, cpu_64)) = (ratio(1), ratio(64));
        let figures = json!({
            "p50_ms_1": rounded(self.of("mcp", 1).p50_us / 1e3, 2),
            "p50_ms_1_http": rounded(self.of("read", 1).p50_us / 1e3, 2),
            "ratio_p50_1": rounded(p50, 2),
            "ratio_p50_64": rounded(p50_64, 2),
            "ratio_cpu_1": rounded(cpu, 2),
            "ratio_cpu_64": rounded(cpu_64, 2),
        });
        report("mcp", &figures, &[], "for the record", true)
    }

    /// The cost of an action that is rehearsed beside the same action under a closed contract.
    fn report_rehearsal(&self) -> Result<()> {
        let ratio = |callers| {
            let (open, closed) = (self.of("open", callers), self.of("closed", callers));
            (open.p50_us / closed.p50_us, open.cpu_us / closed.cpu_us)
        };
        let ((p50, cpu), (p50_64, cpu_64)) = (ratio(1), ratio(64));
        let figures = json!({
            "p50_ms_1": rounded(self.of("open", 1).p50_us / 1e3, 2),
            "p50_ms_1_closed": rounded(self.of("closed", 1).p50_us / 1e3, 2),
            "p50_ms_64": rounded(self.of("open", 64).p50_us / 1e3, 2),
            "p50_ms_64_closed": rounded(self.of("closed", 64).p50_us / 1e3, 2),
            "ratio_p50_1": rounded(p50, 2),
            "ratio_p50_64": rounded(p50_64, 2),
            "ratio_cpu_1": rounded(cpu, 2),
            "ratio_cpu_64": rounded(cpu_64, 2),
        });
        report("rehearsal", &figures, &[], "for the record", true)
    }

    pub(super) fn report(&self, starts: &[(&'static str, Duration)]) -> Result<()> {
        let starts: BTreeMap<&str, _> =
            starts.iter().map(|(name, took)| (*name, rounded(took.as_secs_f64(), 2))).collect();
        report("start", &json!(starts), &[], "for the record", true)?;
        let peak = json!({"at_256": rounded(self.of("write", 256).peak_mib, 1)});
        report("rss_mib", &peak, &RSS_OF_HISTORY, "for the record", true)?;
        self.report_mcp()?;
        self.report_rehearsal()?;
        let (one, many) = (self.of("write", 1), self.of("write", 64));
        let slower = one.p50_us / self.of("whole", 1).p50_us;
        let rate = self.of("whole", 64).per_s / many.per_s;
        // The CPU time of the requests to the upstream and of the writes to disk is measured in the floor, and
        // subtracted here.
        let own_us = many.cpu_us - self.share("exchanges", 64) - self.share("commits", 64);
        let run_us = self.share("runs", 64) / 3.0;
        let bound_us = GOAL_US * run_us / GOAL_RUN_US;
        let figures = json!({
            "ratio_p50_1": rounded(slower, 2),
            "ratio_throughput_64": rounded(rate, 2),
            "actions_per_s_64": rounded(many.per_s, 0),
            "cpu_ms_64": rounded(own_us / 1e3, 3),
            "cpu_ms_64_whole": rounded(many.cpu_us / 1e3, 3),
            "cpu_ms_64_floor": rounded(self.of("whole", 64).cpu_us / 1e3, 3),
            "sandbox_run_us": rounded(run_us, 1),
            "cpu_ms_64_bound": rounded(bound_us / 1e3, 3),
        });
        let holds = slower <= 2.0 && rate <= 2.0 && own_us <= bound_us;
        report(
            "action",
            &figures,
            &[],
            "p50 and rate within 2 of the floor, CPU within its bound",
            holds,
        )
    }
}
