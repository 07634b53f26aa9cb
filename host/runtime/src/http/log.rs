//! Serves a tenant's log as C2SP tlog-tiles, from the files that the log's publisher wrote.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use super::auth::Caller;
use super::extract::Path;
use crate::api::problem::Problem;

pub(super) async fn checkpoint(
    State(app): State<App>,
    caller: Caller,
    Path(tenant): Path<String>,
) -> Result<Response, Problem> {
    own(&caller, &tenant)?;
    let publisher = app.engine.publisher(&tenant).ok_or_else(Problem::not_found)?.clone();
    // This code runs on a blocking thread, because the publisher may have to write tiles first.
    let newest = tokio::task::spawn_blocking(move || publisher.checkpoint()).await;
    let note = newest.ok().flatten().ok_or_else(Problem::not_found)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}

pub(super) async fn tile(
    State(app): State<App>,
    caller: Caller,
    Path((tenant, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    own(&caller, &tenant)?;
    // The path of a tile contains only levels, `entries`, groups such as `x001`, and `.p`.
    let piece = |p: &str| {
        !p.is_empty() && p != ".." && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
    };
    if !path.split('/').all(piece) || path.split('/').any(|p| p == ".") {
        return Err(Problem::not_found());
    }
    let file = app.engine.tiles(&tenant).join(&path);
    let bytes = tokio::task::spawn_blocking(move || std::fs::read(file))
        .await
        .map_err(|_| Problem::not_found())?;
    let bytes = bytes.map_err(|_| Problem::not_found())?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], Body::from(bytes)).into_response())
}

fn own(caller: &Caller, tenant: &str) -> Result<(), Problem> {
    if caller.tenant.name == tenant { Ok(()) } else { Err(Problem::not_found()) }
}
