//! Parts of a request's target, with refusals that are problem details as everywhere.
//!
//! A malformed path gets the same answer as one without a route.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::api::problem::Problem;

/// The route's parameters; a path whose percent-encoding is not UTF-8 has no route.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(inner)| Self(inner)).map_err(|_| Problem::not_found())
    }
}

/// The query's pairs.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(inner)| Self(inner)).map_err(|_| {
            Problem::bad_request(
                "the query cannot be parsed; write `name=value&…`, percent-encoded",
            )
        })
    }
}
