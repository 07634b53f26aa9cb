//! Tokens by exchange (RFC 8693): the host says with a token that it signs for whom it acts, and gets a token for that
//! party.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use deed_record::action::{TokenKind, TokenRef};
use zeroize::Zeroizing;

use super::assertion::{Claims, Signer};
use super::oauth2::Ask;
use super::{Mint, MintError, Minted};
use crate::credentials::Secret;

pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[derive(Clone, Debug)]
pub struct TokenExchange {
    pub ask: Ask,
    pub signer: Arc<Signer>,
    /// What the subject token says.
    pub claims: Claims,
}

impl TokenExchange {
    /// What is asked for.
    pub fn described(&self) -> TokenRef {
        let subject = Some(self.claims.subject.clone());
        let kind = self.signer.described(&self.claims, TokenKind::TokenExchange);
        self.ask.described(TokenRef { subject, ..kind })
    }

    /// The same exchange for another subject.
    #[must_use]
    pub fn of(&self, subject: &str) -> Self {
        let claims = Claims { subject: subject.to_owned(), ..self.claims.clone() };
        Self { claims, ..self.clone() }
    }

    async fn obtain(&self) -> Result<Minted, MintError> {
        let failed = |why| MintError { name: self.ask.name.clone(), why };
        let subject = self.signer.sign(&self.claims).await.map_err(failed)?;
        let word = |text: &str| Zeroizing::new(text.to_owned());
        let form = vec![
            ("subject_token", subject),
            ("subject_token_type", word(JWT)),
            ("requested_token_type", word(ACCESS_TOKEN)),
        ];
        self.ask.mint(GRANT, form).await
    }
}

impl Mint for TokenExchange {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(self.obtain())
    }

    fn secrets(&self) -> Vec<Arc<Secret>> {
        self.ask.secrets()
    }
}
