//! The log of the host of a trial: the lines of the adapter, and why a run failed.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// How much of the log is read, in bytes. The lines of one adapter run have at most 400 KiB.
const LOG_MAX: u64 = 2 << 20;

/// The targets whose lines concern the author. `deed_sandbox` logs what the adapter wrote and which of its requests were
/// refused, and the other target logs why a run is repeated.
const TARGETS: [&str; 2] = ["deed_sandbox", "deed_host::engine::looks"];

/// The filter of the host's log, for `DEED_LOG`.
pub(super) const FILTER: &str = "error,deed_sandbox=debug,deed_host::engine::looks=warn";

/// The beginning of the log; empty if there is none.
pub(super) fn read(file: &Path) -> String {
    read_from(file, 0)
}

/// The log from this byte on, up to its maximum size.
pub(in crate::cli) fn read_from(file: &Path, start: u64) -> String {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.take(LOG_MAX).read_to_end(&mut bytes)
    });
    read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The lines for the author, each as level and text.
pub(in crate::cli) fn lines(log: &str) -> Vec<String> {
    log.lines().filter_map(line).collect()
}

/// Takes a line of the form `TIME LEVEL TARGET: TEXT FIELDS` apart.
fn line(line: &str) -> Option<String> {
    let (head, text) = line.split_once(": ")?;
    let mut words = head.split_whitespace();
    let (_time, level, target) = (words.next()?, words.next()?, words.next()?);
    let of_author = TARGETS.iter().any(|one| is_within(target, one));
    if level != "ERROR" && !of_author {
        return None;
    }
    let level = level.to_ascii_lowercase();
    Some(match text.strip_prefix("adapter: ") {
        Some(said) => format!("{level} {}", said.rsplit_once(" action=").map_or(said, |(s, _)| s)),
        None => format!("host {level} {text}"),
    })
}

fn is_within(target: &str, above: &str) -> bool {
    target.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adapters_lines_come_without_the_hosts_fields() {
        let log = "2026-11-30T02:02:06.1Z  INFO deed_sandbox: adapter: read action=x: 3 tags action=act_1\n\
                   2026-11-30T02:02:06.2Z  WARN deed_host::engine::looks: it is observed again action=act_1 times=1\n\
                   2026-11-30T02:02:06.3Z  WARN deed_host::http: adapter: not one action=act_1\n\
                   2026-11-30T02:02:06.3Z DEBUG deed_sandboxes: adapter: not one action=act_1\n\
                   2026-11-30T02:02:06.4Z ERROR deed_host::engine::launch: the action cannot continue\n\
                   a line of another form\n";
        assert_eq!(
            lines(log),
            [
                "info read action=x: 3 tags",
                "host warn it is observed again action=act_1 times=1",
                "host error the action cannot continue"
            ]
        );
    }

    #[test]
    fn no_log_has_no_lines() {
        assert!(lines(&read(Path::new("/nowhere/at/all"))).is_empty());
    }
}
