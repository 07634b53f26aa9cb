//! What the host read in a dry run, from the bundle that a person gets.

use deed_record::bundle;
use deed_record::exchange::Exchange;
use deed_record::exchange::claim::Claim;
use deed_record::lifecycle::observation::Observation;
use deed_record::plan::Rehearsal;
use serde::de::DeserializeOwned;

use crate::cli::out::Failure;

/// The observation and the rehearsal, if the dry run got that far.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) before: Option<Observation>,
    pub(super) rehearsal: Option<Rehearsal>,
}

impl Evidence {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let parts = bundle::read(bytes).map_err(Failure::failed)?;
        let (before, rehearsal) = (parts.get(bundle::PRE), parts.get(bundle::REHEARSAL));
        Ok(Self { before: part(before)?, rehearsal: part(rehearsal)? })
    }

    /// The exchanges of both runs, each with the name of its run.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = (&'static str, &Exchange)> {
        let looks = self.before.iter().flat_map(|one| &one.exchanges);
        let reads = self.rehearsal.iter().flat_map(|one| &one.exchanges);
        looks.map(|one| ("observe", one)).chain(reads.map(|one| ("rehearse", one)))
    }

    /// What the adapter reported of each run that it did not complete.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&'static str, &Claim)> {
        let look = self.before.iter().filter_map(|one| one.claim.as_ref());
        let rehearsal = self.rehearsal.iter().map(|one| &one.claim);
        let all = look.map(|one| ("observe", one)).chain(rehearsal.map(|one| ("rehearse", one)));
        all.filter(|(_, claim)| **claim != Claim::Done)
    }
}

/// A part of a bundle, if the bundle has it.
pub(in crate::cli) fn part<T: DeserializeOwned>(
    bytes: Option<&Vec<u8>>,
) -> Result<Option<T>, Failure> {
    let read = |bytes: &Vec<u8>| serde_json::from_slice(bytes).map_err(Failure::failed);
    bytes.map(read).transpose()
}
