//! `deed contract test`: runs the test cases of a contract, and prints one line for each.

use std::collections::BTreeMap;
use std::process::ExitCode;

use deed_record::contract::Contract;
use deed_record::lifecycle::outcome::Outcome;
use deed_spec::text::safe;
use serde::Serialize;
use serde_json::Value;

use super::case::{Case, Found, beside};
use super::{TestArgs, note_questions, note_unverified, read};
use crate::cli::case_file::{self, CaseFile};
use crate::cli::out::Failure;
use crate::cli::text::{count, line};
use crate::config::Fault;
use crate::maintenance::contract_test::Tested;

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
    let (text, contract) = read(&args.file)?;
    note_questions(&args.file, &text);
    note_unverified(&args.file, &text, &contract);
    let path = args.cases.clone().unwrap_or_else(|| beside(&args.file));
    let cases: CaseFile<Case> = case_file::read(&path).map_err(Failure::failed)?;
    let report = report(&contract, &cases)?;
    args.format.print(&report, summary)?;
    Ok(if report.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every case. Fails if any case is not valid, and reports all such cases.
fn report(contract: &Contract, cases: &CaseFile<Case>) -> Result<Report, Failure> {
    let (mut reports, mut faults) = (vec![], vec![]);
    for (line, case) in &cases.list {
        match case.test(contract).run() {
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
    let differences = case.differences(&Found {
        outcome: judgement.outcome,
        reason: &judgement.reason,
        pre: &pre,
        post: post.as_ref(),
        outputs: &judgement.outputs,
    });
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
    let cases = count(report.cases.len(), "case");
    line(&mut text, format_args!("{cases}, {} differ", report.differ));
    text
}
