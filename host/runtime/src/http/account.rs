//! Charges refusals to the caller that was refused, around every route.

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

/// With too many requests in progress it is not known when one will end.
const IN_PROGRESS_RETRY_S: u64 = 1;

/// Where the extractor puts the leave, so that it is held until the answer is made.
#[derive(Clone, Debug, Default)]
pub(super) struct RefusalAccount(Arc<OnceLock<RequestPermit>>);

impl RefusalAccount {
    pub(super) fn keep(&self, leave: RequestPermit) {
        // A request has one caller; a second leave for it is released here.
        drop(self.0.set(leave));
    }
}

/// Wraps every route: a refusal is charged to the caller that was refused.
pub(super) async fn account(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let tab = RefusalAccount::default();
    request.extensions_mut().insert(tab.clone());
    let response = next.run(request).await;
    let status = response.status();
    // An answer that asks the caller to retry later is not charged.
    let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    if let Some(leave) = tab.0.get().filter(|_| refused) {
        leave.budget().charge(Instant::now());
    }
    // A caller without a leave that gets this status was refused because of the requests of all callers.
    let crowded = status == StatusCode::SERVICE_UNAVAILABLE && tab.0.get().is_none();
    if status == StatusCode::TOO_MANY_REQUESTS || crowded {
        app.metrics.throttled();
    }
    problem::in_our_words(response)
}

/// The answer to a request that gets no leave.
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
