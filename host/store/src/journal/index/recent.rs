//! What sled does not have yet: takes changes of one group after another, gives the newest word on a row or a key.
//!
//! A batch of sled's wakes all of its threads, and an action changes its row many times. So changes come together here,
//! and go to sled once in a while. A crash loses them; the next start reads them from the journal again.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use deed_system::failpoint;

use super::stored::Stored;
use super::{Applied, Index, IndexError, key};

/// So many changes go to sled at once, whether they are on disk in the journal or not: they take memory.
const MANY: usize = 8_192;

/// How long changes come together.
const TOGETHER: Duration = Duration::from_millis(250);

/// Changes since sled was told last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// The rows that changed, as they are now.
    pub(super) rows: BTreeMap<String, Stored>,
    /// All other keys; none where the key was removed.
    pub(super) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The last record that is in here, and when the first one came.
    upto: Option<(Applied, Instant)>,
}

impl Recent {
    /// Takes what a group of records changed.
    pub(super) fn take(&mut self, applied: Applied) {
        let since = self.upto.map_or_else(Instant::now, |(_, since)| since);
        self.upto = Some((applied, since));
    }

    /// The greatest key in a range that is here and was not removed.
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
    /// The value of any key but a row's.
    pub(super) fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        // Held while sled is asked: what leaves here is there before.
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

    /// The keys that begin so, in no order.
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

    /// Whether it is time that sled hears of the changes; `safe` says whether the journal has them on disk. An index
    /// that is ahead of a journal that lost its end is made again, which takes long.
    pub(in super::super) fn is_due(&self, safe: bool) -> bool {
        let recent = self.recent();
        let late = recent.upto.is_some_and(|(_, since)| since.elapsed() >= TOGETHER);
        (safe && late) || recent.len() >= MANY
    }

    /// Gives sled all changes in one batch, together with how far the index has come then. The journal's writer alone
    /// may call it: nothing may change meanwhile.
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
