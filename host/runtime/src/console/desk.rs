//! The state of the pages.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::attempts::Attempts;
use super::cookie::Way;
use super::decisions::Decisions;
use super::form;
use super::session::Sessions;
use crate::api::problem::Problem;
use crate::http::App;

/// What all pages share.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) app: App,
    pub(super) sessions: Arc<Sessions>,
    pub(super) decisions: Arc<Decisions>,
    pub(super) attempts: Arc<Attempts>,
}

impl Desk {
    pub(super) fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            sessions: Arc::default(),
            decisions: Arc::default(),
            attempts: Arc::default(),
        }
    }

    /// How people reach the host; `None` if the host does not know it.
    pub(super) fn way(&self) -> Option<Way> {
        Way::of(self.app.public_url())
    }

    /// Fails unless the headers of a form say that a page of this host sent it.
    pub(super) fn check_sender(&self, headers: &HeaderMap) -> Result<(), Problem> {
        form::check_sender(headers, self.app.engine.behind_proxy(), self.app.public_url())
    }

    /// The present time of the host's clock, in Unix milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.app.engine.clock().now_ms()
    }
}
