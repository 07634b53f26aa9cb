//! What an upstream's answer to a write means. The status of the answer determines the meaning, unless the contract
//! declares another one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codec::Incoming;
use super::{Exchange, ExchangeSummary, Fate, is_definite_refusal};

/// What the answer to a write says about whether the write was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The write was carried out.
    Done,
    /// The upstream has accepted the write and may carry it out later.
    Accepted,
    /// The write was not carried out, and would be refused again.
    Refused,
    /// Whether the write was carried out is not known.
    Open,
}

impl Meaning {
    /// The meaning of a status alone.
    fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Done,
            status if is_definite_refusal(status) => Self::Refused,
            _ => Self::Open,
        }
    }
}

impl Exchange {
    /// What the answer means; `None` if there is no answer.
    pub fn meaning(&self) -> Option<Meaning> {
        let Fate::Answered { status } = self.fate else { return None };
        let rule = &self.request;
        if self.is_throttled() {
            return Some(Meaning::Open);
        }
        if (200..300).contains(&status) && self.is_refused_by_body(status) {
            return Some(Meaning::Refused);
        }
        if rule.accepted.contains(&status) {
            return Some(Meaning::Accepted);
        }
        Some(Meaning::of_status(status))
    }

    /// Whether the upstream asked to repeat the request later, with a status that usually is a refusal.
    pub fn is_throttled(&self) -> bool {
        let throttled = |status| self.request.throttled.contains(&status);
        matches!(self.fate, Fate::Answered { status } if throttled(status))
            && self.retry_after_s.is_some()
    }

    /// The meaning to store in the summary of a write; `None` if the meaning follows from the status alone.
    pub(super) fn special_meaning(&self) -> Option<Meaning> {
        let Fate::Answered { status } = self.fate else { return None };
        self.meaning()
            .filter(|meaning| self.request.writes && *meaning != Meaning::of_status(status))
    }

    /// Whether `refused_when` makes the answer to a write a refusal. Returns false if that is not known.
    fn is_refused_by_body(&self, status: u16) -> bool {
        self.refused(status).unwrap_or(false)
    }

    /// Whether this is a read with `refused_when` and a 2xx answer, unless it is known that the answer is not an error.
    pub fn is_refused_read(&self) -> bool {
        let Fate::Answered { status: status @ 200..=299 } = self.fate else { return false };
        let declares = self.request.refused_when.is_some();
        declares && !self.request.writes && self.refused(status).unwrap_or(true)
    }

    /// The value of `refused_when` for this answer. `None` if the rule has no `refused_when`, the answer could not be
    /// read or was redacted, or the expression cannot be evaluated.
    fn refused(&self, status: u16) -> Option<bool> {
        let refused_when = self.request.refused_when.as_ref()?;
        if self.problem.is_some() || self.failure.is_some() || !self.redacted.is_empty() {
            return None;
        }
        let is_text = self.request.codec.response == Incoming::Text;
        let empty = || if is_text { Value::from("") } else { Value::Null };
        let body = self.response.clone().unwrap_or_else(empty);
        let answer = json!({ "status": status, "body": body });
        refused_when.holds_of(&answer).ok()
    }
}

impl ExchangeSummary {
    /// What the answer means; `None` if there is no answer.
    pub fn known_meaning(&self) -> Option<Meaning> {
        match self.fate {
            Fate::Answered { status } => Some(self.meaning.unwrap_or(Meaning::of_status(status))),
            Fate::NotSent | Fate::NoAnswer => None,
        }
    }
}
