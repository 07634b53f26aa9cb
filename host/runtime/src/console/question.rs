//! What a waiting action asks of a person: the text that the page shows, and what the person can answer in the browser.
//! The page and the routes for its script use the same functions, so a signature covers the text that the page shows.

use std::fmt::Display;

use axum::http::StatusCode;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::statement::approval::{Answer, ApprovalRequest, ShownError};
use deed_spec::digest::Digest;

use super::desk::Desk;
use super::text::Block;
use super::usable::{self, Usable};
use crate::api::problem::Problem;
use crate::config::{Delegation, Tenant};
use crate::http::Caller;
use crate::shown::{self, signed_text};
use crate::stage::approval::{self, AnswerError, Standing};

/// What the page of a waiting action shows to one person.
#[derive(Debug)]
pub(super) struct Question {
    /// What an approval covers, or why it is not shown.
    pub(super) text: Result<String, Unshown>,
    /// What the person can answer with a passkey, or why the person cannot.
    pub(super) offer: Result<Offer, Closed>,
    pub(super) open: Vec<Open>,
    /// The roles of others in which the person can answer.
    pub(super) delegated: Vec<Delegation>,
    /// Why the person cannot change the action and propose it again.
    pub(super) edit: Result<(), String>,
}

/// How many answers of a role are open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) role: String,
    pub(super) left: u32,
    /// The people whose answer in this role would count.
    pub(super) people: Vec<String>,
}

/// What a person can answer in the browser.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) standing: Standing,
    /// The digest of the text, which the answer states.
    pub(super) shown: Digest,
    pub(super) expires_ms: i64,
    pub(super) rp_id: String,
    pub(super) credentials: Vec<String>,
    /// The origin of the pages on which the passkeys work.
    pub(super) origin: String,
}

/// Why a person cannot answer in the browser.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    /// No answer of the person would count, in whatever way it is given.
    #[error("{0}")]
    Barred(AnswerError),
    #[error("the host does not know the address of its pages; set `public_url` under [http]")]
    NoAddress,
    #[error("you have no passkey for {0}")]
    NoPasskey(String),
    #[error("the text of the request is too long for a page; answer with the command")]
    TooLong,
    #[error("the request cannot be shown: {0}")]
    NotShown(String),
}

/// Why the page does not show what an approval covers.
#[derive(Debug)]
pub(super) enum Unshown {
    /// Only people who may answer see the values of private parameters.
    Withheld,
    /// The parts of the request do not belong together, so `deed approve` would refuse to show it.
    Wrong(String),
}

impl Unshown {
    fn wrong(why: &dyn Display) -> Self {
        Self::Wrong(why.to_string())
    }
}

impl Closed {
    pub(super) fn problem(&self) -> Problem {
        Problem::new(StatusCode::CONFLICT, "you cannot answer here", self.to_string())
    }
}

impl Question {
    pub(super) fn of(
        desk: &Desk,
        caller: &Caller,
        story: &Story,
        request: &ApprovalRequest,
    ) -> Self {
        let (text, offer) = match offer(desk, caller, story, request) {
            Ok((text, offer)) => (Ok(text), Ok(offer)),
            Err(closed) => {
                let may_answer = !matches!(closed, Closed::Barred(_));
                (unsigned(request, caller.name(), may_answer), Err(closed))
            }
        };
        let now_ms = desk.app.engine.latest_ms();
        let standing = approval::standing(&caller.tenant, caller.name(), story, now_ms);
        let delegated = standing.map(|standing| standing.delegated).unwrap_or_default();
        let edit = desk.app.engine.may_edit(&caller.tenant, story, caller.name());
        let edit = edit.map(drop).map_err(|why| why.to_string());
        Self { text, offer, open: open(&caller.tenant, story, now_ms), delegated, edit }
    }

    /// Whether an answer by the person would count.
    pub(super) fn may_answer(&self) -> bool {
        !matches!(self.offer, Err(Closed::Barred(_)))
    }

    /// Whether this person, who reads the page, can answer in this role. Who has approved can still deny.
    pub(super) fn has_role(&self, reader: &str, open: &Open) -> bool {
        let own = self.offer.as_ref().map_or(&[][..], |offer| &offer.standing.roles);
        open.people.iter().any(|name| name == reader) || own.contains(&open.role)
    }

    /// The digest of the text.
    pub(super) fn shown(&self) -> Option<Digest> {
        self.text.as_ref().ok().map(|text| Digest::of(text.as_bytes()))
    }
}

/// The answers that were missing when the action expired, and who could have given them.
pub(super) fn missed(tenant: &Tenant, story: &Story) -> Vec<Open> {
    if story.status != Status::Ended(Outcome::Expired) {
        return Vec::new();
    }
    open(tenant, story, story.judged_ms)
}

fn open(tenant: &Tenant, story: &Story, now_ms: i64) -> Vec<Open> {
    let counts = story.approvals();
    let asked = story.ask.iter().flat_map(|ask| &ask.obligations);
    let left = asked.map(|one| {
        let given = counts.get(&one.role).copied().unwrap_or(0);
        let left = one.count.saturating_sub(given);
        Open { role: one.role.clone(), left, people: people(tenant, (story, now_ms), &one.role) }
    });
    left.filter(|one| one.left > 0).collect()
}

fn people(tenant: &Tenant, (story, now_ms): (&Story, i64), role: &str) -> Vec<String> {
    let counts = |name: &&String| {
        approval::standing(tenant, name, story, now_ms).is_ok_and(|standing| {
            !standing.has_approved && standing.roles.iter().any(|own| own == role)
        })
    };
    tenant.persons.keys().filter(counts).cloned().collect()
}

/// The text that a passkey of this person signs, and what the person can answer.
fn offer(
    desk: &Desk,
    caller: &Caller,
    story: &Story,
    request: &ApprovalRequest,
) -> Result<(String, Offer), Closed> {
    let (tenant, name) = (&caller.tenant, caller.name());
    let now_ms = desk.app.engine.latest_ms();
    let standing = approval::standing(tenant, name, story, now_ms).map_err(Closed::Barred)?;
    let origin = usable::origin(&desk.app).ok_or(Closed::NoAddress)?;
    let Some(usable) = Usable::of(tenant, name, &origin) else {
        return Err(Closed::NoPasskey(origin));
    };
    let text = signed_text::text(request, name).map_err(Closed::NotShown)?;
    if !Block::has_room_for(&text) {
        return Err(Closed::TooLong);
    }
    let offer = Offer {
        standing,
        shown: Digest::of(text.as_bytes()),
        expires_ms: request.ask.expires_ms,
        rp_id: usable.rp_id.to_owned(),
        credentials: usable.credentials(),
        origin,
    };
    Ok((text, offer))
}

/// The text that `deed approve` shows of this request, or why it shows none.
fn unsigned(request: &ApprovalRequest, person: &str, may_answer: bool) -> Result<String, Unshown> {
    // The role is part of the answer, which is not shown here.
    let terms = request.terms(Answer::Approve, person, "").map_err(|error| match error {
        // To a person who may answer, the host would have shown the values.
        ShownError::Withheld if !may_answer => Unshown::Withheld,
        error => Unshown::wrong(&error),
    })?;
    let action = request.action.digest().map_err(|e| Unshown::wrong(&e))?;
    shown::question(request, action, &terms, None).map_err(|e| Unshown::wrong(&e))
}
