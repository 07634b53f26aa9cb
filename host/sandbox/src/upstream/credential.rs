//! A credential of an upstream: where its value comes from, and the places in a request where the host puts it.

use std::sync::Arc;

use deed_record::action::{CredentialRef, Slot};
use hyper::header::HeaderName;

use crate::credentials::token::MintError;
use crate::credentials::{Behalf, Proof, RequestToken, Secret, Source, Stored};

/// A credential and the place in a request where the host puts it.
#[derive(Clone, Debug)]
pub struct Credential {
    pub source: Source,
    pub slot: Slot,
    /// Further secrets, each in a header of its own.
    pub headers: Vec<(HeaderName, Arc<Stored>)>,
}

impl Credential {
    /// A credential that the operator stores, without further headers.
    pub fn stored(secret: Arc<Stored>, slot: Slot) -> Self {
        Self { source: Source::Stored(secret), slot, headers: Vec::new() }
    }

    /// The credential as a binding records it, in an action on behalf of these parties.
    pub fn reference(&self, behalf: Behalf<'_>) -> CredentialRef {
        let headers = || self.headers.iter().map(|(header, one)| (header.as_str().to_owned(), one));
        let sources =
            headers().filter_map(|(header, one)| Some((header, one.source()?.to_owned())));
        CredentialRef {
            secret: self.source.name().to_owned(),
            slot: self.slot.clone(),
            source: self.source.stored_at().map(str::to_owned),
            token: self.source.described(behalf),
            headers: headers().map(|(header, one)| (header, one.name().to_owned())).collect(),
            header_sources: sources.collect(),
        }
    }

    /// The secrets of the operator that belong to this credential, also those that were replaced a short time ago.
    pub fn secrets(&self) -> Vec<Arc<Secret>> {
        let more = self.headers.iter().flat_map(|(_, stored)| stored.in_force());
        self.source.secrets().into_iter().chain(more).collect()
    }

    /// The values for one exchange of an action for which this person is responsible, and which holds this access token
    /// of its request. Fails when a token cannot be obtained.
    pub(crate) async fn prove(
        &self,
        person: &str,
        request: Option<&Arc<RequestToken>>,
    ) -> Result<Proof, MintError> {
        let (value, minted) = self.source.obtain(person, request).await?;
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, stored) in &self.headers {
            headers.push((name.clone(), stored.current().await));
        }
        Ok(Proof { value, slot: self.slot.clone(), headers, minted })
    }
}
