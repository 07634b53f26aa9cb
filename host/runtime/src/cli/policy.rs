//! `deed policy test` compares the decisions of a directory's policies with the decisions that test cases expect. `deed
//! policy schema` prints the Cedar schema of the policies.
//!
//! A test prints one line per case. A test runs no adapter and sends no request.

mod cases;
mod schema;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use deed_record::policy::{Decision, Verdict};
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde::Serialize;

use self::cases::Case;
use super::case_file::{self, CaseFile};
use super::out::{Failure, Format};
use super::text::{count, line};
use crate::config::{self, Config, Fault, Tenant};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    Test(TestArgs),
    Schema(schema::SchemaArgs),
}

/// Evaluate the policies for test cases, and compare the decisions with the expected ones
///
/// Prints one line per case with the policies that decide, and exits with 1 if a decision differs from the expected
/// one. If the host itself denies a case, for example because a source is missing, the line names no policy.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// The file of test cases, such as starter.cases.toml
    #[arg(value_name = "CASES.toml")]
    cases: PathBuf,
    /// The tenant for cases that do not name one; required if there are several tenants
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    cases: Vec<CaseReport>,
    differ: usize,
}

#[derive(Debug, Serialize)]
struct CaseReport {
    name: String,
    file: String,
    line: usize,
    tenant: String,
    verdict: Verdict,
    /// Ids of the policies that decide; empty if the host itself denies the action.
    by: BTreeSet<String>,
    /// Obligations such as `approve:1:support-lead` or `confirm`.
    obligations: BTreeSet<String>,
    not_applied: Vec<String>,
    errors: Vec<String>,
    reason: Option<String>,
    /// How the decision differs from the expected one; empty if it does not differ.
    differences: Vec<String>,
}

pub(super) fn run(command: &PolicyCommand) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Test(args) => test(args),
        PolicyCommand::Schema(args) => schema::run(args),
    }
}

fn test(args: &TestArgs) -> Result<ExitCode, Failure> {
    let cases = case_file::read(&args.cases).map_err(Failure::failed)?;
    let config = config::load(&args.dir).map_err(Failure::failed)?;
    let report = report(&config, args.tenant.as_deref(), &cases)?;
    args.format.print(&report, summary)?;
    Ok(if report.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Decides every case. Fails if any case cannot be decided, and reports all such cases.
fn report(
    config: &Config,
    tenant: Option<&str>,
    cases: &CaseFile<Case>,
) -> Result<Report, Failure> {
    let now_ms = Clock::new().now_ms();
    let (mut reports, mut faults) = (vec![], vec![]);
    for (line, case) in &cases.list {
        let decided = find(config, tenant, case).and_then(|tenant| {
            let decision = case.decide(config, tenant, now_ms).map_err(|e| e.to_string())?;
            Ok(case_report((&cases.file, *line), tenant, case, decision))
        });
        match decided {
            Ok(report) => reports.push(report),
            Err(what) => faults.push(Fault::new(&cases.file, *line, what).to_string()),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Failed(faults.join("\n")));
    }
    let differ = reports.iter().filter(|case| !case.differences.is_empty()).count();
    Ok(Report { cases: reports, differ })
}

fn find<'a>(
    config: &'a Config,
    default: Option<&str>,
    case: &Case,
) -> Result<&'a Arc<Tenant>, String> {
    let Some(name) = case.tenant.as_deref().or(default) else {
        let mut tenants = config.tenants.values();
        return match (tenants.next(), tenants.next()) {
            (Some(only), None) => Ok(only),
            _ => Err("there are several tenants; name one with `tenant` or --tenant".to_owned()),
        };
    };
    config.tenants.get(name).ok_or_else(|| {
        let known = config.tenants.keys().cloned().collect::<Vec<_>>().join("`, `");
        format!("there is no tenant `{name}`; use one of `{known}`")
    })
}

fn case_report(
    (file, line): (&str, usize),
    tenant: &Tenant,
    case: &Case,
    decision: Decision,
) -> CaseReport {
    let mut report = CaseReport {
        name: case.name.clone(),
        file: file.to_owned(),
        line,
        tenant: tenant.name.clone(),
        verdict: decision.verdict,
        by: decision.determining.into_iter().collect(),
        obligations: decision.obligations.iter().map(ToString::to_string).collect(),
        not_applied: decision.not_applied,
        errors: decision.errors,
        reason: decision.reason,
        differences: vec![],
    };
    report.differences = differences(case, &report);
    report
}

fn differences(case: &Case, got: &CaseReport) -> Vec<String> {
    let mut found = Vec::new();
    if case.want != got.verdict {
        found.push(format!("want = {}", word(case.want)));
    }
    for (field, want, got) in
        [("obligations", &case.obligations, &got.obligations), ("by", &case.by, &got.by)]
    {
        if let Some(want) = want.as_ref().filter(|want| *want != got) {
            found.push(format!("{field} = {}", names(want)));
        }
    }
    found
}

fn summary(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        let mark = if case.differences.is_empty() { "ok     " } else { "differs" };
        line(&mut text, format_args!("{mark}  {}: {}", safe(&case.name), safe(&story(case))));
        if !case.differences.is_empty() {
            let wanted = safe(&case.differences.join(", "));
            line(&mut text, format_args!("         {}:{}: {wanted}", safe(&case.file), case.line));
        }
    }
    let cases = count(report.cases.len(), "case");
    line(&mut text, format_args!("{cases}, {} differ", report.differ));
    text
}

/// The verdict, the deciding policies and the reason, on one line.
fn story(case: &CaseReport) -> String {
    let mut text = word(case.verdict).to_owned();
    if !case.by.is_empty() {
        text = format!("{text} by {}", names(&case.by));
    }
    if !case.obligations.is_empty() {
        text = format!("{text}, obligations {}", names(&case.obligations));
    }
    let why = case.reason.as_ref().filter(|_| case.verdict == Verdict::Deny);
    why.into_iter().chain(&case.errors).fold(text, |text, why| format!("{text}; {why}"))
}

fn names(set: &BTreeSet<String>) -> String {
    if set.is_empty() {
        return "none".to_owned();
    }
    set.iter().cloned().collect::<Vec<_>>().join(" + ")
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::Ask => "ask",
        Verdict::Deny => "deny",
    }
}
