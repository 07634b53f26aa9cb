//! The imports of `deed:adapter`: the host functions that a guest may call.
//!
//! The guest does not supply the value of a state that it reads: the host extracts the value from the host's own copy
//! of an exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_record::contract::StateShape;
use deed_record::exchange::claim::Claim;
use deed_spec::json;

use self::extract::{Unread, answer, extract, unfit};
use super::bindings::deed::adapter::{http, log, state, types};
use super::egress::Egress;
use super::limits::{self, Meter};
use super::reason::Misfit;
use super::redact::{Redactor, plain};
use super::wasi::state::Wasi;
use super::{LogLevel, LogLine, StateRead};

pub(super) mod extract;
mod second;

/// Maximum bytes of a refusal in the `state` interface.
const REFUSAL: usize = 1 << 10;

/// Prefix of a log line of level `error` that becomes evidence when the guest traps (see `wit/log.wit`). Any other log
/// line is only for the operator, and may contain data that a receipt must not contain.
const PANICKED: &str = "panicked at ";

/// The host's state of one run, which the guest uses through host functions. A new value is created for each run, and
/// only the results in it are used after the run.
pub(super) struct Guest {
    pub(super) egress: Egress,
    pub(super) observing: bool,
    pub(super) states: Arc<BTreeMap<String, StateShape>>,
    pub(super) reads: BTreeMap<String, StateRead>,
    /// Total bytes of the values in `reads`.
    pub(super) kept: usize,
    pub(super) log: Vec<LogLine>,
    pub(super) dropped: usize,
    /// The last panic message that the guest logged, unchanged. The message is kept even if the log dropped the line.
    pub(super) panic: Option<String>,
    /// Answers from which a state could not be read, by the name of the state.
    pub(super) misfits: BTreeMap<String, Misfit>,
    /// Refused requests that are outside of the grant. A well-behaved adapter makes no such requests.
    pub(super) refused: Vec<String>,
    pub(super) redactor: Arc<Redactor>,
    pub(super) meter: Meter,
    pub(super) action: ActionId,
    /// The host's side of the WASI interfaces; `None` in the strict world.
    pub(super) wasi: Option<Box<Wasi>>,
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
        let kept = self.read_state(&name, exchange, &pointer);
        kept.map_err(|unread| self.unread(name, unread))
    }

    fn derive(&mut self, name: String, value: String, from: Vec<u32>) -> Result<(), String> {
        let kept = self.derive_state(&name, &value, &from);
        kept.map_err(|unread| self.unread(name, unread))
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) {
        let end = message.floor_char_boundary(limits::LOG_SEARCH);
        let searched = message.get(..end).unwrap_or_default();
        if matches!(level, log::Level::Error) && searched.starts_with(PANICKED) {
            self.panic = Some(searched.to_owned());
        }
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.note(level, searched);
    }
}

impl Guest {
    /// Adds a line to the log, or counts it if the log is full.
    pub(super) fn note(&mut self, level: LogLevel, message: &str) {
        if self.log.len() == limits::LOG_LINES {
            self.dropped += 1;
            return;
        }
        let end = message.floor_char_boundary(limits::LOG_SEARCH);
        let text = self.redactor.text(message.get(..end).unwrap_or_default(), limits::LOG_LINE);
        self.log.push(LogLine { level, text });
    }

    /// The trap's own message, followed by the panic message that the guest logged. The panic message is added because,
    /// in most languages, the trap after a panic does not contain the reason. The message is cut at the same length in
    /// every release, because a replay compares it.
    pub(super) fn trapped(&self, message: &str) -> String {
        let trap = self.redactor.text(message, limits::TEXT);
        match self.last_words() {
            Some(words) => format!("{trap}{}{words}", Claim::LAST_WORDS),
            None => trap,
        }
    }

    fn last_words(&self) -> Option<String> {
        let line = self.panic.as_ref()?;
        Some(self.redactor.text(line, limits::LAST_ERROR))
    }

    /// Returns the text for the guest. If the upstream's answer is at fault, also stores the text for the operator.
    fn unread(&mut self, name: String, unread: Unread) -> String {
        let told = plain(&unread.told, REFUSAL);
        if let Some(why) = unread.why {
            let why = self.redactor.text(&why, limits::TEXT);
            let of_content = unread.misfit;
            self.misfits.insert(name, Misfit { told: told.clone(), why, of_content });
        }
        told
    }

    fn keep(&mut self, name: &str, read: StateRead) {
        self.misfits.remove(name);
        self.reads.insert(name.to_owned(), read);
    }

    fn read_state(&mut self, name: &str, exchange: u32, pointer: &str) -> Result<String, Unread> {
        let shape = self.free_state(name)?;
        let found =
            self.egress.exchanges.with(exchange, |entry| extract(entry, name, pointer, shape));
        let value = found.ok_or_else(|| format!("this run has no exchange {exchange}"))??;
        let text = json::canonical(&value).map_err(|error| error.to_string())?;
        self.take_room(text.len())?;
        self.keep(name, StateRead { value, derived: false });
        Ok(String::from_utf8(text).map_err(|error| error.to_string())?)
    }

    fn derive_state(&mut self, name: &str, value: &str, from: &[u32]) -> Result<(), Unread> {
        let shape = self.free_state(name)?;
        if !shape.derived {
            return Err(format!(
                "the contract does not let the adapter compute `{name}`; `derived = true` in `[state.{name}]` would"
            )
            .into());
        }
        if from.is_empty() {
            return Err("a derived value names the exchanges that it comes from".to_owned().into());
        }
        for exchange in from {
            let usable = self.egress.exchanges.with(*exchange, |entry| answer(entry).map(drop));
            usable.ok_or_else(|| format!("this run has no exchange {exchange}"))??;
        }
        let value = json::parse(value.as_bytes())
            .map_err(|error| format!("the value is no strict JSON: {error}"))?;
        let value = shape.project(&value).map_err(|violation| unfit(&violation))?;
        // The value is searched for private parameters, because the guest knows their values and the computed value
        // will be recorded.
        if !self.redactor.value(&mut value.clone()).is_empty() {
            let why = "the value holds what no record may: a private parameter";
            return Err(why.to_owned().into());
        }
        let text = json::canonical(&value).map_err(|error| error.to_string())?;
        self.take_room(text.len())?;
        self.keep(name, StateRead { value, derived: true });
        Ok(())
    }

    /// Adds to the total size of the run's state. Fails when the total exceeds the limit, because all state must fit
    /// into one journal record.
    fn take_room(&mut self, bytes: usize) -> Result<(), String> {
        let kept = self.kept.saturating_add(bytes);
        if kept > limits::STATE {
            return Err(format!("a run keeps at most {} bytes of state", limits::STATE));
        }
        self.kept = kept;
        Ok(())
    }

    /// The shape of a declared state. Fails when the run is not an observation, or when the state was already read or
    /// is not declared.
    fn free_state(&self, name: &str) -> Result<&StateShape, String> {
        if !self.observing {
            return Err("state is read while observing, not while performing".into());
        }
        if self.reads.contains_key(name) {
            return Err(format!("state `{name}` was read already; each is read once per run"));
        }
        if self.states.get(name).is_some_and(|shape| shape.from.is_some()) {
            return Err(format!(
                "the host reads state `{name}` itself, as `from` in `[state.{name}]` says; send the request and leave it out"
            ));
        }
        self.states.get(name).ok_or_else(|| {
            format!("the contract declares no state `{name}`; `[state.{name}]` with its properties would")
        })
    }
}

#[cfg(test)]
mod tests;
