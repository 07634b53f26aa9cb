//! What the host recorded about an action, from the bundle that a person gets.

use deed_record::bundle;
use deed_record::exchange::claim::Claim;
use deed_record::lifecycle::event::Attempt;
use deed_record::lifecycle::observation::Observation;
use deed_record::plan::Rehearsal;

use crate::cli::contract::trial::evidence::part;
use crate::cli::out::Failure;

/// The runs of an action, as far as it got.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) before: Option<Observation>,
    pub(super) rehearsal: Option<Rehearsal>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) after: Option<Observation>,
}

impl Evidence {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let parts = bundle::read(bytes).map_err(Failure::failed)?;
        Ok(Self {
            before: part(parts.get(bundle::PRE))?,
            rehearsal: part(parts.get(bundle::REHEARSAL))?,
            attempts: part(parts.get(bundle::EXCHANGES))?.unwrap_or_default(),
            after: part(parts.get(bundle::POST))?,
        })
    }

    /// What the adapter reported of each run, with the name of the run.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&'static str, &Claim)> {
        let looks = self.before.iter().chain(&self.after).filter_map(|look| look.claim.as_ref());
        let looks = looks.map(|claim| ("observe", claim));
        let rehearsal = self.rehearsal.iter().map(|one| ("perform, in the rehearsal,", &one.claim));
        let attempts = self.attempts.iter().map(|one| ("perform", &one.claim));
        looks.chain(rehearsal).chain(attempts)
    }

    /// The requests that the host refused, with the reasons.
    pub(super) fn refused(&self) -> impl Iterator<Item = &String> {
        let looks = self.before.iter().chain(&self.after).flat_map(|look| &look.refused);
        let rehearsal = self.rehearsal.iter().flat_map(|one| &one.refused);
        let attempts = self.attempts.iter().flat_map(|one| &one.refused);
        looks.chain(rehearsal).chain(attempts)
    }
}
