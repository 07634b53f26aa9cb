//! Changes that were not passed to sled yet: the newest value of each row and key that the last groups of records
//! changed.
//!
//! A batch wakes all threads of sled, and an action changes its row many times. Changes are therefore collected here
//! and passed to sled at intervals. A crash loses collected changes, and the next start reads them from the journal
//! again.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use deed_system::failpoint;

use super::stored::Stored;
use super::{Applied, Index, IndexError, key};

/// When this many changes are collected, they are passed to sled even if their records are not on disk yet, because
/// changes take memory.
const MANY: usize = 8_192;

/// How long changes are collected before they are passed to sled.
const TOGETHER: Duration = Duration::from_millis(250);

/// Changes since the last batch was passed to sled.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// The present values of the rows that changed.
    pub(super) rows: BTreeMap<String, Stored>,
    /// Changes of all other keys; `None` if the key was removed.
    pub(super) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The last record whose changes are included, and the time when the first change was added.
    upto: Option<(Applied, Instant)>,
}

impl Recent {
    /// Notes that the changes of all records up to this one are included.
    pub(super) fn take(&mut self, applied: Applied) {
        let since = self.upto.map_or_else(Instant::now, |(_, since)| since);
        self.upto = Some((applied, since));
    }

    /// The greatest key in a range that was changed and not removed.
    fn last(&self, range: impl RangeBounds<Vec<u8>>) -> Option<&[u8]> {
        let mut keys = self.writes.range(range).rev();
        keys.find(|(_, value)| value.is_some()).map(|(key, _)| key.as_slice())
    }

    fn is_removed(&self, key: &[u8]) -> bool {
        self.writes.get(key).is_some_and(Option::is_none)
    }

    fn len(&self) -> usize {
        self.rows.len() + self.writes.len()
    }
}

impl Index {
    /// The value of a key, which must not be the key of a row.
    pub(super) fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        // The lock is held until sled was read. A change is removed from `recent` only once it is in sled, so a reader
        // finds every change in one of the two.
        let recent = self.recent();
        match recent.writes.get(key) {
            Some(newest) => Ok(newest.clone()),
            None => Ok(self.db.get(key)?.map(|bytes| bytes.to_vec())),
        }
    }

    /// The greatest key in a range.
    pub(super) fn last(
        &self,
        range: impl RangeBounds<Vec<u8>> + Clone,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let recent = self.recent();
        let newest = recent.last(range.clone());
        for item in self.db.range(range).rev() {
            let (older, _) = item?;
            if newest.is_some_and(|newest| newest >= &*older) {
                break;
            }
            if !recent.is_removed(&older) {
                return Ok(Some(older.to_vec()));
            }
        }
        Ok(newest.map(<[u8]>::to_vec))
    }

    /// The keys that begin with this prefix, in no particular order.
    pub(super) fn beginning(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, IndexError> {
        let recent = self.recent();
        let mut keys = Vec::new();
        for item in self.db.scan_prefix(prefix).keys() {
            let key = item?;
            if !recent.writes.contains_key(&*key) {
                keys.push(key.to_vec());
            }
        }
        let newest = recent.writes.range(prefix.to_vec()..key::behind(prefix));
        keys.extend(newest.filter(|(_, value)| value.is_some()).map(|(key, _)| key.clone()));
        Ok(keys)
    }

    /// Whether it is time to pass the changes to sled. `safe` states whether the records of the changes are on disk. If
    /// the journal lost records that are already in the index, the index would have to be rebuilt, which takes long.
    pub(in super::super) fn is_due(&self, safe: bool) -> bool {
        let recent = self.recent();
        let late = recent.upto.is_some_and(|(_, since)| since.elapsed() >= TOGETHER);
        (safe && late) || recent.len() >= MANY
    }

    /// Passes all changes to sled in one batch, together with the last record that the index then contains. Only the
    /// journal's writer may call this function, because no change may be added while it runs.
    pub(in super::super) fn settle(&self) -> Result<(), IndexError> {
        let Some(batch) = self.batch()? else { return Ok(()) };
        failpoint::hit("journal.settle.before");
        self.db.apply_batch(batch)?;
        failpoint::hit("journal.settle.after");
        *self.recent_mut() = Recent::default();
        Ok(())
    }

    fn batch(&self) -> Result<Option<sled::Batch>, IndexError> {
        let recent = self.recent();
        let Some((applied, _)) = recent.upto else { return Ok(None) };
        let mut batch = sled::Batch::default();
        for (action, stored) in &recent.rows {
            batch.insert(key::row(action), stored.encode()?);
        }
        for (key, value) in &recent.writes {
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(key::applied(), applied.encode(self.latest_ms()));
        Ok(Some(batch))
    }
}
