//! Agents and persons of a tenant: their roles, the hashes of their tokens, and the files with their approver keys and
//! passkeys.

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::statement::approver::ApproverKey;
use deed_spec::digest::Digest;
use deed_spec::dsse;
use deed_system::files::PEM_MAX;

use super::passkeys::{self, Enrolment};
use super::{Agent, Builder, Person, TokenRule};
use crate::config::address::Address;
use crate::config::raw;

impl Builder<'_> {
    pub(super) fn agents(&mut self) -> BTreeMap<String, Agent> {
        let mut agents = BTreeMap::new();
        for (name, raw) in &self.raw.agent {
            if !self.raw.person.contains_key(&raw.person) {
                let what = format!(
                    "person `{0}` is missing; add [tenant.{1}.person.{0}]",
                    raw.person, self.name
                );
                self.fault("agent", name, "person", &what);
            }
            match hash(raw.token.as_ref()) {
                Ok(token) => {
                    let roles = raw.roles.iter().cloned().collect();
                    let (person, oauth) = (raw.person.clone(), raw.oauth.as_ref().map(rule));
                    agents.insert(name.clone(), Agent { person, roles, token, oauth });
                }
                Err((needle, what)) => self.fault("agent", name, needle, &what),
            }
        }
        agents
    }

    pub(super) fn persons(&mut self) -> BTreeMap<String, Person> {
        let mut persons = BTreeMap::new();
        for (name, raw) in &self.raw.person {
            match self.person(raw) {
                Ok(person) => {
                    self.own_keys(name, &person, &persons);
                    persons.insert(name.clone(), person);
                }
                Err((needle, what)) => self.fault("person", name, needle, &what),
            }
        }
        self.delegate(&mut persons);
        persons
    }

    /// Reports a key that two persons share, because the holder of that key could approve as two persons.
    fn own_keys(&mut self, name: &str, person: &Person, others: &BTreeMap<String, Person>) {
        let has = |key: &ApproverKey| person.keys.iter().any(|own| own.is_same_key(key));
        let same = |other: &Person| other.keys.iter().any(has);
        if let Some((other, _)) = others.iter().find(|(_, other)| same(other)) {
            let what = format!(
                "`{other}` and `{name}` have the same key; `deed key new` creates one for each"
            );
            self.fault("person", name, "keys", &what);
        }
    }

    fn person(&self, raw: &raw::Person) -> Result<Person, (&'static str, String)> {
        let key = |path: &String| {
            let text = self.files.text(path, PEM_MAX).map_err(|e| ("keys", e.to_string()))?;
            dsse::from_pem(&text)
                .map_err(|e| ("keys", format!("`{path}`: {e}; `deed key new` creates one")))
        };
        let keys: Vec<_> = raw.keys.iter().map(key).collect::<Result<_, _>>()?;
        let mut person = Person {
            roles: raw.roles.iter().cloned().collect(),
            delegations: Vec::new(),
            keys: keys.into_iter().map(ApproverKey::File).collect(),
            credentials: BTreeMap::new(),
            email: raw.email.as_deref().map(address).transpose()?,
            token: hash(raw.token.as_ref())?,
        };
        for path in &raw.passkeys {
            let passkey = passkeys::read(self.files, path).map_err(|what| ("passkeys", what))?;
            enrol(&mut person, path, passkey)?;
        }
        Ok(person)
    }
}

/// Adds a passkey to a person, who must not have its key in another form or for other origins.
fn enrol(
    person: &mut Person,
    path: &str,
    passkey: Enrolment,
) -> Result<(), (&'static str, String)> {
    let Enrolment { credential_id, key } = passkey;
    if person.keys.iter().any(|own| own.is_same_key(&key)) {
        let what = format!("`{path}` has a key that the person has already; name each key once");
        return Err(("passkeys", what));
    }
    let id = key.id().map_err(|e| ("passkeys", format!("`{path}`: {e}")))?;
    person.credentials.insert(id, credential_id);
    person.keys.push(key);
    Ok(())
}

/// The error does not quote the text, because no log contains the addresses of people.
fn address(text: &str) -> Result<Arc<Address>, (&'static str, String)> {
    let what = "`email` must be one e-mail address of ASCII characters, such as `bob@example.com`";
    Address::parse(text).map(Arc::new).ok_or_else(|| ("email", what.to_owned()))
}

/// The digest of a token, if a table has one.
fn hash(text: Option<&String>) -> Result<Option<Digest>, (&'static str, String)> {
    let failed = |text: &String| ("token", no_hash(text).to_owned());
    text.map(|text| text.parse::<Digest>().map_err(|_| failed(text))).transpose()
}

fn rule(raw: &raw::TokenRule) -> TokenRule {
    TokenRule { issuer: raw.issuer.clone(), claims: raw.claims.clone() }
}

/// The error does not quote the text, because the text may be the token itself.
fn no_hash(text: &str) -> &'static str {
    if text.is_empty() || text.to_ascii_lowercase().starts_with("sha") {
        return "`token` is not the digest of a token; write `sha256:` and 64 lower-case hex digits, the hash that \
                `deed token new` prints with the token";
    }
    "`token` is not the digest of a token: this is a token, not its hash, and no longer secret; `deed token new` \
     prints both"
}
