//! What the page of an action is made from.

use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::story::Story;

use super::super::place::{ACTIONS, Place};
use super::super::question::{Open, Question};
use crate::api::view::View;
use crate::shown::quote::quoted;

/// An action as a person sees it.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) view: &'a View,
    pub(super) observed: Observed<'a>,
    /// What the action asks of the person; `None` if it does not wait.
    pub(super) question: Option<Question>,
    /// The answers that were missing when the action expired.
    pub(super) missed: Vec<Open>,
    /// Until when a write of an open outcome can take effect, in Unix milliseconds; `None` if the host does not know.
    pub(super) lands_until_ms: Option<i64>,
    /// The name of the person who reads the page.
    pub(super) reader: &'a str,
    /// The token of the session's forms; `None` if the request has no session.
    pub(super) forgery: Option<&'a str>,
    /// The address of the host, for commands.
    pub(super) url: Option<&'a str>,
    /// The present time of the host's clock, in Unix milliseconds.
    pub(super) now_ms: i64,
}

/// What the host read of the state before and after the action.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observed<'a> {
    pub(super) before: Option<&'a Observation>,
    pub(super) after: Option<&'a Observation>,
}

impl<'a> Observed<'a> {
    pub(super) fn of(story: &'a Story) -> Self {
        // A later look settled an outcome that the look directly after the action left open.
        let later = story.later.as_ref().and_then(|(look, _)| look.as_ref());
        let after = later.or(story.post.as_ref());
        Self { before: story.pre.as_ref().map(|one| &***one), after: after.map(|one| &***one) }
    }
}

impl Seen<'_> {
    /// The option of commands that names the host.
    pub(super) fn to(&self) -> String {
        self.url.map_or_else(String::new, |url| format!(" --url {}", quoted(url)))
    }

    /// The page itself.
    pub(super) fn place(&self) -> Place {
        Place::parse(&format!("{ACTIONS}/{}", self.view.id)).unwrap_or_else(Place::inbox)
    }

    /// Whether an answer by the reader would count.
    pub(super) fn may_answer(&self) -> bool {
        self.question.as_ref().is_some_and(Question::may_answer)
    }
}
