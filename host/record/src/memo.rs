//! An immutable record with a value computed from it, so that repeated requests do not recompute the value.
//!
//! The value is computed in this process from this record only. The computed value is never read from or written to
//! storage.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A record and the value that is computed from it on first request.
#[derive(Clone)]
pub struct Memo<T, K> {
    record: T,
    known: OnceLock<K>,
}

impl<T, K: Clone> Memo<T, K> {
    pub fn new(record: T) -> Self {
        Self { record, known: OnceLock::new() }
    }

    /// Creates a memo with a value that was computed together with the record.
    pub(crate) fn with(record: T, known: K) -> Self {
        Self { record, known: OnceLock::from(known) }
    }

    /// Creates a shared memo, for records that a story shares with its events.
    pub fn shared(record: T) -> Arc<Self> {
        Arc::new(Self::new(record))
    }

    /// Returns the record for modification, and drops the computed value, which would no longer match.
    pub fn into_record(self) -> T {
        self.record
    }

    /// Returns the stored value, or computes and stores it.
    pub(crate) fn known<E>(&self, find_out: impl FnOnce(&T) -> Result<K, E>) -> Result<K, E> {
        if let Some(known) = self.known.get() {
            return Ok(known.clone());
        }
        let found = find_out(&self.record)?;
        Ok(self.known.get_or_init(|| found).clone())
    }
}

impl<T, K> Deref for Memo<T, K> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.record
    }
}

impl<T: PartialEq, K> PartialEq for Memo<T, K> {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl<T: Eq, K> Eq for Memo<T, K> {}

impl<T: fmt::Debug, K> fmt::Debug for Memo<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl<T, K: Clone> From<T> for Memo<T, K> {
    fn from(record: T) -> Self {
        Self::new(record)
    }
}

/// Serialises only the record, without the computed value.
impl<T: Serialize, K> Serialize for Memo<T, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.record.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, K: Clone> Deserialize<'de> for Memo<T, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_out_once_and_for_this_record_alone() {
        let one: Memo<String, usize> = Memo::new("abc".to_owned());
        let length = |text: &String| Ok::<_, ()>(text.len());
        assert_eq!(one.known(|_| Err(())), Err(()));
        assert_eq!(one.known(length), Ok(3));
        assert_eq!(one.clone().known(|_| Err(())), Ok(3));
        assert_eq!(one, Memo::new("abc".to_owned()));
        let read: Memo<String, usize> = serde_json::from_value(serde_json::json!("ab")).unwrap();
        assert_eq!(read.known(length), Ok(2));
        assert_eq!(serde_json::to_value(&one).unwrap(), "abc");
        let changed: Memo<String, usize> = Memo::new(one.into_record() + "d");
        assert_eq!(changed.known(length), Ok(4));
    }
}
