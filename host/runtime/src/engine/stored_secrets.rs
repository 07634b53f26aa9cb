//! Secrets that the host had stored before it stopped, while the answer was not yet in the journal.

use deed_record::exchange::secret::{TakenSecret, file_name};
use deed_record::exchange::{Exchange, Fate};
use deed_record::lifecycle::event::Attempt;

use super::drive::Drive;

impl Drive<'_> {
    /// Adds the stored secrets to the writes of an interrupted attempt that have no result. A file has its name only when
    /// it is complete, and nothing else creates a file with this name, so it is from the answer to this write.
    pub(super) fn with_stored_secrets(&self, mut attempt: Attempt) -> Attempt {
        let is_lost = |one: &&mut Exchange| one.fate == Fate::NoAnswer && one.secrets.is_empty();
        for one in attempt.exchanges.iter_mut().filter(is_lost) {
            let names: Vec<String> = one.request.secrets.keys().cloned().collect();
            let upstream = one.request.upstream.clone();
            one.secrets =
                names.iter().filter_map(|name| self.stored_secret(&upstream, name)).collect();
        }
        attempt
    }

    /// The record of a stored secret; `None` if it is not stored, or if the grant has another folder now.
    fn stored_secret(&self, upstream: &str, name: &str) -> Option<TakenSecret> {
        let story = &self.work.story;
        let folder = story.bindings.get(upstream)?.vault.get(name)?;
        let granted = self.granted()?;
        let vault = granted.vaults.get(name).filter(|vault| vault.folder() == folder)?;
        let file = file_name(story.bound.action.id.as_str(), name);
        let value = match vault.stored(&file) {
            Ok(value) => value?,
            Err(error) => {
                tracing::error!(%upstream, "the stored secret `{name}` cannot be read: {error}");
                return None;
            }
        };
        Some(TakenSecret {
            name: name.to_owned(),
            file: Some(format!("{folder}/{file}")),
            commitment: story.bound.salts.commitment(name, &value),
            problem: None,
        })
    }
}
