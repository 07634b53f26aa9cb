//! Readiness: whether new work is accepted, and if not, why. Proposals, answers and `/readyz` use the same checks.
//!
//! They do not affect actions that are under way. Every condition is temporary, except a stop and a failed store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_system::clock::Drift;
use deed_system::files::{FreeSpace, room};

use super::Engine;
use crate::config::Size;

/// How long a result of the file system is reused; what is written in a second is far below the reserve.
const ROOM_FOR: Duration = Duration::from_secs(1);
/// Files reserved for actions under way: segments, tiles and index files, a few of each.
const FILES_RESERVE: u64 = 256;

/// Why new work is refused now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    #[error("{0}; the host accepts no new work and exits, and a restart recovers")]
    Failed(String),
    #[error("stopping: the host accepts no new work and waits for actions under way")]
    Stopping,
    #[error(
        "the system's clock is {ms} ms ahead of the host's: it was set, or the machine was suspended; its time is \
         adopted once no action is under way ({under_way} now)"
    )]
    Ahead { ms: i64, under_way: usize },
    #[error(
        "the system's clock is {ms} ms behind the host's: it was set back; set it right, or restart the \
         host when it has passed the journal's newest event"
    )]
    Behind { ms: i64 },
    #[error(
        "the file system of `state/` has {free} bytes free, and {reserve} are reserved for actions under way \
         (`disk_reserve` in deed.toml); free space"
    )]
    Disk { free: u64, reserve: u64 },
    #[error(
        "the file system of `state/` can hold {free} more files, and {FILES_RESERVE} are reserved; remove files"
    )]
    Files { free: u64 },
    #[error("the free space of the file system of `state/` is not known: {0}")]
    Blind(String),
}

impl Unready {
    /// The kinds, as names for metrics.
    pub const WORDS: [&'static str; 4] = ["failed", "stopping", "clock", "disk"];

    pub fn word(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Stopping => "stopping",
            Self::Ahead { .. } | Self::Behind { .. } => "clock",
            Self::Disk { .. } | Self::Files { .. } | Self::Blind(_) => "disk",
        }
    }

    /// The text for callers; paths, numbers and errors are for the operator.
    pub fn told(&self) -> &'static str {
        match self {
            Self::Failed(_) => {
                "the host can no longer write and accepts no new work until it is restarted"
            }
            Self::Stopping => "the host is stopping and accepts no new work; retry soon",
            Self::Ahead { .. } | Self::Behind { .. } => {
                "the system's clock has jumped, and the host accepts no new work until it adopts the new time"
            }
            Self::Disk { .. } | Self::Files { .. } | Self::Blind(_) => {
                "the host's disk is full, and the host accepts no new work until there is free space"
            }
        }
    }

    /// When to ask again: conditions that a person has to resolve take longer.
    pub fn retry_after_s(&self) -> u64 {
        match self {
            Self::Ahead { .. } => 1,
            Self::Stopping => 5,
            _ => 30,
        }
    }
}

/// The file system of `state/`, and how much of it new work must leave free.
#[derive(Debug)]
pub(super) struct Space {
    dir: PathBuf,
    reserve: u64,
    seen: Mutex<Option<(Instant, Result<FreeSpace, String>)>>,
}

impl Space {
    pub(super) fn new(dir: &Path, reserve: Size) -> Self {
        Self { dir: dir.join("state"), reserve: reserve.bytes(), seen: Mutex::new(None) }
    }

    fn room(&self) -> Result<FreeSpace, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, room)) = seen.as_ref().filter(|(at, _)| at.elapsed() < ROOM_FOR) {
            return room.clone();
        }
        let found = room(&self.dir).map_err(|e| e.to_string());
        *seen = Some((Instant::now(), found.clone()));
        found
    }

    fn unready(&self) -> Option<Unready> {
        match self.room() {
            Err(why) => Some(Unready::Blind(why)),
            Ok(room) if room.bytes < self.reserve => {
                Some(Unready::Disk { free: room.bytes, reserve: self.reserve })
            }
            Ok(room) => {
                room.files.filter(|free| *free < FILES_RESERVE).map(|free| Unready::Files { free })
            }
        }
    }
}

/// Whether the operator was told that the clocks differ.
#[derive(Debug, Default)]
pub(super) struct ClockWarning(AtomicBool);

impl Engine {
    /// Every reason why new work is refused; empty when it is accepted.
    pub fn unready(&self) -> Vec<Unready> {
        self.closed().into_iter().chain(self.off()).chain(self.space.unready()).collect()
    }

    /// Fails when a proposal may not begin an action now.
    pub(super) fn takes_proposals(&self) -> Result<(), Unready> {
        self.takes_answers()?;
        self.space.unready().map_or(Ok(()), Err)
    }

    /// Fails when a person's answer may not continue an action now. An answer needs no disk space beyond the reserve,
    /// but it needs a correct clock: an approval covers what happens before it expires.
    pub(super) fn takes_answers(&self) -> Result<(), Unready> {
        self.closed().or_else(|| self.off()).map_or(Ok(()), Err)
    }

    fn closed(&self) -> Option<Unready> {
        let stopping = || self.is_stopping().then_some(Unready::Stopping);
        self.failed().map(Unready::Failed).or_else(stopping)
    }

    fn off(&self) -> Option<Unready> {
        Some(match self.clock.drift()? {
            Drift::Ahead(ms) => Unready::Ahead { ms, under_way: self.under_way() },
            Drift::Behind(ms) => Unready::Behind { ms },
        })
    }

    /// Checks the clock: warns the operator when the system's clock differs, and adopts its time where it is ahead and
    /// nothing is under way, so that no wait and no deadline becomes shorter.
    pub fn mind_clock(&self) {
        let drift = self.clock.drift();
        if self.clock_warning.0.swap(drift.is_some(), Ordering::Relaxed) != drift.is_some() {
            let why = self.off().map(|why| format!("the host accepts no new work: {why}"));
            let agree = || "the host's clock and the system's agree again".to_owned();
            tracing::warn!("{}", why.unwrap_or_else(agree));
        }
        if let Some(Drift::Ahead(ms)) = self.in_flight.when_idle(|| self.clock.adopt()).flatten() {
            tracing::warn!(ms, "the system's time was adopted; approvals may have expired");
        }
    }

    /// Milliseconds by which the system's clock is ahead of the host's, and the free bytes of the file system of
    /// `state/`.
    pub fn gauges(&self) -> (i64, Option<u64>) {
        let drift_ms = match self.clock.drift() {
            Some(Drift::Ahead(ms)) => ms,
            Some(Drift::Behind(ms)) => ms.saturating_neg(),
            None => 0,
        };
        (drift_ms, self.space.room().ok().map(|room| room.bytes))
    }
}
