//! How the host proves to an authorization server which client it is (RFC 6749 section 2.3, RFC 7523 section 2.2).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use zeroize::Zeroizing;

use super::super::assertion::{Claims, Signer};
use super::{Endpoint, Form, encoded};
use crate::credentials::{Secret, Stored};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The host as a client of an authorization server.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub proof: ClientProof,
}

/// How the host proves that it is the client.
#[derive(Clone, Debug)]
pub enum ClientProof {
    /// The secret as the password of HTTP Basic authentication.
    Basic(Arc<Stored>),
    /// The secret in the body.
    Post(Arc<Stored>),
    /// An assertion that the host signs for this audience.
    Key { signer: Arc<Signer>, audience: String },
    /// None: the server knows the client by its assertion.
    Nothing,
}

impl ClientProof {
    /// The secret, if the proof is one that the operator stores.
    pub fn stored(&self) -> Option<&Arc<Stored>> {
        match self {
            Self::Basic(stored) | Self::Post(stored) => Some(stored),
            Self::Key { .. } | Self::Nothing => None,
        }
    }
}

impl Client {
    /// Adds the proof to the form, or returns the `Authorization` header that has it.
    pub(super) async fn prove(
        &self,
        endpoint: &Endpoint,
        form: &mut Form,
    ) -> Result<Option<HeaderValue>, String> {
        let id = || ("client_id", Zeroizing::new(self.id.clone()));
        match &self.proof {
            ClientProof::Basic(stored) => {
                let secret = stored.current().await;
                let text = Zeroizing::new(format!("Basic {}", *self.pair(&secret)));
                let value = HeaderValue::from_str(&text);
                let mut value =
                    value.map_err(|_unfit| "HTTP does not allow the credentials".to_owned())?;
                value.set_sensitive(true);
                return Ok(Some(value));
            }
            ClientProof::Post(stored) => {
                let secret = stored.current().await;
                form.push(id());
                form.push(("client_secret", Zeroizing::new(secret.reveal().to_owned())));
            }
            ClientProof::Key { signer, audience } => {
                let audience = if audience.is_empty() { endpoint.url() } else { audience.clone() };
                let (issuer, subject) = (self.id.clone(), self.id.clone());
                let assertion = signer.sign(&Claims { issuer, subject, audience }).await?;
                form.push(id());
                form.push(("client_assertion_type", Zeroizing::new(ASSERTION.to_owned())));
                form.push(("client_assertion", assertion));
            }
            ClientProof::Nothing => form.push(id()),
        }
        Ok(None)
    }

    /// The client and its secret, both encoded as in a form (RFC 6749 section 2.3.1), in base64.
    fn pair(&self, secret: &Secret) -> Zeroizing<String> {
        let pair = Zeroizing::new(format!("{}:{}", *encoded(&self.id), *encoded(secret.reveal())));
        Zeroizing::new(STANDARD.encode(pair.as_bytes()))
    }

    /// The secret in each form in which a request has it. The file of the secret may change between the request and
    /// this call, so the earlier values count too.
    pub(super) fn sent(&self) -> Vec<Zeroizing<String>> {
        let is_basic = matches!(self.proof, ClientProof::Basic(_));
        let forms = |secret: &Arc<Secret>| {
            let pair = is_basic.then(|| self.pair(secret));
            std::iter::once(encoded(secret.reveal())).chain(pair)
        };
        self.secrets().iter().flat_map(forms).collect()
    }

    /// The secrets that are sent to the endpoint.
    pub(super) fn secrets(&self) -> Vec<Arc<Secret>> {
        match &self.proof {
            ClientProof::Basic(stored) | ClientProof::Post(stored) => stored.in_force(),
            ClientProof::Key { .. } | ClientProof::Nothing => Vec::new(),
        }
    }
}
