//! A contract before it is written as TOML, with the questions about its parts.

use deed_record::contract::schema::Schema;

use super::params::Params;

/// A part of a contract, and what its author has to decide about it.
#[derive(Debug, Default)]
pub(super) struct Asked<T> {
    pub(super) value: T,
    pub(super) questions: Vec<String>,
}

impl<T> Asked<T> {
    pub(super) fn sure(value: T) -> Self {
        Self { value, questions: vec![] }
    }

    pub(super) fn ask(value: T, question: impl Into<String>) -> Self {
        Self { value, questions: vec![question.into()] }
    }
}

/// A contract.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    /// Comments at the beginning of the file.
    pub(super) about: Vec<String>,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) verb: &'static str,
    pub(super) mode: &'static str,
    pub(super) effect: Asked<&'static str>,
    pub(super) resource: String,
    pub(super) params: Params,
    pub(super) state: State,
    pub(super) observe: Vec<Rule>,
    pub(super) perform: Option<Rule>,
    pub(super) before: Vec<String>,
    pub(super) after: Asked<Vec<String>>,
    pub(super) may_change: Asked<Vec<String>>,
    /// The name of an output, and its value.
    pub(super) output: Option<(String, String)>,
}

impl Sketch {
    /// The short name of the upstream, which is the first part of the contract's name.
    pub(super) fn upstream(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

/// The one state of a draft.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) at: Option<String>,
    pub(super) only: Option<String>,
    pub(super) members: Vec<Member>,
    /// Members that seem to change by themselves, as pointers.
    pub(super) volatile: Vec<String>,
    /// Members that the write does not send, and that the upstream may set itself, by their names.
    pub(super) unsure: Vec<String>,
    /// The members of the answer that the draft does not declare.
    pub(super) left_out: Vec<String>,
}

impl State {
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// A member of the state.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) schema: Schema,
    pub(super) required: bool,
    /// Whether the value in the answer has members that look like secrets.
    pub(super) has_secret: bool,
}

/// A request.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) questions: Vec<String>,
    pub(super) comment: Option<&'static str>,
    pub(super) request: String,
    pub(super) name: Option<&'static str>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) codec: Option<&'static str>,
    /// Whether 404 means that the state does not exist.
    pub(super) absent: bool,
    pub(super) control: Option<String>,
    /// The values of the answer that are recorded; `None` for all of them.
    pub(super) expose: Option<Vec<String>>,
    /// Whether the answer has members that look like secrets.
    pub(super) has_secret: bool,
    /// Whether 202 means that the upstream has taken on the write.
    pub(super) accepted: Asked<bool>,
    pub(super) created: Asked<Vec<u16>>,
    /// A member of the answer that other requests use.
    pub(super) answer: Option<(String, Schema)>,
    pub(super) body_questions: Vec<String>,
    /// Members of the body in the document that are not sent.
    pub(super) left_out: Vec<String>,
    /// The members of the body, each with its value as TOML.
    pub(super) body: Vec<(String, String)>,
}
