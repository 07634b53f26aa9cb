//! The end of an exchange: a complete answer is read, the secrets that the upstream created are stored, and the exchange
//! is recorded. The time limit of the exchange does not apply here, because a secret that arrived must not be lost.

use std::error::Error as _;
use std::sync::Arc;

use deed_record::exchange::secret::TakenSecret;
use deed_record::exchange::{Fate, WITHHELD};

use super::super::exchange_log::Answer;
use super::super::redact;
use super::answer::{self, Arrived};
use super::prove::Received;
use super::{Halt, Job, Response, response};
use crate::credentials::Found;
use crate::upstream::client_certificate::refusal;

impl Job {
    /// Checks that the secrets of the answer can be stored, before the intent of the write is declared.
    pub(super) async fn prepare_vault(&self) -> Result<(), Halt> {
        let names: Vec<String> = self.request.public.secrets.keys().cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        if !self.redactor.has_room() {
            let why = "the host remembers too many secrets to redact another one";
            return Err(Halt::NotSent(format!("{WITHHELD}{why}")));
        }
        let (slots, action) = (Arc::clone(&self.slots), self.action.clone());
        let prepared = tokio::task::spawn_blocking(move || slots.prepare(&action, &names)).await;
        let name = match prepared {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(name)) => name,
            Err(error) => return Err(Halt::NotSent(error.to_string())),
        };
        // The reason has no path, because agents read it.
        let why = format!("secret `{name}` could not be stored; the log of the host says why");
        Err(Halt::NotSent(format!("{WITHHELD}{why}")))
    }

    /// Reads a complete answer, stores its secrets, records the exchange, and returns the response for the guest.
    pub(super) async fn finish(&self, received: Received) -> Result<Response, Halt> {
        let Received { status, headers, bytes } = received;
        let (mut answer, found) = self.read(&self.unpacked(status, &headers, bytes)?);
        if (200..300).contains(&status) {
            answer.secrets = self.store(found).await;
        }
        Ok(self.tell(answer))
    }

    /// Records an answer, and returns the response for the guest. No secret of the answer is stored, so this is not for
    /// complete answers.
    pub(super) fn conclude(&self, arrived: &Arrived<'_>) -> Response {
        let (answer, _) = self.read(arrived);
        self.tell(answer)
    }

    /// Decodes and redacts an answer. Also returns the secrets that were taken out of it.
    fn read(&self, arrived: &Arrived<'_>) -> (Answer, Vec<Found>) {
        self.learn_in_force();
        let (answer, found) = redact::aside(arrived.bytes.len(), || {
            answer::read(&self.redactor, &self.request.public, &self.upstream, arrived)
        });
        (self.explain(answer, arrived), found)
    }

    async fn store(&self, found: Vec<Found>) -> Vec<TakenSecret> {
        if found.is_empty() {
            return Vec::new();
        }
        let (slots, action) = (Arc::clone(&self.slots), self.action.clone());
        let stored = tokio::task::spawn_blocking(move || slots.store(&action, &found)).await;
        stored.unwrap_or_else(|error| {
            tracing::error!(%error, "the secrets of an answer could not be stored");
            Vec::new()
        })
    }

    fn tell(&self, answer: Answer) -> Response {
        let (ordinal, status) = (self.entry.ordinal, answer.status);
        let response = response(ordinal, status, &answer.headers, answer.body.as_ref());
        self.entry.answered(answer);
        response
    }

    /// A connection that ended before the answer was complete.
    pub(super) fn unanswered(&self, error: &hyper::Error) -> Halt {
        let cause = error.source().map(|cause| format!(" ({cause})")).unwrap_or_default();
        let remedy = refusal::of_error(self.upstream.client_certificate.as_deref(), error);
        let remedy = remedy.map(|text| format!("; {text}")).unwrap_or_default();
        let ended = "the connection ended before the answer was complete";
        Halt::NoAnswer(format!("{ended}: {error}{cause}{remedy}"))
    }

    /// An exchange whose time is over.
    pub(super) fn late(&self) -> Halt {
        let within = format!("within {} ms", self.upstream.timeout.as_millis());
        match self.entry.fate() {
            Fate::NotSent if self.proving.is_busy() => {
                Halt::NotSent(format!("no token `{}` {within}", self.credential_name()))
            }
            Fate::NotSent => {
                Halt::NotSent(format!("no connection to `{}` {within}", self.upstream.name))
            }
            _ => {
                Halt::NoAnswer(format!("no complete answer from `{}` {within}", self.upstream.name))
            }
        }
    }
}

#[cfg(test)]
mod tests;
