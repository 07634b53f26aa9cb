//! Sends a guest's requests to their upstreams. No other code opens a connection for a guest.
//!
//! The steps always run in this order: match the request with a rendering and its budget; resolve the host name and
//! check its addresses; obtain the values of the credential; check that secrets of the answer can be stored; make the
//! intent durable (writes only); connect to a checked address; add the credential, or sign with it; ask whether the
//! write is still permitted (writes only); send the host's rendering; limit, decompress and decode the answer; take out
//! and store the secrets that the upstream created; redact the exposed part; record the exchange; write the result to the
//! journal (writes only); answer the guest.
//!
//! A write that an earlier attempt completed is answered from its record. The host sends the rendering of a request that
//! contains the private values. The exchange log, the intent and all messages contain the public rendering, which has
//! commitments in place of the private values.
//!
//! In a rehearsal, the host answers a write itself. In an attempt along a plan, it answers a read that the rehearsal
//! sent from the record of the rehearsal. Neither is an exchange.

pub(crate) mod allowlist;
mod answer;
mod conclude;
pub(crate) mod connect;
pub(crate) mod connection;
mod last_check;
pub(crate) mod open;
pub mod probe;
mod prove;
mod signed;
mod taken;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use deed_record::action::id::ActionId;
use deed_record::action::private::Prepared;
use deed_record::exchange::codec::Incoming;
use deed_record::exchange::{Exchange, Failure, Guard, Rendered};
use deed_spec::json;
use deed_system::failpoint;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::answer::Arrived;
use self::connect::{ConnectError, Stream};
use self::open::{Next, Rules};
use self::prove::{Proving, Received};
use super::bindings::deed::adapter::http::{Error, Request, Response};
use super::codec::gzip::{self, GzipError};
use super::codec::{self, CollectError, EncodeError};
use super::exchange_log::{Answer, Entry, ExchangeLog, Known};
use super::prior_writes::Writes;
use super::redact::Redactor;
use super::transport::{self, Transport};
use super::{Intent, Keep, WriteStep, limits};
use crate::credentials::{Proof, RequestToken, VaultSlots};
use crate::grant::Once;
use crate::upstream::{Credential, Upstream};

/// The requests that one run may send, and the results of those that were sent.
pub(super) struct Egress {
    pub(super) rules: Rules,
    pub(super) road: Transport,
    pub(super) exchanges: ExchangeLog,
}

/// The upstreams of a run, and the data that is needed to send requests to them.
pub(super) struct Network {
    pub(super) upstreams: BTreeMap<String, Arc<Upstream>>,
    /// Entity tags for guarded writes, by upstream and path.
    pub(super) tags: BTreeMap<(String, String), String>,
    /// What was known about each write before the run began.
    pub(super) once: Writes,
    /// Records the steps of writes in the journal. This field is set only for attempts, so no other run can write.
    pub(super) keep: Option<Keep>,
    pub(super) redactor: Arc<Redactor>,
    /// The person who is responsible for the agent, for whom a token may be obtained.
    pub(super) person: Arc<str>,
    /// The access token of the request that proposed the action, if the action holds one.
    pub(super) access: Option<Arc<RequestToken>>,
    /// All credentials of the upstreams, whose secrets can change while the run lasts.
    pub(super) credentials: Arc<[Credential]>,
    pub(super) action: ActionId,
    /// Where the secrets are stored that upstreams create.
    pub(super) slots: Arc<VaultSlots>,
    /// Tasks of the writes that were started. The tasks continue if the guest ends first.
    pub(super) writes: Vec<JoinHandle<()>>,
}

impl Egress {
    /// Performs one exchange, from matching the request to returning the answer.
    pub(super) async fn send(&mut self, request: &Request) -> Result<Response, Error> {
        let Self { rules, road, exchanges } = self;
        let open = match rules {
            Rules::Closed(allowance) => {
                let prepared = allowance.take(request).map_err(Error::Denied)?;
                return carry(road, prepared, None, exchanges).await;
            }
            Rules::Open(open) => open,
        };
        let (number, next) = open.take(request).map_err(Error::Denied)?;
        let (place, request) = match next {
            Next::Made(made) => {
                return Ok(response(number, made.status, &made.headers, made.body.as_ref()));
            }
            Next::Recorded(known) => return transport::told(number, &known),
            Next::Read(request) => (None, request),
            Next::Write { n, request } => (Some(n), request),
        };
        let ordinal = exchanges.next_ordinal();
        let told = carry(road, request, place, exchanges).await;
        if let Some(n) = place {
            exchanges.with(ordinal, |exchange| open.ended(n, exchange, told.is_ok()));
        }
        told.map(|response| Response { exchange: number, ..response })
    }

    /// Waits for writes in progress, then returns the run's exchanges, and the rules with the draft of a rehearsal.
    pub(super) async fn close(self) -> (Vec<Exchange>, Rules) {
        if let Transport::Network(network) = self.road {
            network.settle().await;
        }
        (self.exchanges.close(), self.rules)
    }
}

/// Sends a request, or answers it from the record of a replay. `place` is the position of a write in the plan.
async fn carry(
    road: &mut Transport,
    request: Prepared,
    place: Option<usize>,
    exchanges: &ExchangeLog,
) -> Result<Response, Error> {
    match road {
        Transport::Network(network) => network.send(request, place, exchanges).await,
        Transport::Record(recorded) => recorded.answer(&request.public, exchanges),
    }
}

/// The first value of an answer that a request would send as a placeholder or as null. The code that fills requests
/// refuses such a request itself; this check holds for every request, whoever made it.
fn lacks(request: &Prepared) -> Option<String> {
    request.needs().into_iter().chain(request.live().needs()).next()
}

impl Network {
    async fn send(
        &mut self,
        prepared: Prepared,
        place: Option<usize>,
        exchanges: &ExchangeLog,
    ) -> Result<Response, Error> {
        let rendered = &prepared.public;
        let unknown = || {
            Error::Denied(format!(
                "denied by the grant: upstream `{}` is not in it",
                rendered.upstream
            ))
        };
        let upstream = self.upstreams.get(&rendered.upstream).ok_or_else(unknown)?;
        if let Some(path) = lacks(&prepared) {
            return Err(Error::Denied(format!(
                "denied by the host: the request needs `answer.{path}`, which is not known"
            )));
        }
        let once = match place {
            Some(n) => self.once.at(n).ok_or_else(unaccounted)?,
            None => self.once.take(rendered),
        };
        if let Once { done: Some(done), .. } = once {
            let entry = exchanges.open(rendered.clone(), Known::default(), upstream.timeout);
            let told = transport::told(entry.ordinal, &done);
            entry.repeat(done);
            if let (true, Some(keep)) = (has_place(place, rendered), &self.keep) {
                record(keep, &entry).await?;
            }
            return told;
        }
        let until_ms = once.until_ms;
        let known = Known { if_match: self.tag(rendered)?, idempotency_key: once.key };
        let job = Job {
            entry: exchanges.open(rendered.clone(), known.clone(), upstream.timeout),
            known,
            until_ms,
            has_place: has_place(place, rendered),
            declared: AtomicBool::new(false),
            head: OnceLock::new(),
            upstream: Arc::clone(upstream),
            keep: self.keep.clone(),
            redactor: Arc::clone(&self.redactor),
            person: Arc::clone(&self.person),
            access: self.access.clone(),
            credentials: Arc::clone(&self.credentials),
            action: self.action.clone(),
            slots: Arc::clone(&self.slots),
            proving: Proving::default(),
            request: prepared,
        };
        if !job.request.public.writes {
            return job.run().await;
        }
        let (answer, answered) = oneshot::channel();
        self.writes.push(tokio::spawn(async move {
            // An error of sending the result to the guest is ignored: the guest may have ended, and the exchange log
            // contains the result in any case.
            drop(answer.send(job.run().await));
        }));
        answered
            .await
            .unwrap_or_else(|_| Err(Error::NoAnswer("the host lost track of the write".into())))
    }

    /// Returns the entity tag for a guarded write. A guarded write without a known tag is not sent.
    fn tag(&self, rendered: &Rendered) -> Result<Option<String>, Error> {
        if rendered.guard != Some(Guard::Etag) {
            return Ok(None);
        }
        let place = (rendered.upstream.clone(), rendered.path.clone());
        let untagged = || {
            Error::Denied("denied by the host: it saw no entity tag to guard the write with".into())
        };
        self.tags.get(&place).cloned().map(Some).ok_or_else(untagged)
    }

    /// Waits until every write in progress has ended or reached its deadline.
    async fn settle(self) {
        for write in self.writes {
            if let Err(error) = write.await {
                tracing::error!(%error, "a write's task ended early; its exchange counts as unanswered");
            }
        }
    }
}

/// One exchange in progress.
struct Job {
    entry: Entry,
    request: Prepared,
    known: Known,
    /// Unix milliseconds after which the upstream may have forgotten the idempotency key of this write.
    until_ms: Option<i64>,
    /// Whether the journal also gets the result of this write if the write was not sent.
    has_place: bool,
    /// Whether the intent to send was passed to the journal and not refused by the journal.
    declared: AtomicBool,
    /// Status and headers of an answer whose body the codec of the rule ignores.
    head: OnceLock<(u16, HeaderMap)>,
    upstream: Arc<Upstream>,
    keep: Option<Keep>,
    redactor: Arc<Redactor>,
    person: Arc<str>,
    access: Option<Arc<RequestToken>>,
    credentials: Arc<[Credential]>,
    action: ActionId,
    slots: Arc<VaultSlots>,
    proving: Proving,
}

/// Why an exchange ended without an answer for the guest.
enum Halt {
    Refused(String),
    NotSent(String),
    NoAnswer(String),
    TooLarge(u16),
}

impl Job {
    async fn run(self) -> Result<Response, Error> {
        let ended = match tokio::time::timeout(self.upstream.timeout, self.exchange()).await {
            Ok(Ok(received)) => self.finish(received).await,
            Ok(Err(halt)) => Err(halt),
            Err(_) => self.answered_in_time().ok_or_else(|| self.late()),
        };
        let told = ended.map_err(|halt| self.fail(halt));
        self.settle().await?;
        told
    }

    /// Writes the result of a declared write to the journal before the guest gets the result.
    async fn settle(&self) -> Result<(), Error> {
        let declared = self.declared.load(Ordering::SeqCst);
        let rendered = &self.request.public;
        match &self.keep {
            Some(keep) if declared => record(keep, &self.entry).await,
            // The write was never sent, but its result is recorded, because the position of later writes follows from
            // the records before them.
            Some(keep) if rendered.writes && self.has_place => {
                record(keep, &self.entry).await.or(Ok(()))
            }
            _ => Ok(()),
        }
    }

    async fn exchange(&self) -> Result<Received, Halt> {
        let pinned = connect::resolve(&self.upstream).await.map_err(|error| refused(&error))?;
        let proof = self.prove().await?;
        if self.request.public.writes {
            self.prepare_vault().await?;
            self.declare().await?;
        }
        self.passes("connect.before");
        let stream =
            connect::connect(&self.upstream, pinned).await.map_err(|error| refused(&error))?;
        self.passes("connect.after");
        let answer = self.answer(stream, proof.as_ref()).await;
        self.passes("answer.after");
        answer
    }

    /// Triggers a failpoint of an exchange. Reads and writes have separate failpoints.
    fn passes(&self, place: &str) {
        let kind = if self.request.public.writes { "write" } else { "read" };
        failpoint::hit(&format!("exchange.{kind}.{place}"));
    }

    /// Makes the intent to send durable. No byte of a write is sent before its intent is durable.
    async fn declare(&self) -> Result<(), Halt> {
        let no_journal = || Halt::NotSent("this run has no journal, so it cannot write".into());
        let keep = self.keep.as_ref().ok_or_else(no_journal)?;
        let Entry { ordinal, deadline_ms, .. } = self.entry;
        if self.until_ms.is_some_and(|until_ms| self.entry.given_up_ms() >= until_ms) {
            let why = "it may have been carried out, and the upstream may forget its idempotency key too soon";
            return Err(Halt::NotSent(why.into()));
        }
        let request = self.request.public.clone();
        let idempotency_key = self.known.idempotency_key.clone();
        let intent = Intent { ordinal, request, deadline_ms, idempotency_key };
        // The flag is set before the journal is called, so that the result of a journaled intent is recorded even if
        // the caller is cancelled.
        self.declared.store(true, Ordering::SeqCst);
        keep(WriteStep::Intended(Box::new(intent))).await.map_err(|reason| {
            self.declared.store(false, Ordering::SeqCst);
            Halt::NotSent(reason)
        })
    }

    /// Sends the host's rendering over a new connection and reads the whole answer.
    async fn over(&self, stream: Box<dyn Stream>, proof: Option<&Proof>) -> Result<Received, Halt> {
        let request = self.encode(proof);
        let request = request.map_err(|error| Halt::NotSent(error.to_string()))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(limits::RESPONSE_HEAD)
            .max_headers(limits::RESPONSE_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Halt::NotSent(error.to_string()))?;
        // Nothing between this check and the first byte waits for another party.
        self.may_still_send().await?;
        self.entry.sending();
        let answer = async {
            let response =
                sender.send_request(request).await.map_err(|error| self.unanswered(&error))?;
            let (head, body) = response.into_parts();
            let status = head.status.as_u16();
            self.note_standing(status, proof);
            if self.request.public.codec.response == Incoming::None {
                let is_refused = proof.is_some_and(|proof| prove::is_refused(status, proof));
                if self.request.public.writes || !is_refused {
                    self.head.get_or_init(|| (status, head.headers.clone()));
                }
                codec::drain(body).await;
                return Ok(Received { status, headers: head.headers, bytes: Vec::new() });
            }
            let bytes = codec::collect(body).await.map_err(|error| match error {
                CollectError::TooLarge => Halt::TooLarge(status),
                CollectError::Broken(error) => self.unanswered(&error),
            })?;
            if !self.entry.fits(bytes.len()) {
                return Err(Halt::TooLarge(status));
            }
            Ok(Received { status, headers: head.headers, bytes })
        };
        connection::drive(connection, answer).await
    }

    fn encode(&self, proof: Option<&Proof>) -> Result<hyper::Request<Full<Bytes>>, EncodeError> {
        let mut request = codec::encode(self.request.live(), &self.upstream.base, proof)?;
        codec::add(request.headers_mut(), &self.upstream.headers)?;
        if self.upstream.accepted.gzip {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let (guard, tag) = (self.request.public.guard, self.known.if_match.as_deref());
        codec::condition(request.headers_mut(), guard, tag)?;
        let promise = self.upstream.idempotency.as_ref().filter(|_| self.request.public.writes);
        if let (Some(promise), Some(key)) = (promise, &self.known.idempotency_key) {
            let name = HeaderName::from_bytes(promise.header.as_bytes());
            let name = name.map_err(|_unfit| EncodeError::Target)?;
            if request.headers().contains_key(&name) {
                return Err(EncodeError::Target);
            }
            let key = HeaderValue::from_str(key).map_err(|_unfit| EncodeError::Target)?;
            request.headers_mut().insert(name, key);
        }
        signed::sign(&mut request, proof, self.entry.latest_ms(), &self.redactor)?;
        Ok(request)
    }

    /// Unpacks an answer. The total size of the answers of a run is counted in decompressed bytes.
    fn unpacked<'h>(
        &self,
        status: u16,
        headers: &'h HeaderMap,
        bytes: Vec<u8>,
    ) -> Result<Arrived<'h>, Halt> {
        let arrived = |bytes, packed| Arrived { status, headers, bytes, packed };
        match gzip::content(self.upstream.accepted.gzip, headers, &bytes) {
            Ok(None) => Ok(arrived(bytes, None)),
            Ok(Some(content)) if self.entry.fits(content.len()) => Ok(arrived(content, None)),
            Ok(Some(_)) | Err(GzipError::TooLarge) => Err(Halt::TooLarge(status)),
            Err(why) => Ok(arrived(bytes, Some(why))),
        }
    }

    /// Records why the exchange failed, and returns the error for the guest.
    fn fail(&self, halt: Halt) -> Error {
        let bounded = |text: String| self.redactor.text(&text, limits::TEXT);
        let error = match halt {
            Halt::TooLarge(status) => {
                let problem = Some(CollectError::TooLarge.to_string());
                let limit = u64::try_from(limits::RESPONSE).unwrap_or(u64::MAX);
                let failure = Some(Failure::TooLarge { limit });
                self.entry.answered(Answer { status, problem, failure, ..Answer::default() });
                return Error::TooLarge(limit);
            }
            Halt::Refused(text) => Error::Denied(bounded(text)),
            Halt::NotSent(text) => Error::NotSent(bounded(text)),
            Halt::NoAnswer(text) => Error::NoAnswer(bounded(text)),
        };
        match &error {
            Error::Denied(text) => self.entry.failed(Failure::Denied, text),
            Error::NotSent(text) => self.entry.failed(Failure::NotSent, text),
            Error::NoAnswer(text) => self.entry.failed(Failure::NoAnswer, text),
            Error::TooLarge(_) => {}
        }
        error
    }
}

/// The error for a planned write of which the host does not know whether an earlier attempt has sent it.
fn unaccounted() -> Error {
    let why = "denied by the host: it does not know what earlier attempts did with this write";
    Error::Denied(why.into())
}

/// Whether a write is told from others by its position. The journal must then have the result of every such write, also
/// of writes that were not sent in this attempt: equal requests are numbered in their order, and the writes of a plan
/// follow each other without a gap. Otherwise, the record of an attempt that a crash interrupts would have such a gap.
fn has_place(place: Option<usize>, rendered: &Rendered) -> bool {
    place.is_some() || rendered.calls > 1
}

/// Records the result of a write in the journal. If recording fails, the guest does not get the result.
async fn record(keep: &Keep, entry: &Entry) -> Result<(), Error> {
    let Some(exchange) = entry.exchange() else { return Ok(()) };
    let kept = keep(WriteStep::Ended(Box::new(exchange))).await;
    kept.map_err(|why| Error::NoAnswer(format!("the journal did not accept the result: {why}")))
}

/// Builds the response that a guest sees. The response of an upstream and the recorded response of a replay are built
/// by this same function.
pub(super) fn response(
    exchange: u32,
    status: u16,
    headers: &BTreeMap<String, String>,
    body: Option<&Value>,
) -> Response {
    let text = body.and_then(|value| json::canonical(value).ok());
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    Response { exchange, status, headers, body: text.unwrap_or_else(|| "null".into()) }
}

fn refused(error: &ConnectError) -> Halt {
    if error.is_refusal() {
        Halt::Refused(error.to_string())
    } else {
        Halt::NotSent(error.to_string())
    }
}

#[cfg(test)]
mod tests;
