//! The imports of `deed:adapter`: the functions of the host that a guest may call.
//!
//! State does not come from the guest: a value is extracted from the host's own copy of an exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::contract::StateShape;
use deed_record::exchange::claim::Claim;
use deed_spec::json;

use self::extract::{UNFIT, Unread, answer, extract};
use super::bindings::deed::adapter::{http, log, state, types};
use super::egress::Egress;
use super::limits::{self, Meter};
use super::reason::Misfit;
use super::redact::{Redactor, plain};
use super::{LogLevel, LogLine, StateRead};

pub(super) mod extract;

/// Bytes of a refusal of the `state` interface.
const REFUSAL: usize = 1 << 10;

/// Prefix of a line of level `error` that becomes evidence when the guest traps: `wit/log.wit`. Any other line is for
/// the operator only, and may hold data that a receipt must not have.
const PANICKED: &str = "panicked at ";

/// One run as its guest sees it. Created for each run; only its results outlive the run.
pub(super) struct Guest {
    pub(super) egress: Egress,
    pub(super) observing: bool,
    pub(super) states: Arc<BTreeMap<String, StateShape>>,
    pub(super) reads: BTreeMap<String, StateRead>,
    /// Bytes of all of `reads`.
    pub(super) kept: usize,
    pub(super) log: Vec<LogLine>,
    pub(super) dropped: usize,
    /// The last panic that the guest logged, unchanged, including lines that were dropped.
    pub(super) panic: Option<String>,
    /// Answers that a state could not be read from, by the state's name.
    pub(super) misfits: BTreeMap<String, Misfit>,
    /// Requests outside of the grant; a well-behaved adapter makes none.
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
        let text = self.redactor.text(searched, limits::LOG_LINE);
        self.log.push(LogLine { level, text });
    }
}

impl Guest {
    /// The trap's own message, and the panic that the guest logged: in most languages a panic is a trap that does not
    /// say why. The message is cut at the same length in every release, because a replay compares it.
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

    /// The text for the guest; if the answer is at fault, the operator's text is kept too.
    fn unread(&mut self, name: String, unread: Unread) -> String {
        let told = plain(&unread.told, REFUSAL);
        if let Some(why) = unread.why {
            let why = self.redactor.text(&why, limits::TEXT);
            self.misfits.insert(name, Misfit { told: told.clone(), why });
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
        let value = shape.project(&value).map_err(|violation| format!("{UNFIT}: {violation}"))?;
        // It is recorded, and a guest knows the private parameters.
        if !self.redactor.value(&mut value.clone()).is_empty() {
            let why = "the value holds what no record may: a private parameter";
            return Err(why.to_owned().into());
        }
        let text = json::canonical(&value).map_err(|error| error.to_string())?;
        self.take_room(text.len())?;
        self.keep(name, StateRead { value, derived: true });
        Ok(())
    }

    /// Counts state that is kept, or refuses it: all of it must fit into one record of the journal.
    fn take_room(&mut self, bytes: usize) -> Result<(), String> {
        let kept = self.kept.saturating_add(bytes);
        if kept > limits::STATE {
            return Err(format!("a run keeps at most {} bytes of state", limits::STATE));
        }
        self.kept = kept;
        Ok(())
    }

    /// The shape of a state that is declared and not yet read.
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

#[cfg(test)]
mod tests;
