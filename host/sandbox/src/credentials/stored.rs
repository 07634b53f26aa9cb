//! A secret of the operator as upstreams use it: the file of the secret is read again when it changes.

use std::sync::Arc;

use deed_spec::digest::Digest;
use deed_system::files::Files;

use super::history::{CredentialStanding, History};
use super::watched::{Content, Watched};
use super::{Secret, SecretSource, load};

/// A secret with its name, and every value of it that may still be echoed.
#[derive(Debug)]
pub struct Stored {
    name: String,
    source: Option<String>,
    value: Value,
    history: History,
}

#[derive(Debug)]
enum Value {
    /// The value cannot change, because it comes from the environment.
    Fixed(Arc<Secret>),
    File(Arc<Watched<Secret>>),
}

impl Stored {
    /// Reads a secret for the first time.
    ///
    /// # Errors
    ///
    /// Fails when the secret is missing or not usable.
    pub fn load(name: &str, files: &Arc<Files>, source: &SecretSource) -> Result<Self, String> {
        let value = match source {
            SecretSource::File(path) => {
                Value::File(Arc::new(Watched::open(name, files, path, read)?))
            }
            SecretSource::Env(_) => {
                Value::Fixed(Arc::new(load(name, files, source).map_err(|e| e.to_string())?))
            }
        };
        let (name, source) = (name.to_owned(), Some(source.to_string()));
        Ok(Self { name, source, value, history: History::default() })
    }

    /// A secret whose value cannot change.
    pub fn fixed(secret: Secret) -> Self {
        let name = secret.name().to_owned();
        let value = Value::Fixed(Arc::new(secret));
        Self { name, source: None, value, history: History::default() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the operator stores the secret, as a binding records it; `None` if it was not loaded from anywhere.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The value that was read last.
    pub fn value(&self) -> Arc<Secret> {
        match &self.value {
            Value::Fixed(secret) => Arc::clone(secret),
            Value::File(file) => file.value(),
        }
    }

    /// The value, after a look at its file.
    pub async fn current(&self) -> Arc<Secret> {
        match &self.value {
            Value::Fixed(secret) => Arc::clone(secret),
            Value::File(file) => file.current().await,
        }
    }

    /// What the host has noticed about the secret. A file that has become unusable is a fault.
    pub fn standing(&self) -> CredentialStanding {
        let fault = match &self.value {
            Value::Fixed(_) => None,
            Value::File(file) => file.fault(),
        };
        self.history.standing().and(CredentialStanding { fault, ..CredentialStanding::default() })
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// The value that was read last, and those that it replaced, for redaction.
    pub fn in_force(&self) -> Vec<Arc<Secret>> {
        match &self.value {
            Value::Fixed(secret) => vec![Arc::clone(secret)],
            Value::File(file) => file.in_force(),
        }
    }
}

fn read(name: &str, files: &Files, path: &str) -> Result<Content<Secret>, String> {
    let source = SecretSource::File(path.to_owned());
    let value = load(name, files, &source).map_err(|error| error.to_string())?;
    let digest = Digest::of(value.reveal().as_bytes());
    Ok(Content { value, digest })
}
