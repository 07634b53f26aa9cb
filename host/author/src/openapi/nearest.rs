//! Names of operations that are similar to one that the document does not have.

use super::error::OpenApiError;
use super::operation::Operation;
use super::text::shown;

/// How many names an error suggests.
const SUGGESTED: usize = 5;

/// The document has no operation of this name.
pub(super) fn unknown(wanted: &str, all: &[Operation<'_>]) -> OpenApiError {
    let names = all.iter().map(|one| one.id.map_or_else(|| one.request(), str::to_owned));
    let mut ranked: Vec<(usize, String)> =
        names.map(|name| (distance(wanted, &name), name)).collect();
    ranked.sort();
    let near: Vec<String> =
        ranked.into_iter().take(SUGGESTED).map(|(_, name)| format!("`{}`", shown(&name))).collect();
    let asked = if wanted.is_empty() {
        "name an operation after `#`".to_owned()
    } else {
        format!("the document has no operation `{}`", shown(wanted))
    };
    OpenApiError::whole(format!(
        "{asked}; {}: {}; `--list` prints all {} operations",
        if wanted.is_empty() { "some are" } else { "similar are" },
        near.join(", "),
        all.len()
    ))
}

/// How many letters differ (Levenshtein), without regard to case and to letters after the 64th. A name that contains
/// the other is nearer than its length tells.
fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| -> Vec<char> { text.to_lowercase().chars().take(64).collect() };
    let (one, other) = (letters(one), letters(other));
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, letter) in one.iter().enumerate() {
        let mut diagonal = n;
        let mut left = n + 1;
        let mut next = vec![left];
        for (m, its) in other.iter().enumerate() {
            let above = row.get(m + 1).copied().unwrap_or_default();
            let replaced = diagonal + usize::from(letter != its);
            left = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    let whole = row.last().copied().unwrap_or_default();
    let (one, other): (String, String) = (one.iter().collect(), other.iter().collect());
    if !one.is_empty() && other.contains(&one) { whole / 4 } else { whole }
}
