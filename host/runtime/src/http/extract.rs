//! Extractors for the path and query of a request. The extractors report errors as problem details (RFC 9457), as all
//! routes do.
//!
//! A malformed path gets the same answer as a path without a route.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::api::problem::Problem;

/// The parameters in a route's path. A path that is not UTF-8 after percent-decoding is answered with 404.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(inner)| Self(inner)).map_err(|_| Problem::not_found())
    }
}

/// The name-value pairs of the query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

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
