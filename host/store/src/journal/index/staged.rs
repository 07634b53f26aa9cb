//! Changes of the index that belong to one group of records. Appends that conflict with the index or with the group are
//! refused. The changes of all accepted appends are applied together or not at all.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::file::Place;
use super::super::record::Framed;
use super::stored::Stored;
use super::{Applied, Holder, Index, IndexError, key, value};
use crate::store::{Append, AppendError, Row, Summary};

/// The index as it will be once the group is written.
#[derive(Debug)]
pub(in super::super) struct Staged<'a> {
    index: &'a Index,
    rows: BTreeMap<String, Slot>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    latest_ms: i64,
}

/// A row that was read, and whether it must be written.
#[derive(Debug)]
struct Slot {
    stored: Option<Stored>,
    changed: bool,
}

impl<'a> Staged<'a> {
    pub(in super::super) fn new(index: &'a Index) -> Self {
        let latest_ms = index.latest_ms();
        Self { index, rows: BTreeMap::new(), writes: BTreeMap::new(), latest_ms }
    }

    /// How many changes are staged.
    pub(in super::super) fn len(&self) -> usize {
        self.rows.len() + self.writes.len()
    }

    /// The reason to refuse an append, given the index and the staged changes; `None` if the append is accepted.
    pub(in super::super) fn refusal(
        &mut self,
        append: &Append,
    ) -> Result<Option<AppendError>, IndexError> {
        let stored = &self.slot(&append.action)?.stored;
        let actual = stored.as_ref().map_or(0, |stored| stored.row.version);
        if actual != append.expect {
            return Ok(Some(AppendError::Conflict { actual }));
        }
        if let Some(taken) = self.taken(append)? {
            return Ok(Some(taken));
        }
        self.used(&append.nonces)
    }

    /// Stages the index changes of a record with this envelope.
    pub(in super::super) fn put(&mut self, envelope: &Framed) -> Result<(), IndexError> {
        let Framed { action, version, summary, .. } = envelope;
        let slot = self.slot(action)?;
        slot.changed = true;
        let row = Row { version: *version, summary: summary.clone() };
        let before = if let Some(stored) = &mut slot.stored {
            Some(std::mem::replace(&mut stored.row, row))
        } else {
            slot.stored = Some(Stored { row, places: Vec::new() });
            None
        };
        self.enlist(action, before.map(|row| row.summary).as_ref(), summary);
        self.latest_ms = self.latest_ms.max(summary.at_ms);
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

    /// Adds the position of the newest staged record of an action.
    pub(in super::super) fn place(&mut self, action: &str, place: Place) {
        let slot = self.rows.get_mut(action).and_then(|slot| slot.stored.as_mut());
        if let Some(stored) = slot {
            stored.places.push(place);
        }
    }

    /// Applies all changes to the index, together with the last record that the index then contains. The changes are
    /// passed to sled later.
    pub(in super::super) fn apply(self, applied: &Applied) {
        let mut recent = self.index.recent_mut();
        for (action, slot) in self.rows {
            if let Some(stored) = slot.stored.filter(|_| slot.changed) {
                recent.rows.insert(action, stored);
            }
        }
        recent.writes.extend(self.writes);
        recent.take(*applied);
        self.index.passed(self.latest_ms);
    }

    /// Moves an action from its previous lists to its present lists. In most cases, the lists stay the same.
    fn enlist(&mut self, action: &str, before: Option<&Summary>, now: &Summary) {
        if before.is_some_and(|before| stands(before) == stands(now)) {
            return;
        }
        for list in before.map(lists).unwrap_or_default() {
            self.writes.insert(key::within(&list, action), None);
        }
        for list in lists(now) {
            self.writes.insert(key::within(&list, action), Some(Vec::new()));
        }
    }

    /// The row of an action with all staged changes.
    fn slot(&mut self, action: &str) -> Result<&mut Slot, IndexError> {
        if !self.rows.contains_key(action) {
            let stored = self.index.stored(action)?;
            self.rows.insert(action.to_owned(), Slot { stored, changed: false });
        }
        self.rows.get_mut(action).ok_or(IndexError::Value)
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

    /// A staged value takes precedence over one in the index.
    fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        if let Some(waiting) = self.writes.get(key) {
            return Ok(waiting.clone());
        }
        self.index.bytes(key)
    }

    fn set(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    fn set_json(&mut self, key: Vec<u8>, value: &impl Serialize) -> Result<(), IndexError> {
        self.set(key, serde_json::to_vec(value)?);
        Ok(())
    }
}

/// The values that determine which lists contain an action.
fn stands(summary: &Summary) -> impl PartialEq + use<'_> {
    let Summary { tenant, agent, contract: _, resource, status, ended, at_ms: _, trace } = summary;
    (tenant, agent, resource, trace, ended.then_some(status))
}

fn lists(summary: &Summary) -> Vec<Vec<u8>> {
    let Summary { tenant, agent, contract: _, resource, status, ended, at_ms: _, trace } = summary;
    let mut lists =
        vec![key::tenant(tenant), key::agent(tenant, agent), key::resource(tenant, resource)];
    lists.push(if *ended { key::ended(tenant, status) } else { key::open(tenant) });
    lists.extend(trace.as_ref().map(|trace| key::trace(tenant, trace)));
    lists
}
