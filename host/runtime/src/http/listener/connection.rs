//! Serves one connection, one request after another. A request must arrive completely before its connection counts as
//! busy.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, Version, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::body::{self, Unread, Watched};
use super::{head, told};
use crate::capacity::connection_slots::ConnectionSlot;

/// The maximum size of the request line and headers together. Tokens, idempotency keys and trace ids are far smaller.
const HEAD_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// The maximum number of bytes that the host buffers for one connection.
const BUFFER_MAX: usize = 64 * 1024;
/// For how long, and up to how many bytes, the host keeps reading after the last answer. A caller that is still sending
/// can then read why it was refused.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 1024 * 1024;

type Answer = Pin<Box<dyn Future<Output = Result<Response<Watched<Body>>, Infallible>> + Send>>;

/// Serves one connection until the caller ends it, the host closes it after a refusal, or the connection loses its
/// slot.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    seat: Arc<ConnectionSlot>,
    mut stopped: watch::Receiver<bool>,
) {
    let work = Arc::clone(&seat);
    let service = hyper::service::service_fn(move |request| -> Answer {
        Box::pin(answer(router.clone(), request, Arc::clone(&work)))
    });
    let mut builder = Builder::new();
    builder.max_header_size(HEAD_MAX).max_headers(HEADERS_MAX).max_buf_size(BUFFER_MAX);
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            () = seat.cut() => return,
            () = told(&mut stopped), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            end = std::future::poll_fn(|cx| connection.poll_without_shutdown(cx)) => {
                end.unwrap_or_else(|error| tracing::debug!(%error, "a connection ended with an error"));
                break;
            }
        }
    }
    if !stopping {
        tokio::select! {
            () = seat.cut() => {}
            () = linger(connection.into_parts().io.into_inner()) => {}
        }
    }
}

/// Shuts down the write side and reads what the caller still sends. Closing a socket with unread bytes would reset the
/// connection and lose the answer.
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let (mut rest, mut nowhere) = (stream.take(LINGER_BYTES), tokio::io::sink());
    let drained = tokio::io::copy(&mut rest, &mut nowhere);
    // The result is ignored, because the host closes the connection next in any case.
    tokio::time::timeout(LINGER, drained).await.map(|_| ()).unwrap_or_default();
}

/// Answers a request whose head has arrived. The connection waits for the body until the handler drops it, after
/// reading it or because it is not needed.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    seat: Arc<ConnectionSlot>,
) -> Result<Response<Watched<Body>>, Infallible> {
    seat.awaiting();
    let version = request.version();
    let response = if let Err(problem) = head::check(&request) {
        closing(problem.into_response(), version)
    } else {
        let unread = Unread::default();
        let arriving = |body| Body::new(body::arriving(body, &seat, &unread));
        let request = request.map(arriving);
        let response = TowerToHyperService::new(router).call(request).await?;
        if unread.is_empty() { response } else { closing(response, version) }
    };
    Ok(response.map(|body| body::leaving(body, seat)))
}

/// Closes the connection after an answer to a request that was not read to its end. The caller and the host may disagree
/// about where the next request begins, and a caller that is not told sends its next request on a closed connection.
fn closing(mut response: Response<Body>, version: Version) -> Response<Body> {
    // To an answer of another version than the request, hyper would add `keep-alive`.
    *response.version_mut() = version;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
