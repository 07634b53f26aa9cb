//! Tokens by exchange (RFC 8693) for the access token of the request that proposed an action.
//!
//! The access token is held by its action. This file has no share in it, so the access token is dropped when its action
//! has ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::oauth2::Ask;
use super::token_exchange::{ACCESS_TOKEN, GRANT};
use super::{Mint, MintError, Minted};
use crate::credentials::Secret;
use crate::credentials::request::{HeldRequest, OVER};

/// The exchange of one access token.
#[derive(Debug)]
pub struct RequestExchange {
    pub ask: Ask,
    pub subject: Arc<HeldRequest>,
}

impl RequestExchange {
    async fn obtain(&self) -> Result<Minted, MintError> {
        let held = self.subject.get();
        let held = held.and_then(|request| request.left().map(|left| (request, left)));
        let failed = || MintError { name: self.ask.name.clone(), why: OVER.to_owned() };
        let (request, left) = held.ok_or_else(failed)?;
        // The request for a token makes the value known for as long as an assertion is valid, which may be shorter.
        self.ask.memory.learn(std::iter::once(request.value()), Some(left));
        let word = |text: &str| Zeroizing::new(text.to_owned());
        let form = vec![
            ("subject_token", word(request.value().reveal())),
            ("subject_token_type", word(ACCESS_TOKEN)),
            ("requested_token_type", word(ACCESS_TOKEN)),
        ];
        self.ask.mint(GRANT, form).await
    }
}

impl Mint for RequestExchange {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(self.obtain())
    }

    fn secrets(&self) -> Vec<Arc<Secret>> {
        self.ask.secrets()
    }
}
