//! Contracts as tools for language models: the name, the description and the JSON Schemas of each tool, and the
//! proposal that a call of the tool makes.
//!
//! This module only describes. A call of a tool becomes a proposal, and the engine treats it like any other proposal.

mod call;
mod description;
mod expected;
pub mod formats;
mod input;
mod names;
mod output;
mod schema;

use deed_record::contract::{Contract, Effect, Verb};
use serde_json::Value;

pub use self::call::{ArgumentsError, Call, as_written, split};
pub use self::expected::expected;

/// A contract as a tool.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the four hints of MCP's `ToolAnnotations`"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Matches `[a-zA-Z0-9_-]{1,64}` and starts with a letter, because some clients allow no other names.
    pub name: String,
    /// The name of the contract.
    pub contract: String,
    pub title: String,
    pub description: String,
    /// The JSON Schema (2020-12) of the arguments.
    pub input: Value,
    /// The JSON Schema (2020-12) of the structured result.
    pub output: Value,
    /// The tool changes nothing.
    pub read_only: bool,
    /// The tool deletes.
    pub destructive: bool,
    /// A repeated call with the same arguments has no further effect on the system.
    pub idempotent: bool,
    /// The tool reaches a system outside the host, which is true of every contract.
    pub open_world: bool,
}

/// The tool of one contract. If other contracts are listed with it, use [`all`], which makes the names distinct.
pub fn of(contract: &Contract) -> Tool {
    let head = &contract.action;
    let read = contract.is_read();
    Tool {
        name: names::of(&head.name),
        contract: head.name.clone(),
        title: head.title.clone(),
        description: description::of(contract),
        input: input::schema(contract),
        output: output::schema(contract),
        read_only: read,
        destructive: head.verb == Verb::Delete,
        idempotent: read || head.effect == Effect::Idempotent,
        open_world: true,
    }
}

/// The tools of these contracts with distinct names, sorted by name.
pub fn all<'c>(contracts: impl Iterator<Item = &'c Contract>) -> Vec<Tool> {
    let mut tools: Vec<Tool> = contracts.map(of).collect();
    names::distinguish(&mut tools);
    tools.sort_by(|one, other| one.name.cmp(&other.name));
    tools
}

#[cfg(test)]
mod tests;
