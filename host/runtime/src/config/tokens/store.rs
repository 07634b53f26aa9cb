//! `tokens/` for the commands that list and change its files.
//!
//! The commands do not check the whole configuration. A token is revoked by its id without `deed.toml`, so that this is
//! possible whatever else is wrong.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use deed_system::files::{FileError, Files, NAMES_MAX};

use super::{AgentToken, END, FOLDER, Found, Tokens, read_all};
use crate::config::fault::Fault;
use crate::config::{raw, read_one};

/// The token files of a served directory, and the parts of `deed.toml` that concern them.
#[derive(Debug)]
pub struct TokenStore {
    files: Files,
    pub agents: Vec<NamedAgent>,
    /// The address for agents.
    pub listen: SocketAddr,
    /// Whether agents reach this address through a proxy.
    pub behind_proxy: bool,
    /// Held while a command changes files, so that two commands do not undo each other's changes.
    _lock: Option<File>,
}

/// An agent in `deed.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAgent {
    pub tenant: String,
    pub name: String,
    /// Whether the agent's table has a `token`, which only a reload of the configuration can change.
    pub has_token: bool,
}

impl TokenStore {
    /// Opens the token files to read them.
    ///
    /// # Errors
    ///
    /// Fails when `deed.toml` cannot be read.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let (files, _, raw) = read_one(dir)?;
        let (agents, http) = (agents(&raw), raw.http);
        let (listen, behind_proxy) = (http.listen, http.behind_proxy);
        Ok(Self { files, agents, listen, behind_proxy, _lock: None })
    }

    /// Opens the token files to change them, and waits until no other command changes them.
    ///
    /// # Errors
    ///
    /// Fails when `deed.toml` cannot be read, or when `tokens/` is a link or cannot be created.
    pub fn change(dir: &Path) -> Result<Self, Fault> {
        let store = Self::open(dir)?;
        let lock = store.files.lock(FOLDER).map_err(|e| fault(&e))?;
        Ok(Self { _lock: Some(lock), ..store })
    }

    /// All tokens, also those of agents that `deed.toml` does not name, and the faults of files that are not tokens.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read or has too many files.
    pub fn list(&self) -> Result<Tokens, Fault> {
        let (found, faults) = read_all(&self.files).map_err(|e| fault(&e))?;
        Ok(Tokens { valid: found.into_iter().map(|Found { token, .. }| token).collect(), faults })
    }

    /// Stores a new token. Returns false if the file could not be given to the owner of `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when there are too many files, a file with the token's id exists, or the file cannot be written.
    pub fn add(&self, token: &AgentToken) -> Result<bool, Fault> {
        let names = self.files.names(FOLDER).map_err(|e| fault(&e))?;
        if names.len() >= NAMES_MAX {
            let what = format!(
                "there are {NAMES_MAX} token files, and a host reads no more; revoke tokens that are not needed"
            );
            return Err(Fault::new(FOLDER, 0, what));
        }
        if names.contains(&file(&token.id)) {
            return Err(Fault::new(&path(&token.id), 0, "this file exists already; try again"));
        }
        self.put(token)
    }

    /// Writes or replaces the file of a token. Returns false if the file could not be given to the owner of `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub fn put(&self, token: &AgentToken) -> Result<bool, Fault> {
        let failed = |e: &dyn std::fmt::Display| Fault::new(&path(&token.id), 0, e.to_string());
        let text = token.to_toml().map_err(|e| failed(&e))?;
        self.files.keep(FOLDER, &file(&token.id), text.as_bytes()).map_err(|e| failed(&e))
    }

    /// Removes the file of a token, also if `deed.toml` cannot be read. Returns false if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the directory cannot be opened, or the file cannot be removed.
    pub fn revoke(dir: &Path, id: &str) -> Result<bool, Fault> {
        let files = Files::open(dir).map_err(|e| Fault::no_directory(dir, &e))?;
        // The folder is not created for a directory without one.
        if !dir.join(FOLDER).exists() {
            return Ok(false);
        }
        let _lock = files.lock(FOLDER).map_err(|e| fault(&e))?;
        files.discard(FOLDER, &file(id)).map_err(|e| fault(&e))
    }

    /// Removes the file of a token. Returns false if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be removed.
    pub fn remove(&self, id: &str) -> Result<bool, Fault> {
        self.files.discard(FOLDER, &file(id)).map_err(|e| fault(&e))
    }
}

fn agents(raw: &raw::Host) -> Vec<NamedAgent> {
    let of = |(tenant, tables): (&String, &raw::Tenant)| -> Vec<NamedAgent> {
        let named = |(name, agent): (&String, &raw::Agent)| NamedAgent {
            tenant: tenant.clone(),
            name: name.clone(),
            has_token: agent.token.is_some(),
        };
        tables.agent.iter().map(named).collect()
    };
    raw.tenant.iter().flat_map(of).collect()
}

fn file(id: &str) -> String {
    format!("{id}{END}")
}

fn path(id: &str) -> String {
    format!("{FOLDER}/{id}{END}")
}

fn fault(error: &FileError) -> Fault {
    Fault::new(FOLDER, 0, error.to_string())
}
