//! What `deed upstream test` prints.

use deed_record::action::{CredentialRef, TokenRef};
use deed_record::exchange::Rendered;
use deed_record::timeline::utc;
use deed_sandbox::probe::{Certificate, Probed};
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde::Serialize;

use super::super::text::line;
use super::{advice, request};
use crate::config::Tenant;

/// What was tried.
pub(super) struct Tried<'t> {
    pub(super) tenant: &'t Tenant,
    pub(super) upstream: &'t str,
    /// The credential, `read` or `write`.
    pub(super) phase: &'static str,
    pub(super) request: Rendered,
    /// `None` if the upstream gets no credential.
    pub(super) credential: Option<CredentialRef>,
    pub(super) base: String,
    pub(super) host: String,
    pub(super) has_tls: bool,
    pub(super) proxy: Option<String>,
    pub(super) client_certificate_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    tenant: String,
    upstream: String,
    /// Whether the status is from 200 to 299.
    pub(super) accepted: bool,
    request: String,
    base_url: String,
    /// The credential that was sent, `read` or `write`.
    phase: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<CredentialRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<String>,
    /// What the host name of the upstream, or of its proxy, resolves to.
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    duration_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// What to check.
    check: Vec<String>,
    #[serde(skip)]
    host: String,
    #[serde(skip)]
    has_tls: bool,
}

/// A token that was obtained.
#[derive(Debug, Serialize)]
struct TokenReport {
    /// `None` if its issuer does not say when it expires.
    expires: Option<String>,
    expires_in_s: Option<i64>,
}

/// The certificate that the upstream presented.
#[derive(Debug, Serialize)]
struct CertificateReport {
    /// SHA-256 of the certificate in DER form.
    digest: String,
    expires: Option<String>,
}

impl Report {
    pub(super) fn of(tried: Tried<'_>, probed: &Probed) -> Self {
        let now_ms = Clock::new().latest_ms();
        let permissions = request::permissions(tried.tenant, &tried.request);
        let credential = tried.credential.as_ref();
        let check = probed.status.map(|status| advice::of(status, credential, &permissions));
        let is_token = credential.is_some_and(|one| one.token.is_some()) && probed.is_proved;
        Self {
            tenant: tried.tenant.name.clone(),
            upstream: tried.upstream.to_owned(),
            accepted: probed.status.is_some_and(|status| (200..300).contains(&status)),
            request: request::shown(&tried.request),
            base_url: tried.base,
            phase: tried.phase,
            credential: tried.credential,
            token: is_token.then(|| TokenReport::of(probed, now_ms)),
            proxy: tried.proxy,
            addresses: probed.addresses.iter().map(|one| one.ip().to_string()).collect(),
            connected: probed.connected.map(|one| one.to_string()),
            certificate: probed.certificate.map(CertificateReport::of),
            client_certificate_expires: tried.client_certificate_ms.map(utc),
            status: probed.status,
            duration_ms: probed.took.as_millis(),
            problem: probed.problem.clone(),
            check: check.unwrap_or_default(),
            host: tried.host,
            has_tls: tried.has_tls,
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let result = match self.status {
            Some(_) if self.accepted => "accepted",
            Some(_) => "not accepted",
            None => "no answer",
        };
        line(
            &mut text,
            format_args!("upstream {} of {}: {result}", safe(&self.upstream), safe(&self.tenant)),
        );
        let rows = [self.sent(), self.way(), self.answered()].concat();
        for (title, value) in rows {
            line(&mut text, format_args!("  {title:<12} {}", safe(&value)));
        }
        text
    }

    /// The request and its credential.
    fn sent(&self) -> Vec<Row> {
        let what = match &self.credential {
            None => "none".to_owned(),
            Some(CredentialRef { secret, token: None, .. }) => format!("secret {secret}"),
            Some(CredentialRef { secret, token: Some(token), .. }) => {
                format!("token {secret}, {}", asked(token))
            }
        };
        let mut rows = vec![
            ("request", format!("{} at {}", self.request, self.base_url)),
            ("credential", format!("{}: {what}", self.phase)),
        ];
        rows.extend(self.token.as_ref().map(|token| ("token", token.text())));
        rows
    }

    /// How far the host came.
    fn way(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if !self.addresses.is_empty() {
            let name =
                self.proxy.as_ref().map_or_else(|| self.host.clone(), |url| format!("proxy {url}"));
            rows.push(("name", format!("{name} resolves to {}", self.addresses.join(", "))));
        }
        rows.extend(self.connected.as_ref().map(|to| ("connection", format!("to {to}"))));
        if self.connected.is_some() && !self.has_tls {
            rows.push(("TLS", "none, because the base URL is http".to_owned()));
        }
        rows.extend(self.certificate.as_ref().map(|one| ("TLS", one.text())));
        let own = self.client_certificate_expires.as_ref();
        rows.extend(own.map(|at| ("certificate", format!("of the host, valid until {at}"))));
        rows
    }

    fn answered(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let answer = |status: u16| ("answer", format!("{status} after {} ms", self.duration_ms));
        rows.extend(self.status.map(answer));
        rows.extend(self.problem.iter().map(|problem| ("problem", problem.clone())));
        rows.extend(self.check.iter().map(|check| ("check", check.clone())));
        rows
    }
}

/// A title and its text.
type Row = (&'static str, String);

/// What the host asks for when it obtains a token.
fn asked(token: &TokenRef) -> String {
    let mut text = token.kind.as_str().to_owned();
    let from = token.endpoint.iter().chain(&token.program);
    text.extend(from.map(|from| format!(" from {from}")));
    let scopes = Some(token.scopes.join(" ")).filter(|scopes| !scopes.is_empty());
    text.extend(scopes.map(|scopes| format!(", scopes {scopes}")));
    text.extend(token.audience.iter().map(|audience| format!(", for {audience}")));
    text.extend(token.subject.iter().map(|subject| format!(", as {subject}")));
    text
}

impl TokenReport {
    fn of(probed: &Probed, now_ms: i64) -> Self {
        let left_s = |at_ms: i64| at_ms.saturating_sub(now_ms).div_euclid(1000);
        let at_ms = probed.token_expires_ms;
        Self { expires: at_ms.map(utc), expires_in_s: at_ms.map(left_s) }
    }

    fn text(&self) -> String {
        match self.expires_in_s {
            Some(seconds) => format!("obtained, expires in {seconds} s"),
            None => "obtained; its issuer does not say when it expires, or the upstream refused it"
                .to_owned(),
        }
    }
}

impl CertificateReport {
    fn of(one: Certificate) -> Self {
        Self { digest: one.digest.to_string(), expires: one.not_after_ms.map(utc) }
    }

    fn text(&self) -> String {
        let until =
            self.expires.as_ref().map(|at| format!(", valid until {at}")).unwrap_or_default();
        format!("certificate {}{until}", self.digest)
    }
}
