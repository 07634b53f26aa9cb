//! What an operator reviews before a grant permits a POST that only reads.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;

use super::Contract;
use super::template::Rule;
use super::template::text::Source;

impl Contract {
    /// The digest of a rule and of the schemas of the parameters in it. It changes whenever the rule could send other
    /// requests than before.
    ///
    /// # Errors
    ///
    /// Fails when a value has no canonical form.
    pub fn reviewed(&self, rule: &Rule) -> Result<Digest, json::NotCanonical> {
        let body = rule.body_template().unwrap_or_default();
        let uses = rule.placeholders(body.as_deref(), self.templates()).unwrap_or_default();
        let params: BTreeMap<_, _> = uses
            .iter()
            .filter_map(|one| match one.source {
                Source::Param { name, .. } => Some((name, self.params.properties.get(name)?)),
                _ => None,
            })
            .collect();
        Ok(Digest::of(&json::to_canonical(&(rule, params))?))
    }
}
