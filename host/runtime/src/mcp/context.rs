//! What a call of a tool depends on.

use std::time::Duration;

use axum::http::HeaderMap;

use super::offer::Offer;
use crate::http::{App, Caller};

/// The longest time after which a call returns. Clients commonly end a call after 60 seconds.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(20);

/// The name of the idempotency key among the arguments of a tool and in `_meta`.
pub(super) const KEY: &str = "idempotency_key";

/// What a call of a tool depends on.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) app: &'a App,
    pub(super) caller: &'a Caller,
    pub(super) offer: &'a Offer,
    /// The idempotency key in the request's `_meta`.
    pub(super) key: Option<&'a str>,
    /// The headers of the HTTP request.
    pub(super) headers: &'a HeaderMap,
}
