//! Takes a request of this run's contract, gives the exchange as the host recorded it. Never opens
//! a connection: the host sends its own rendering of the request, with a credential not seen here.

use serde_json::Value;

use crate::{Failure, bindings::deed::adapter::http as host};

/// `GET path` at `upstream`. A transport error becomes the [`Failure`] that is true of it.
pub fn get(upstream: &str, path: &str) -> Result<Response, Failure> {
    send(upstream, "GET", path, None)
}

/// `method path` at `upstream`, with an optional JSON body.
pub fn send(
    upstream: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Result<Response, Failure> {
    let request = host::Request {
        upstream: upstream.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: body.map(|value| value.to_string()),
    };
    let response = host::send(&request).map_err(failure)?;
    Response::from_host(response)
}

/// One exchange: its number within the run, the status, the headers that the rule exposes (names in
/// lower case) and the body as JSON, `Null` when there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub exchange: u32,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Response {
    /// The response itself when its status is 2xx. A definite refusal is [`Failure::Refused`]; 408,
    /// 409, 425, 429, 5xx and anything else say nothing about what changed: [`Failure::Unknown`].
    pub fn accepted(self) -> Result<Self, Failure> {
        match self.status {
            200..=299 => Ok(self),
            408 | 409 | 425 | 429 => Err(Failure::Unknown(self.summary())),
            400..=499 => Err(Failure::Refused(self.summary())),
            _ => Err(Failure::Unknown(self.summary())),
        }
    }

    fn summary(&self) -> String {
        let detail = self.body.get("detail").and_then(Value::as_str).unwrap_or("no detail");
        format!("the upstream answered {}: {detail}", self.status)
    }

    fn from_host(response: host::Response) -> Result<Self, Failure> {
        let host::Response { exchange, status, headers, body } = response;
        let body = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&body) };
        let body =
            body.map_err(|error| Failure::Unknown(format!("the answer is not JSON: {error}")))?;
        Ok(Self { exchange, status, headers, body })
    }
}

fn failure(error: host::Error) -> Failure {
    match error {
        host::Error::Denied(why) => Failure::Refused(format!("the host denied the request: {why}")),
        host::Error::NotSent(why) => Failure::Unavailable(why),
        host::Error::NoAnswer(why) => Failure::Unknown(why),
        host::Error::TooLarge(limit) => {
            Failure::Unknown(format!("the answer is larger than {limit} bytes"))
        }
    }
}

#[cfg(test)]
mod tests;
