//! The report of an audit as text for people.

use deed_spec::text::safe;

use super::Audit;
use crate::Verdict;

/// Writes one line for each finding of an audit, then the verdict. `log` is the name to show for the log if there is no
/// signed tree.
pub fn lines(found: &Audit, log: &str) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, text: &str| lines.push(format!("{name:<11} {}", safe(text)));
    if let Some(tree) = &found.tree {
        line("origin", &tree.origin);
        line("size", &tree.size.to_string());
        line("root", &tree.root);
    }
    let kinds: Vec<String> = found.entries.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    if !kinds.is_empty() {
        line("entries", &kinds.join(", "));
        line("tiles", &format!("{} agree with the entries", found.tiles));
    }
    for older in &found.consistent {
        line("consistent", &format!("with {} ({})", older.size, older.name));
    }
    for one in &found.cosigned {
        line("cosigned", &format!("by {} at Unix time {}", one.witness, one.time));
    }
    if let Some(fault) = &found.fault {
        let mark = if found.verdict == Verdict::Failed { "FAULT" } else { "no answer" };
        line(mark, &format!("{}: {}", fault.file, fault.reason));
    }
    let origin = found.tree.as_ref().map_or(log, |tree| tree.origin.as_str());
    lines.push(format!("{} {}", found.verdict.as_str().to_uppercase(), safe(origin)));
    lines.join("\n")
}
