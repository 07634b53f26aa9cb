//! `tokens/` as a running host reads it: the tokens that are in force, and the faults of the other files.

use std::collections::BTreeSet;

use deed_system::files::Files;

use super::{AgentToken, FOLDER, Rules, read_all};
use crate::config::fault::Fault;

/// The folder of a served directory, and the rules for its files.
#[derive(Debug)]
pub struct TokenFolder {
    files: Files,
    rules: Rules,
}

/// The tokens of one reading.
#[derive(Debug, Default)]
pub struct Tokens {
    /// Tokens that identify an agent, also those that have expired.
    pub valid: Vec<AgentToken>,
    /// The faults of all other files.
    pub faults: Vec<Fault>,
}

impl TokenFolder {
    pub(in crate::config) fn new(files: Files, rules: Rules) -> Self {
        Self { files, rules }
    }

    /// Reads all files. A folder that does not exist has no tokens.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read or has too many files.
    pub fn read(&self) -> Result<Tokens, Fault> {
        let read = read_all(&self.files).map_err(|e| Fault::new(FOLDER, 0, e.to_string()))?;
        let (found, mut faults) = read;
        let (valid, refused) = self.rules.check(found);
        faults.extend(refused);
        Ok(Tokens { valid, faults })
    }
}

impl Tokens {
    pub(in crate::config) fn none(fault: Fault) -> Self {
        Self { valid: Vec::new(), faults: vec![fault] }
    }

    /// The agents that have a token, as tenant and name.
    pub(in crate::config) fn holders(&self) -> BTreeSet<(&str, &str)> {
        self.valid.iter().map(|token| (token.tenant.as_str(), token.agent.as_str())).collect()
    }
}
