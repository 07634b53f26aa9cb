//! Compares docs/threat-model.md with the attack cases. The document must name every case and no others.

use std::collections::BTreeSet;

use deed_tests::services::workspace;

/// A message for each name that is only in the document or only in the list of cases; empty when they agree.
pub(crate) fn differences(cases: &BTreeSet<String>) -> Vec<String> {
    let text = std::fs::read_to_string(workspace().join("docs/threat-model.md")).unwrap();
    let sides: BTreeSet<&str> = cases.iter().filter_map(|case| case.split('/').next()).collect();
    let is_case = |word: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        word.split_once('/')
            .is_some_and(|(side, name)| sides.contains(side) && name.chars().all(plain))
    };
    // If the text is split at backticks, every second part is code.
    let named: BTreeSet<String> =
        text.split('`').skip(1).step_by(2).filter(is_case).map(str::to_owned).collect();
    let missing =
        cases.difference(&named).map(|case| format!("docs/threat-model.md lacks `{case}`"));
    let unknown = named
        .difference(cases)
        .map(|case| format!("docs/threat-model.md has `{case}`, and there is no such case"));
    missing.chain(unknown).collect()
}
