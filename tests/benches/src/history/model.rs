//! Uses an ended action as a template to generate the records of similar actions.

use std::collections::BTreeMap;
use std::path::Path;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Entry, Event};
use deed_spec::digest::Digest;
use deed_store::journal::scan;
use deed_store::store::{Append, KeyClaim, Summary};
use deed_tests::services::Result;

/// Every item has a name of this length, so that the records of all actions have the same size.
pub const ITEM_LENGTH: usize = 24;
/// The number of digits of a time in Unix milliseconds.
const TIME_LENGTH: usize = 13;
/// A number in a record is taken for a time of the action only if it is within this many milliseconds of the action's
/// start.
const NEAR_MS: u64 = 24 * 60 * 60 * 1000;
/// Maximum number of actions in a directory that is used as a model. A directory with more actions already has a
/// generated history.
const MODELS_MAX: usize = 64;
/// The number of actions on one item.
const EACH_ITEM: u64 = 10;

/// Returns the name of an item.
pub fn item(number: u64) -> String {
    format!("h{number:0width$}", width = ITEM_LENGTH - 1)
}

/// The values of a generated action that differ from the model.
#[derive(Debug)]
pub(super) struct New {
    id: String,
    item: String,
    at_ms: i64,
    key: String,
}

impl New {
    /// The same arguments always give the same action.
    pub(super) fn of(past: i64, number: u64, at_ms: i64) -> Result<Self> {
        let chance = Digest::of(format!("history {past} {number}").as_bytes()).hex();
        let mut random = [0; 10];
        random.iter_mut().zip(chance.bytes()).for_each(|(one, digit)| *one = digit);
        let id = ActionId::new(u64::try_from(at_ms)?, random).to_string();
        Ok(Self { id, item: item(number / EACH_ITEM), at_ms, key: chance })
    }
}

#[derive(Debug)]
pub(super) struct Model {
    records: Vec<Record>,
    leaves: Vec<String>,
    item: String,
    began_ms: i64,
}

#[derive(Debug)]
struct Record {
    expect: u64,
    summary: Summary,
    events: Vec<Mould>,
}

/// The bytes of an event, and the positions whose content differs in a generated action.
#[derive(Debug)]
struct Mould {
    bytes: Vec<u8>,
    holes: Vec<(usize, Hole)>,
}

#[derive(Debug)]
enum Hole {
    Id,
    Item,
    /// A time this many milliseconds after the start of the action.
    Time(i64),
}

/// An action's records as the journal returns them: version, summary and events of each.
type Told = Vec<(u64, Summary, Vec<Vec<u8>>)>;

/// Makes one model (a template for similar actions) from each action that has ended.
pub(super) fn models(state: &Path) -> Result<Vec<Model>> {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    let found = scan(state, &mut |seen| {
        let record = (seen.version, seen.summary.clone(), seen.events.to_vec());
        if all.len() <= MODELS_MAX || all.contains_key(seen.action) {
            all.entry(seen.action.to_owned()).or_default().push(record);
        }
    })?;
    if all.len() > MODELS_MAX {
        let state = state.display();
        return Err(
            format!("{state} has more than {MODELS_MAX} actions; begin with a new one").into()
        );
    }
    if let Some(wrong) = found.wrong.first() {
        return Err(format!("{} is not a complete journal: {}", state.display(), wrong.what).into());
    }
    let ended = |told: &Told| told.last().is_some_and(|(_, summary, _)| summary.ended);
    all.into_iter().filter(|(_, told)| ended(told)).map(|(id, told)| Model::of(&id, told)).collect()
}

impl Model {
    fn of(id: &str, told: Told) -> Result<Self> {
        let (_, first, _) = told.first().ok_or("an action has no records")?;
        let (began_ms, resource) = (first.at_ms, first.resource.clone());
        let item = resource.rsplit('/').next().unwrap_or_default().to_owned();
        if item.len() != ITEM_LENGTH {
            return Err(format!("`{resource}` does not end with a name of `history::item`").into());
        }
        let (mut records, mut leaves, mut expect) = (Vec::new(), Vec::new(), 0);
        for (version, summary, events) in told {
            for event in &events {
                leaves.extend(logged(event)?);
            }
            let moulds = events.into_iter().map(|bytes| Mould::of(bytes, id, &item, began_ms));
            records.push(Record { expect, summary, events: moulds.collect() });
            expect = version;
        }
        Ok(Self { records, leaves, item, began_ms })
    }

    /// The tenant and the agent of the model's action.
    pub(super) fn owner(&self) -> (&str, &str) {
        let first = self.records.first().map(|record| &record.summary);
        first.map_or(("", ""), |summary| (&summary.tenant, &summary.agent))
    }

    /// The kinds of the action's log leaves.
    pub(super) fn leaves(&self) -> &[String] {
        &self.leaves
    }

    pub(super) fn appends<'a>(&'a self, new: &'a New) -> impl Iterator<Item = Append> + use<'a> {
        self.records.iter().map(|record| {
            let mut summary = record.summary.clone();
            summary.resource = summary.resource.replace(&self.item, &new.item);
            summary.at_ms = new.at_ms + (summary.at_ms - self.began_ms);
            Append {
                action: new.id.clone(),
                expect: record.expect,
                events: record.events.iter().map(|mould| mould.cast(new)).collect(),
                claim: (record.expect == 0).then(|| self.claim(new)),
                summary,
                nonces: Vec::new(),
                durable: false,
            }
        })
    }

    /// An idempotency key, as sent by agents that may have to repeat a request.
    fn claim(&self, new: &New) -> KeyClaim {
        let (tenant, agent) = self.owner();
        KeyClaim {
            tenant: tenant.to_owned(),
            agent: agent.to_owned(),
            key: new.key.clone(),
            body_sha256: new.key.clone(),
            at_ms: new.at_ms,
        }
    }
}

/// The kinds of leaves that an event names. Activation statements (the signed configuration) are left out because a
/// configuration is logged only once and not once for each action.
fn logged(event: &[u8]) -> Result<Vec<String>> {
    let entry: Entry = serde_json::from_slice(event)?;
    Ok(match entry.event {
        Event::Logged { leaves, .. } => {
            let kinds = leaves.into_iter().map(|leaf| leaf.kind);
            kinds.filter(|kind| kind != "activated").collect()
        }
        _ => Vec::new(),
    })
}

impl Mould {
    fn of(bytes: Vec<u8>, id: &str, item: &str, began_ms: i64) -> Self {
        let (mut holes, mut at) = (Vec::new(), 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if rest.starts_with(id.as_bytes()) {
                holes.push((at, Hole::Id));
                at += id.len();
            } else if rest.starts_with(item.as_bytes()) {
                holes.push((at, Hole::Item));
                at += item.len();
            } else if let Some(time_ms) = time(rest, digits, began_ms) {
                holes.push((at, Hole::Time(time_ms - began_ms)));
                at += digits;
            } else {
                at += digits.max(1);
            }
        }
        Self { bytes, holes }
    }

    fn cast(&self, new: &New) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (at, hole) in &self.holes {
            let time;
            let word = match hole {
                Hole::Id => new.id.as_bytes(),
                Hole::Item => new.item.as_bytes(),
                Hole::Time(after_ms) => {
                    time = (new.at_ms + after_ms).to_string();
                    time.as_bytes()
                }
            };
            if let Some(room) = bytes.get_mut(*at..at + word.len()) {
                room.copy_from_slice(word);
            }
        }
        bytes
    }
}

/// The Unix time at the beginning of `rest`, or `None` if there is no time near the action's start.
fn time(rest: &[u8], digits: usize, began_ms: i64) -> Option<i64> {
    let digits = rest.get(..digits).filter(|digits| digits.len() == TIME_LENGTH)?;
    let time_ms: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (time_ms.abs_diff(began_ms) < NEAR_MS).then_some(time_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_differs_in_its_holes_alone() {
        let (id, old, began_ms) = ("act_old", item(1), 1_790_000_000_000);
        let text = format!(
            r#"{{"at_ms":1790000000005,"id":"act_old","of":"r/{old}","n":1234567890123,"x":17900000000050}}"#
        );
        let mould = Mould::of(text.into_bytes(), id, &old, began_ms);
        let new = New {
            id: "act_new".to_owned(),
            item: item(2),
            at_ms: 1_780_000_000_000,
            key: String::new(),
        };
        let cast = String::from_utf8(mould.cast(&new)).unwrap();
        let expected = format!(
            r#"{{"at_ms":1780000000005,"id":"act_new","of":"r/{}","n":1234567890123,"x":17900000000050}}"#,
            item(2)
        );
        assert_eq!(cast, expected);
    }
}
