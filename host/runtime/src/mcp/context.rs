//! What a call of a tool depends on.

use std::time::Duration;

use axum::http::HeaderMap;

use super::declared::Declared;
use super::joins::Joins;
use super::offer::Offer;
use super::progress::Progress;
use crate::http::{App, Caller};

/// The longest time after which a call returns. Clients commonly end a call after 60 seconds.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(20);
/// The longest time after which a call returns to a client that takes a task in place of the result.
const TASK_WAIT: Duration = Duration::from_secs(1);

/// The name of the idempotency key among the arguments of a tool and in `_meta`.
pub(super) const KEY: &str = "idempotency_key";

/// What a call of a tool depends on.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) app: &'a App,
    pub(super) caller: &'a Caller,
    pub(super) offer: &'a Offer,
    pub(super) joins: &'a Joins,
    /// The idempotency key in the request's `_meta`.
    pub(super) key: Option<&'a str>,
    /// The headers of the HTTP request.
    pub(super) headers: &'a HeaderMap,
    /// What the client declares in this request.
    pub(super) declared: Declared,
    /// Where to report the progress of the call, if the client asked for it.
    pub(super) progress: Option<&'a Progress>,
}

impl Call<'_> {
    /// How long a call that proposes an action waits for it.
    pub(super) fn patience(self) -> Duration {
        if self.declared.tasks { TASK_WAIT } else { WAIT_MAX }
    }
}
