//! The transport of a run's requests: either the upstreams answer the requests, or a record answers them, in a replay
//! and in the second run of a rehearsal.
//!
//! The transport is fixed at the start of a run. A run on a record cannot reach the network, because it has no
//! upstream, no credential and no journal. A rehearsal reaches the network without a journal, so it cannot write.

use std::sync::Arc;

use deed_record::action::commitment::Live;
use deed_record::exchange::{Exchange, Failure, Fate, Rendered};

use super::Keep;
use super::bindings::deed::adapter::http::{Error, Response};
use super::egress::{Network, response};
use super::exchange_log::{ExchangeLog, Known};
use super::prior_writes::Writes;
use super::redact::Redactor;
use crate::grant::Scope;
use crate::upstream::Credential;

/// The transport of one run. The kind of grant determines the transport before the guest exists.
pub(super) enum Transport {
    Network(Network),
    Record(Recorded),
}

/// The exchanges of an earlier run, in order.
pub(super) struct Recorded {
    rest: std::vec::IntoIter<Exchange>,
    redactor: Arc<Redactor>,
}

/// The error for a guest when the record ends or has a different request at this position. A replay is compared with
/// its record only up to this request.
const OFF_THE_RECORD: &str = "the record has no answer to this request at this place";

impl Transport {
    /// Moves upstreams, tags and writes out of the scope. `keep` is set only for attempts.
    pub(super) fn network(scope: &mut Scope, keep: Option<Keep>) -> Self {
        let credentials = super::credentials_of(&scope.upstreams);
        let known = credentials.iter().flat_map(Credential::secrets);
        let known: Vec<_> = known.chain(super::logins_of(&scope.upstreams)).collect();
        let redactor = Redactor::of(&scope.memory, known.iter()).and(&scope.private);
        Self::Network(Network {
            redactor: Arc::new(redactor),
            person: scope.person.as_str().into(),
            access: scope.access.take(),
            credentials,
            action: scope.action.clone(),
            slots: Arc::clone(&scope.slots),
            upstreams: std::mem::take(&mut scope.upstreams),
            tags: std::mem::take(&mut scope.tags),
            once: Writes::new(std::mem::take(&mut scope.once)),
            keep,
            writes: Vec::new(),
        })
    }

    pub(super) fn record(private: &Live<Vec<String>>, exchanges: Vec<Exchange>) -> Self {
        let redactor = Arc::new(Redactor::new([].into_iter()).and(private));
        Self::Record(Recorded { rest: exchanges.into_iter(), redactor })
    }

    /// Whether the run reaches upstreams, and not a record.
    pub(super) fn is_network(&self) -> bool {
        matches!(self, Self::Network(_))
    }

    /// The redactor of this run. For a run on a record, the redactor finds only private values or their commitments,
    /// because a record contains no secrets.
    pub(super) fn redactor(&self) -> Arc<Redactor> {
        match self {
            Self::Network(network) => Arc::clone(&network.redactor),
            Self::Record(recorded) => Arc::clone(&recorded.redactor),
        }
    }
}

impl Recorded {
    /// Returns the recorded answer to this request. The first request that differs from the record fails, and so does
    /// every later request.
    pub(super) fn answer(
        &mut self,
        rendered: &Rendered,
        exchanges: &ExchangeLog,
    ) -> Result<Response, Error> {
        let entry = exchanges.open(rendered.clone(), Known::default(), std::time::Duration::ZERO);
        match self.rest.next() {
            Some(known) if known.request == *rendered && known.is_concluded() => {
                let told = told(entry.ordinal, &known);
                entry.repeat(known);
                told
            }
            _ => {
                self.rest = Vec::new().into_iter();
                entry.failed(Failure::NotSent, OFF_THE_RECORD);
                Err(Error::NotSent(OFF_THE_RECORD.into()))
            }
        }
    }
}

/// The response or error that the guest got in the recorded run.
pub(super) fn told(ordinal: u32, known: &Exchange) -> Result<Response, Error> {
    let words = || known.problem.clone().unwrap_or_default();
    match (known.failure, known.fate) {
        (Some(Failure::Denied), _) => Err(Error::Denied(words())),
        (Some(Failure::NotSent), _) => Err(Error::NotSent(words())),
        (Some(Failure::TooLarge { limit }), _) => Err(Error::TooLarge(limit)),
        (None, Fate::Answered { status }) => {
            Ok(response(ordinal, status, &known.headers, known.response.as_ref()))
        }
        (Some(Failure::NoAnswer) | None, _) => Err(Error::NoAnswer(words())),
    }
}
