//! `deed policy schema`: prints the Cedar schema of a tenant in Cedar syntax, formatted for people.
//!
//! Formatting changes only white space, so the output is still the schema that policies are checked against.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use deed_record::policy::Vocabulary;
use deed_spec::text::safe;

use crate::cli::out::{Failure, print};
use crate::config;

/// Print the Cedar schema that policies are checked against
///
/// The schema is generated from the granted contracts, the roles of agents and persons, and the attributes of
/// resources. The schema declares `principal`, `resource` and `context` for each action. The schema is printed even if
/// the policies do not compile. contracts/REFERENCE.md describes each member of `context`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SchemaArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// The tenant; required if the host has several tenants
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

pub(super) fn run(args: &SchemaArgs) -> Result<ExitCode, Failure> {
    let vocabularies = config::vocabularies(&args.dir).map_err(Failure::failed)?;
    let vocabulary = chosen(&vocabularies, args.tenant.as_deref())?;
    print(&laid_out(&vocabulary.schema()))?;
    Ok(ExitCode::SUCCESS)
}

fn chosen<'a>(
    tenants: &'a BTreeMap<String, Vocabulary>,
    name: Option<&str>,
) -> Result<&'a Vocabulary, Failure> {
    let names = || tenants.keys().map(|name| safe(name)).collect::<Vec<_>>().join("`, `");
    match (name, tenants.values().next()) {
        (Some(name), _) => tenants.get(name).ok_or_else(|| {
            Failure::Failed(format!("deed.toml has no [tenant.{name}]; it has `{}`", names()))
        }),
        (None, Some(only)) if tenants.len() == 1 => Ok(only),
        (None, Some(_)) => {
            Err(Failure::usage(format!("name one of the tenants `{}` with --tenant", names())))
        }
        (None, None) => Err(Failure::failed("deed.toml has no [tenant.NAME]; add one")),
    }
}

/// Formats a schema with one member per line. Braces and commas inside a quoted name are not changed.
fn laid_out(schema: &str) -> String {
    let (mut out, mut depth, mut quoted, mut escaped) = (String::new(), 0_usize, false, false);
    for c in schema.split('\n').map(str::trim).flat_map(|line| line.chars().chain(['\n'])) {
        let opens = !quoted && c == '{';
        let closes = !quoted && c == '}';
        if closes {
            depth = depth.saturating_sub(1);
            end_record(&mut out, depth);
        }
        // At the beginning of an output line, white space of the input is skipped, because `start_line` already indents
        // the line.
        let space = !quoted && (c == '\n' || c == ' ' && out.ends_with([' ', '\n']));
        if !space {
            out.push(c);
        }
        if opens {
            depth += 1;
        }
        if opens || !quoted && [',', ';'].contains(&c) {
            start_line(&mut out, depth);
        }
        (quoted, escaped) = (quoted != (c == '"' && !escaped), quoted && c == '\\' && !escaped);
    }
    out.trim_end().to_owned()
}

/// Ends a record before its closing brace. An empty record stays on one line.
fn end_record(out: &mut String, depth: usize) {
    let kept = out.trim_end().len();
    if out.trim_end().ends_with('{') {
        out.truncate(kept);
    } else {
        start_line(out, depth);
    }
}

fn start_line(out: &mut String, depth: usize) {
    let kept = out.trim_end().len();
    out.truncate(kept);
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "namespace Deed {\n  entity Agent = { person: String, roles: Set<String> };\n  \
        type Approvals = { \"a, {b\\\"}\": Long };\n  entity Resource = {};\n}\n";

    #[test]
    fn each_member_has_a_line_and_only_white_space_differs() {
        let text = laid_out(SCHEMA);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..5],
            [
                "namespace Deed {",
                "  entity Agent = {",
                "    person: String,",
                "    roles: Set<String>",
                "  };",
            ]
        );
        assert!(lines.contains(&"    \"a, {b\\\"}\": Long"), "{text}");
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{text}");
        assert!(lines.contains(&"  entity Resource = {};"), "{text}");
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(dense(&text), dense(SCHEMA));
    }
}
