//! HTTP client for a running host: sends a request with an optional body and returns the parsed answer.
//!
//! The client does not follow redirects or use a proxy, and sends a token to another machine only over TLS.

use std::time::Duration;

use deed_record::action::id::ActionId;
use deed_spec::json;
use deed_spec::text::safe;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body, BodyReader};

pub(super) use self::credentials::{Credentials, check_url};
pub(super) use self::watch::{prefer, watch};
use super::out::Failure;
use super::text::line;
use crate::http::WAIT_MAX_S;

mod credentials;
mod watch;

/// The address of the host and the token of the caller.
#[derive(Debug, clap::Args)]
pub(super) struct Connection {
    /// Address of the host
    #[arg(long, env = "DEED_URL", default_value = URL)]
    url: String,
    #[command(flatten)]
    credentials: Credentials,
}

/// A connection to a host.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    authorization: String,
}

/// An answer whose body is still to be read.
pub(super) struct Opened {
    pub(super) status: u16,
    pub(super) is_event_stream: bool,
    pub(super) body: BodyReader<'static>,
}

/// The address on which a host listens after `deed init`.
const URL: &str = "http://127.0.0.1:7117";
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, in addition to the longest wait that a request can ask for.
const ANSWER: Duration = Duration::from_secs(30);
/// The maximum size of an answer, in bytes; bundles are the largest answers.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;

impl Connection {
    pub(super) fn open(&self) -> Result<Client, Failure> {
        let url = base(&self.url).to_owned();
        check_url(&url)?;
        let token = self.credentials.token()?;
        let token = token.ok_or_else(|| {
            Failure::usage(
                "there is no token: set DEED_TOKEN, or use --token TOKEN or --token-file FILE",
            )
        })?;
        Ok(Client { agent: agent(), url, authorization: format!("Bearer {token}") })
    }

    /// The host's address, for use in suggested commands; `None` if it is the default, because a command then need not
    /// name it.
    pub(super) fn other_url(&self) -> Option<&str> {
        Some(base(&self.url)).filter(|url| *url != URL)
    }
}

/// The address of a host, without a slash at the end. Configurations of MCP clients have the address of the MCP server,
/// which is `/mcp` below the address of the host.
fn base(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    // A host can have the name `mcp`.
    url.strip_suffix("/mcp").filter(|base| !base.ends_with('/')).unwrap_or(url)
}

impl Client {
    /// A client of a host on this machine, for a command that started the host itself.
    pub(super) fn to(url: &str, token: &str) -> Self {
        Self { agent: agent(), url: url.to_owned(), authorization: format!("Bearer {token}") }
    }

    /// A client of the same host that shares no connection with this one.
    pub(super) fn separate(&self) -> Self {
        let (url, authorization) = (self.url.clone(), self.authorization.clone());
        Self { agent: agent(), url, authorization }
    }

    /// Closes the connections of this client, also those on which a request waits. Every request fails from now on.
    pub(super) fn close(&self) {
        self.agent.clone().shutdown();
    }

    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<T, Failure> {
        record(&self.bytes("GET", path, headers, &[])?)
    }

    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<T, Failure> {
        record(&self.bytes("POST", path, headers, body)?)
    }

    /// Sends a request and returns the body of a 2xx answer. For any other status, fails with the host's error text.
    pub(super) fn bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        match self.answer(method, path, headers, body)? {
            (200..=299, bytes) => Ok(bytes),
            (status, bytes) => Err(with_list(refusal(status, &bytes, true), path)),
        }
    }

    /// Sends a request and returns the status and the body of the answer. Fails only if there is no answer.
    pub(super) fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), Failure> {
        let mut response = self.send(method, path, headers, body)?;
        let bytes = read(&mut response).map_err(|e| self.no_answer(&e))?;
        Ok((response.status().as_u16(), bytes))
    }

    /// Like [`Self::answer`], but returns as soon as the head of the answer has arrived.
    pub(super) fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Opened, Failure> {
        let response = self.send(method, path, headers, body)?;
        let media = response.body().mime_type();
        Ok(Opened {
            status: response.status().as_u16(),
            is_event_stream: media.is_some_and(|m| m.eq_ignore_ascii_case("text/event-stream")),
            body: response.into_body().into_with_config().limit(ANSWER_MAX).reader(),
        })
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", &self.authorization);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|e| self.no_answer(&e))?;
        self.agent.run(request).map_err(|e| self.no_answer(&e))
    }

    fn no_answer(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::Failed(format!(
            "no answer from `{}`: {why}; start a host with `deed serve DIR`, or name one with --url or DEED_URL",
            self.url
        ))
    }
}

/// Creates an HTTP client that follows no redirects, uses no proxy, and has a time limit for every request.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(ANSWER + Duration::from_secs(WAIT_MAX_S)))
        .user_agent(concat!("deed/", env!("CARGO_PKG_VERSION")))
        .build();
    config.into()
}

/// The URL path of one action. Fails for an invalid id, so that the id is not sent to the host.
pub(super) fn action_path(id: &str, rest: &str) -> Result<String, Failure> {
    let id: ActionId = id.parse().map_err(|e| Failure::usage(format!("`{}`: {e}", safe(id))))?;
    Ok(format!("/v1/actions/{id}{rest}"))
}

fn read(response: &mut Response<Body>) -> Result<Vec<u8>, ureq::Error> {
    response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec()
}

fn record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let odd = |why: String| {
        Failure::Failed(format!(
            "the host's answer cannot be parsed: {why}; use the same version of `deed` as the host"
        ))
    };
    json::from_value(json::parse(bytes).map_err(|e| odd(e.to_string()))?)
        .map_err(|e| odd(e.to_string()))
}

/// Adds to a 404 error the command that lists the available actions or contracts.
fn with_list(failure: Failure, path: &str) -> Failure {
    let Failure::Refused { status: 404, text } = failure else { return failure };
    let remedy = if path.starts_with("/v1/actions/") {
        "`deed ls` lists the actions that you may see"
    } else if path.starts_with("/v1/contracts/") || matches!(path, "/v1/actions" | "/v1/explain") {
        "`deed contracts` lists the granted contracts"
    } else {
        return Failure::Refused { status: 404, text };
    };
    Failure::Refused { status: 404, text: format!("{text}\n{remedy}") }
}

/// Formats problem details (RFC 9457) as one line, followed by one line for each reported place. `with_token` tells
/// whether the request had a token, because a 401 answer does not say whether the token was missing or wrong.
pub(super) fn refusal(status: u16, body: &[u8], with_token: bool) -> Failure {
    let problem = json::parse(body).unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(safe);
    let Some(title) = text(&problem, "title") else {
        let text = format!("status {status} without a reason; check the address of the host");
        return Failure::Refused { status, text };
    };
    let is_unknown = status == 401 && with_token;
    let mut lines = match text(&problem, "detail") {
        _ if is_unknown => format!("{title}: the host does not know the token that was sent\n"),
        Some(detail) => format!("{title}: {detail}\n"),
        None => format!("{title}\n"),
    };
    for place in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let (pointer, reason) = (text(place, "pointer"), text(place, "reason"));
        line(
            &mut lines,
            format_args!("  {}: {}", pointer.unwrap_or_default(), reason.unwrap_or_default()),
        );
    }
    if status == 401 {
        lines += "set DEED_TOKEN, or use --token TOKEN or --token-file FILE, with a token of this host\n";
    }
    if is_unknown {
        lines += "a token that was added to deed.toml is valid from the next start of the host; one of `deed token \
                  add` is valid within 2 seconds\n";
    }
    Failure::Refused { status, text: lines.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_mcp_server_names_its_host() {
        for url in ["https://h:1", "https://h:1/", "https://h:1/mcp", "https://h:1/mcp/"] {
            assert_eq!(base(url), "https://h:1", "{url}");
        }
        for url in ["https://mcp", "https://h/xmcp", "https://h/mcp/x"] {
            assert_eq!(base(url), url);
        }
    }

    #[test]
    fn refusals_name_the_place_and_are_escaped() {
        let body = br#"{"type":"about:blank","title":"the proposal is not valid","status":422,
            "detail":"the parameters do not match","errors":[{"pointer":"/params/user_id","reason":"bad\u001b"}]}"#;
        let text = refusal(422, body, true).to_string();
        assert_eq!(
            text,
            "error: the proposal is not valid: the parameters do not match\n  /params/user_id: bad\\u{1b}"
        );
        assert!(refusal(502, b"<html>", true).to_string().contains("status 502"));
    }

    #[test]
    fn a_token_that_is_not_known_is_told_from_none() {
        let body = br#"{"title":"no valid token","detail":"send `Authorization: Bearer <token>`"}"#;
        for (with_token, words, others) in [
            (true, "does not know the token that was sent", "send `Authorization"),
            (false, "send `Authorization", "that was sent"),
        ] {
            let said = refusal(401, body, with_token).to_string();
            assert!(said.contains(words) && !said.contains(others), "{said}");
            assert!(said.contains("set DEED_TOKEN, or use --token"), "{said}");
        }
        // Only the error for status 401 mentions the token that was sent.
        let body = br#"{"title":"not allowed","detail":"only an agent can propose"}"#;
        assert!(!refusal(403, body, true).to_string().contains("token that was sent"));
    }

    #[test]
    fn what_is_not_known_comes_with_the_command_that_lists_it() {
        for (status, path, words) in [
            (404, "/v1/actions/act_1", "`deed ls` lists"),
            (404, "/v1/actions/act_1/bundle", "`deed ls` lists"),
            (404, "/v1/contracts/a.b", "`deed contracts` lists"),
            (404, "/v1/actions", "`deed contracts` lists"),
            (404, "/v1/unknown", ""),
            (409, "/v1/actions/act_1", ""),
        ] {
            let refused = refusal(status, br#"{"title":"not found"}"#, true);
            let said = with_list(refused, path).to_string();
            assert_eq!(said.contains(" lists "), !words.is_empty(), "{path}: {said}");
            assert!(said.contains(words), "{path}: {said}");
        }
    }
}
