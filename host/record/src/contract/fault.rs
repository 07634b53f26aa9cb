//! What is wrong with a contract, and where.

/// Why a contract is refused: the place, the fault and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", place(.file, *.line))]
pub struct ContractError {
    pub file: String,
    /// The line number, from 1; 0 if the fault concerns the whole file.
    pub line: usize,
    pub what: String,
}

/// `FILE:LINE`, or only the file if the fault concerns the whole file.
fn place(file: &str, line: usize) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

impl ContractError {
    pub(super) fn new(file: &str, line: usize, what: String) -> Self {
        Self { file: file.to_owned(), line, what }
    }

    pub(super) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let message = error.message().replace('\n', "; ");
        let what = no_such_encoding(&message).unwrap_or(message);
        Self::at(file, text, start, what)
    }

    /// An error at a byte offset of the text.
    pub(super) fn at(file: &str, text: &str, start: usize, what: String) -> Self {
        let line = text.get(..start).map_or(0, |head| head.matches('\n').count() + 1);
        Self::new(file, line, what)
    }
}

/// What to write instead, if a message of the parser is about an encoding in which the host cannot send a body.
fn no_such_encoding(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown variant `")?;
    let encoding = rest.strip_suffix("`, expected `json` or `form`")?;
    Some(format!(
        "`codec.request = \"{encoding}\"` is not supported: a body can be sent as `json` or `form`; for a kind of JSON, such \
         as a merge patch, leave out `codec.request` and write `headers = {{ Content-Type = \
         \"application/merge-patch+json\" }}`; for any other encoding, use a request of the upstream that takes JSON or a \
         form"
    ))
}

/// A fault, with an excerpt of the file by which the line is found.
pub(super) struct Fault {
    excerpt: String,
    /// The request of the rule whose table contains the excerpt.
    request: Option<String>,
    what: String,
}

impl Fault {
    pub(super) fn at(excerpt: &str, what: impl std::fmt::Display) -> Self {
        Self { excerpt: excerpt.to_owned(), request: None, what: what.to_string() }
    }

    /// A fault in the table of the rule with this request. The excerpt may also occur before the table.
    pub(super) fn in_rule(request: &str, excerpt: &str, what: impl std::fmt::Display) -> Self {
        Self { request: Some(request.to_owned()), ..Self::at(excerpt, what) }
    }

    pub(super) fn locate(self, file: &str, text: &str) -> ContractError {
        let of_rule = self.request.as_ref().and_then(|one| line_in_rule(text, one, &self.excerpt));
        let hit = || text.lines().position(|line| contains(line, &self.excerpt));
        let line = of_rule.or_else(|| hit().map(|index| index + 1)).unwrap_or_default();
        ContractError::new(file, line, self.what)
    }
}

/// The line, from 1, of an excerpt in the tables of the rules with this request. The line of the request if these tables
/// do not contain the excerpt, and `None` if there are no such tables.
fn line_in_rule(text: &str, request: &str, excerpt: &str) -> Option<usize> {
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
    let tables = lines.chunk_by(|_, (_, next)| !starts_table(next));
    let is_of_rule = |table: &&[(usize, &str)]| table.iter().any(|(_, one)| names(one, request));
    let own: Vec<&(usize, &str)> = tables.filter(is_of_rule).flatten().collect();
    let hit = own.iter().find(|(_, line)| contains(line, excerpt));
    let hit = hit.or_else(|| own.iter().find(|(_, line)| names(line, request)));
    hit.map(|(number, _)| *number)
}

/// Whether a line is the head of a table that is not inside the table of a rule, such as `[observe.http.body]` is.
fn starts_table(line: &str) -> bool {
    let line = line.trim_start();
    let is_inside = ["[observe.http.", "[perform.http."].iter().any(|one| line.starts_with(one));
    line.starts_with('[') && !is_inside
}

/// Whether a line is the key `request` with this value.
fn names(line: &str, request: &str) -> bool {
    let is_value = || {
        line.contains(&format!("\"{}\"", escaped(request)))
            || line.contains(&format!("'{request}'"))
    };
    line.trim_start().starts_with("request") && is_value()
}

/// Whether a line contains a text as it is, or as a basic string of TOML contains it.
fn contains(line: &str, text: &str) -> bool {
    line.contains(text) || line.contains(&escaped(text))
}

/// A text as a basic string of TOML contains it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
