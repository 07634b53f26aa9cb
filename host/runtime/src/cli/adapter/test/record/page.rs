//! The result of a recording.

use std::path::Path;

use deed_spec::text::safe;
use serde::Serialize;

use super::super::report::{CaseReport, run};
use super::answers::Seen;
use crate::cli::text::{count, line};

#[derive(Debug, Serialize)]
pub(super) struct Recording {
    contract: String,
    /// The file of the recorded cases, which is written only if no case differs.
    file: String,
    cases: Vec<RecordedCase>,
    /// How many cases could not be recorded.
    pub(super) differ: usize,
}

/// The dry run of a case.
#[derive(Debug, Serialize)]
pub(super) struct RecordedCase {
    #[serde(flatten)]
    pub(super) run: CaseReport,
    pub(super) recorded: Seen,
    /// Whether the answers to writes, and those after them, are defaults.
    #[serde(rename = "defaults")]
    pub(super) is_default: bool,
}

impl Recording {
    pub(super) fn new(contract: &str, file: &Path, cases: Vec<RecordedCase>) -> Self {
        let differ = cases.iter().filter(|one| !one.run.differences.is_empty()).count();
        Self { contract: contract.to_owned(), file: file.display().to_string(), cases, differ }
    }

    /// How many cases have default answers.
    pub(super) fn defaults(&self) -> usize {
        self.cases.iter().filter(|one| one.is_default).count()
    }
}

pub(super) fn page(recording: &Recording) -> String {
    let mut text = format!("{}\n", safe(&recording.contract));
    for one in &recording.cases {
        text += &run(&one.run, &safe(&one.run.name));
        if one.run.differences.is_empty() {
            line(&mut text, format_args!("         recorded: {}", parts(one)));
        }
    }
    let all = recording.cases.len();
    if recording.differ == 0 {
        let all = count(all, "case");
        line(&mut text, format_args!("{all} recorded in {}", safe(&recording.file)));
    } else {
        let some = recording.differ;
        line(
            &mut text,
            format_args!("{some} of {all} cases cannot be recorded; nothing was written"),
        );
    }
    text
}

fn parts(one: &RecordedCase) -> String {
    let Seen { before, reads, redacted } = one.recorded;
    let mut parts = vec![format!("before ({before})")];
    if reads > 0 {
        parts.push(format!("reads ({reads})"));
    }
    if redacted > 0 {
        parts.push(format!("{redacted} values held a secret and were replaced"));
    }
    if one.is_default {
        parts.push("writes and after are defaults".to_owned());
    }
    parts.join("; ")
}
