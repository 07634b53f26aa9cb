//! Open contracts: the adapter computes parts of the writes, so each action is rehearsed before anybody agrees to it.

use super::Contract;
use super::schema::Schema;
use super::template::Rule;
use super::template::text::Format;

impl Contract {
    /// Whether the adapter determines a part of the writes: an open part, a value of an answer in a write, or whether
    /// an optional write is sent.
    pub fn is_open(&self) -> bool {
        self.templates() == Format::Two && self.perform.http.iter().any(Rule::is_open)
    }

    /// The schema of the open part with this name in the rule at this position of `perform`, from 0.
    pub fn part_schema(&self, rule: usize, name: &str) -> Option<Schema> {
        if self.templates() == Format::One {
            return None;
        }
        let parts = self.perform.http.get(rule)?.open_parts().ok()?;
        parts.into_iter().find(|part| part.name == name).map(|part| part.schema)
    }

    /// The schema of a value of an answer, by its path `NAME.MEMBER`.
    pub fn answer_schema(&self, path: &str) -> Option<&Schema> {
        self.answer_at(path).map(|(_, schema)| schema)
    }
}
