//! Tokens of the JWT bearer grant (RFC 7523 section 2.1): an assertion that the host signs is exchanged for a token.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use deed_record::action::{TokenKind, TokenRef};

use super::assertion::{Claims, Signer};
use super::oauth2::Ask;
use super::{Mint, MintError, Minted};
use crate::credentials::Secret;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[derive(Clone, Debug)]
pub struct JwtBearer {
    pub ask: Ask,
    pub signer: Arc<Signer>,
    /// What the assertion says.
    pub claims: Claims,
}

impl JwtBearer {
    /// What is asked for. The subject is named if it is not the issuer itself.
    pub fn described(&self) -> TokenRef {
        let Claims { issuer, subject, .. } = &self.claims;
        let subject = (subject != issuer).then(|| subject.clone());
        let kind = self.signer.described(&self.claims, TokenKind::JwtBearer);
        self.ask.described(TokenRef { subject, ..kind })
    }

    /// The same grant for another subject.
    #[must_use]
    pub fn of(&self, subject: &str) -> Self {
        let claims = Claims { subject: subject.to_owned(), ..self.claims.clone() };
        Self { claims, ..self.clone() }
    }

    async fn obtain(&self) -> Result<Minted, MintError> {
        let failed = |why| MintError { name: self.ask.name.clone(), why };
        let assertion = self.signer.sign(&self.claims).await.map_err(failed)?;
        self.ask.mint(GRANT, vec![("assertion", assertion)]).await
    }
}

impl Mint for JwtBearer {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(self.obtain())
    }

    fn secrets(&self) -> Vec<Arc<Secret>> {
        self.ask.secrets()
    }
}
