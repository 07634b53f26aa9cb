//! Tokens of one kind for several access tokens of requests. A token that was obtained for one of them is used for no
//! other.

use std::fmt;
use std::sync::Arc;

use deed_record::action::{Requester, SubjectSource, SubjectToken, TokenRef};
use deed_spec::digest::Digest;

use super::history::CredentialStanding;
use super::memory::Memory;
use super::recent::RecentTokens;
use super::request::{HeldRequest, RequestToken};
use super::secret::Secret;
use super::stored::Stored;
use super::token::{Mint, Token};

/// Makes the way to obtain the token for one access token.
type Make = Box<dyn Fn(Arc<HeldRequest>) -> Box<dyn Mint> + Send + Sync>;

pub struct Requesters {
    name: String,
    described: TokenRef,
    /// The secrets that are sent to obtain a token.
    secrets: Vec<Arc<Stored>>,
    make: Make,
    /// The memory of the tenant, so that the value of a token is known when another answer echoes it.
    memory: Arc<Memory>,
    kept: RecentTokens<Kept>,
}

/// The access token for which a token was obtained.
struct Kept {
    of: Requester,
    /// The digest of the access token.
    digest: Digest,
    held: Arc<HeldRequest>,
}

impl fmt::Debug for Requesters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requesters").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Requesters {
    pub fn new(
        name: &str,
        described: TokenRef,
        secrets: Vec<Arc<Stored>>,
        make: Make,
        memory: Arc<Memory>,
    ) -> Self {
        let (name, kept) = (name.to_owned(), RecentTokens::default());
        Self { name, described, secrets, make, memory, kept }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked for on behalf of this party. Without a party, no subject is named.
    pub fn described(&self, of: Option<&Requester>) -> TokenRef {
        let subject = of.map(|of| of.subject.clone());
        let issued = of.map(|of| (of.issuer.clone(), of.client.clone()));
        let (issuer, client) = issued.unwrap_or_default();
        let source = SubjectSource::Request;
        let subject_token = Some(SubjectToken { source, issuer, client });
        TokenRef { subject, subject_token, ..self.described.clone() }
    }

    /// The secrets that are sent to obtain a token.
    pub fn secrets(&self) -> Vec<Arc<Secret>> {
        self.secrets.iter().flat_map(|stored| stored.in_force()).collect()
    }

    /// When the token that expires last expires, in Unix milliseconds, of those that the host holds.
    pub fn expires_ms(&self) -> Option<i64> {
        self.kept.expires_ms()
    }

    /// What the host has noticed about the kept tokens: the newest of each.
    pub fn standing(&self) -> CredentialStanding {
        self.kept.standing()
    }

    /// The token for one access token. Nothing is asked for until the value of the token is needed.
    pub fn of(&self, request: &Arc<RequestToken>) -> Arc<Token> {
        let is_its = |one: &Kept| one.digest == request.digest() && one.of == *request.of();
        self.kept.of(is_its, || self.vacant(request), |kept| kept.held.is_now(request))
    }

    fn vacant(&self, request: &Arc<RequestToken>) -> (Kept, Arc<Token>) {
        let held = Arc::<HeldRequest>::default();
        let mint = (self.make)(Arc::clone(&held));
        let (described, memory) = (self.described(Some(request.of())), Arc::clone(&self.memory));
        let token = Arc::new(Token::new(&self.name, described, mint, memory));
        (Kept { of: request.of().clone(), digest: request.digest(), held }, token)
    }
}

#[cfg(test)]
mod tests;
