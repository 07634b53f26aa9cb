//! Sends the requests that the contract allows in this run. The adapter itself opens no connection. The host sends its
//! own rendering of the request, with a credential that the adapter does not see, and returns the exchange as the host
//! recorded it.

use serde_json::Value;

mod detail;

use crate::{Failure, Request, bindings::deed::adapter::http as host};

/// Sends `GET path` to `upstream`. A transport error becomes the [`Failure`] that describes it.
///
/// # Errors
///
/// Fails when the host denies the request, when the request is not sent, or when no complete answer arrives.
pub fn get(upstream: &str, path: &str) -> Result<Response, Failure> {
    send(upstream, "GET", path, None)
}

/// Sends `method path` to `upstream`, with an optional JSON body.
///
/// # Errors
///
/// Fails as [`get`] does.
pub fn send(
    upstream: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<Response, Failure> {
    send_request(&Request {
        upstream: upstream.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: body.map(|value| value.to_string()),
    })
}

/// Sends one of the action's `requests`, as the host rendered it.
///
/// # Errors
///
/// Fails as [`get`] does.
pub fn send_request(request: &Request) -> Result<Response, Failure> {
    let method = request.method.as_str();
    let response = host::send(request).map_err(|error| failure(method, error))?;
    Response::from_host(method, response)
}

/// One exchange: its number within the run, the method of the request, the status, the headers that the rule exposes
/// (names in lower case) and the body as JSON, `Null` when there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub method: String,
    pub exchange: u32,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Response {
    /// Returns the response if its status is 2xx. A 4xx status other than 408, 409, 425 and 429 is a definite refusal,
    /// which results in [`Failure::Refused`]. Any other status, such as 429 or 503, results in [`Failure::Unavailable`]
    /// for GET and HEAD, and in [`Failure::Unknown`] for a write, which may have changed something.
    ///
    /// The text of the failure contains the reason that the body states in a member such as `detail` or `message`, or
    /// else only the names of the body's members. No other part of the body is used, because the text becomes part of
    /// the adapter's claim.
    ///
    /// # Errors
    ///
    /// Fails with the [`Failure`] that the status means.
    pub fn accepted(self) -> Result<Self, Failure> {
        match self.status {
            200..=299 => Ok(self),
            408 | 409 | 425 | 429 => Err(unclear(&self.method, self.summary())),
            400..=499 => Err(Failure::Refused(self.summary())),
            _ => Err(unclear(&self.method, self.summary())),
        }
    }

    fn summary(&self) -> String {
        let status = self.status;
        detail::of(&self.body, &self.headers).map_or_else(
            || format!("the upstream answered {status} without a detail"),
            |detail| format!("the upstream answered {status}: {detail}"),
        )
    }

    fn from_host(method: &str, response: host::Response) -> Result<Self, Failure> {
        let host::Response { exchange, status, headers, body } = response;
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&body) };
        let body =
            body.map_err(|error| unclear(method, format!("the answer is not JSON: {error}")))?;
        Ok(Self { method: method.to_owned(), exchange, status, headers, body })
    }
}

/// Returns the failure for a request without a definite answer: a read changed nothing, but a write may have changed
/// something.
fn unclear(method: &str, why: String) -> Failure {
    if matches!(method, "GET" | "HEAD") { Failure::Unavailable(why) } else { Failure::Unknown(why) }
}

fn failure(method: &str, error: host::Error) -> Failure {
    match error {
        host::Error::Denied(why) => Failure::Refused(format!("the host denied the request: {why}")),
        host::Error::NotSent(why) => Failure::Unavailable(why),
        host::Error::NoAnswer(why) => unclear(method, why),
        host::Error::TooLarge(limit) => {
            unclear(method, format!("the answer is larger than {limit} bytes"))
        }
    }
}

#[cfg(test)]
mod tests;
