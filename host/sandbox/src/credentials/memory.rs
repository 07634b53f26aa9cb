//! What a tenant's upstreams and token endpoints got from the host, for redaction: secrets, tokens, assertions.
//!
//! All runs of a tenant share one memory. It outlives a reload of the configuration, because an upstream can echo a
//! value that a reload removed or replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use deed_spec::digest::Digest;
use zeroize::Zeroizing;

use super::secret::Secret;
use crate::redact::forms::Forms;

/// How long a value is remembered that neither the configuration nor a run has any more.
const REMEMBERED: Duration = Duration::from_hours(24);
/// How long a value counts as valid after the time at which its issuer says that it expires, because clocks differ.
const LEEWAY: Duration = Duration::from_mins(5);
/// How long a value of unknown lifetime is remembered after its last use if there is no room. A token is used for an hour
/// at most, so the host sends such a value no more.
const UNUSED: Duration = Duration::from_hours(1);
/// How often it is noted which values are still in use, at most.
const NOTED: Duration = Duration::from_mins(1);
/// With this many values, or this many bytes of values, no more tokens are obtained. Their encodings take about eight
/// times these bytes.
const VALUES: usize = 8_192;
const BYTES: usize = 8 << 20;

/// The values that answers may still echo, in every run of one tenant.
#[derive(Default)]
pub struct Memory(RwLock<Known>);

/// The values, and their encodings.
#[derive(Default)]
pub(crate) struct Known {
    /// A search holds a copy of this reference and not the lock, so that it does not delay the runs that add values.
    forms: Arc<Forms>,
    /// By the digest of the value.
    entries: BTreeMap<Digest, Entry>,
    bytes: usize,
    /// When it was noted last which values are in use.
    noted: Option<Instant>,
}

struct Entry {
    /// The name of the secret or token, for the operator.
    name: String,
    text: Zeroizing<String>,
    /// Where the value is in use. A value that is in use is not forgotten.
    held: Vec<Weak<Secret>>,
    /// When the value was in use last, as far as it was noted.
    seen: Instant,
    /// When the value becomes useless; `None` if that is not known.
    until: Option<Instant>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("values", &self.known().entries.len())
            .finish_non_exhaustive()
    }
}

impl Memory {
    /// Adds values before they are sent. `valid` says how long they are valid from now on, if that is known.
    pub fn learn<'a>(
        &self,
        values: impl Iterator<Item = &'a Arc<Secret>>,
        valid: Option<Duration>,
    ) {
        self.learn_at(values, valid, Instant::now());
    }

    fn learn_at<'a>(
        &self,
        values: impl Iterator<Item = &'a Arc<Secret>>,
        valid: Option<Duration>,
        now: Instant,
    ) {
        let digest = |value: &Arc<Secret>| Digest::of(value.reveal().as_bytes());
        let values: Vec<(Digest, &Arc<Secret>)> =
            values.map(|value| (digest(value), value)).collect();
        let known = self.known();
        let is_noted = values.iter().all(|(digest, value)| known.has_noted(*digest, value, now));
        drop(known);
        if is_noted {
            return;
        }
        let until = valid.and_then(|valid| now.checked_add(valid.saturating_add(LEEWAY)));
        let mut known = self.change();
        known.forget_old(now);
        for (digest, value) in values {
            known.learn((digest, value), until, now);
        }
    }

    /// Whether the values of one more token can be remembered. If there is no room, values that have expired are
    /// forgotten, and those of unknown lifetime that were not in use for an hour.
    pub(crate) fn has_room(&self) -> bool {
        self.has_room_at(Instant::now())
    }

    /// Whether less than half of the memory is used.
    pub(crate) fn is_half_empty(&self) -> bool {
        let known = self.known();
        known.entries.len() < VALUES / 2 && known.bytes < BYTES / 2
    }

    fn has_room_at(&self, now: Instant) -> bool {
        if !self.known().is_full() {
            return true;
        }
        let mut known = self.change();
        known.forget_old(now);
        if known.is_full() {
            known.forget(|entry| !entry.is_held() && entry.is_useless(now));
        }
        !known.is_full()
    }

    /// The encodings of all values that were added until now. An answer that has arrived contains no other value.
    pub(crate) fn forms(&self) -> Arc<Forms> {
        Arc::clone(&self.known().forms)
    }

    /// The values. A poisoned lock is used as it is, because a panic cannot leave a value half added that was sent.
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether the value needs no change: it was noted a short time ago that it is in use here.
    fn has_noted(&self, digest: Digest, value: &Arc<Secret>, now: Instant) -> bool {
        let entry = self.entries.get(&digest).filter(|entry| entry.is_held_as(value));
        entry.is_some_and(|entry| now.saturating_duration_since(entry.seen) < NOTED)
    }

    fn learn(
        &mut self,
        (digest, value): (Digest, &Arc<Secret>),
        until: Option<Instant>,
        now: Instant,
    ) {
        if let Some(entry) = self.entries.get_mut(&digest) {
            entry.note(value, until, now);
            return;
        }
        let text = Zeroizing::new(value.reveal().to_owned());
        Arc::make_mut(&mut self.forms).add(&text, value.name());
        self.bytes = self.bytes.saturating_add(text.len());
        let held = vec![Arc::downgrade(value)];
        let name = value.name().to_owned();
        self.entries.insert(digest, Entry { name, text, held, seen: now, until });
    }

    fn forget_old(&mut self, now: Instant) {
        if self.noted.is_some_and(|noted| now.saturating_duration_since(noted) < NOTED) {
            return;
        }
        self.noted = Some(now);
        for entry in self.entries.values_mut().filter(|entry| entry.is_held()) {
            entry.seen = now;
        }
        self.forget(|entry| now.saturating_duration_since(entry.seen) > REMEMBERED);
    }

    /// Forgets these values. The encodings of the other values are computed again, because this is rare.
    fn forget(&mut self, is_old: impl Fn(&Entry) -> bool) {
        if !self.entries.values().any(&is_old) {
            return;
        }
        self.entries.retain(|_, entry| !is_old(entry));
        self.bytes = self.entries.values().map(|entry| entry.text.len()).sum();
        let mut forms = Forms::default();
        for entry in self.entries.values() {
            forms.add(&entry.text, &entry.name);
        }
        self.forms = Arc::new(forms);
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= VALUES || self.bytes >= BYTES
    }
}

impl Entry {
    /// Whether the value has probably expired.
    fn is_useless(&self, now: Instant) -> bool {
        match self.until {
            Some(until) => until < now,
            None => now.saturating_duration_since(self.seen) > UNUSED,
        }
    }

    fn is_held(&self) -> bool {
        self.held.iter().any(|one| one.strong_count() > 0)
    }

    fn is_held_as(&self, value: &Arc<Secret>) -> bool {
        self.held.iter().any(|one| std::ptr::eq(one.as_ptr(), Arc::as_ptr(value)))
    }

    fn note(&mut self, value: &Arc<Secret>, until: Option<Instant>, now: Instant) {
        self.seen = now;
        // Without a time, the value is sent once more, which does not make it valid for longer.
        if let Some(until) = until {
            self.until = self.until.map(|before| before.max(until));
        }
        self.held.retain(|one| one.strong_count() > 0);
        if !self.is_held_as(value) {
            self.held.push(Arc::downgrade(value));
        }
    }
}

#[cfg(test)]
mod tests;
