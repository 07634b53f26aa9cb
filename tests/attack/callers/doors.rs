//! Attempts to decide with the token of an agent, at every door of the host: routes, tools and methods of MCP, commands,
//! and the operations listener. Each attempt has a real body, such as a valid approval of a person. The table of all
//! doors with their answers is compared with docs/threat-model.md.

mod commands;
mod http;
mod methods;
mod not_built;
mod stage;
mod table;
mod tools;

use deed_tests::doors;
use deed_tests::services::workspace;

use self::table::Row;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "decisions-by-every-route" => http::attack,
        "decisions-by-every-tool" => tools::attack,
        "decisions-by-every-method-of-mcp" => methods::attack,
        "decisions-by-every-command" => commands::attack,
        "decisions-by-doors-that-are-not-built" => not_built::attack,
        "decisions-are-those-of-the-document" => document,
    ]
}

const HEADING: &str = "### Doors";

/// Checks the rows that were found against a part of the table.
fn compare(found: &[String], listed: &[Row]) {
    let listed: Vec<String> = listed.iter().map(Row::text).collect();
    let differences = doors::differences(found, &listed);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The document has the same table as the attacks.
fn document() {
    let text = std::fs::read_to_string(workspace().join("docs/threat-model.md")).unwrap();
    let listed: Vec<String> = table::all().map(Row::text).collect();
    let written = doors::table(&text, HEADING);
    assert!(
        written == listed,
        "docs/threat-model.md must have below `{HEADING}`:\n{}",
        listed.join("\n")
    );
}
