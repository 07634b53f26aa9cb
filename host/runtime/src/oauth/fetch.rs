//! Requests to issuers: their keys, and what they say about a token. A request blocks the thread that makes it.
//!
//! The operator chose the URLs. A redirect is not followed, because the operator did not choose its target.

use std::time::Duration;

use deed_spec::json;
use deed_system::USER_AGENT;
use serde_json::Value;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout, time};

use super::Members;

/// How long an issuer has to answer. A caller waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_MAX: u64 = 64 * 1024;

/// A client for issuers.
#[derive(Clone, Debug)]
pub(super) struct Fetcher(ureq::Agent);

/// Looks names up in the thread of the request. With a time limit, the default resolver would start another thread for
/// each name, and that thread would outlive the request.
#[derive(Debug)]
struct InThread(DefaultResolver);

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
}

impl From<ureq::Error> for FetchError {
    fn from(error: ureq::Error) -> Self {
        Self::Request(Box::new(error))
    }
}

impl Resolver for InThread {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let endless = NextTimeout { after: time::Duration::NotHappening, ..timeout };
        self.0.resolve(uri, config, endless)
    }
}

impl Fetcher {
    pub(super) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .user_agent(USER_AGENT)
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        let resolver = InThread(DefaultResolver::default());
        Self(ureq::Agent::with_parts(config, DefaultConnector::default(), resolver))
    }

    /// The JSON object at this URL.
    pub(super) fn get(&self, url: &str) -> Result<Members, FetchError> {
        object(self.0.get(url).header("Accept", "application/json").call()?)
    }

    /// The JSON object with which this URL answers a form.
    pub(super) fn post(
        &self,
        url: &str,
        authorization: &str,
        form: [(&str, &str); 2],
    ) -> Result<Members, FetchError> {
        let request = self.0.post(url).header("Accept", "application/json");
        object(request.header("Authorization", authorization).send_form(form)?)
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
