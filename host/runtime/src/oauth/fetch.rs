//! Requests to issuers: their keys, and what they say about a token.
//!
//! The operator chose the URLs. A redirect is not followed, because the operator did not choose its target.

use std::time::Duration;

use deed_spec::json;
use deed_system::USER_AGENT;
use serde_json::Value;

use super::Members;

/// How long an issuer has to answer. A caller waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_MAX: u64 = 64 * 1024;

/// A client for issuers.
#[derive(Clone, Debug)]
pub(super) struct Fetcher(ureq::Agent);

/// Why an issuer gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// The error is boxed, because it is large.
    #[error(transparent)]
    Request(Box<ureq::Error>),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer is not strict JSON: {0}")]
    Json(#[from] json::ParseError),
    #[error("the answer is not a JSON object")]
    Shape,
    #[error("the request ended early")]
    Ended,
}

impl From<ureq::Error> for FetchError {
    fn from(error: ureq::Error) -> Self {
        Self::Request(Box::new(error))
    }
}

impl Fetcher {
    pub(super) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .user_agent(USER_AGENT)
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None);
        Self(config.build().into())
    }

    /// The JSON object at this URL.
    pub(super) async fn get(&self, url: &str) -> Result<Members, FetchError> {
        let (agent, url) = (self.0.clone(), url.to_owned());
        let get =
            move || object(agent.get(url.as_str()).header("Accept", "application/json").call()?);
        tokio::task::spawn_blocking(get).await.map_err(|_| FetchError::Ended)?
    }

    /// The JSON object with which this URL answers a form.
    pub(super) async fn post(
        &self,
        url: &str,
        authorization: String,
        form: Vec<(&'static str, String)>,
    ) -> Result<Members, FetchError> {
        let (agent, url) = (self.0.clone(), url.to_owned());
        let post = move || {
            let request = agent.post(url.as_str()).header("Accept", "application/json");
            object(request.header("Authorization", &authorization).send_form(form)?)
        };
        tokio::task::spawn_blocking(post).await.map_err(|_| FetchError::Ended)?
    }
}

fn object(mut answer: ureq::http::Response<ureq::Body>) -> Result<Members, FetchError> {
    if answer.status().as_u16() != 200 {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let bytes = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()?;
    match json::parse(&bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(FetchError::Shape),
    }
}
