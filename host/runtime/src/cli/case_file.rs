//! Files of test cases: a TOML file with `format = 1` and one `[[case]]` table for each case.
//!
//! Each case keeps its line number, which error messages show.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::config::Fault;

/// The cases of one file, each with its line number.
#[derive(Debug)]
pub(super) struct CaseFile<T> {
    pub(super) file: String,
    pub(super) list: Vec<(usize, T)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    /// The version of the file format, which must be 1.
    format: Spanned<u32>,
    #[serde(default = "Vec::new")]
    case: Vec<Spanned<T>>,
}

/// Reads a file of test cases. Fails with the first fault in the file. An unknown field is a fault.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<CaseFile<T>, Fault> {
    parse(path, &text(path)?)
}

/// The text of a file of test cases.
pub(super) fn text(path: &Path) -> Result<String, Fault> {
    let failed = |e: std::io::Error| {
        Fault::new(&path.display().to_string(), 0, format!("cannot be read: {e}"))
    };
    std::fs::read_to_string(path).map_err(failed)
}

/// Reads the text of a file of test cases, as [`read`] does.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<CaseFile<T>, Fault> {
    let file = path.display().to_string();
    let parsed: File<T> = toml::from_str(text).map_err(|e| {
        let start = e.span().map_or(0, |span| span.start);
        Fault::new(&file, line_of(text, start), e.message().replace('\n', "; "))
    })?;
    if *parsed.format.get_ref() != 1 {
        let line = line_of(text, parsed.format.span().start);
        return Err(Fault::new(&file, line, "the format is not known; use `format = 1`"));
    }
    if parsed.case.is_empty() {
        return Err(Fault::new(&file, 0, "there is no [[case]]; add one"));
    }
    let placed = |case: Spanned<T>| (line_of(text, case.span().start), case.into_inner());
    Ok(CaseFile { list: parsed.case.into_iter().map(placed).collect(), file })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(0, |head| head.matches('\n').count() + 1)
}
