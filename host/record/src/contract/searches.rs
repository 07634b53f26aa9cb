//! What an operator reviews before a grant permits a POST that only reads.

use deed_spec::digest::Digest;
use deed_spec::json;

use super::Contract;
use super::template::Rule;

impl Contract {
    /// The digest of a rule and of the schemas of all parameters. It changes whenever the rule could send other requests
    /// than before.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn reviewed(&self, rule: &Rule) -> Result<Digest, json::NotCanonical> {
        Ok(Digest::of(&json::to_canonical(&(rule, &self.params))?))
    }
}
