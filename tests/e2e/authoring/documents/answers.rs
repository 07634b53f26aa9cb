//! What an operator answers to drafts, read from `tests/data/openapi/answers/`.

use std::fs;

use deed_tests::services::workspace;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    operation: Vec<Operation>,
}

/// An operation of a document, and the answers to the questions of its draft, in the order of the draft.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    /// The operation, as `operationId` or as `METHOD /path`.
    pub(super) name: String,
    /// The name of the contract.
    pub(super) action: String,
    pub(super) look: Option<String>,
    pub(super) answer: Vec<Answer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// How the question begins.
    pub(super) question: String,
    /// What the operator replaces, and by what; nothing if the guess of the draft is right. The old text must be in the
    /// draft exactly once. A text that ends with `…` stands for the line that begins with it.
    #[serde(default)]
    edits: Vec<(String, String)>,
}

/// The operations of the document with this name.
pub(super) fn of(document: &str) -> Vec<Operation> {
    let path = workspace().join(format!("tests/data/openapi/answers/{document}.toml"));
    let answers: Answers = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    answers.operation
}

impl Operation {
    /// The file of the contract in a served directory.
    pub(super) fn file(&self) -> String {
        format!("contracts/{}.toml", self.action)
    }

    /// The lines of the questions in a draft, each with the answer to it.
    pub(super) fn asked(&self, draft: &str) -> Vec<(usize, &Answer)> {
        let lines = (1..).zip(draft.lines());
        let asked: Vec<(usize, &str)> =
            lines.filter_map(|(n, line)| Some((n, line.strip_prefix("#? ")?))).collect();
        assert_eq!(asked.len(), self.answer.len(), "{}: {asked:#?}", self.name);
        let pairs = asked.into_iter().zip(&self.answer);
        let known = pairs.map(|((line, question), answer)| {
            assert!(question.starts_with(&answer.question), "{}: {question}", self.name);
            (line, answer)
        });
        known.collect()
    }

    /// The draft with the answers in place of its questions.
    pub(super) fn answered(&self, draft: &str) -> String {
        let lines = draft.lines().filter(|line| !line.starts_with("#?"));
        let mut text: String = lines.flat_map(|line| [line, "\n"]).collect();
        for (from, to) in self.answer.iter().flat_map(|answer| &answer.edits) {
            text = edited(&text, from, to);
        }
        text
    }
}

fn edited(text: &str, from: &str, to: &str) -> String {
    let line = from.strip_suffix('…').and_then(|head| text.lines().find(|l| l.starts_with(head)));
    let old = line.unwrap_or(from);
    assert_eq!(text.matches(old).count(), 1, "`{from}` is not in this draft once:\n{text}");
    text.replace(old, to)
}
