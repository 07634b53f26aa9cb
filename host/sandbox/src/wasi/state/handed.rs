//! Requests that a guest handed over, and their answers as the HTTP library has them.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Frame};
use hyper::http::{HeaderName, HeaderValue, Response as HttpResponse};
use tokio::task::unconstrained;
use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::types::Method;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body;
use crate::bindings::deed::adapter::http::Response;
use crate::limits;

/// Headers that HTTP clients set by themselves. They are dropped, because the host renders every request. Any other
/// header is refused.
const DROPPED: [&str; 15] = [
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "origin",
    "pragma",
    "referer",
    "sec-fetch-mode",
    "te",
    "transfer-encoding",
    "upgrade-insecure-requests",
    "user-agent",
];

/// The header of an answer that has the number of the exchange, for `deed:adapter/state`.
const EXCHANGE: HeaderName = HeaderName::from_static("deed-exchange");

/// A request that the guest handed over.
pub(in crate::wasi) struct Handed {
    /// Where the guest will find the answer.
    pub(in crate::wasi) answer: Resource<HostFutureIncomingResponse>,
    pub(in crate::wasi) request: Asked,
    /// The body, as far as the guest has written it.
    pub(in crate::wasi) body: Option<HyperOutgoingBody>,
    pub(in crate::wasi) bytes: Vec<u8>,
}

/// The parts of a request that are known when the guest hands it over.
pub(in crate::wasi) struct Asked {
    pub(in crate::wasi) upstream: String,
    pub(in crate::wasi) method: String,
    pub(in crate::wasi) path: String,
    pub(in crate::wasi) headers: Vec<(String, String)>,
}

impl Asked {
    pub(in crate::wasi) fn of(request: &HostOutgoingRequest) -> Self {
        let kept = |name: &HeaderName| !DROPPED.contains(&name.as_str());
        let headers = request.headers.iter().filter(|(name, _)| kept(name));
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            upstream: request.authority.clone().unwrap_or_default(),
            method: method(&request.method),
            path: request.path_with_query.clone().unwrap_or_else(|| "/".to_owned()),
            headers: headers.map(text).collect(),
        }
    }
}

fn method(method: &Method) -> String {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => other,
    }
    .to_owned()
}

impl Handed {
    /// Whether the guest can still get the answer. The place of an answer that was dropped may be reused by another
    /// resource, but not by another answer, because what nobody waits for is removed before another request is handed over.
    pub(in crate::wasi) fn is_awaited(&self, table: &ResourceTable) -> bool {
        matches!(table.get(&self.answer), Ok(HostFutureIncomingResponse::Pending(_)))
    }

    /// Reads what the guest has written of the body, and returns whether the body is complete.
    pub(in crate::wasi) fn read_body(&mut self) -> Result<bool, Error> {
        while let Some(body) = &mut self.body {
            let frame = pin!(unconstrained(body.frame()));
            match frame.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) => self.body = None,
                Poll::Ready(Some(frame)) => self.keep(frame?)?,
            }
        }
        Ok(true)
    }

    /// Keeps a part of the body. Fields after the body are refused as other headers are, because no contract has them.
    fn keep(&mut self, frame: Frame<Bytes>) -> Result<(), Error> {
        match frame.into_data() {
            Ok(data) => self.bytes.extend_from_slice(&data),
            Err(frame) => {
                if frame.into_trailers().is_ok_and(|fields| !fields.is_empty()) {
                    return Err(Error::HttpRequestDenied);
                }
            }
        }
        if self.bytes.len() > limits::RESPONSE {
            return Err(Error::HttpRequestBodySize(None));
        }
        Ok(())
    }
}

/// The answer as an HTTP client sees it: the status, the headers that the rule exposes, and the body as JSON.
pub(in crate::wasi) fn response(answer: Response) -> Result<HttpResponse<WasiBody>, Error> {
    let Response { exchange, status, headers, body } = answer;
    let has_body = body != "null";
    let bytes = if has_body { Bytes::from(body) } else { Bytes::new() };
    let mut response = HttpResponse::builder().status(status).header(EXCHANGE, exchange);
    let is_typed = headers.iter().any(|(name, _)| name == "content-type");
    // The body is JSON that the host decoded, so its length and coding are not those of the upstream's answer.
    let framing = ["content-length", "content-encoding", "transfer-encoding"];
    for (name, value) in headers.into_iter().filter(|(name, _)| !framing.contains(&name.as_str())) {
        response = response.header(name, value);
    }
    if has_body && !is_typed {
        response = response.header("content-type", "application/json");
    }
    let body = Full::new(bytes).map_err(Error::from).boxed_unsync();
    response.body(body).map_err(|error| Error::InternalError(Some(error.to_string())))
}

/// The hooks of the HTTP library. The library's own way to send a request is never used, and refuses.
pub(in crate::wasi) struct Refusing;

type Sent =
    Result<(HttpResponse<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Refusing {
    /// A guest may write a whole body before it hands the request over.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        body::CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        body::CHUNK
    }

    fn send_request(
        &mut self,
        _: hyper::http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
