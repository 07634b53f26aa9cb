//! The result table of all cells, and its last line.

use std::collections::{BTreeMap, BTreeSet};

use crate::cell::{Found, Is};

const LEGEND: &str = "v verified, f failed, m mismatch, i indeterminate; how often each write was applied; ! not right";

/// The table has a row for each place of a fault and a column for each way to fail. Each cell shows the end and how
/// often each write was applied.
pub(crate) fn lines(found: &[Found]) -> Vec<String> {
    let columns: BTreeSet<&str> = found.iter().map(|one| one.column.as_str()).collect();
    let mut rows: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for one in found {
        rows.entry(&one.row).or_default().insert(&one.column, mark(one));
    }
    let wide = rows.keys().map(|row| row.len()).max().unwrap_or(0);
    let head = columns.iter().map(|column| format!(" {column:>9}")).collect::<Vec<_>>().concat();
    let mut lines = vec![LEGEND.to_owned(), format!("{:wide$}{head}", "")];
    for (row, cells) in rows {
        let cells = columns.iter().map(|column| cells.get(column).map_or("", String::as_str));
        let cells = cells.map(|cell| format!(" {cell:>9}")).collect::<Vec<_>>().concat();
        lines.push(format!("{row:wide$}{cells}"));
    }
    lines
}

/// Prints one line for each cell, because the cells do not form a table.
pub(crate) fn list(found: &[Found]) -> Vec<String> {
    found.iter().map(|one| format!("{:>10}  {} ({})", mark(one), one.row, one.column)).collect()
}

/// The full text of everything that is wrong.
pub(crate) fn faults(found: &[Found]) -> Vec<String> {
    let bad = found.iter().filter(|one| one.verdict != Is::Right);
    bad.map(|one| format!("{:?}: {} ({}): {}", one.verdict, one.row, one.column, one.note))
        .collect()
}

/// The last line of `make faults`.
pub(crate) fn end(found: &[Found]) -> String {
    let count = |verdict| found.iter().filter(|one| one.verdict == verdict).count();
    let (twice, lost, wrong) = (count(Is::Twice), count(Is::Lost), count(Is::Wrong));
    format!("faults: {} cells, {twice} twice, {lost} lost, {wrong} wrong", found.len())
}

fn mark(one: &Found) -> String {
    let loud = if one.verdict == Is::Right { "" } else { "!" };
    let [first, second, third] = one.counted.applied;
    let short: String = one.status.chars().take(1).collect();
    format!("{loud}{short} {first}{second}{third}")
}
