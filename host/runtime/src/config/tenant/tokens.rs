//! Tokens that the host obtains for the upstreams of a tenant. Each kind of token has a file in `tokens/`.

mod exec;
mod fields;
mod oauth2;

use std::collections::BTreeMap;

use deed_record::action::TokenKind;
use deed_sandbox::credentials::Source;
use deed_sandbox::upstream::Upstream;
use deed_spec::digest::Digest;

use super::Builder;
use super::credentials::{Secrets, Tokens};
use super::wrong::Wrong;
use crate::config::raw;

/// What a token may name: the upstreams of the tenant without their credentials, and the secrets.
#[derive(Clone, Copy)]
struct Known<'k> {
    upstreams: &'k BTreeMap<String, Upstream>,
    /// The digest of the TLS roots of each upstream that has its own roots.
    roots: &'k BTreeMap<String, Digest>,
    secrets: &'k Secrets,
}

impl Builder<'_> {
    pub(super) fn tokens(
        &mut self,
        (upstreams, roots): (&BTreeMap<String, Upstream>, &BTreeMap<String, Digest>),
        secrets: &Secrets,
    ) -> Tokens {
        let known = Known { upstreams, roots, secrets };
        let mut tokens = Tokens::new();
        for (name, raw) in &self.raw.token {
            match self.minted(name, raw, known) {
                Ok(Some(source)) => {
                    tokens.insert(name.clone(), source);
                }
                // What the token names has a fault that was reported before.
                Ok(None) => {}
                Err((needle, what)) => self.fault("token", name, needle, &what),
            }
        }
        tokens
    }

    fn minted(
        &self,
        name: &str,
        raw: &raw::Token,
        known: Known<'_>,
    ) -> Result<Option<Source>, Wrong> {
        fields::check(raw)?;
        match raw.kind {
            TokenKind::ClientCredentials => self.client_credentials(name, raw, known),
            TokenKind::JwtBearer => self.jwt_bearer(name, raw, known),
            TokenKind::TokenExchange => self.token_exchange(name, raw, known),
            TokenKind::Exec => exec::exec(name, raw, self.memory).map(Some),
        }
    }
}
