//! Sends the requests of this run's contract. The adapter opens no connection. The host sends its own rendering of the
//! request, with a credential that the adapter does not see, and returns the exchange as the host recorded it.

use serde_json::Value;

mod detail;

use crate::{Failure, Request, bindings::deed::adapter::http as host};

/// `GET path` at `upstream`. A transport error becomes the [`Failure`] that describes it.
///
/// # Errors
///
/// Fails when the host denies the request, it is not sent, or no complete answer arrives.
pub fn get(upstream: &str, path: &str) -> Result<Response, Failure> {
    send(upstream, "GET", path, None)
}

/// `method path` at `upstream`, with an optional JSON body.
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

/// One of the action's `requests`, as the host rendered it.
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
    /// The response itself when its status is 2xx. A definite refusal results in [`Failure::Refused`]. After 408, 409,
    /// 425, 429, 5xx or any other status, a write may or may not have changed something, which results in
    /// [`Failure::Unknown`]. A GET or HEAD with such a status results in [`Failure::Unavailable`].
    ///
    /// The text of the failure contains the reason from the body if a usual member holds one, else only the names of
    /// the body's members. The text becomes part of the claim, so it contains nothing else from the body.
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

/// The failure of a request without a definite answer. A read changed nothing, but a write may have changed something.
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
