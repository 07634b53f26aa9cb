//! What policy and people decided about the newest actions of a tenant.
//!
//! These facts are not in the index, so they are read from stories. A page reads a limited number of stories, and what
//! was read is kept until the action changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use deed_record::action::id::ActionId;
use deed_record::lifecycle::event::{Answer, Event};
use deed_record::lifecycle::outcome::Outcome;
use deed_record::policy::Decision;
use deed_store::store::{Filter, Span};

use crate::api::problem::Problem;
use crate::engine::{Engine, StoredAction};
use crate::http::App;

/// The maximum number of stories that one page reads.
const READ_MAX: usize = 100;
/// The maximum number of mismatches that a search for recent ones looks at.
const LOOKED_MAX: usize = 200;
/// The maximum number of actions whose decisions are kept.
const KEPT_MAX: usize = 8_192;

/// The decisions about one action.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) id: ActionId,
    pub(super) at_ms: i64,
    pub(super) status: &'static str,
    pub(super) contract: String,
    pub(super) resource: String,
    pub(super) agent: String,
    /// The person who is responsible for the agent.
    pub(super) person: String,
    pub(super) decision: Option<Arc<Decision>>,
    pub(super) was_asked: bool,
    pub(super) answers: Vec<Answered>,
}

/// The answer of one person.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) person: String,
    pub(super) approves: bool,
    /// Whether the answer was not void at the end.
    pub(super) held: bool,
    /// The time from the request to the answer, in milliseconds.
    pub(super) waited_ms: i64,
}

impl Told {
    fn of(stored: &StoredAction) -> Self {
        let (story, action) = (&stored.story, &stored.story.bound.action);
        Self {
            id: action.id.clone(),
            at_ms: story.at_ms,
            status: story.status.word(),
            contract: action.contract.name.clone(),
            resource: action.resource.clone(),
            agent: action.principal.clone(),
            person: action.person.clone(),
            decision: story.decision.as_ref().map(|(decision, _)| Arc::clone(decision)),
            was_asked: story.ask.is_some(),
            answers: answers(stored),
        }
    }
}

fn answers(stored: &StoredAction) -> Vec<Answered> {
    let (mut asked_ms, mut found) = (0, Vec::new());
    for entry in &stored.entries {
        match &entry.event {
            Event::Asked { .. } => asked_ms = entry.at_ms,
            Event::Answered { answer } => {
                found.push(answered(answer, stored, entry.at_ms.saturating_sub(asked_ms)));
            }
            _ => {}
        }
    }
    found
}

fn answered(answer: &Arc<Answer>, stored: &StoredAction, waited_ms: i64) -> Answered {
    let (person, approves) = (answer.person.clone(), answer.approves);
    Answered { person, approves, held: stored.story.answers.contains(answer), waited_ms }
}

/// The decisions about the newest actions, and how many actions were considered.
#[derive(Debug)]
pub(super) struct Newest {
    pub(super) told: Vec<Arc<Told>>,
    /// Whether there are more actions among them, which the next request reads; for mismatches, whether there may be
    /// more.
    pub(super) is_partial: bool,
}

/// Which of the newest actions are considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    All,
    Ended,
    /// Mismatches of which the latest event is not older than this, in Unix milliseconds.
    Mismatches {
        since_ms: i64,
    },
}

impl Which {
    fn filter(self) -> Filter {
        let Self::Mismatches { since_ms } = self else { return Filter::default() };
        let status = Some(Outcome::Mismatch.as_str().to_owned());
        // A mismatch is final, so many waiting actions do not hide it.
        Filter { status, since_ms: Some(since_ms), ended: true, ..Filter::default() }
    }

    fn is_filtered(self) -> bool {
        matches!(self, Self::Mismatches { .. })
    }
}

/// What is known of actions, each with the version that it had.
#[derive(Debug, Default)]
pub(super) struct Decisions(Mutex<HashMap<ActionId, (u64, Arc<Told>)>>);

impl Decisions {
    /// The decisions about these actions in their versions, of which a limited number is read now.
    fn of(&self, engine: &Engine, rows: Vec<(ActionId, u64)>) -> Result<Newest, Problem> {
        let (mut told, mut left) = (Vec::new(), READ_MAX);
        for (id, version) in rows {
            if let Some(known) = self.known(&id, version) {
                told.push(known);
                continue;
            }
            if left == 0 {
                return Ok(Newest { told, is_partial: true });
            }
            left -= 1;
            let read = Arc::new(Told::of(&engine.load(&id)?));
            self.keep(id, version, &read);
            told.push(read);
        }
        Ok(Newest { told, is_partial: false })
    }

    fn known(&self, id: &ActionId, version: u64) -> Option<Arc<Told>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, told) = kept.get(id)?;
        (*of == version).then(|| Arc::clone(told))
    }

    fn keep(&self, id: ActionId, version: u64, told: &Arc<Told>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id, (version, Arc::clone(told)));
    }
}

/// The decisions about the newest actions of a tenant, at most this many.
pub(super) async fn newest(
    app: &App,
    decisions: &Arc<Decisions>,
    tenant: &str,
    (which, most): (Which, usize),
) -> Result<Newest, Problem> {
    let steps = if which.is_filtered() { LOOKED_MAX } else { most };
    let span = Span { from: None, rows: most, steps };
    let page = app.engine.page(tenant, which.filter(), span).await?;
    let is_cut = which.is_filtered() && page.next.is_some();
    let rows = page.rows.into_iter().filter(|(_, row)| which == Which::All || row.summary.ended);
    let rows = rows.filter_map(|(id, row)| Some((id.parse::<ActionId>().ok()?, row.version)));
    let rows: Vec<(ActionId, u64)> = rows.collect();
    let (engine, decisions) = (Arc::clone(&app.engine), Arc::clone(decisions));
    let reading = tokio::task::spawn_blocking(move || decisions.of(&engine, rows));
    let read = reading.await.unwrap_or_else(|_| Err(Problem::unavailable()))?;
    Ok(Newest { is_partial: read.is_partial || is_cut, ..read })
}
