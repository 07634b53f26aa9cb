//! Puts refusals on the account of who was refused, around every route.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use super::App;
use crate::api::problem::{self, Problem};
use crate::capacity::fair_share::Level;
use crate::capacity::rate_limit::{Leave, TooMany};

/// With too many requests in progress nobody knows when one ends.
const IN_PROGRESS_RETRY_S: u64 = 1;

/// Where the extractor leaves the leave, so that it holds until the answer is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Tab(Arc<OnceLock<Leave>>);

impl Tab {
    pub(super) fn keep(&self, leave: Leave) {
        // There is one caller to a request; a second leave of the same one would end here.
        drop(self.0.set(leave));
    }
}

/// Around every route: a refusal goes on the account of whoever was refused.
pub(super) async fn account(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let tab = Tab::default();
    request.extensions_mut().insert(tab.clone());
    let response = next.run(request).await;
    let status = response.status();
    // To be told to come back later is no refusal to pay for.
    let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    if let Some(leave) = tab.0.get().filter(|_| refused) {
        leave.budget().charge(Instant::now());
    }
    // Who has no leave and is told that there is no room was kept out here, by the requests of all.
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
