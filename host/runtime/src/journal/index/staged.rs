//! Changes of the index that belong to one group of records: takes appends and envelopes, refuses
//! what conflicts with the index or with the group, and applies the rest in one batch or not at all.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::file::Place;
use super::super::record::Envelope;
use super::super::{Append, AppendError, Row};
use super::{Applied, Holder, Index, IndexError, key, value};

/// The index as it will be when the group is written.
#[derive(Debug)]
pub(in super::super) struct Staged<'a> {
    index: &'a Index,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Staged<'a> {
    pub(in super::super) fn new(index: &'a Index) -> Self {
        Self { index, writes: BTreeMap::new() }
    }

    /// How many changes wait.
    pub(in super::super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether this append may be made on what is there and what waits: `None` when it may.
    pub(in super::super) fn refusal(
        &self,
        append: &Append,
    ) -> Result<Option<AppendError>, IndexError> {
        let row: Option<Row> = self.get(&key::row(&append.action))?;
        let actual = row.map_or(0, |row| row.version);
        if actual != append.expect {
            return Ok(Some(AppendError::Conflict { actual }));
        }
        if let Some(taken) = self.taken(append)? {
            return Ok(Some(taken));
        }
        self.used(&append.nonces)
    }

    /// Takes what an envelope says into the index.
    pub(in super::super) fn put(&mut self, envelope: &Envelope) -> Result<(), IndexError> {
        let Envelope { action, version, summary, .. } = envelope;
        let before: Option<Row> = self.get(&key::row(action))?;
        if let Some(other) = before.filter(|row| row.summary.tenant != summary.tenant) {
            self.writes.insert(key::of_tenant(&other.summary.tenant, action), None);
        }
        self.set(key::of_tenant(&summary.tenant, action), action.as_bytes().to_vec());
        let open = (!summary.ended).then(|| action.as_bytes().to_vec());
        self.writes.insert(key::open(action), open);
        self.set_json(key::row(action), &Row { version: *version, summary: summary.clone() })?;
        if let Some(claim) = &envelope.claim {
            let holder = Holder {
                action: action.clone(),
                body_sha256: claim.body_sha256.clone(),
                at_ms: claim.at_ms,
            };
            self.set_json(key::claim(&claim.tenant, &claim.agent, &claim.key), &holder)?;
        }
        for nonce in &envelope.nonces {
            self.set(key::nonce(nonce), action.as_bytes().to_vec());
        }
        Ok(())
    }

    /// Says where the record is that brought an action to this version.
    pub(in super::super) fn place(&mut self, action: &str, version: u64, place: Place) {
        self.set(key::place(action, version), place.encode());
    }

    /// Applies everything in one batch, together with how far the index has come then.
    pub(in super::super) fn apply(mut self, applied: &Applied) -> Result<(), IndexError> {
        self.set(key::applied(), applied.encode());
        let mut batch = sled::Batch::default();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Ok(self.index.db.apply_batch(batch)?)
    }

    fn taken(&self, append: &Append) -> Result<Option<AppendError>, IndexError> {
        let Some(claim) = &append.claim else {
            return Ok(None);
        };
        let key = key::claim(&claim.tenant, &claim.agent, &claim.key);
        let holder: Option<Holder> = self.get(&key)?;
        let live = holder.filter(|holder| holder.is_live(claim.at_ms));
        Ok(live.map(|Holder { action, body_sha256, .. }| AppendError::KeyTaken {
            action,
            body_sha256,
        }))
    }

    fn used(&self, nonces: &[String]) -> Result<Option<AppendError>, IndexError> {
        for (position, nonce) in nonces.iter().enumerate() {
            let twice = nonces.iter().take(position).any(|earlier| earlier == nonce);
            if twice || self.bytes(&key::nonce(nonce))?.is_some() {
                return Ok(Some(AppendError::NonceUsed { nonce: nonce.clone() }));
            }
        }
        Ok(None)
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, IndexError> {
        self.bytes(key)?.map(|bytes| value(&bytes)).transpose()
    }

    /// What waits goes before what is there.
    fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        if let Some(waiting) = self.writes.get(key) {
            return Ok(waiting.clone());
        }
        Ok(self.index.db.get(key)?.map(|bytes| bytes.to_vec()))
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    fn set_json(&mut self, key: Vec<u8>, value: &impl Serialize) -> Result<(), IndexError> {
        self.set(key, serde_json::to_vec(value)?);
        Ok(())
    }
}
