//! The credentials of an upstream as a binding records them: names, places, and what tokens are asked for, but no
//! values.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json::{self, NotCanonical};
use serde::{Deserialize, Serialize};

use super::ProxyRef;

/// A credential, identified by its name; the record does not contain the secret value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CredentialRef {
    /// The name of the secret, or of the token if `token` is present.
    pub secret: String,
    pub slot: Slot,
    /// Where the operator stores the secret: `file:` and a path below the served directory, or `env:` and the name of
    /// an environment variable. Absent if `token` is present, and in records of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the host asks for when it obtains the token; absent if the operator stores the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenRef>,
    /// The names of further secrets, by the header in which the host sends each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Where the operator stores each of them, by the same header.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header_sources: BTreeMap<String, String>,
}

impl CredentialRef {
    /// This credential as the release recorded it that recorded `recorded`. Earlier releases recorded no sources.
    #[must_use]
    pub fn in_form_of(self, recorded: Option<&Self>) -> Self {
        let has_no_source = |one: &Self| one.token.is_none() && one.source.is_none();
        if recorded.is_some_and(has_no_source) {
            Self { source: None, header_sources: BTreeMap::new(), ..self }
        } else {
            self
        }
    }
}

/// The place in a request where the host puts a credential, as configured by the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Slot {
    /// A bearer token (RFC 6750 §2.1).
    Bearer,
    /// Basic authentication (RFC 7617); the secret is the password.
    Basic { user: String },
    /// The named header holds the secret.
    Header { name: String },
    /// A signature by AWS Signature Version 4; the secret is the secret access key.
    Sigv4 {
        /// The id of the access key.
        key_id: String,
        region: String,
        service: String,
    },
}

/// A token that the host obtains: from whom, as whom, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenRef {
    pub kind: TokenKind,
    /// The URL of the token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The digest of how the host reaches the token endpoint: base URL, address classes, TLS roots, client certificate
    /// and proxy of its upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_binding: Option<Digest>,
    /// The path of the program that prints the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program_digest: Option<Digest>,
    /// The arguments of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The client id of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where the operator stores the secret of the client, in the form of `source` of a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_source: Option<String>,
    /// The file of the private key with which the host signs assertions, below the served directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The issuer of the assertion that stands for the subject of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The audience of the assertions, if it is not the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_audience: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The resource indicator (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The party for whom the token is issued, if it is not the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The token that is exchanged, if it is not one that the host signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_token: Option<SubjectToken>,
}

/// The token that is exchanged for another one. The record does not contain its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SubjectToken {
    pub source: SubjectSource,
    /// The issuer of the token: its claim `iss`.
    pub issuer: String,
    /// The client to which the token was issued, if the token says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// Where a token that is exchanged comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum SubjectSource {
    /// The verified access token of the request that proposed the action.
    Request,
}

/// The subject of the verified access token of a request, as its issuer names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requester {
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
    /// The client to which the token was issued, if the token says it.
    pub client: Option<String>,
}

/// How the host reaches a token endpoint: the part of the configuration of the endpoint's upstream that decides which
/// server gets the proof of the client. A binding has the digest of its canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointRoute {
    pub base_url: String,
    /// Address classes that the host may connect to.
    pub addresses: Vec<String>,
    /// Digest of the PEM file with the upstream's own TLS roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_roots: Option<Digest>,
    /// The file of the client certificate, below the served directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// The file of its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyRef>,
}

impl EndpointRoute {
    /// SHA-256 of the canonical JSON.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn digest(&self) -> Result<Digest, NotCanonical> {
        Ok(Digest::of(&json::to_canonical(self)?))
    }
}

/// How the host obtains a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// The client credentials grant (RFC 6749 §4.4).
    ClientCredentials,
    /// The JWT bearer grant (RFC 7523 §2.1).
    JwtBearer,
    /// Token exchange (RFC 8693).
    TokenExchange,
    /// A program of the operator.
    Exec,
}

impl Slot {
    /// The header that the operator named for the credential.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Header { name } => Some(name),
            Self::Bearer | Self::Basic { .. } | Self::Sigv4 { .. } => None,
        }
    }
}

impl TokenKind {
    /// The word that stands for the kind in deed.toml and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::TokenExchange => "token_exchange",
            Self::Exec => "exec",
        }
    }
}

impl TokenRef {
    /// A token of this kind, without any detail.
    pub fn new(kind: TokenKind) -> Self {
        Self {
            kind,
            endpoint: None,
            endpoint_binding: None,
            program: None,
            program_digest: None,
            args: Vec::new(),
            client: None,
            secret_source: None,
            key: None,
            issuer: None,
            assertion_audience: None,
            scopes: Vec::new(),
            audience: None,
            resource: None,
            subject: None,
            subject_token: None,
        }
    }

    /// Whose access token is exchanged, if it is that of the request that proposed the action.
    pub fn requester(&self) -> Option<Requester> {
        let SubjectToken { source: SubjectSource::Request, issuer, client } =
            self.subject_token.clone()?;
        Some(Requester { issuer, subject: self.subject.clone()?, client })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stored_secret_is_recorded_as_before_tokens_existed() {
        let before = json!({"secret": "idp_read", "slot": "bearer"});
        let credential: CredentialRef = serde_json::from_value(before.clone()).unwrap();
        assert_eq!((&credential.token, &credential.source), (&None, &None));
        assert_eq!(serde_json::to_value(&credential).unwrap(), before);
    }

    #[test]
    fn a_source_is_compared_unless_an_earlier_release_recorded_none() {
        let read = |value| serde_json::from_value::<CredentialRef>(value).unwrap();
        let now = json!({
            "secret": "idp_read",
            "slot": "bearer",
            "source": "file:secrets/idp_read",
            "headers": {"x-app": "app"},
            "header_sources": {"x-app": "env:APP"},
        });
        let other = json!({"secret": "idp_read", "slot": "bearer", "source": "env:IDP"});
        let before = json!({"secret": "idp_read", "slot": "bearer"});
        let minted = json!({"secret": "job", "slot": "bearer", "token": {"kind": "exec"}});
        let (now, other) = (read(now), read(other));
        let (before, minted) = (read(before), read(minted));
        assert_eq!(serde_json::to_value(&now).unwrap()["header_sources"]["x-app"], "env:APP");
        assert_eq!(other.clone().in_form_of(Some(&before)), before);
        for recorded in [Some(&now), Some(&minted), None] {
            assert_eq!(other.clone().in_form_of(recorded), other);
            assert_eq!(now.clone().in_form_of(recorded), now);
        }
    }

    #[test]
    fn a_token_is_recorded_with_what_is_asked_for() {
        let recorded = json!({
            "secret": "writer",
            "slot": "bearer",
            "token": {
                "kind": "token_exchange",
                "endpoint": "https://login.example.com/token",
                "endpoint_binding": Digest::of(b"route"),
                "client": "deed",
                "secret_source": "file:secrets/deed",
                "key": "secrets/deed.pem",
                "issuer": "https://deed.example.com",
                "assertion_audience": "https://login.example.com",
                "scopes": ["users:write"],
                "subject": "alice",
            },
            "headers": {"x-app": "app_key"},
        });
        let credential: CredentialRef = serde_json::from_value(recorded.clone()).unwrap();
        assert_eq!(serde_json::to_value(&credential).unwrap(), recorded);
        let mut more = recorded;
        more["token"]["value"] = json!("x");
        assert!(serde_json::from_value::<CredentialRef>(more).is_err());
    }

    #[test]
    fn a_token_for_the_access_token_of_a_request_is_recorded_with_its_subject() {
        let mut recorded = json!({
            "kind": "token_exchange",
            "endpoint": "https://login.example.com/token",
            "client": "deed",
            "subject": "user-17",
            "subject_token": {
                "source": "request",
                "issuer": "https://login.example.com",
                "client": "helpdesk-bot",
            },
        });
        let token: TokenRef = serde_json::from_value(recorded.clone()).unwrap();
        assert_eq!(serde_json::to_value(&token).unwrap(), recorded);
        let requester = Requester {
            issuer: "https://login.example.com".to_owned(),
            subject: "user-17".to_owned(),
            client: Some("helpdesk-bot".to_owned()),
        };
        assert_eq!(token.requester(), Some(requester));
        assert_eq!(TokenRef::new(TokenKind::TokenExchange).requester(), None);
        recorded["subject_token"]["value"] = json!("x");
        assert!(serde_json::from_value::<TokenRef>(recorded).is_err());
    }

    #[test]
    fn each_part_of_a_route_changes_its_digest() {
        let route = EndpointRoute {
            base_url: "https://login.example.com".to_owned(),
            addresses: vec!["public".to_owned()],
            tls_roots: None,
            client_certificate: None,
            client_key: None,
            proxy: None,
        };
        let proxy = ProxyRef {
            url: "http://proxy.example.com:3128".to_owned(),
            addresses: vec!["private".to_owned()],
            user: None,
            secret: None,
            secret_source: None,
        };
        let path = || Some("tls/client.pem".to_owned());
        let others = [
            EndpointRoute { base_url: "https://x.example.com".to_owned(), ..route.clone() },
            EndpointRoute { addresses: vec!["private".to_owned()], ..route.clone() },
            EndpointRoute { tls_roots: Some(Digest::of(b"pem")), ..route.clone() },
            EndpointRoute { client_certificate: path(), ..route.clone() },
            EndpointRoute { client_key: path(), ..route.clone() },
            EndpointRoute { proxy: Some(proxy), ..route.clone() },
        ];
        for other in others {
            assert_ne!(other.digest().unwrap(), route.digest().unwrap(), "{other:?}");
        }
    }

    #[test]
    fn a_kind_has_one_word() {
        for kind in [
            TokenKind::ClientCredentials,
            TokenKind::JwtBearer,
            TokenKind::TokenExchange,
            TokenKind::Exec,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
