//! A private file of the operator that is read again when it changes: a secret or a key.
//!
//! The file is looked at when its value is needed, at most once per second. If it has become unusable, the value that
//! was read before stays in use.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use deed_system::files::{Files, Stamp};

use super::history::{self, CredentialFault};

/// How often a file is looked at, at most.
const PAUSE: Duration = Duration::from_secs(1);
/// How many earlier values are remembered for redaction, and for how long.
const REMEMBERED: usize = 32;
const REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// What was read from a file, and the digest of what it was made from.
pub(crate) struct Content<T> {
    pub(crate) value: T,
    pub(crate) digest: Digest,
}

/// Reads a file. The arguments are the name for errors, the directory and the path.
pub(crate) type Read<T> = fn(&str, &Files, &str) -> Result<Content<T>, String>;

pub(crate) struct Watched<T> {
    name: String,
    files: Arc<Files>,
    path: String,
    read: Read<T>,
    kept: RwLock<Kept<T>>,
    /// Whether a thread looks at the file now. Nobody waits for another thread.
    is_busy: AtomicBool,
}

struct Kept<T> {
    current: Arc<T>,
    digest: Digest,
    /// Earlier values with the time at which each was replaced; the newest last.
    earlier: VecDeque<(Arc<T>, Instant)>,
    looked: Instant,
    stamp: Option<Stamp>,
    /// Whether two readings in a row saw this stamp. A change within the resolution of a file's times does not change
    /// the stamp, so the file is read once more after each change.
    is_settled: bool,
    /// Since when the file is unusable, as the log says too.
    fault: Option<CredentialFault>,
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("name", &self.name)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads a file for the first time. Fails when it is not usable.
    pub(crate) fn open(
        name: &str,
        files: &Arc<Files>,
        path: &str,
        read: Read<T>,
    ) -> Result<Self, String> {
        let Content { value, digest } = read(name, files, path)?;
        let kept = Kept {
            current: Arc::new(value),
            digest,
            earlier: VecDeque::new(),
            looked: Instant::now(),
            stamp: None,
            is_settled: false,
            fault: None,
        };
        Ok(Self {
            name: name.to_owned(),
            files: Arc::clone(files),
            path: path.to_owned(),
            read,
            kept: RwLock::new(kept),
            is_busy: AtomicBool::new(false),
        })
    }

    /// The value of the file, which is looked at first if that was not done within the last second. Reading blocks, so
    /// it is done on a thread of its own; if another run already does it, the value that is known is returned.
    pub(crate) async fn current(self: &Arc<Self>) -> Arc<T> {
        let is_due = self.kept().looked.elapsed() >= PAUSE;
        if is_due && !self.is_busy.swap(true, Ordering::AcqRel) {
            let this = Arc::clone(self);
            let looked = tokio::task::spawn_blocking(move || {
                this.look();
                this.is_busy.store(false, Ordering::Release);
            });
            drop(looked.await);
        }
        self.value()
    }

    /// The value that was read last.
    pub(crate) fn value(&self) -> Arc<T> {
        Arc::clone(&self.kept().current)
    }

    /// The value that was read last, and those that it replaced.
    pub(crate) fn in_force(&self) -> Vec<Arc<T>> {
        let kept = self.kept();
        let earlier = kept.earlier.iter().map(|(value, _)| Arc::clone(value));
        earlier.chain([Arc::clone(&kept.current)]).collect()
    }

    /// Why the file is unusable since a change, if it is.
    pub(crate) fn fault(&self) -> Option<CredentialFault> {
        self.kept().fault.clone()
    }

    /// Reads the file again, unless it is certain that it has not changed.
    fn look(&self) {
        let stamp = self.files.stamp(&self.path).ok();
        let is_same = {
            let kept = self.kept();
            kept.is_settled && stamp.is_some() && stamp == kept.stamp
        };
        let read = (!is_same).then(|| (self.read)(&self.name, &self.files, &self.path));
        let mut kept = self.change();
        kept.looked = Instant::now();
        kept.is_settled = stamp.is_some() && stamp == kept.stamp;
        kept.stamp = stamp;
        match read {
            None => {}
            Some(Ok(content)) => kept.adopt(content, &self.path),
            Some(Err(why)) => kept.refuse(&why, &self.path),
        }
    }

    /// A poisoned lock is used as it is, because a panic cannot leave the value half replaced.
    fn kept(&self) -> RwLockReadGuard<'_, Kept<T>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Kept<T>> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn adopt(&mut self, content: Content<T>, path: &str) {
        self.fault = None;
        if content.digest == self.digest {
            return;
        }
        tracing::info!(path, "a file with a secret or key has changed and was read again");
        let now = Instant::now();
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > REMEMBERED_FOR;
        while self.earlier.len() >= REMEMBERED
            || self.earlier.front().is_some_and(|(_, at)| is_old(at))
        {
            self.earlier.pop_front();
        }
        let before = std::mem::replace(&mut self.current, Arc::new(content.value));
        self.earlier.push_back((before, now));
        self.digest = content.digest;
    }

    fn refuse(&mut self, why: &str, path: &str) {
        if self.fault.is_none() {
            tracing::warn!(
                path,
                why,
                "a file with a secret or key cannot be used any more; the value before stays in use"
            );
        }
        let at_ms = self.fault.as_ref().map_or_else(history::now_ms, |known| known.at_ms);
        let what = format!("{path} cannot be used any more; the value before stays in use: {why}");
        self.fault = Some(CredentialFault { at_ms, what });
    }
}

#[cfg(test)]
mod tests;
