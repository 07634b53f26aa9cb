//! Removes a run's secrets, and deceptive characters, from data that upstreams and guests send.
//!
//! The whole text that contains a secret is replaced, and not only the secret in it. The place of the text is recorded.

mod ends;
mod escape;
pub(crate) mod forms;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use deed_record::action::commitment::{Live, SEARCHED_MIN};
use deed_spec::json::child;
use deed_spec::text::deceives;
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use self::forms::Forms;
use crate::credentials::token::ordinary::is_ordinary;
use crate::credentials::{Memory, SECRET_MAX, SECRET_MIN, Secret};

/// The replacement for a text that contained a secret.
pub(super) const REDACTED: &str = "redacted";

/// Maximum number of redacted places in one answer, and maximum total bytes of the JSON pointers to these places. An
/// answer that exceeds a limit is replaced as a whole.
const PLACES: usize = 64;
const PLACES_TEXT: usize = 64 << 10;

/// With this many encodings, a run learns no more parts of values that are no text.
const OWN: usize = 4_096;

/// The name of the values that the guest knows and that must not be recorded.
const PRIVATE: &str = "a private parameter";
/// Maximum number of names that the log tells for one answer.
const NAMES: usize = 8;

/// The size in bytes of an answer whose search takes milliseconds.
const LARGE: usize = 64 << 10;

/// Finds secrets in any of the encodings in which servers echo them: those of the run, and everything that upstreams of
/// the tenant got. Values that are sent during the run are added.
#[derive(Default)]
pub(super) struct Redactor {
    own: RwLock<Forms>,
    tenant: Arc<Memory>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("forms", &self.forms().len()).finish_non_exhaustive()
    }
}

impl Redactor {
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a Arc<Secret>>) -> Self {
        Self::of(&Arc::default(), secrets)
    }

    /// Finds these secrets, and the values that the tenant remembers, also those that are added later.
    pub(super) fn of<'a>(
        tenant: &Arc<Memory>,
        secrets: impl Iterator<Item = &'a Arc<Secret>>,
    ) -> Self {
        let redactor = Self { own: RwLock::default(), tenant: Arc::clone(tenant) };
        redactor.learn(secrets);
        redactor
    }

    /// Adds private parameters, which the guest knows and which must not be recorded.
    pub(super) fn and(self, private: &Live<Vec<String>>) -> Self {
        let mut forms = self.own.into_inner().unwrap_or_else(PoisonError::into_inner);
        private.reveal().iter().for_each(|value| forms.add(value, PRIVATE));
        Self { own: RwLock::new(forms), tenant: self.tenant }
    }

    /// Adds secrets. Those that are known already cost nothing.
    pub(super) fn learn<'a>(&self, secrets: impl Iterator<Item = &'a Arc<Secret>>) {
        let known = self.forms();
        let new: Vec<&Arc<Secret>> = secrets.filter(|secret| !known.knows(secret)).collect();
        drop(known);
        if !new.is_empty() {
            let mut forms = self.own.write().unwrap_or_else(PoisonError::into_inner);
            for secret in new {
                forms.learn(secret);
            }
        }
    }

    /// Adds secrets that are about to be sent, for all runs of the tenant.
    pub(super) fn share<'a>(&self, secrets: impl Iterator<Item = &'a Arc<Secret>>) {
        self.tenant.learn(secrets, None);
    }

    /// Adds a secret that an upstream created. All runs of the tenant find it, unless it is so short or ordinary that it
    /// could occur in other texts, or longer than any credential. Then only this run finds it.
    pub(super) fn created(&self, name: &str, text: &str) {
        if (SECRET_MIN..=SECRET_MAX).contains(&text.len()) && !is_ordinary(text) {
            self.tenant.learn([&Arc::new(Secret::created(name, text))].into_iter(), None);
        } else if text.len() >= SEARCHED_MIN {
            self.own.write().unwrap_or_else(PoisonError::into_inner).add(text, name);
        }
    }

    /// Adds a part of a value that an upstream returned in place of a secret and that the host does not store. Only this
    /// run finds it, so that one answer does not fill the memory of the tenant. Returns false if the run has too many.
    pub(super) fn hide(&self, name: &str, text: &str) -> bool {
        if text.len() < SEARCHED_MIN {
            return true;
        }
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        let has_room = own.len() < OWN;
        if has_room {
            own.add(text, name);
        }
        has_room
    }

    /// Whether the tenant's memory has room for more secrets.
    pub(super) fn has_room(&self) -> bool {
        self.tenant.has_room()
    }

    /// Replaces every leaf that contains a secret, and every object with a key that contains a secret. If more than
    /// [`PLACES`] places would be replaced, replaces the whole value.
    ///
    /// Returns the JSON pointers of the replaced places, sorted.
    pub(super) fn value(&self, value: &mut Value) -> Vec<String> {
        let (own, tenant) = (self.forms(), self.tenant.forms());
        let all: [&Forms; 2] = [&own, &tenant];
        let mut found = Found::default();
        if !all.iter().all(|forms| forms.is_empty()) {
            walk(&all, value, &mut Vec::new(), &mut found);
        }
        found.tell();
        let mut hits = found.places;
        if hits.len() > PLACES || hits.iter().map(String::len).sum::<usize>() > PLACES_TEXT {
            *value = Value::String(REDACTED.into());
            hits = vec![String::new()];
        }
        hits.sort();
        hits
    }

    /// Prepares a text for the operator. The text has at most `limit` bytes and escaped control characters, or is
    /// replaced if it contains a secret.
    pub(super) fn text(&self, text: &str, limit: usize) -> String {
        if self.finds(text) { REDACTED.into() } else { plain(text, limit) }
    }

    /// Whether the text contains a secret, either directly or after escapes of one or more kinds are decoded.
    pub(super) fn finds(&self, text: &str) -> bool {
        let (own, tenant) = (self.forms(), self.tenant.forms());
        let all: [&Forms; 2] = [&own, &tenant];
        forms::name_in(&all, text).is_some()
    }

    /// A poisoned lock is used as it is: a panic cannot leave a secret half added that was sent.
    fn forms(&self) -> RwLockReadGuard<'_, Forms> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a search in an answer of this size. While a large answer is searched, another thread runs the other tasks of
/// this one.
pub(super) fn aside<T>(bytes: usize, search: impl FnOnce() -> T) -> T {
    let runtime = Handle::try_current().map(|handle| handle.runtime_flavor());
    if bytes > LARGE && matches!(runtime, Ok(RuntimeFlavor::MultiThread)) {
        tokio::task::block_in_place(search)
    } else {
        search()
    }
}

/// What a search has found.
#[derive(Default)]
struct Found<'f> {
    /// JSON pointers.
    places: Vec<String>,
    names: BTreeSet<&'f str>,
}

impl Found<'_> {
    /// Tells the operator whose values were found. An issuer that makes tokens of ordinary words could otherwise make an
    /// upstream unusable without a trace.
    fn tell(&self) {
        for name in self.names.iter().filter(|name| **name != PRIVATE).take(NAMES) {
            tracing::info!(
                "an answer contains the value of the secret or token `{name}`; it is replaced"
            );
        }
    }
}

/// Redacts a value in place. `path` leads to the value and is converted to a JSON pointer only if a secret is
/// found, because a name of half a megabyte above thousands of members must not be copied for each member.
fn walk<'a, 'f>(
    all: &[&'f Forms],
    value: &'a mut Value,
    path: &mut Vec<Step<'a>>,
    found: &mut Found<'f>,
) {
    let hit = match value {
        Value::String(text) => forms::name_in(all, text),
        // Numbers are searched too, because a secret that consists of digits may have been parsed as a number.
        Value::Number(number) => forms::name_in(all, &number.to_string()),
        Value::Object(members) => members.keys().find_map(|key| forms::name_in(all, key)),
        _ => None,
    };
    if let Some(name) = hit {
        *value = Value::String(REDACTED.into());
        found.names.insert(name);
        if found.places.len() <= PLACES {
            found.places.push(pointer(path));
        }
        return;
    }
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(Step::Item(index));
                walk(all, item, path, found);
                path.pop();
            }
        }
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                path.push(Step::Member(key));
                walk(all, member, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// One step of a path into a JSON value.
enum Step<'a> {
    Item(usize),
    Member(&'a str),
}

/// The path as a JSON pointer (RFC 6901).
fn pointer(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |at, step| match step {
        Step::Item(index) => child(&at, &index.to_string()),
        Step::Member(key) => child(&at, key),
    })
}

/// Cuts a text to `limit` bytes at a character boundary and escapes deceptive characters.
pub(super) fn plain(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        let shown =
            if deceives(letter) { letter.escape_default().to_string() } else { letter.to_string() };
        if out.len() + shown.len() > limit {
            break;
        }
        out.push_str(&shown);
    }
    out
}

#[cfg(test)]
mod tests;
