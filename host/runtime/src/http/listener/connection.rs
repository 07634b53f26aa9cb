//! Serves one connection, one request after another. A request must arrive completely before its connection counts as
//! busy.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1::Builder;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

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
    let response = if let Err(problem) = head::check(&request) {
        closing(problem.into_response())
    } else {
        let seat = Arc::clone(&seat);
        let whole = |body| Body::new(Watched { body, seat, then: ConnectionSlot::serving });
        TowerToHyperService::new(router).call(request.map(whole)).await?
    };
    Ok(response.map(|body| Watched { body, seat, then: ConnectionSlot::awaiting }))
}

/// Closes the connection after a refused head, because the caller and the host may disagree about where the next
/// request begins.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A body that notifies the connection's slot when it is dropped, which is when it was read, written out or abandoned.
#[derive(Debug)]
struct Watched<B> {
    body: B,
    seat: Arc<ConnectionSlot>,
    then: fn(&ConnectionSlot),
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        (self.then)(&self.seat);
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
