//! `deed openapi`: prints the OpenAPI description of the HTTP API to stdout as JSON. The command does not contact a
//! host.

use std::process::ExitCode;

use super::out::{self, Failure};
use crate::console;

pub(super) fn run() -> Result<ExitCode, Failure> {
    let text = serde_json::to_string_pretty(&console::document()).map_err(Failure::failed)?;
    out::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
