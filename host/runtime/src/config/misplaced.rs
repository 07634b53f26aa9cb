//! Values of `deed.toml` that may be secrets in the wrong place. No fault and no warning shows them.
//!
//! Some secrets look like names or paths, so this is no guarantee. It covers keys in PEM form in every field, and random
//! texts in every field that does not hold the name of an agent, person, role or upstream.

mod shape;

use std::collections::BTreeSet;

use deed_system::files::is_quotable;
use toml::{Table, Value};

use self::shape::{is_random, private};

/// The texts that are not shown.
pub(super) struct Misplaced(Vec<Hidden>);

struct Hidden {
    /// The beginning, in lower case. Errors quote values shortened or in lower case.
    start: String,
    value: String,
}

/// How many bytes of the beginning of a value identify it where an error cuts the value. Such an error may show fewer.
const START: usize = 8;
/// How many bytes of the beginning of a value identify it everywhere. Fewer bytes may be an ordinary word.
const PART: usize = 12;

/// Whether the `file` of a secret may be a secret itself. A path below `secrets/` was written as a path, whatever the
/// file is called.
pub(super) fn is_no_path(file: &str) -> bool {
    !is_quotable(file) || (!file.starts_with("secrets/") && private("file", file).is_some())
}

impl Misplaced {
    /// Finds the values in the text of `deed.toml`. A text that is not TOML has none.
    pub(super) fn of(text: &str) -> Self {
        let table: Table = toml::from_str(text).unwrap_or_default();
        let mut found = Found::default();
        found.table(&table);
        let Found { names, values, mut hidden } = found;
        let misplaced = values.iter().filter(|(_, value)| !names.contains(value));
        hidden.extend(misplaced.filter_map(|&(field, value)| private(field, value)));
        let ends: Vec<&str> = hidden.iter().copied().flat_map(ends).collect();
        hidden.extend(ends);
        // Errors escape values in two ways.
        let forms = |value: &&str| [deed_spec::text::safe(value), value.escape_debug().to_string()];
        let escaped: Vec<String> = hidden.iter().flat_map(forms).collect();
        let all = hidden.into_iter().map(str::to_owned).chain(escaped).collect::<BTreeSet<_>>();
        Self(all.into_iter().filter(|value| !value.is_empty()).map(Hidden::new).collect())
    }

    /// The text with `…` in place of each value, also if only the beginning of a value is in the text.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
        while let Some(from) = self.next(&lower, at) {
            shown.push_str(text.get(at..from).unwrap_or_default());
            let rest = text.get(from..).unwrap_or_default();
            let longest = self.0.iter().filter_map(|one| one.hidden_at(rest)).max();
            let first = rest.chars().next();
            shown.extend(longest.map_or(first, |_| Some('…')));
            let first = first.map_or(1, char::len_utf8);
            at = from.saturating_add(longest.unwrap_or(first).max(1));
        }
        shown.push_str(text.get(at..).unwrap_or_default());
        shown
    }

    /// Where the next value begins.
    fn next(&self, lower: &str, at: usize) -> Option<usize> {
        let rest = lower.get(at..)?;
        let found = self.0.iter().filter_map(|one| rest.find(&one.start)).min();
        found.map(|found| at.saturating_add(found))
    }
}

impl Hidden {
    fn new(value: String) -> Self {
        let mut ends = value.char_indices().map(|(index, _)| index);
        let end = ends.find(|index| *index >= START).unwrap_or(value.len());
        let start = value.get(..end).unwrap_or(&value).to_ascii_lowercase();
        Self { start, value }
    }

    /// How many bytes at the beginning of the text must not be shown. A part of the value counts if it is long, or if an
    /// error has cut it.
    fn hidden_at(&self, text: &str) -> Option<usize> {
        let common = self.common(text);
        let after = text.get(common..)?.chars().next();
        let is_cut = after.is_none_or(|letter| matches!(letter, '`' | '"' | '\'' | '…'));
        let is_part = common >= PART || common == self.value.len() || is_cut;
        (common >= self.start.len() && is_part).then_some(common)
    }

    /// How many bytes at the beginning of the text are those of the value.
    fn common(&self, text: &str) -> usize {
        let pairs = text.chars().zip(self.value.chars());
        let same = pairs.take_while(|(one, other)| one.eq_ignore_ascii_case(other));
        same.map(|(one, _)| one.len_utf8()).sum()
    }
}

/// The parts of a value that an error may show without its beginning: `abc` of `sha256:abc` and of `Bearer abc`.
fn ends(value: &str) -> impl Iterator<Item = &str> {
    let is_key = value.starts_with("-----BEGIN");
    let parts = [':', ' '].into_iter().filter_map(move |sign| value.split_once(sign));
    let parts = parts.map(|(_, end)| end.trim_start());
    parts.filter(move |end| !is_key && end.len() >= PART)
}

/// What a file contains.
#[derive(Default)]
struct Found<'t> {
    /// The keys of tables that may be shown. A value that is also a key names that table.
    names: BTreeSet<&'t str>,
    /// Texts, each with the name of its field.
    values: Vec<(&'t str, &'t str)>,
    /// Keys that are not shown.
    hidden: Vec<&'t str>,
}

impl<'t> Found<'t> {
    fn table(&mut self, table: &'t Table) {
        for (key, value) in table {
            if is_quotable(key) && !is_random(key) {
                self.names.insert(key.as_str());
            } else {
                self.hidden.push(key.as_str());
            }
            self.value(key.as_str(), value);
        }
    }

    fn value(&mut self, field: &'t str, value: &'t Value) {
        match value {
            Value::String(text) => self.values.push((field, text.as_str())),
            Value::Array(values) => values.iter().for_each(|value| self.value(field, value)),
            Value::Table(table) => self.table(table),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
