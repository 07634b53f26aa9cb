//! Reloads the configuration of a running host: all of it, or nothing of it.
//!
//! The directory is read and checked as at a start. The configuration then gets its `activated` statements, which are in
//! the logs before the configuration is in force. A crash in between is like a crash before a start: the next start
//! activates the configuration that the directory then has.

mod activation;
mod refusal;
mod wake;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use deed_system::failpoint;
use tokio::sync::Mutex as AsyncMutex;

use self::activation::Latest;
pub use self::refusal::Refusal;
use super::Engine;
use super::activate::Activated;
use super::current::Current;
use super::load::{self, Adapters};
use super::reach::KnownReach;
use crate::config::{self, Config, Fault, PartChange, Parts};
use crate::stage::notify::Notifier;

/// The result of a reload.
#[derive(Debug)]
pub enum Reloaded {
    /// The configuration of the directory is in force.
    Applied {
        changes: Vec<PartChange>,
        /// Settings that are allowed but probably not intended.
        warnings: Vec<Fault>,
    },
    /// No file has changed since the configuration in force was read.
    Unchanged,
    /// The configuration that was in force stays in force.
    Refused(Refusal),
}

impl Reloaded {
    /// The names of all results, for metrics.
    pub const WORDS: [&str; 3] = ["applied", "unchanged", "refused"];

    pub fn word(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused(_) => "refused",
        }
    }
}

/// The reloads since the start of the host.
#[derive(Debug)]
pub struct Reloads {
    /// Held during a reload, so that reloads follow each other.
    turn: AsyncMutex<()>,
    counts: [AtomicU64; Reloaded::WORDS.len()],
    /// When the configuration in force was read, or was found unchanged, in Unix milliseconds.
    good_ms: AtomicI64,
    latest: Latest,
}

impl Reloads {
    pub(super) fn new(activated: &Activated, now_ms: i64) -> Self {
        let (turn, counts) = (AsyncMutex::default(), <[AtomicU64; 3]>::default());
        Self { turn, counts, good_ms: AtomicI64::new(now_ms), latest: Latest::new(activated) }
    }

    /// How many reloads had each result.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Reloaded::WORDS.into_iter().zip(counts)
    }

    /// When the configuration in force was read, or was found unchanged, in Unix milliseconds.
    pub fn good_ms(&self) -> i64 {
        self.good_ms.load(Ordering::Relaxed)
    }

    fn count(&self, reloaded: &Reloaded, now_ms: i64) {
        let counts = Reloaded::WORDS.iter().zip(&self.counts);
        for (_, count) in counts.filter(|(word, _)| **word == reloaded.word()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if !matches!(reloaded, Reloaded::Refused(_)) {
            self.good_ms.store(now_ms, Ordering::Relaxed);
        }
    }
}

/// A configuration that was read and checked, and is not in force yet.
struct Next {
    config: Config,
    adapters: Adapters,
}

impl Engine {
    /// The reloads since the start of the host.
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// A digest of each part of the configuration in force.
    pub fn parts(&self) -> Parts {
        self.current().config.parts.clone()
    }

    /// Reads the served directory again, and puts its configuration in force if it has no fault and the log of each
    /// tenant has its `activated` statement. Reloads follow each other.
    pub async fn reload(self: &Arc<Self>) -> Reloaded {
        let _turn = self.reloads.turn.lock().await;
        let reloaded = self.try_reload().await.unwrap_or_else(Reloaded::Refused);
        self.reloads.count(&reloaded, self.clock.now_ms());
        reloaded
    }

    async fn try_reload(self: &Arc<Self>) -> Result<Reloaded, Refusal> {
        if self.is_stopping() {
            return Err(Refusal::of_host(
                "the host is stopping; its next start reads the directory",
            ));
        }
        // Reading may take seconds, because adapters are compiled.
        let engine = Arc::clone(self);
        let prepared = tokio::task::spawn_blocking(move || engine.prepare()).await;
        let prepared = prepared.map_err(Refusal::of_host)??;
        let Some(next) = prepared else { return Ok(Reloaded::Unchanged) };
        let asked = next.config.parts.digest();
        let activated = self.activate(&next.config).await;
        let activated = activated.map_err(|error| Refusal::of_host(error).about(asked))?;
        failpoint::hit("reload.activated");
        Ok(self.put_in_force(next, activated))
    }

    /// Reads and checks the directory, and loads its adapters. Returns `None` if no file has changed. May block.
    fn prepare(&self) -> Result<Option<Next>, Refusal> {
        let current = self.current();
        let loaded = config::load_after(&self.fixed.dir, Some(&current.config));
        let mut config = loaded.map_err(|faults| Refusal::of(&faults))?;
        let asked = config.parts.digest();
        self.check(&config, &current).map_err(|refusal| refusal.about(asked))?;
        // The parts are compared too, because a file can be written twice within the resolution of its times.
        let in_force = &current.config;
        if config.stamp == in_force.stamp && config.parts == in_force.parts {
            return Ok(None);
        }
        let adapters = load::adapters(&mut config, &self.sandbox, &current.adapters);
        let adapters = adapters.map_err(|fault| Refusal::from(fault).about(asked))?;
        let kept = load::keep_documents(&*self.store, &config);
        kept.map_err(|error| Refusal::of_host(error).about(asked))?;
        Ok(Some(Next { config, adapters }))
    }

    /// Checks what a start need not check: that the directory is the same, that its files belong together, and that no
    /// value differs that only a start can change.
    fn check(&self, config: &Config, current: &Current) -> Result<(), Refusal> {
        let places = config.place.zip(current.config.place);
        if !places.is_some_and(|(now, was)| now.is_same_file(&was)) {
            let what = "another directory has taken the place of the one that the host serves; restart the host";
            return Err(Refusal::of_host(what));
        }
        if config.stamp.is_none() {
            let what = "files of the directory changed while the host read them; reload again";
            return Err(Refusal::of_host(what));
        }
        let fixed = current.config.fixed.changed(&config.fixed);
        if !fixed.is_empty() {
            return Err(Refusal::from(fixed));
        }
        let of_host = load::of_host(&self.fixed.dir, &self.keys).map_err(Refusal::of_host)?;
        config.check_keys(&of_host).map_err(Refusal::from)
    }

    fn put_in_force(self: &Arc<Self>, next: Next, activated: Activated) -> Reloaded {
        let before = self.current();
        let Next { config, adapters } = next;
        let changes = before.config.parts.changes(&config.parts);
        let warnings = config.warnings.clone();
        let notifier = Notifier::new(&config, &self.clock, Some(&before.notifier));
        let reach = KnownReach::new(&config.tenants);
        self.admission.change(config.limits, config.tenants.len());
        let now = Arc::new(Current { config, adapters, activated, reach, notifier });
        self.in_force.replace(Arc::clone(&now));
        self.wake_waiting(&before, &now);
        Reloaded::Applied { changes, warnings }
    }
}
