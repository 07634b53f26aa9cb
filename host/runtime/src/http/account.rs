//! Middleware around every route that charges a refused request to the caller's budget.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use super::App;
use crate::api::problem::{self, Problem};
use crate::capacity::fair_share::Level;
use crate::capacity::rate_limit::{RequestPermit, TooMany};

/// The `Retry-After` time when too many requests are in progress. The time is short, because the host does not know
/// when one of these requests will end.
const IN_PROGRESS_RETRY_S: u64 = 1;

/// The place where the `Caller` extractor stores the request's permit, so that the permit is held until the answer is
/// complete.
#[derive(Clone, Debug, Default)]
pub(super) struct RefusalAccount(Arc<OnceLock<RequestPermit>>);

impl RefusalAccount {
    pub(super) fn keep(&self, leave: RequestPermit) {
        // If the request already has a permit, the second permit is released here, because a request has one caller and
        // needs one permit.
        drop(self.0.set(leave));
    }
}

/// Wraps every route, and charges a refused request to the budget of its caller.
pub(super) async fn account(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let tab = RefusalAccount::default();
    request.extensions_mut().insert(tab.clone());
    let response = next.run(request).await;
    let status = response.status();
    // An answer that asks the caller to retry later (429) is not charged to the caller.
    let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    if let Some(leave) = tab.0.get().filter(|_| refused) {
        leave.budget().charge(Instant::now());
    }
    // Status 503 without a permit means that the requests of all callers together reached the host's limit.
    let crowded = status == StatusCode::SERVICE_UNAVAILABLE && tab.0.get().is_none();
    if status == StatusCode::TOO_MANY_REQUESTS || crowded {
        app.metrics.throttled();
    }
    problem::in_our_words(response)
}

/// The answer to a request that did not get a permit.
pub(super) fn refusal(why: TooMany) -> Problem {
    match why {
        TooMany::Refused { retry_s } => {
            Problem::too_many("too many of your requests were refused", retry_s)
        }
        TooMany::InProgress(Level::Agent) => {
            Problem::too_many("too many of your requests are in progress", IN_PROGRESS_RETRY_S)
        }
        TooMany::InProgress(Level::Tenant) => {
            let what = "too many requests of your tenant are in progress";
            Problem::too_many(what, IN_PROGRESS_RETRY_S)
        }
        TooMany::InProgress(Level::Host) => Problem::crowded(IN_PROGRESS_RETRY_S),
    }
}
