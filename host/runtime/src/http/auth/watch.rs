//! Reads `tokens/` every second, so that a token is accepted or refused without a restart of the host.
//!
//! The folder is read as a whole each time. It has few files, and no change can be overlooked. A thread of its own reads
//! it, so that neither load nor a slow disk delays requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::callers::UNREAD_FOR;
use crate::config::{AgentToken, Fault, Tokens};
use crate::engine::{Derived, Engine};
use crate::http::live::Live;

const EVERY: Duration = Duration::from_secs(1);

/// What was read and logged so far.
#[derive(Debug, Default)]
struct Watch {
    /// The tokens of the last reading by id; `None` before the first.
    tokens: Option<BTreeMap<String, AgentToken>>,
    expired: BTreeSet<String>,
    /// The present faults, each of which is logged once.
    faults: BTreeSet<String>,
    is_unreadable: bool,
}

/// Reads the folder once, and then in a thread that ends with the engine. Fails when no thread can be started.
pub(in crate::http) fn start(
    engine: &Arc<Engine>,
    live: &Arc<Derived<Live>>,
) -> Result<(), String> {
    let mut watch = Watch::default();
    watch.look(engine, live);
    let (engine, live) = (Arc::downgrade(engine), Arc::downgrade(live));
    let looks = move || loop {
        thread::sleep(EVERY);
        let (Some(engine), Some(live)) = (engine.upgrade(), live.upgrade()) else { return };
        watch.look(&engine, &live);
    };
    let started = thread::Builder::new().name("tokens".to_owned()).spawn(looks);
    started.map(drop).map_err(|e| format!("no thread can be started for `tokens/`: {e}"))
}

impl Watch {
    fn look(&mut self, engine: &Engine, live: &Derived<Live>) {
        let live = live.get(engine, |current, last| last.next(engine, current));
        let began = Instant::now();
        match live.current.tokens().read() {
            Ok(Tokens { valid, faults }) => {
                let tokens: BTreeMap<String, AgentToken> =
                    valid.into_iter().map(|token| (token.id.clone(), token)).collect();
                live.callers.put(tokens.values(), faults.len(), began);
                self.tell_readable();
                self.tell_faults(&faults);
                self.tell_changes(&tokens);
                self.tokens = Some(tokens);
            }
            Err(fault) => self.tell_unreadable(&fault),
        }
        self.tell_expired(engine.latest_ms());
    }

    fn tell_unreadable(&mut self, fault: &Fault) {
        if !std::mem::replace(&mut self.is_unreadable, true) {
            tracing::error!(
                "{fault}; if this lasts for more than {UNREAD_FOR:?}, the host refuses the tokens of all files"
            );
        }
    }

    fn tell_readable(&mut self) {
        if std::mem::replace(&mut self.is_unreadable, false) {
            tracing::info!("tokens: the folder can be read again");
        }
    }

    fn tell_faults(&mut self, faults: &[Fault]) {
        let faults: BTreeSet<String> = faults.iter().map(Fault::to_string).collect();
        for fault in faults.difference(&self.faults) {
            tracing::warn!("{fault}; the host ignores this file");
        }
        self.faults = faults;
    }

    /// Logs the ids of tokens, and never their digests.
    fn tell_changes(&self, tokens: &BTreeMap<String, AgentToken>) {
        let Some(before) = &self.tokens else {
            if !tokens.is_empty() {
                tracing::info!(count = tokens.len(), "tokens of agents were read from tokens/");
            }
            return;
        };
        for (id, AgentToken { tenant, agent, .. }) in before {
            if !tokens.contains_key(id) {
                tracing::info!(tenant, agent, token = id, "a token was removed");
            }
        }
        for (id, token) in tokens {
            let AgentToken { tenant, agent, .. } = token;
            match before.get(id) {
                Some(same) if same == token => {}
                Some(_) => tracing::info!(tenant, agent, token = id, "a token was changed"),
                None => tracing::info!(tenant, agent, token = id, "a token was added"),
            }
        }
    }

    fn tell_expired(&mut self, now_ms: i64) {
        let tokens = self.tokens.iter().flatten();
        let over: BTreeMap<&String, &AgentToken> =
            tokens.filter(|(_, token)| token.is_expired(now_ms)).collect();
        for (id, AgentToken { tenant, agent, .. }) in &over {
            if !self.expired.contains(*id) {
                tracing::info!(tenant, agent, token = id, "a token has expired");
            }
        }
        self.expired = over.into_keys().cloned().collect();
    }
}
