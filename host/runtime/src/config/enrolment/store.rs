//! Enrolment for the commands, with the parts of `deed.toml` that concern it. The commands do not check the whole
//! configuration.

use std::path::Path;

use deed_record::statement::approver::ApproverKey;

use super::EnrolmentFolder;
use crate::config::fault::Fault;
use crate::config::tenant::passkeys;
use crate::config::{public_url, raw, read_one};

/// The files of a served directory that concern enrolment, and the people of `deed.toml`.
#[derive(Debug)]
pub struct EnrolmentStore {
    pub folder: EnrolmentFolder,
    pub people: Vec<NamedPerson>,
    /// The beginning of links to the host's pages; `None` if it is not known.
    pub base: Option<String>,
    /// Whether people reach the host through a proxy.
    pub behind_proxy: bool,
}

/// A person in `deed.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPerson {
    pub tenant: String,
    pub name: String,
    /// The files with the person's passkeys.
    pub passkeys: Vec<String>,
}

impl EnrolmentStore {
    /// Reads `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when `deed.toml` cannot be read.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let (files, _, raw) = read_one(dir)?;
        let (people, base) = (people(&raw), public_url::known(&raw.http));
        let behind_proxy = raw.http.behind_proxy;
        Ok(Self { folder: EnrolmentFolder { files }, people, base, behind_proxy })
    }

    /// The configured passkeys of a person, each with its file. A file that cannot be used has the reason instead.
    pub fn configured(&self, person: &NamedPerson) -> Vec<(String, Result<ApproverKey, String>)> {
        let read = |path: &String| {
            let read = passkeys::read(&self.folder.files, path);
            (path.clone(), read.map(|enrolment| enrolment.key))
        };
        person.passkeys.iter().map(read).collect()
    }
}

fn people(raw: &raw::Host) -> Vec<NamedPerson> {
    let of = |(tenant, tables): (&String, &raw::Tenant)| -> Vec<NamedPerson> {
        let named = |(name, person): (&String, &raw::Person)| NamedPerson {
            tenant: tenant.clone(),
            name: name.clone(),
            passkeys: person.passkeys.clone(),
        };
        tables.person.iter().map(named).collect()
    };
    raw.tenant.iter().flat_map(of).collect()
}
