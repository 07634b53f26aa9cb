//! The salts of the commitments to secrets that upstreams create. They are drawn when the action is proposed, so that
//! the host can compute a commitment again from the stored secret.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::BindError;
use super::commitment::{Opening, Salt};
use crate::contract::Contract;

/// One salt for each secret of an action, by the name of the secret. Only the journal stores them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salts(BTreeMap<String, String>);

impl fmt::Debug for Salts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salts(…)")
    }
}

impl Salts {
    /// Draws a salt for each secret of the contract.
    ///
    /// # Errors
    ///
    /// Fails when a salt is missing.
    pub fn draw(
        contract: &Contract,
        mut salt: impl FnMut() -> Option<Salt>,
    ) -> Result<Self, BindError> {
        let mut salts = BTreeMap::new();
        for (name, _) in contract.secrets() {
            let salt = salt().ok_or(BindError::Salt)?;
            salts.insert(name.clone(), data_encoding::HEXLOWER.encode(&salt));
        }
        Ok(Self(salts))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The commitment to the value of a secret; `None` if the action has no secret with this name.
    pub fn commitment(&self, name: &str, value: &str) -> Option<String> {
        let salt = self.0.get(name)?.clone();
        Opening { salt, value: value.to_owned() }.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_depends_on_the_salt_of_the_secret() {
        let salts = |byte: u8| {
            let salt = data_encoding::HEXLOWER.encode(&[byte; 32]);
            Salts([("key".to_owned(), salt)].into())
        };
        let word = salts(1).commitment("key", "value").unwrap();
        assert!(word.starts_with(crate::action::commitment::PREFIX), "{word}");
        assert_eq!(salts(1).commitment("key", "value"), Some(word.clone()));
        assert_ne!(salts(2).commitment("key", "value"), Some(word));
        assert_eq!(salts(1).commitment("other", "value"), None);
        assert!(!format!("{:?}", salts(1)).contains("01"));
    }
}
