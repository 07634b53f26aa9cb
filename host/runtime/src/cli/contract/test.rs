//! `deed contract test`: runs the test cases of a contract, and prints one line for each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::contract::Contract;
use deed_record::lifecycle::outcome::Outcome;
use deed_spec::text::safe;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{TestArgs, read};
use crate::cli::case_file::{self, CaseFile};
use crate::cli::out::Failure;
use crate::cli::text::line;
use crate::config::Fault;
use crate::maintenance::contract_test::{ContractTest, RecordedAnswer, Tested};

/// One `[[case]]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    params: Value,
    #[serde(default)]
    before: Vec<RecordedAnswer>,
    #[serde(default)]
    writes: Vec<RecordedAnswer>,
    #[serde(default)]
    after: Vec<RecordedAnswer>,
    /// The expected outcome.
    want: Outcome,
    /// A part of the expected reason.
    reason: Option<String>,
    /// The complete expected states before and after the action, and the complete expected outputs.
    pre: Option<Value>,
    post: Option<Value>,
    outputs: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Serialize)]
struct Report {
    contract: String,
    cases: Vec<CaseReport>,
    differ: usize,
}

#[derive(Debug, Serialize)]
struct CaseReport {
    name: String,
    file: String,
    line: usize,
    outcome: Outcome,
    reason: String,
    pre: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    post: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, Value>,
    /// How the result differs from the expected one; empty if it does not differ.
    differences: Vec<String>,
}

pub(super) fn run(args: &TestArgs) -> Result<ExitCode, Failure> {
    let (_, contract) = read(&args.file)?;
    let path = args.cases.clone().unwrap_or_else(|| beside(&args.file));
    let cases: CaseFile<Case> = case_file::read(&path).map_err(Failure::failed)?;
    let report = report(&contract, &cases)?;
    args.format.print(&report, summary)?;
    Ok(if report.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `NAME.cases.toml` beside `NAME.toml`.
fn beside(file: &std::path::Path) -> PathBuf {
    file.with_extension("cases.toml")
}

/// Runs every case. Fails if any case is not valid, and reports all such cases.
fn report(contract: &Contract, cases: &CaseFile<Case>) -> Result<Report, Failure> {
    let (mut reports, mut faults) = (vec![], vec![]);
    for (line, case) in &cases.list {
        let test = ContractTest {
            contract,
            params: &case.params,
            before: &case.before,
            writes: &case.writes,
            after: &case.after,
        };
        match test.run() {
            Ok(tested) => reports.push(case_report((&cases.file, *line), case, tested)),
            Err(error) => {
                let what = format!("case `{}`: {error}", case.name);
                faults.push(Fault::new(&cases.file, *line, what).to_string());
            }
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Failed(faults.join("\n")));
    }
    let differ = reports.iter().filter(|case: &&CaseReport| !case.differences.is_empty()).count();
    Ok(Report { contract: contract.action.name.clone(), cases: reports, differ })
}

fn case_report((file, line): (&str, usize), case: &Case, tested: Tested) -> CaseReport {
    let Tested { judgement, pre, post } = tested;
    let mut differences = Vec::new();
    if judgement.outcome != case.want {
        differences.push(format!("want = \"{}\"", case.want.as_str()));
    }
    if let Some(reason) = case.reason.as_ref().filter(|part| !judgement.reason.contains(*part)) {
        differences.push(format!("reason = \"{reason}\""));
    }
    if let Some(wanted) = case.pre.as_ref().filter(|wanted| **wanted != pre) {
        differences.push(format!("pre = {wanted}, and it is {pre}"));
    }
    let none = Value::Null;
    let found = post.as_ref().unwrap_or(&none);
    if let Some(wanted) = case.post.as_ref().filter(|wanted| *wanted != found) {
        differences.push(format!("post = {wanted}, and it is {found}"));
    }
    if let Some(wanted) = case.outputs.as_ref().filter(|wanted| **wanted != judgement.outputs) {
        let show = |all: &BTreeMap<String, Value>| serde_json::json!(all).to_string();
        let found = show(&judgement.outputs);
        differences.push(format!("outputs = {}, and they are {found}", show(wanted)));
    }
    CaseReport {
        name: case.name.clone(),
        file: file.to_owned(),
        line,
        outcome: judgement.outcome,
        reason: judgement.reason,
        pre,
        post,
        outputs: judgement.outputs,
        differences,
    }
}

fn summary(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        let mark = if case.differences.is_empty() { "ok     " } else { "differs" };
        let (name, outcome, reason) = (safe(&case.name), case.outcome.as_str(), safe(&case.reason));
        line(&mut text, format_args!("{mark}  {name}: {outcome}, {reason}"));
        if !case.differences.is_empty() {
            let wanted = safe(&case.differences.join("; "));
            line(&mut text, format_args!("         {}:{}: {wanted}", safe(&case.file), case.line));
        }
    }
    line(&mut text, format_args!("{} cases, {} differ", report.cases.len(), report.differ));
    text
}
