//! Where the value of a credential comes from, and the values of one exchange.

use std::sync::Arc;

use deed_record::action::{Requester, Slot, TokenKind, TokenRef};
use hyper::header::HeaderName;

use super::Secret;
use super::history::{CredentialStanding, History};
use super::request::{OVER, RequestToken};
use super::requesters::Requesters;
use super::stored::Stored;
use super::subjects::Subjects;
use super::token::{MintError, Token};

/// Where the value of a credential comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The operator stores it.
    Stored(Arc<Stored>),
    /// The host obtains it.
    Token(Arc<Token>),
    /// The host obtains one for each person who is responsible for an agent.
    Persons(Arc<Subjects>),
    /// The host obtains one for each access token of a request, by exchange.
    Requests(Arc<Requesters>),
}

/// For whom tokens are obtained in an action.
#[derive(Clone, Copy, Debug, Default)]
pub struct Behalf<'a> {
    /// The person who is responsible for the agent.
    pub person: &'a str,
    /// The subject of the access token of the request that proposed the action, if that token is exchanged.
    pub requester: Option<&'a Requester>,
}

/// The values of a credential for one exchange.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) value: Arc<Secret>,
    pub(crate) slot: Slot,
    pub(crate) headers: Vec<(HeaderName, Arc<Secret>)>,
    /// The token of which `value` is the value; `None` if the operator stores the value.
    pub(crate) minted: Option<Arc<Token>>,
}

impl Proof {
    /// All values that are sent, for redaction.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<Secret>> {
        std::iter::once(&self.value).chain(self.headers.iter().map(|(_, value)| value))
    }
}

impl Source {
    /// The name of the secret or of the token.
    pub fn name(&self) -> &str {
        match self {
            Self::Stored(stored) => stored.name(),
            Self::Token(token) => token.name(),
            Self::Persons(all) => all.name(),
            Self::Requests(all) => all.name(),
        }
    }

    /// Whether the access token of a request is exchanged for the value.
    pub fn is_of_requests(&self) -> bool {
        matches!(self, Self::Requests(_))
    }

    /// Where the operator stores the secret; `None` for a token.
    pub fn stored_at(&self) -> Option<&str> {
        match self {
            Self::Stored(stored) => stored.source(),
            Self::Token(_) | Self::Persons(_) | Self::Requests(_) => None,
        }
    }

    /// What a token is asked for in an action on behalf of these parties.
    pub fn described(&self, behalf: Behalf<'_>) -> Option<TokenRef> {
        match self {
            Self::Stored(_) => None,
            Self::Token(token) => Some(token.described().clone()),
            Self::Persons(all) => Some(all.described(behalf.person)),
            Self::Requests(all) => Some(all.described(behalf.requester)),
        }
    }

    /// What a token is asked for and as whom, without what may differ between two ways to get the same token: the file
    /// of the key or secret, the audience of assertions, and the route to the endpoint. In a JWT bearer grant, the
    /// issuer of the assertion says as whom.
    pub fn asked(&self) -> Option<TokenRef> {
        let mut asked = self.described(Behalf::default())?;
        let issuer = asked.issuer.take();
        if asked.kind == TokenKind::JwtBearer {
            asked.client = issuer;
        }
        (asked.key, asked.assertion_audience, asked.endpoint_binding) = (None, None, None);
        asked.secret_source = None;
        Some(asked)
    }

    /// Whether both have the same value, or are tokens that are asked for with the same words.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stored(one), Self::Stored(two)) => one.value().reveal() == two.value().reveal(),
            _ => self.asked().is_some_and(|one| other.asked() == Some(one)),
        }
    }

    /// When the token that the host holds expires, in Unix milliseconds; with several, the last of them.
    pub fn expires_ms(&self) -> Option<i64> {
        match self {
            Self::Stored(_) => None,
            Self::Token(token) => token.expires_ms(),
            Self::Persons(all) => all.expires_ms(),
            Self::Requests(all) => all.expires_ms(),
        }
    }

    /// What the host has noticed about the secret or the tokens.
    pub fn standing(&self) -> CredentialStanding {
        match self {
            Self::Stored(stored) => stored.standing(),
            Self::Token(token) => token.standing(),
            Self::Persons(all) => all.standing(),
            Self::Requests(all) => all.standing(),
        }
    }

    /// Where it is noted whether a value works. `minted` is the token of which it is the value, if it is one.
    pub(crate) fn history<'a>(&'a self, minted: Option<&'a Arc<Token>>) -> Option<&'a History> {
        match (self, minted) {
            (Self::Stored(stored), _) => Some(stored.history()),
            (_, Some(token)) => Some(token.history()),
            (_, None) => None,
        }
    }

    /// The secrets of the operator that are sent to the upstream, or to obtain a token.
    pub fn secrets(&self) -> Vec<Arc<Secret>> {
        match self {
            Self::Stored(stored) => stored.in_force(),
            Self::Token(token) => token.secrets(),
            Self::Persons(all) => all.secrets(),
            Self::Requests(all) => all.secrets(),
        }
    }

    /// The value for one exchange, and its token if it is one. `request` is the access token that the action holds.
    pub(crate) async fn obtain(
        &self,
        person: &str,
        request: Option<&Arc<RequestToken>>,
    ) -> Result<(Arc<Secret>, Option<Arc<Token>>), MintError> {
        let token = match self {
            Self::Stored(stored) => return Ok((stored.current().await, None)),
            Self::Token(token) => Arc::clone(token),
            Self::Persons(all) => all.of(person),
            Self::Requests(all) => {
                // A kept token may be valid for longer than the access token, and is not used after it.
                let valid = request.filter(|request| request.left().is_some());
                let over = || MintError { name: all.name().to_owned(), why: OVER.to_owned() };
                all.of(valid.ok_or_else(over)?)
            }
        };
        Ok((token.current().await?, Some(token)))
    }
}
