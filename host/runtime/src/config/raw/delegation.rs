//! A role that a person may use for another person.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    pub role: String,
    /// The person who has the role.
    pub from: String,
    /// A date, or a time in UTC.
    pub until: String,
    pub reason: String,
}
