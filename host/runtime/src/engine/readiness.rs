//! Determines whether the host accepts new work, and why it does not. Proposals, answers to approval requests, and
//! `/readyz` use the same checks.
//!
//! The checks do not affect actions that are under way. Every reason for a refusal is temporary, except a stop and a
//! failed store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use deed_system::clock::Drift;
use deed_system::files::{FreeSpace, room};

use super::Engine;
use crate::config::Size;

/// How long a measurement of free space is reused. The time is so short that the host writes far less than the reserve
/// within it.
const ROOM_FOR: Duration = Duration::from_secs(1);
/// Number of files reserved for actions under way: a few segments, tiles and index files.
const FILES_RESERVE: u64 = 256;

/// Why new work is refused now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    #[error("{0}; the host accepts no new work and exits; a restart recovers its state")]
    Failed(String),
    #[error("stopping: the host accepts no new work and waits for actions under way")]
    Stopping,
    #[error(
        "the system's clock is {ms} ms ahead of the host's clock, because it was set or the machine was suspended; \
         the host adopts the system's time once no action is under way ({under_way} now)"
    )]
    Ahead { ms: i64, under_way: usize },
    #[error(
        "the system's clock is {ms} ms behind the host's clock, because it was set back; correct the system's clock, \
         or restart the host when the system's clock has passed the journal's newest event"
    )]
    Behind { ms: i64 },
    #[error(
        "the file system of `state/` has {free} bytes free, and {reserve} are reserved for actions under way \
         (`disk_reserve` in deed.toml); free some disk space"
    )]
    Disk { free: u64, reserve: u64 },
    #[error(
        "the file system of `state/` can hold only {free} more files, and {FILES_RESERVE} are reserved; remove files"
    )]
    Files { free: u64 },
    #[error("the free space of the file system of `state/` cannot be determined: {0}")]
    Blind(String),
}

impl Unready {
    /// The names of all kinds of reasons, for metrics.
    pub const WORDS: [&'static str; 4] = ["failed", "stopping", "clock", "disk"];

    pub fn word(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Stopping => "stopping",
            Self::Ahead { .. } | Self::Behind { .. } => "clock",
            Self::Disk { .. } | Self::Files { .. } | Self::Blind(_) => "disk",
        }
    }

    /// The text for callers. Paths, numbers and errors are shown only to the operator.
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

    /// After how many seconds a caller should retry. The time is longer for conditions that a person has to resolve.
    pub fn retry_after_s(&self) -> u64 {
        match self {
            Self::Ahead { .. } => 1,
            Self::Stopping => 5,
            _ => 30,
        }
    }
}

/// The file system of `state/`, and how many bytes new work must leave free.
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

/// Whether the operator was already warned that the clocks differ.
#[derive(Debug, Default)]
pub(super) struct ClockWarning(AtomicBool);

impl Engine {
    /// Every reason why new work is refused now. The list is empty when new work is accepted.
    pub fn unready(&self) -> Vec<Unready> {
        self.closed().into_iter().chain(self.off()).chain(self.space.unready()).collect()
    }

    /// Fails when no proposal may start an action now.
    pub(super) fn takes_proposals(&self) -> Result<(), Unready> {
        self.takes_answers()?;
        self.space.unready().map_or(Ok(()), Err)
    }

    /// Fails when no person's answer may continue an action now. An answer needs no disk space beyond the reserve, but
    /// it needs a correct clock, because an approval expires.
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

    /// Warns the operator when the system's clock differs from the host's clock. If the system's clock is ahead, the
    /// host's clock adopts its time. This happens only while no action is under way, so that no wait or deadline of an
    /// action becomes shorter.
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

    /// Milliseconds by which the system's clock is ahead of the host's clock, and the free bytes of the file system of
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
