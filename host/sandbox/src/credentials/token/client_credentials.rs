//! Tokens of the client credentials grant (RFC 6749 section 4.4): the host acts as itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use deed_record::action::{TokenKind, TokenRef};

use super::oauth2::Ask;
use super::{Mint, MintError, Minted};
use crate::credentials::Secret;

#[derive(Debug)]
pub struct ClientCredentials {
    pub ask: Ask,
}

impl ClientCredentials {
    /// What is asked for.
    pub fn described(&self) -> TokenRef {
        self.ask.described(TokenRef::new(TokenKind::ClientCredentials))
    }
}

impl Mint for ClientCredentials {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(self.ask.mint("client_credentials", Vec::new()))
    }

    fn secrets(&self) -> Vec<Arc<Secret>> {
        self.ask.secrets()
    }
}
