//! Where the requests of a run go: to the upstreams, or to a record that answers them.
//!
//! It is fixed at the start of a run. A record cannot lead to a network: there is no upstream, no credential and no
//! journal on that side.

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

/// Made from the kind of a run's grant, before the guest exists.
pub(super) enum Transport {
    Network(Network),
    Record(Recorded),
}

/// The exchanges of an earlier run, in their order.
pub(super) struct Recorded {
    rest: std::vec::IntoIter<Exchange>,
    redactor: Arc<Redactor>,
}

/// What a guest is told when the record ends or has another request. The comparison ends there too.
const OFF_THE_RECORD: &str = "the record has no answer to this request at this place";

impl Transport {
    /// Takes upstreams, tags and writes out of the scope; steps are recorded exactly while performing.
    pub(super) fn network(scope: &mut Scope, keep: Option<Keep>) -> Self {
        Self::Network(Network {
            redactor: Arc::new(Redactor::new(super::secrets(&scope.upstreams)).and(&scope.private)),
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

    /// On a record, for the commitments of private parameters only: a record holds no secrets.
    pub(super) fn redactor(&self) -> Arc<Redactor> {
        match self {
            Self::Network(network) => Arc::clone(&network.redactor),
            Self::Record(recorded) => Arc::clone(&recorded.redactor),
        }
    }
}

impl Recorded {
    /// The recorded answer to this request. Fails from the first request on that differs from the recorded one.
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

/// What the guest was told in the recorded run.
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
