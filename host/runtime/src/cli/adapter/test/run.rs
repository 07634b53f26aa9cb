//! Runs the cases of one contract, and then each verified case again with each fault in each of its exchanges.

use deed_record::exchange::Rendered;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::plan::Plan;

use super::bench::{Ran, Serving};
use super::compare::{differences, wrongs};
use super::lines::Asked;
use super::play::{Fault, Play};
use super::report::{CaseReport, FaultReport, SuiteReport};
use super::suite::{Prepared, Suite};
use crate::cli::out::{self, Failure};
use crate::maintenance::contract_test::example;

/// Runs a suite on the host that serves its contract.
pub(super) fn suite(
    suite: &Suite,
    serving: &mut Serving<'_>,
    with_faults: bool,
) -> Result<SuiteReport, Failure> {
    let mut report = SuiteReport::new(suite);
    for one in &suite.cases {
        out::progress(&format!("running `{}`", one.case.name));
        let (ran, play) = run(serving, one, None)?;
        let mut found = differences(one, &ran, &play);
        if suite.contract.is_open() && ran.view.outcome == Some(Outcome::Verified) {
            found.extend(rehearsed_twice(serving, one)?);
        }
        let is_good = found.is_empty();
        report.cases.push(CaseReport::new(suite, one, ran, found));
        if with_faults && is_good && one.case.want == Outcome::Verified {
            report.faults.extend(faults(suite, serving, one, &play.seen)?);
        }
    }
    Ok(report)
}

/// Runs a case, with a fault in one exchange.
fn run(
    serving: &mut Serving<'_>,
    one: &Prepared,
    fault: Option<(usize, Fault)>,
) -> Result<(Ran, Play), Failure> {
    play(serving, one, fault, false)
}

fn play(
    serving: &mut Serving<'_>,
    one: &Prepared,
    fault: Option<(usize, Fault)>,
    dry_run: bool,
) -> Result<(Ran, Play), Failure> {
    serving.stage.set(Play::new(one.lines.clone(), fault));
    let name = &one.case.name;
    let ran = serving.run(&one.case.params, dry_run);
    let ran = ran.map_err(|why| Failure::Failed(format!("case `{name}`: {}", why.what())))?;
    let play = serving.stage.take();
    let lost = || Failure::Failed(format!("case `{name}`: the server of the test has ended"));
    Ok((ran, play.ok_or_else(lost)?))
}

/// Each fault in each exchange that the case has without a fault.
fn faults(
    suite: &Suite,
    serving: &mut Serving<'_>,
    one: &Prepared,
    exchanges: &[Asked],
) -> Result<Vec<FaultReport>, Failure> {
    let mut reports = Vec::new();
    for (n, asked) in exchanges.iter().enumerate() {
        for fault in Fault::ALL {
            out::progress(&format!("`{}`: {} {}", one.case.name, asked.head(), fault.words()));
            let (ran, play) = run(serving, one, Some((n, fault)))?;
            let wrongs = wrongs(&suite.contract, &ran, &play);
            reports.push(FaultReport::new(suite, one, asked, fault, ran, wrongs));
        }
    }
    Ok(reports)
}

/// Why two dry runs of a case do not give the same plan; nothing if they do.
fn rehearsed_twice(serving: &mut Serving<'_>, one: &Prepared) -> Result<Option<String>, Failure> {
    let mut plans = Vec::new();
    for _ in 0..2 {
        let (ran, _) = play(serving, one, None, true)?;
        if ran.view.outcome != Some(Outcome::Rehearsed) {
            let why = ran.view.reason.unwrap_or_default();
            return Ok(Some(format!("a dry run of the case is not rehearsed: {why}")));
        }
        plans.push(
            ran.evidence.rehearsal.and_then(|one| one.plan).map(|plan| text(&plan, &ran.view.id)),
        );
    }
    plans.dedup();
    Ok((plans.len() > 1).then(|| {
        "two dry runs give different plans; the adapter must compute the same writes from the same answers".to_owned()
    }))
}

/// The writes of a plan, with the id of the example in place of the action's own.
fn text(plan: &Plan, id: &str) -> String {
    let line = |request: &Rendered| {
        let body = request.body.as_ref().map_or(String::new(), ToString::to_string);
        format!("{} {} {} {body}\n", request.upstream, request.method, request.path)
    };
    let lines: String = plan.writes.iter().map(|write| line(&write.request)).collect();
    lines.replace(id, example().as_str())
}
