//! Requests to token endpoints of authorization servers (RFC 6749 section 5), through the same connections as every
//! request of a guest: the addresses are checked, and TLS trusts the roots of the endpoint's upstream.
//!
//! No text of the endpoint is quoted in an error, because it could echo a secret. Only registered error codes are
//! named.

mod answer;
mod client;

use std::sync::Arc;

use deed_record::action::TokenRef;
use deed_spec::digest::Digest;
use deed_system::clock::Clock;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue,
    USER_AGENT,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use zeroize::Zeroizing;

use self::answer::Granted;
pub use self::client::{Client, ClientProof};
use super::{MintError, Minted, assertion, ordinary};
use crate::credentials::clocks;
use crate::credentials::memory::Memory;
use crate::credentials::secret::Secret;
use crate::egress::{connect, connection};
use crate::limits;
use crate::redact::forms::Forms;
use crate::upstream::Upstream;
use crate::upstream::client_certificate::refusal;

/// Maximum size of an answer of a token endpoint.
const ANSWER_MAX: usize = 64 << 10;
/// The members of a form that are assertions of the host.
const ASSERTIONS: [&str; 3] = ["assertion", "client_assertion", "subject_token"];

/// Why a token is refused that the host could not tell from ordinary text.
const ORDINARY: &str = "its endpoint answered with a token that could be ordinary text, which the host would remove \
                        from all answers; make it issue random tokens";

/// A token endpoint: a path of an upstream.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub upstream: Arc<Upstream>,
    pub path: String,
    /// The digest of how the host reaches the endpoint, as a binding records it.
    pub binding: Digest,
}

/// What every kind of grant asks for, and as whom.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The name of the token, for errors.
    pub name: String,
    pub endpoint: Endpoint,
    /// The host as a client of the authorization server; `None` if an assertion alone is proof.
    pub client: Option<Client>,
    pub scopes: Vec<String>,
    pub audience: Option<String>,
    /// The resource indicator (RFC 8707).
    pub resource: Option<String>,
    /// The memory of the tenant, which gets what proves who the host is before it is sent.
    pub memory: Arc<Memory>,
}

/// A member of a form.
type Pair = (&'static str, Zeroizing<String>);
/// A form in the order in which it is sent.
pub(super) type Form = Vec<Pair>;

impl Endpoint {
    /// The URL of the endpoint.
    pub fn url(&self) -> String {
        format!("{}{}", self.upstream.base, self.path)
    }

    /// Sends a form, and returns status, headers and body of the answer.
    async fn send(&self, form: &[Pair], proof: Option<HeaderValue>) -> Result<Arrived, String> {
        let pinned = connect::resolve(&self.upstream).await.map_err(|e| e.to_string())?;
        let request = self.request(form, proof).ok_or("HTTP does not allow the request")?;
        let stream = connect::connect(&self.upstream, pinned).await.map_err(|e| e.to_string())?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(limits::RESPONSE_HEAD)
            .max_headers(limits::RESPONSE_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_closed| "its endpoint closed the connection".to_owned())?;
        let answer = async {
            let broken = |error: &hyper::Error| {
                let remedy = refusal::of_error(self.upstream.client_certificate.as_deref(), error);
                let remedy = remedy.map(|text| format!("; {text}")).unwrap_or_default();
                format!("its endpoint gave no complete answer in HTTP/1.1{remedy}")
            };
            let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_MAX).collect().await;
            let long = || "its endpoint gave no complete answer of at most 64 KiB".to_owned();
            let bytes = body.map_err(|_long_or_broken| long())?.to_bytes();
            Ok::<_, String>(Arrived { status: head.status, headers: head.headers, bytes })
        };
        connection::drive(connection, answer).await
    }

    fn request(&self, form: &[Pair], proof: Option<HeaderValue>) -> Option<Request<Full<Bytes>>> {
        let pairs = form.iter().map(|(name, value)| format!("{name}={}", *encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let target = format!("{}{}", self.upstream.base.path, self.path);
        let mut request = Request::post(target).body(Full::new(Bytes::from(body))).ok()?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.upstream.base.authority()).ok()?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(USER_AGENT, HeaderValue::from_static(deed_system::USER_AGENT));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        if let Some(proof) = proof {
            headers.insert(AUTHORIZATION, proof);
        }
        Some(request)
    }
}

/// A complete answer of an endpoint.
pub(super) struct Arrived {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

impl Ask {
    /// What is asked for and as whom, as a binding records it. `described` has what only some kinds of grants have. The
    /// order of the scopes has no meaning (RFC 6749 section 3.3), so they are recorded in one order.
    pub fn described(&self, described: TokenRef) -> TokenRef {
        let url = self.endpoint.url();
        let (key, audience) = match self.client.as_ref().map(|client| &client.proof) {
            Some(ClientProof::Key { signer, audience }) => {
                (Some(signer.path().to_owned()), Some(audience.clone()))
            }
            _ => (None, None),
        };
        let secret = self.client.as_ref().and_then(|client| client.proof.stored());
        let audience = described.assertion_audience.or(audience);
        let mut scopes = self.scopes.clone();
        scopes.sort();
        scopes.dedup();
        TokenRef {
            client: self.client.as_ref().map(|one| one.id.clone()),
            secret_source: secret.and_then(|stored| stored.source()).map(str::to_owned),
            key: described.key.or(key),
            assertion_audience: audience.filter(|one| !one.is_empty() && *one != url),
            endpoint: Some(url),
            endpoint_binding: Some(self.endpoint.binding),
            scopes,
            audience: self.audience.clone(),
            resource: self.resource.clone(),
            ..described
        }
    }

    /// The secrets that are sent to the endpoint.
    pub(super) fn secrets(&self) -> Vec<Arc<Secret>> {
        self.client.iter().flat_map(Client::secrets).collect()
    }

    /// Asks for a token with this grant type, and these further members of the form.
    pub(super) async fn mint(&self, grant_type: &str, more: Form) -> Result<Minted, MintError> {
        let asked = self.granted(grant_type, more).await;
        let upstream = &self.endpoint.upstream.name;
        let failed = |why: String| MintError {
            name: self.name.clone(),
            why: format!("{why} (token endpoint at upstream `{upstream}`)"),
        };
        let (Granted { value, lifetime }, sent) = asked.map_err(failed)?;
        if sent.finds(&value) {
            return Err(failed("its endpoint answered with a secret of the host".to_owned()));
        }
        if ordinary::is_ordinary(&value) {
            return Err(failed(ORDINARY.to_owned()));
        }
        let value = Secret::new(&self.name, value.as_bytes()).map_err(|e| failed(e.to_string()))?;
        tracing::debug!(token = %self.name, "obtained a token");
        Ok(Minted { value, lifetime })
    }

    /// A token, and what was sent to obtain it.
    async fn granted(&self, grant_type: &str, more: Form) -> Result<(Granted, Forms), String> {
        let mut form: Form = vec![("grant_type", Zeroizing::new(grant_type.to_owned()))];
        form.extend(more);
        if !self.scopes.is_empty() {
            form.push(("scope", Zeroizing::new(self.scopes.join(" "))));
        }
        for (name, value) in [("audience", &self.audience), ("resource", &self.resource)] {
            form.extend(value.iter().map(|value| (name, Zeroizing::new(value.clone()))));
        }
        let proof = match &self.client {
            Some(client) => client.prove(&self.endpoint, &mut form).await?,
            None => None,
        };
        let sent = self.learn(&form);
        let within = self.endpoint.upstream.timeout;
        match tokio::time::timeout(within, self.endpoint.send(&form, proof)).await {
            Ok(arrived) => {
                let arrived = arrived?;
                let granted = answer::read(&arrived);
                granted
                    .map(|granted| (granted, sent))
                    .map_err(|why| self.explained(why, &form, &arrived))
            }
            Err(_) => Err(format!("its endpoint did not answer within {} ms", within.as_millis())),
        }
    }

    /// Adds to the reason of a refusal what the answer shows about the clocks and the client certificate. The clocks
    /// matter only for an assertion.
    fn explained(&self, why: String, form: &[Pair], refused: &Arrived) -> String {
        let client = self.endpoint.upstream.client_certificate.as_deref();
        if let Some(remedy) = refusal::of_answer(client, refused.status.as_u16(), &refused.bytes) {
            return format!("{why}; {remedy}");
        }
        let has_assertion = form.iter().any(|(name, _)| ASSERTIONS.contains(name));
        if !has_assertion || !refused.status.is_client_error() {
            return why;
        }
        match clocks::difference(&refused.headers, Clock::new().latest_ms()) {
            None => why,
            Some(differ) => {
                let valid_s = assertion::VALID.as_secs();
                let remedy = "correct the clock that is wrong";
                format!("{why}; {differ}, and an assertion is valid for {valid_s} s: {remedy}")
            }
        }
    }

    /// Makes known what proves in a request who the host is, before it is sent, and returns it in all encodings.
    fn learn(&self, form: &[Pair]) -> Forms {
        let secret = |text: &str| Secret::new(&self.name, text.as_bytes()).ok().map(Arc::new);
        let client = self.client.iter().flat_map(Client::sent);
        let lasting: Vec<_> =
            client.filter_map(|text| secret(&text)).chain(self.secrets()).collect();
        let assertions = form.iter().filter(|(name, _)| ASSERTIONS.contains(name));
        let passing: Vec<_> = assertions.filter_map(|(_, value)| secret(value)).collect();
        self.memory.learn(lasting.iter(), None);
        self.memory.learn(passing.iter(), Some(assertion::VALID));
        let mut sent = Forms::default();
        lasting.iter().chain(&passing).for_each(|one| sent.learn(one));
        sent
    }
}

/// Encodes a value of a form (WHATWG URL, application/x-www-form-urlencoded).
pub(super) fn encoded(text: &str) -> Zeroizing<String> {
    let stays =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_');
    let mut out = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            _ if stays(byte) => out.push(char::from(byte)),
            _ => {
                out.push('%');
                for digit in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(u32::from(digit), 16);
                    out.extend(digit.map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
