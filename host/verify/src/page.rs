//! The report of a verification as text for people.

use deed_spec::text::safe;

use crate::{Report, Status, Verdict};

/// Writes one line per check, and the verdict as the last line. `id` is the name to show for the bundle.
pub fn lines(report: &Report, id: &str) -> String {
    let mut lines = Vec::new();
    for line in &report.checks {
        let mark = match line.status {
            Status::Pass => "pass",
            Status::Fail => "FAIL",
            Status::Skip => "skip",
        };
        lines.push(format!("{mark}  {:<17}  {}", line.name, safe(&line.detail)));
    }
    if let Some(outcome) = report.outcome {
        lines.push(format!("outcome in the receipt: {}", outcome.as_str()));
    }
    if let Some(settled) = report.settled {
        lines.push(format!("settled later: {}", settled.as_str()));
    }
    lines.push(format!("{} {}", said(report.verdict), safe(id)));
    lines.join("\n")
}

/// The verdict as shown in the last line, which distinguishes a copy without evidence from a complete bundle.
fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::SignaturesOnly => "VERIFIED (signatures and inclusion only)".to_owned(),
        Verdict::Verified | Verdict::Failed | Verdict::Unverifiable => {
            verdict.as_str().to_uppercase()
        }
    }
}
