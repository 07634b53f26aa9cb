//! Rejects values that exist in TOML but not in contracts: dates, times and floating-point numbers.
//!
//! The check reports the first date, time or floating-point number in a contract's text as an error. Without this check,
//! the TOML parser would turn a date into a table with a library-internal key, and infinities and NaN into `null`, and
//! the line of any other floating-point number would not be known.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ContractError;

pub(super) fn check(file: &str, text: &str) -> Result<(), ContractError> {
    // Text that is not TOML is left to the parser, which runs later and reports the line of the error.
    let Ok(table) = DeTable::parse(text) else { return Ok(()) };
    let mut first: Option<(usize, String)> = None;
    // The loop uses a worklist instead of recursion, because dotted keys can nest as deeply as the file is long.
    let mut rest: Vec<&Spanned<DeValue<'_>>> = table.get_ref().values().collect();
    while let Some(value) = rest.pop() {
        match value.get_ref() {
            DeValue::Table(table) => rest.extend(table.values()),
            DeValue::Array(items) => rest.extend(items.iter()),
            value_of_toml => {
                let found = refused(value_of_toml).map(|what| (value.span().start, what));
                first = [first, found].into_iter().flatten().min();
            }
        }
    }
    first.map_or(Ok(()), |(start, what)| Err(ContractError::at(file, text, start, what)))
}

fn refused(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Datetime(date) => Some(format!(
            "`{date}` is a TOML date or time, which JSON does not have; write it as text: `\"{date}\"`"
        )),
        DeValue::Float(number) if number.as_str().contains(['n', 'N']) => Some(format!(
            "`{number}` is not a number in JSON; write a whole number, or write it as text"
        )),
        DeValue::Float(number) => Some(format!(
            "`{number}` is a floating-point number, which a contract cannot contain; write a whole number, or write it as \
             text: `\"{number}\"`"
        )),
        _ => None,
    }
}
