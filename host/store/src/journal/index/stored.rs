//! The value of a row: what is known about an action, and the positions of its records. There is one row per action,
//! regardless of the number of its records.
//!
//! A row is `places: count and numbers as LEB128 | summary: a JSON list`. The JSON list has no field names, because
//! field names would take half of the space.

use super::super::file::Place;
use super::IndexError;
use crate::store::{Row, Summary};

/// A row with the positions of its records, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) row: Row,
    pub(super) places: Vec<Place>,
}

/// The columns of a row: version, tenant, agent, contract, resource, status, whether the action ended, time, trace.
type Columns<'a> =
    (u64, (&'a str, &'a str, &'a str, &'a str), (&'a str, bool, i64), Option<&'a str>);

/// The columns of a row as owned values, for decoding.
type Read = (u64, (String, String, String, String), (String, bool, i64), Option<String>);

impl Stored {
    pub(super) fn encode(&self) -> Result<Vec<u8>, IndexError> {
        let mut bytes = Vec::with_capacity(256);
        push(&mut bytes, self.places.len() as u64);
        for place in &self.places {
            push(&mut bytes, place.segment);
            push(&mut bytes, place.offset);
        }
        let Row { version, summary: s } = &self.row;
        let columns: Columns<'_> = (
            *version,
            (&s.tenant, &s.agent, &s.contract, &s.resource),
            (&s.status, s.ended, s.at_ms),
            s.trace.as_deref(),
        );
        serde_json::to_writer(&mut bytes, &columns)?;
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        let mut rest = bytes;
        let places = places(&mut rest).ok_or(IndexError::Value)?;
        let (version, names, state, trace): Read = serde_json::from_slice(rest)?;
        let (tenant, agent, contract, resource) = names;
        let (status, ended, at_ms) = state;
        let summary = Summary { tenant, agent, contract, resource, status, ended, at_ms, trace };
        Ok(Self { row: Row { version, summary }, places })
    }
}

/// Decodes only the positions of a row.
pub(super) fn places(bytes: &mut &[u8]) -> Option<Vec<Place>> {
    let count = usize::try_from(take(bytes)?).ok()?;
    // Each position takes at least two bytes, so there are fewer positions than bytes, whatever `count` states.
    let mut places = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        places.push(Place { segment: take(bytes)?, offset: take(bytes)? });
    }
    Some(places)
}

/// Encodes a number as LEB128: seven bits at a time, lowest first, with the high bit set in all bytes but the last.
fn push(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_a_cut_one_does_not() {
        let summary = Summary {
            tenant: "acme".to_owned(),
            agent: "helpdesk".to_owned(),
            contract: "idp.read_user".to_owned(),
            resource: "idp/users/\"1\"".to_owned(),
            status: "waiting".to_owned(),
            ended: false,
            at_ms: -5,
            trace: Some("ab".repeat(16)),
        };
        let places = [0, 1, 127, 128, u64::MAX].map(|n| Place { segment: n / 2, offset: n });
        let stored = Stored { row: Row { version: 7, summary }, places: places.to_vec() };
        let bytes = stored.encode().unwrap();
        assert_eq!(Stored::decode(&bytes).unwrap(), stored);
        for cut in 0..bytes.len() {
            assert!(Stored::decode(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(Stored::decode(&[0xff; 40]).is_err());
    }
}
