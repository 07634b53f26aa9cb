//! A user directory service (SCIM, RFC 7644) for benches, in its own process. Every user exists, and is inactive until
//! a request changes the user. The server does as little work as possible for each answer.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use deed_benches::serving;
use deed_tests::services::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};

type Active = Arc<Mutex<HashSet<String>>>;

fn main() -> Result<()> {
    let active = Active::default();
    serving::run(move |request| answer(Arc::clone(&active), request))
}

async fn answer(
    active: Active,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let id = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let writes = request.method() == Method::PATCH;
    // The body is read to its end, as in any server.
    if request.into_body().collect().await.is_err() {
        return Ok(serving::plain(StatusCode::BAD_REQUEST));
    }
    let mut all = active.lock().unwrap_or_else(PoisonError::into_inner);
    if writes {
        all.insert(id.clone());
    }
    let shown = all.contains(&id);
    drop(all);
    let text = format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"{id}","userName":"bench@example.com","displayName":"A user of the bench","title":"clerk","userType":"employee","active":{shown},"meta":{{"resourceType":"User","version":"W/\"1\"","lastModified":"2026-01-01T00:00:00Z"}}}}"#
    );
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let kind = hyper::header::HeaderValue::from_static("application/scim+json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    Ok(response)
}
