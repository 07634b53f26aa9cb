//! Agents and persons of a tenant: tokens by hash, approver keys by file, roles.

use std::collections::BTreeMap;

use deed_record::envelope;

use super::{Agent, Builder, Person};
use crate::config::{self, raw};

/// Never quotes what stands there: it may be the token itself.
const NO_DIGEST: &str = "`token` is no digest of a token; write `sha256:` and 64 lower-case hex digits, \
    which `deed token new` prints beside the token";

impl Builder<'_> {
    pub(super) fn agents(&mut self) -> BTreeMap<String, Agent> {
        let mut agents = BTreeMap::new();
        for (name, raw) in &self.raw.agent {
            if !self.raw.person.contains_key(&raw.person) {
                let what = format!(
                    "person `{0}` is not there; add [tenant.{1}.person.{0}]",
                    raw.person, self.name
                );
                self.fault("agent", name, "person", &what);
            }
            match raw.token.parse() {
                Ok(token) => {
                    let roles = raw.roles.iter().cloned().collect();
                    agents.insert(name.clone(), Agent { person: raw.person.clone(), roles, token });
                }
                Err(_) => self.fault("agent", name, "token", NO_DIGEST),
            }
        }
        agents
    }

    pub(super) fn persons(&mut self) -> BTreeMap<String, Person> {
        let mut persons = BTreeMap::new();
        for (name, raw) in &self.raw.person {
            match self.person(raw) {
                Ok(person) => {
                    persons.insert(name.clone(), person);
                }
                Err((needle, what)) => self.fault("person", name, needle, &what),
            }
        }
        persons
    }

    fn person(&self, raw: &raw::Person) -> Result<Person, (&'static str, String)> {
        let key = |path: &String| {
            let file = config::inside(self.dir, path).map_err(|e| ("keys", e))?;
            let text = std::fs::read_to_string(file)
                .map_err(|e| ("keys", format!("`{path}` cannot be read: {e}")))?;
            envelope::from_pem(&text)
                .map_err(|e| ("keys", format!("`{path}`: {e}; `deed key new` makes one")))
        };
        let token =
            raw.token.as_ref().map(|t| t.parse().map_err(|_| ("token", NO_DIGEST.to_owned())));
        Ok(Person {
            roles: raw.roles.iter().cloned().collect(),
            keys: raw.keys.iter().map(key).collect::<Result<_, _>>()?,
            token: token.transpose()?,
        })
    }
}
