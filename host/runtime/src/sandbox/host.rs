//! Takes a guest's calls, gives the host's answers: the implementation of `deed:adapter`'s imports.
//!
//! Never takes the guest's word for state: a value is extracted from the host's own copy of an exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::contract::StateShape;
use deed_record::exchange::{Exchange, Fate};
use deed_record::json;
use serde_json::Value;

use super::bindings::deed::adapter::{http, log, state, types};
use super::egress::Egress;
use super::limits::{self, Meter};
use super::redact::{Redactor, plain};
use super::{LogLevel, LogLine, StateRead};

/// Bytes of a refusal of the `state` interface.
const REFUSAL: usize = 1 << 10;

/// One run as its guest sees it. Fresh for every run; nothing of it outlives the run but its results.
pub(super) struct Guest {
    pub(super) egress: Egress,
    pub(super) observing: bool,
    pub(super) states: Arc<BTreeMap<String, StateShape>>,
    pub(super) reads: BTreeMap<String, StateRead>,
    /// Bytes of all of `reads`.
    pub(super) kept: usize,
    pub(super) log: Vec<LogLine>,
    pub(super) dropped: usize,
    /// Requests outside of the grant: a well-behaved adapter makes none.
    pub(super) refused: Vec<String>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) meter: Meter,
}

impl types::Host for Guest {}

impl http::Host for Guest {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, http::Error> {
        let answer = self.egress.send(&request).await;
        if let Err(http::Error::Denied(why)) = &answer
            && self.refused.len() < limits::REFUSALS
        {
            self.refused.push(self.redactor.text(why, limits::TEXT));
        }
        answer
    }
}

impl state::Host for Guest {
    fn read(&mut self, name: String, exchange: u32, pointer: String) -> Result<String, String> {
        let kept = self.read_state(name, exchange, &pointer);
        kept.map_err(|reason| plain(&reason, REFUSAL))
    }

    fn derive(&mut self, name: String, value: String, from: Vec<u32>) -> Result<(), String> {
        let kept = self.derive_state(name, &value, &from);
        kept.map_err(|reason| plain(&reason, REFUSAL))
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) {
        if self.log.len() == limits::LOG_LINES {
            self.dropped += 1;
            return;
        }
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        let end = message.floor_char_boundary(limits::LOG_SEARCH);
        let searched = message.get(..end).unwrap_or_default();
        let text = self.redactor.text(searched, limits::LOG_LINE);
        self.log.push(LogLine { level, text });
    }
}

impl Guest {
    fn read_state(&mut self, name: String, exchange: u32, pointer: &str) -> Result<String, String> {
        let shape = self.free_state(&name)?;
        let found = self.egress.ledger.with(exchange, |entry| extract(entry, pointer, shape));
        let value = found.ok_or_else(|| format!("this run has no exchange {exchange}"))??;
        let text = json::canonical(&value).map_err(|error| error.to_string())?;
        self.take_room(text.len())?;
        self.reads.insert(name, StateRead { value, derived: false });
        String::from_utf8(text).map_err(|error| error.to_string())
    }

    fn derive_state(&mut self, name: String, value: &str, from: &[u32]) -> Result<(), String> {
        let shape = self.free_state(&name)?;
        if !shape.derived {
            return Err(format!(
                "the contract does not let the adapter compute `{name}`; `derived = true` in `[state.{name}]` would"
            ));
        }
        if from.is_empty() {
            return Err("a derived value names the exchanges that it comes from".into());
        }
        for exchange in from {
            let usable = self.egress.ledger.with(*exchange, |entry| answer(entry).map(drop));
            usable.ok_or_else(|| format!("this run has no exchange {exchange}"))??;
        }
        let value = json::parse(value.as_bytes())
            .map_err(|error| format!("the value is no strict JSON: {error}"))?;
        let value = project(shape, &value)?;
        // It is recorded, and a guest knows the private parameters.
        if !self.redactor.value(&mut value.clone()).is_empty() {
            return Err("the value holds what no record may: a private parameter".into());
        }
        let text = json::canonical(&value).map_err(|error| error.to_string())?;
        self.take_room(text.len())?;
        self.reads.insert(name, StateRead { value, derived: true });
        Ok(())
    }

    /// Counts state that is kept, or refuses it: all of it goes into one record of the journal.
    fn take_room(&mut self, bytes: usize) -> Result<(), String> {
        let kept = self.kept.saturating_add(bytes);
        if kept > limits::STATE {
            return Err(format!("a run keeps at most {} bytes of state", limits::STATE));
        }
        self.kept = kept;
        Ok(())
    }

    /// The shape of a state that is declared and not read yet.
    fn free_state(&self, name: &str) -> Result<&StateShape, String> {
        if !self.observing {
            return Err("state is read while observing, not while performing".into());
        }
        if self.reads.contains_key(name) {
            return Err(format!("state `{name}` was read already; each is read once per run"));
        }
        self.states.get(name).ok_or_else(|| {
            format!("the contract declares no state `{name}`; `[state.{name}]` with its properties would")
        })
    }
}

/// The declared part of the value at the pointer, if it can count as seen.
fn extract(entry: &Exchange, pointer: &str, shape: &StateShape) -> Result<Value, String> {
    let body = answer(entry)?;
    let found = json::pointer(body, pointer)
        .ok_or_else(|| format!("exchange {} has nothing at `{pointer}`", entry.ordinal))?;
    let kept = project(shape, found)?;
    let hidden = |place: &&String| hides(place, pointer, &kept);
    match entry.redacted.iter().find(hidden) {
        Some(place) => Err(format!(
            "exchange {} held a secret at `{place}`, so it is not known",
            entry.ordinal
        )),
        None => Ok(kept),
    }
}

/// Whether a redacted place lies around the value, or in the part of it that is kept.
fn hides(redacted: &str, pointer: &str, kept: &Value) -> bool {
    let below = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .map(str::to_owned)
    };
    below(pointer, redacted).is_some()
        || below(redacted, pointer).is_some_and(|rest| json::pointer(kept, &rest).is_some())
}

/// The body of an exchange that was answered with success (RFC 9110 section 15.3).
fn answer(entry: &Exchange) -> Result<&Value, String> {
    let ordinal = entry.ordinal;
    match entry.fate {
        Fate::Answered { status: 200..=299 } => entry.response.as_ref().ok_or_else(|| {
            let problem = entry.problem.as_deref().unwrap_or("the answer has no body");
            format!("exchange {ordinal} has no usable body: {problem}")
        }),
        Fate::Answered { status } => {
            Err(format!("exchange {ordinal} was answered {status}; state is read out of 2xx"))
        }
        Fate::NotSent | Fate::NoAnswer => Err(format!("exchange {ordinal} has no answer")),
    }
}

fn project(shape: &StateShape, value: &Value) -> Result<Value, String> {
    let kept = shape.project(value);
    kept.map_err(|violation| format!("the value does not fit the contract's state: {violation}"))
}

#[cfg(test)]
mod tests;
