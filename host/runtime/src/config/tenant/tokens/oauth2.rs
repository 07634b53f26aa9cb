//! Tokens of authorization servers: client credentials, JWT bearer and token exchange.

use std::sync::Arc;

use deed_record::action::{TokenKind, TokenRef};
use deed_sandbox::credentials::token::assertion::{Claims, Signer};
use deed_sandbox::credentials::token::client_credentials::ClientCredentials;
use deed_sandbox::credentials::token::jwt_bearer::JwtBearer;
use deed_sandbox::credentials::token::oauth2::{Ask, Client, ClientProof, Endpoint};
use deed_sandbox::credentials::token::request_exchange::RequestExchange;
use deed_sandbox::credentials::token::token_exchange::TokenExchange;
use deed_sandbox::credentials::token::{Mint, Token};
use deed_sandbox::credentials::{HeldRequest, Requesters, Source, Stored, Subjects};

use super::super::Builder;
use super::super::credentials::shown;
use super::super::wrong::Wrong;
use super::Known;
use crate::config::{raw, secret};

/// The parts that all kinds have, or `None` if one of them has a fault that was reported before.
type Parts = Option<(Ask, Option<Arc<Signer>>)>;

impl Builder<'_> {
    pub(super) fn client_credentials(
        &self,
        name: &str,
        raw: &raw::Token,
        known: Known<'_>,
    ) -> Result<Option<Source>, Wrong> {
        if raw.secret.is_none() && raw.key.is_none() {
            let what = "the client must prove itself; add `secret` or `key`";
            return Err(("", what.to_owned()));
        }
        required("client", raw.client.as_ref())?;
        let Some((ask, _)) = self.parts(name, raw, known)? else { return Ok(None) };
        let mint = ClientCredentials { ask };
        let (described, memory) = (mint.described(), Arc::clone(self.memory));
        let token = Token::new(name, described, Box::new(mint), memory);
        Ok(Some(Source::Token(Arc::new(token))))
    }

    pub(super) fn jwt_bearer(
        &self,
        name: &str,
        raw: &raw::Token,
        known: Known<'_>,
    ) -> Result<Option<Source>, Wrong> {
        required("key", raw.key.as_ref())?;
        let issuer = required("issuer", raw.issuer.as_ref().or(raw.client.as_ref()))?.clone();
        let Some((ask, Some(signer))) = self.parts(name, raw, known)? else { return Ok(None) };
        let (subject, is_person) = match &raw.subject {
            None => (issuer.clone(), false),
            Some(raw::Subject::Name(subject)) => (subject.clone(), false),
            Some(raw::Subject::Person) => (String::new(), true),
            Some(raw::Subject::Request) => {
                let what = "the access token of a request is exchanged, and signs nothing; write \
                            `kind = \"token_exchange\"`, or another `subject`";
                return Err(("subject", what.to_owned()));
            }
        };
        let claims = Claims { issuer, subject, audience: audience(raw, &ask) };
        let mint = JwtBearer { ask, signer, claims };
        if !is_person {
            let (described, memory) = (mint.described(), Arc::clone(self.memory));
            let token = Token::new(name, described, Box::new(mint), memory);
            return Ok(Some(Source::Token(Arc::new(token))));
        }
        let (described, secrets) = (mint.described(), secrets(&mint.ask));
        let make = Box::new(move |person: &str| -> Box<dyn Mint> { Box::new(mint.of(person)) });
        let subjects = Subjects::new(name, described, secrets, make, Arc::clone(self.memory));
        Ok(Some(Source::Persons(Arc::new(subjects))))
    }

    pub(super) fn token_exchange(
        &self,
        name: &str,
        raw: &raw::Token,
        known: Known<'_>,
    ) -> Result<Option<Source>, Wrong> {
        let client = required("client", raw.client.as_ref())?;
        match raw.subject {
            Some(raw::Subject::Person) => {}
            Some(raw::Subject::Request) => return self.request_exchange(name, raw, known),
            Some(raw::Subject::Name(_)) | None => {
                let what = "a token is exchanged for the person who is responsible for the agent, or for the access \
                            token of the request; write `subject = \"person\"` or `subject = \"request\"`";
                return Err(("subject", what.to_owned()));
            }
        }
        required("key", raw.key.as_ref())?;
        let issuer = raw.issuer.as_ref().unwrap_or(client).clone();
        let Some((ask, Some(signer))) = self.parts(name, raw, known)? else { return Ok(None) };
        let claims = Claims { issuer, subject: String::new(), audience: audience(raw, &ask) };
        let mint = TokenExchange { ask, signer, claims };
        let (described, secrets) = (mint.described(), secrets(&mint.ask));
        let make = Box::new(move |person: &str| -> Box<dyn Mint> { Box::new(mint.of(person)) });
        let subjects = Subjects::new(name, described, secrets, make, Arc::clone(self.memory));
        Ok(Some(Source::Persons(Arc::new(subjects))))
    }

    /// A token for the access token of the request. The client proves itself, because the host signs no subject token.
    fn request_exchange(
        &self,
        name: &str,
        raw: &raw::Token,
        known: Known<'_>,
    ) -> Result<Option<Source>, Wrong> {
        if raw.secret.is_none() && raw.key.is_none() {
            let what = "the client must prove itself; add `secret` or `key`";
            return Err(("", what.to_owned()));
        }
        let Some((ask, _)) = self.parts(name, raw, known)? else { return Ok(None) };
        let described = ask.described(TokenRef::new(TokenKind::TokenExchange));
        let (secrets, memory) = (secrets(&ask), Arc::clone(self.memory));
        let make = Box::new(move |subject: Arc<HeldRequest>| -> Box<dyn Mint> {
            Box::new(RequestExchange { ask: ask.clone(), subject })
        });
        let all = Requesters::new(name, described, secrets, make, memory);
        Ok(Some(Source::Requests(Arc::new(all))))
    }

    fn parts(&self, name: &str, raw: &raw::Token, known: Known<'_>) -> Result<Parts, Wrong> {
        let Some(endpoint) = self.endpoint(raw, known)? else { return Ok(None) };
        let signer = match &raw.key {
            None => None,
            Some(path) => {
                secret::check_key(name, path).map_err(|what| ("key", what))?;
                let signer = Signer::load(name, self.files, path, raw.key_id.clone());
                Some(Arc::new(signer.map_err(|what| ("key", what))?))
            }
        };
        let secret = match &raw.secret {
            None => None,
            Some(secret) => {
                let found = self.secret(secret, known.secrets).map_err(|what| ("secret", what))?;
                let Some(found) = found else { return Ok(None) };
                Some(found)
            }
        };
        let client = client(raw, secret, signer.as_ref())?;
        let ask = Ask {
            name: name.to_owned(),
            endpoint,
            client,
            scopes: raw.scopes.clone(),
            audience: raw.audience.clone(),
            resource: raw.resource.clone(),
            memory: Arc::clone(self.memory),
        };
        Ok(Some((ask, signer)))
    }

    fn endpoint(&self, raw: &raw::Token, known: Known<'_>) -> Result<Option<Endpoint>, Wrong> {
        let wrong = |what: String| Err(("endpoint", what));
        let Some(raw::Endpoint { upstream, path }) = &raw.endpoint else {
            let what = "`endpoint` is missing; write `endpoint = { upstream = \"NAME\", path = \"/PATH\" }`";
            return Err(("", what.to_owned()));
        };
        let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\');
        let mut segments = path.split('/').skip(1);
        if !path.starts_with('/')
            || !path.bytes().all(fits)
            || segments.any(|segment| matches!(segment, "" | "." | ".."))
        {
            let what = "`path` of `endpoint` must be a path below `base_url` of its upstream, such as `/token`, \
                        without query and fragment";
            return wrong(what.to_owned());
        }
        match known.upstreams.get(upstream) {
            Some(found) => {
                let route = found.route(known.roots.get(upstream).copied());
                let binding = route.digest().map_err(|e| ("endpoint", e.to_string()))?;
                let (upstream, path) = (Arc::new(found.clone()), path.clone());
                Ok(Some(Endpoint { upstream, path, binding }))
            }
            None if self.raw.upstream.contains_key(upstream) => Ok(None),
            None => {
                let upstream = shown(upstream);
                wrong(format!("upstream `{upstream}` is missing; add its [upstream] table"))
            }
        }
    }
}

/// The host as a client: with its secret, else with its key, else by an assertion alone.
fn client(
    raw: &raw::Token,
    secret: Option<Arc<Stored>>,
    signer: Option<&Arc<Signer>>,
) -> Result<Option<Client>, Wrong> {
    // The assertion of a JWT bearer grant may be all the proof that there is.
    let by_key = raw.kind != TokenKind::JwtBearer || raw.auth == Some(raw::ClientAuth::Key);
    let proof = match (secret, signer) {
        (Some(secret), _) if raw.auth == Some(raw::ClientAuth::Post) => ClientProof::Post(secret),
        (Some(secret), _) => ClientProof::Basic(secret),
        (None, Some(signer)) if by_key => ClientProof::Key {
            signer: Arc::clone(signer),
            audience: raw.assertion_audience.clone().unwrap_or_default(),
        },
        (None, _) => ClientProof::Nothing,
    };
    match &raw.client {
        Some(id) => Ok(Some(Client { id: id.clone(), proof })),
        None if raw.secret.is_some() || raw.auth.is_some() => {
            Err(("", "`client` is missing; add the id of the client that proves itself".to_owned()))
        }
        None => Ok(None),
    }
}

/// Who shall accept the assertions that the host signs.
fn audience(raw: &raw::Token, ask: &Ask) -> String {
    raw.assertion_audience.clone().unwrap_or_else(|| ask.endpoint.url())
}

/// The secrets of the host as a client.
fn secrets(ask: &Ask) -> Vec<Arc<Stored>> {
    let stored = ask.client.as_ref().and_then(|client| client.proof.stored());
    stored.into_iter().cloned().collect()
}

fn required<'r>(key: &'static str, value: Option<&'r String>) -> Result<&'r String, Wrong> {
    value.ok_or_else(|| ("", format!("`{key}` is missing; add it")))
}
