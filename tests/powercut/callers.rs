//! Agents, approvers and readers that run concurrently. The callers record everything that the host acknowledges (in
//! the "book") until the host no longer answers.

use std::sync::atomic::{AtomicU64, Ordering};

use deed_record::statement::approval::{self, Answer as Said, ApprovalRequest};
use deed_tests::client::{Answer, Client};
use deed_tests::rng::Rng;
use deed_tests::world::{BOB, HELPDESK, World};
use serde_json::Value;

use crate::book::{Book, text};
use crate::fixture::{Fixture, RESTORE, SUSPEND};
use crate::upstream::{active_at_first, id};

/// `Err` describes an answer that a power cut does not explain.
pub(crate) type Worked = Result<(), String>;

/// One caller.
pub(crate) struct Caller<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) book: &'a Book,
    pub(crate) rng: Rng,
    pub(crate) agent: Client,
    pub(crate) bob: Client,
}

/// The host's answer, or `None` if it did not answer.
type Heard<T> = Option<Result<T, String>>;

impl<'a> Caller<'a> {
    pub(crate) fn new(fixture: &'a Fixture, book: &'a Book, url: &str, rng: Rng) -> Self {
        let (agent, bob) = (Client::new(url, HELPDESK), Client::new(url, BOB));
        Self { fixture, book, rng, agent, bob }
    }

    /// Sends requests until the host no longer answers.
    pub(crate) fn work(mut self) -> Worked {
        loop {
            let heard = match self.rng.below(12) {
                0..6 => self.propose(),
                6..8 => self.answer_one(),
                8..11 => self.read_checkpoint(),
                _ => self.bundle_one(),
            };
            match heard {
                None => return Ok(()),
                Some(Ok(())) => {}
                Some(Err(why)) => return Err(why),
            }
        }
    }

    fn propose(&mut self) -> Heard<()> {
        let key = format!("key-{:016x}", self.rng.roll());
        let suspends = self.rng.percent(60);
        let user = self.user(suspends);
        let contract = if suspends { SUSPEND } else { RESTORE };
        self.book.posted(&key, contract, &user);
        let wait = self.rng.one(&["wait=0", "wait=1", "wait=20"]).copied().unwrap_or_default();
        let view = match post(&self.agent, contract, &user, &key, wait)? {
            Ok(Some(view)) => view,
            Ok(None) => return Some(Ok(())),
            Err(why) => return Some(Err(why)),
        };
        self.book.acknowledged(&key, &view);
        let id = text(&view, "/id");
        if view["status"] == "waiting" && self.rng.percent(60) {
            return self.answer(&id);
        }
        if view["receipt"]["index"].is_u64() && self.rng.percent(60) {
            return self.bundle(&id);
        }
        Some(Ok(()))
    }

    fn answer_one(&mut self) -> Heard<()> {
        let waiting = self.book.waiting();
        match self.rng.one(&waiting) {
            Some(id) => self.answer(id),
            None => self.read_checkpoint(),
        }
    }

    /// Approves, denies or cancels an action.
    fn answer(&mut self, id: &str) -> Heard<()> {
        if self.rng.percent(15) {
            let said = self.agent.post(&format!("/v1/actions/{id}/cancel"), &Value::Null).ok()?;
            return Some(taken(&said).map(|view| {
                if let Some(view) = &view {
                    self.book.cancelled(view);
                }
            }));
        }
        let path = format!("/v1/actions/{id}/approval_request");
        let asked = self.bob.get(&path).ok()?;
        if asked.status != 200 {
            return Some(taken(&asked).map(drop));
        }
        let says = if self.rng.percent(80) { Said::Approve } else { Said::Deny };
        let envelope = match self.sign(&asked, says) {
            Ok(envelope) => envelope,
            Err(why) => return Some(Err(why)),
        };
        let said = self.bob.post(&format!("/v1/actions/{id}/approvals"), &envelope).ok()?;
        Some(taken(&said).map(|view| view.iter().for_each(|view| self.book.approved(view))))
    }

    fn sign(&self, asked: &Answer, says: Said) -> Result<Value, String> {
        let shown: ApprovalRequest =
            serde_json::from_slice(&asked.bytes).map_err(|e| e.to_string())?;
        let terms = shown.terms(says, "bob", "support-lead").map_err(|e| e.to_string())?;
        let action = shown.action.digest().map_err(|e| e.to_string())?;
        let envelope =
            approval::sign(action, &terms, &self.fixture.bob).map_err(|e| e.to_string())?;
        serde_json::to_value(envelope).map_err(|e| e.to_string())
    }

    fn read_checkpoint(&self) -> Heard<()> {
        let read = self.bob.get("/log/acme/checkpoint").ok()?;
        if read.status == 200 {
            self.book.published(String::from_utf8_lossy(&read.bytes).into_owned());
        }
        Some(Ok(()))
    }

    fn bundle_one(&mut self) -> Heard<()> {
        let ended = self.book.ended();
        match self.rng.one(&ended) {
            Some(id) => self.bundle(id),
            None => Some(Ok(())),
        }
    }

    fn bundle(&self, id: &str) -> Heard<()> {
        let read = self.bob.get(&format!("/v1/actions/{id}/bundle")).ok()?;
        if read.status != 200 {
            return Some(Err(format!("no bundle of {id}, which has ended: {}", said(&read))));
        }
        self.book.bundled(id, read.bytes);
        Some(Ok(()))
    }

    /// The id of a new user that no other action changes, so that the user's state results from one action.
    fn user(&mut self, active: bool) -> String {
        loop {
            let id = id(self.rng.roll(), NEXT.fetch_add(1, Ordering::Relaxed));
            if active_at_first(&id) == active {
                return id;
            }
        }
    }
}

/// The number of the next new user, shared by all callers.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Users from this number on have not been changed yet.
pub(crate) fn next_user() -> u64 {
    NEXT.load(Ordering::Relaxed)
}

/// Proposes an action under an idempotency key. Returns `None` if the host was too busy to accept it.
pub(crate) fn post(
    agent: &Client,
    contract: &str,
    user: &str,
    key: &str,
    wait: &str,
) -> Heard<Option<Value>> {
    let headers = [("idempotency-key", key), ("prefer", wait)];
    let said = agent.propose(&World::proposal(contract, user), &headers).ok()?;
    Some(taken(&said))
}

/// The view in an answer that acknowledges a request, or `None` if the host states that it did not accept the request.
fn taken(answer: &Answer) -> Result<Option<Value>, String> {
    match answer.status {
        200 | 202 => Ok(Some(answer.json())),
        // The host refused the request: the action had ended, its approval was stale, the host was too busy, or the
        // disk failed.
        409 | 422 | 429 | 500 | 503 => Ok(None),
        _ => Err(format!("an unexpected answer: {}", said(answer))),
    }
}

pub(crate) fn said(answer: &Answer) -> String {
    format!("{} {}", answer.status, String::from_utf8_lossy(&answer.bytes))
}
