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
    needle: String,
    what: String,
}

impl Fault {
    pub(super) fn at(needle: &str, what: impl std::fmt::Display) -> Self {
        Self { needle: needle.to_owned(), what: what.to_string() }
    }

    pub(super) fn locate(self, file: &str, text: &str) -> ContractError {
        let quoted = self.needle.replace('\\', "\\\\").replace('"', "\\\"");
        let hit = |line: &str| line.contains(&self.needle) || line.contains(&quoted);
        let line = text.lines().position(hit).map_or(0, |index| index + 1);
        ContractError::new(file, line, self.what)
    }
}
