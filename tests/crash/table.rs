//! The result table. The table has a row for each point of a kill and a column for each kind of action. Each cell shows
//! the outcome and how often each write took effect.

use std::collections::BTreeMap;

use deed_tests::record::contracts::Deed;

use crate::cell::Cell;
use crate::judge::Found;

pub(crate) const LEGEND: &str = "V verified, M mismatch, F failed, I indeterminate, - none; then how often each write \
                                 took effect; ! is wrong";

pub(crate) fn lines(results: &[(Cell, Found)]) -> Vec<String> {
    let deeds = Deed::all();
    let mut rows: BTreeMap<String, BTreeMap<Deed, Vec<String>>> = BTreeMap::new();
    for (cell, found) in results {
        let row = match &cell.again {
            None if !cell.served => format!("first start: {}", cell.death),
            None => cell.death.to_string(),
            Some(_) => "killed twice, anywhere".to_owned(),
        };
        let seen = rows.entry(row).or_default().entry(cell.deed).or_default();
        let word = word(found);
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    let name = |deed: &Deed| deed.contract().trim_start_matches("crash.").to_owned();
    let head = deeds.iter().map(|deed| format!("{:<12}", name(deed))).collect::<Vec<_>>().concat();
    let line = |(row, cells): (&String, &BTreeMap<Deed, Vec<String>>)| {
        let one = |deed| cells.get(deed).map(|words| words.join(" ")).unwrap_or_default();
        let columns = deeds.iter().map(|deed| format!("{:<12}", one(deed)));
        let columns = columns.collect::<Vec<_>>().concat();
        format!("{row:<52} {columns}").trim_end().to_owned()
    };
    let head = format!("{:<52} {head}", "where it died").trim_end().to_owned();
    [head].into_iter().chain(rows.iter().map(line)).collect()
}

/// The last line of the table, with the totals.
pub(crate) fn end(results: &[(Cell, Found)]) -> String {
    let count = |is: fn(&Found) -> bool| results.iter().filter(|(_, found)| is(found)).count();
    let (twice, lost, wrong) = (count(|f| f.twice), count(|f| f.lost), count(|f| f.wrong));
    format!("crash: {} cells, {twice} twice, {lost} lost, {wrong} wrong", results.len())
}

fn word(found: &Found) -> String {
    let outcome = match found.outcome.as_str() {
        "none" => "-".to_owned(),
        outcome => outcome.chars().take(1).flat_map(char::to_uppercase).collect(),
    };
    let applied: String = found.applied.iter().map(usize::to_string).collect();
    let mark = if found.faults.is_empty() { "" } else { "!" };
    format!("{outcome}{applied}{mark}")
}
