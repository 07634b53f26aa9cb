//! The results of a test. Texts of adapters are escaped and shortened.

use deed_record::lifecycle::outcome::Outcome;
use deed_spec::text::safe;
use serde::Serialize;

use super::bench::Ran;
use super::lines::Asked;
use super::play::Fault;
use super::suite::{Prepared, Suite};
use crate::cli::text::{count, line, short};

/// The maximum number of lines of a log that the page shows.
const LOG_SHOWN: usize = 10;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) component: String,
    pub(super) contracts: Vec<SuiteReport>,
    /// How many cases and faults differ.
    pub(super) differ: usize,
}

/// The results of one contract.
#[derive(Debug, Serialize)]
pub(super) struct SuiteReport {
    contract: String,
    file: String,
    pub(super) cases: Vec<CaseReport>,
    pub(super) faults: Vec<FaultReport>,
}

/// A run of a case.
#[derive(Debug, Serialize)]
pub(super) struct CaseReport {
    pub(super) name: String,
    file: String,
    line: usize,
    /// Null if the action did not end in time.
    outcome: Option<Outcome>,
    reason: String,
    /// How the result differs from the expected one; empty if it does not differ.
    pub(super) differences: Vec<String>,
    /// Lines of the adapter's log, and of the host's log about the runs.
    log: Vec<String>,
}

/// A run of a case with a fault.
#[derive(Debug, Serialize)]
pub(super) struct FaultReport {
    /// The exchange with the fault.
    request: String,
    fault: &'static str,
    #[serde(flatten)]
    run: CaseReport,
}

impl Report {
    pub(super) fn new(component: String, contracts: Vec<SuiteReport>) -> Self {
        let runs = contracts
            .iter()
            .flat_map(|one| one.cases.iter().chain(one.faults.iter().map(|fault| &fault.run)));
        let differ = runs.filter(|run| !run.differences.is_empty()).count();
        Self { component, contracts, differ }
    }
}

impl SuiteReport {
    pub(super) fn new(suite: &Suite) -> Self {
        let (contract, file) = (suite.contract.action.name.clone(), suite.name.clone());
        Self { contract, file, cases: vec![], faults: vec![] }
    }
}

impl CaseReport {
    pub(super) fn new(suite: &Suite, one: &Prepared, ran: Ran, differences: Vec<String>) -> Self {
        Self::of(&one.case.name, (&suite.file, one.line), ran, differences)
    }

    /// The run of a case in this file and line.
    pub(super) fn of(
        name: &str,
        (file, line): (&str, usize),
        ran: Ran,
        differences: Vec<String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            file: file.to_owned(),
            line,
            outcome: ran.view.outcome,
            reason: ran.view.reason.unwrap_or_default(),
            differences,
            log: ran.log,
        }
    }
}

impl FaultReport {
    pub(super) fn new(
        suite: &Suite,
        one: &Prepared,
        asked: &Asked,
        fault: Fault,
        ran: Ran,
        wrongs: Vec<String>,
    ) -> Self {
        let run = CaseReport::new(suite, one, ran, wrongs);
        Self { request: asked.head(), fault: fault.words(), run }
    }
}

/// One line for each run, and the differences and the log of each run that differs.
pub(super) fn page(report: &Report) -> String {
    let mut text = String::new();
    let (mut cases, mut faults) = (0_usize, 0_usize);
    for suite in &report.contracts {
        line(&mut text, format_args!("{}", safe(&suite.contract)));
        for case in &suite.cases {
            text += &run(case, &safe(&case.name));
        }
        for fault in &suite.faults {
            let (name, request) = (safe(&fault.run.name), short(&fault.request));
            text += &run(&fault.run, &format!("{name}, {request} {}", fault.fault));
        }
        cases += suite.cases.len();
        faults += suite.faults.len();
    }
    let with = if faults == 0 { String::new() } else { format!(" and {}", count(faults, "fault")) };
    line(&mut text, format_args!("{}{with}, {} differ", count(cases, "case"), report.differ));
    text
}

/// One line for the run, and the differences and the log if it differs.
pub(super) fn run(run: &CaseReport, title: &str) -> String {
    let mut text = String::new();
    let mark = if run.differences.is_empty() { "ok     " } else { "differs" };
    let outcome = run.outcome.map_or("no outcome", Outcome::as_str);
    line(&mut text, format_args!("{mark}  {title}: {outcome}, {}", short(&run.reason)));
    if run.differences.is_empty() {
        return text;
    }
    let place = format!("{}:{}", safe(&run.file), run.line);
    for difference in &run.differences {
        line(&mut text, format_args!("         {place}: {}", short(difference)));
    }
    let hidden = run.log.len().saturating_sub(LOG_SHOWN);
    if hidden > 0 {
        line(&mut text, format_args!("         log … {hidden} earlier lines"));
    }
    for one in run.log.iter().skip(hidden) {
        line(&mut text, format_args!("         log {}", short(one)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_adapter_says_cannot_control_a_terminal() {
        let hostile = CaseReport {
            name: "a\u{1b}[2K".to_owned(),
            file: "x.cases.toml".to_owned(),
            line: 4,
            outcome: None,
            reason: "\u{202e}b\nok       c".to_owned(),
            differences: vec!["d\u{1b}".repeat(500)],
            log: vec!["e\r".to_owned(); LOG_SHOWN + 2],
        };
        let suite = SuiteReport {
            contract: "a.b".to_owned(),
            file: "x.toml".to_owned(),
            cases: vec![hostile],
            faults: vec![],
        };
        let said = page(&Report::new("x.wasm".to_owned(), vec![suite]));
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\r']), "{said}");
        assert!(said.contains("differs  a\\u{1b}[2K: no outcome, "), "{said}");
        assert!(said.contains("x.cases.toml:4: d") && said.contains("log … 2 earlier"), "{said}");
        assert!(said.ends_with("1 case, 1 differ\n"), "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("ok")).count(), 0, "{said}");
    }
}
