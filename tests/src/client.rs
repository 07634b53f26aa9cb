//! A plain HTTP client with a token. The client sends what an agent or a person sends, and returns exactly what the
//! host answers.

use std::time::Duration;

use serde_json::Value;

use crate::services::Result;

const CALL_PATIENCE: Duration = Duration::from_secs(90);
/// The size limit of a bundle.
const ANSWER_MAX: u64 = 64 << 20;
const HASTY_PATIENCE: Duration = Duration::from_secs(5);

/// One caller.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    token: String,
    agent: ureq::Agent,
}

/// An answer with any status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// The value of `Retry-After` in seconds; `None` when the answer has no such header.
    pub retry_after: Option<u64>,
    /// The value of `WWW-Authenticate`; empty when the answer has no such header.
    pub challenge: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null when it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The text at a JSON pointer of the body; empty when the body has no text at this pointer.
    pub fn text(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Client {
    pub fn new(url: &str, token: &str) -> Self {
        Self::patient(url, token, CALL_PATIENCE)
    }

    /// A client with a short timeout, for optional requests.
    pub fn hasty(url: &str, token: &str) -> Self {
        Self::patient(url, token, HASTY_PATIENCE)
    }

    fn patient(url: &str, token: &str, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(patience));
        Self { url: url.to_owned(), token: token.to_owned(), agent: config.build().into() }
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[], vec![])
    }

    /// Proposes an action, with headers such as `prefer`.
    pub fn propose(&self, proposal: &Value, headers: &[(&str, &str)]) -> Result<Answer> {
        self.send("POST", "/v1/actions", headers, proposal.to_string().into_bytes())
    }

    /// The view of the action once it has ended or waits for people, or its view after this many seconds.
    pub fn rests(&self, id: &str, seconds: u32) -> Result<Answer> {
        let wait = format!("wait={seconds}");
        self.send("GET", &format!("/v1/actions/{id}"), &[("prefer", &wait)], vec![])
    }

    /// The bundle of an ended action, with the parts that this caller may read.
    pub fn bundle(&self, id: &str) -> Result<Vec<u8>> {
        let answer = self.get(&format!("/v1/actions/{id}/bundle"))?;
        if answer.status == 200 { Ok(answer.bytes) } else { Err(answer.text("/detail").into()) }
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send("POST", path, &[], body.to_string().into_bytes())
    }

    /// Sends one request with additional headers.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body)?)?;
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        Ok(Answer {
            content_type: header("content-type").unwrap_or_default().to_owned(),
            retry_after: header("retry-after").and_then(|v| v.parse().ok()),
            challenge: header("www-authenticate").unwrap_or_default().to_owned(),
            status: response.status().as_u16(),
            bytes: response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()?,
        })
    }
}
