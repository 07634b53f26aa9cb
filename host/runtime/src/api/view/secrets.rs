//! Secrets that upstreams created for an action, as callers see them. No caller sees a value.

use std::collections::BTreeMap;

use deed_record::exchange::secret::TakenSecret;
use deed_record::lifecycle::story::Story;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One secret that an upstream created, and whether the host stored it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretView {
    /// The name in `secrets` of the contract.
    pub name: String,
    pub stored: bool,
    /// The file below the served directory that has the value; shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The commitment to the value, `private:hmac-sha256:HEX`; shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
    /// Why the value is not stored; shown to people only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl SecretView {
    fn of(taken: &TakenSecret, person: bool) -> Self {
        let shown = |value: &Option<String>| value.clone().filter(|_| person);
        Self {
            name: taken.name.clone(),
            stored: taken.is_stored(),
            file: shown(&taken.file),
            commitment: shown(&taken.commitment),
            problem: shown(&taken.problem),
        }
    }

    /// Such as `secret access_key stored`.
    pub(crate) fn words(&self) -> String {
        let not = if self.stored { "" } else { "not " };
        format!("secret {} {not}stored", self.name)
    }
}

/// The secrets of all attempts, each once. A secret that an attempt stored counts as stored.
pub(super) fn of(story: &Story, person: bool) -> Vec<SecretView> {
    let mut found: BTreeMap<&str, &TakenSecret> = BTreeMap::new();
    for taken in story.exchanges().into_iter().flat_map(|one| &one.secrets) {
        let known = found.entry(&taken.name).or_insert(taken);
        if taken.is_stored() {
            *known = taken;
        }
    }
    found.into_values().map(|taken| SecretView::of(taken, person)).collect()
}
