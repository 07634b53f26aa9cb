//! Faults of a served directory: file, line, what is wrong, and the remedy.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use deed_record::contract::ContractError;
use deed_record::policy::CompileError;
use deed_sandbox::credentials::SECRET_MIN;
use deed_system::files::FileError;

use super::misplaced::Misplaced;

/// The remedy for a path that does not lead to a served directory.
const START: &str = "correct the path (`deed init` creates a directory to start from)";

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// The line number, counted from 1; 0 if the fault concerns the whole file.
    pub line: usize,
    /// What is wrong, and the remedy.
    pub what: String,
}

/// All faults that were found. The host does not start if there is any fault.
#[derive(Clone, Debug, Default, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }

    /// Whether a contract file has a fault. If a contract file has a fault, the caller need not report other faults
    /// that result from that fault.
    pub(super) fn in_contracts(&self) -> bool {
        self.0.iter().any(|fault| fault.file.starts_with("contracts/"))
    }

    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// The faults without the values of `deed.toml` that may be secrets.
    pub(super) fn hiding(self, misplaced: &Misplaced) -> Self {
        Self(self.0.into_iter().map(|fault| fault.hiding(misplaced)).collect())
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    pub fn list(&self) -> &[Fault] {
        &self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self::one(fault)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", visible(&place(&self.file, self.line)), visible(&self.what))
    }
}

impl Fault {
    pub fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }

    /// The fault without the values of `deed.toml` that may be secrets.
    pub(super) fn hiding(self, misplaced: &Misplaced) -> Self {
        let (file, what) = (misplaced.hidden_in(&self.file), misplaced.hidden_in(&self.what));
        Self { file, line: self.line, what }
    }

    /// The fault names the directory as the user typed it, because there is no `deed.toml` to point at.
    pub(super) fn no_directory(dir: &Path, error: &FileError) -> Self {
        let what = match error.kind() {
            Some(ErrorKind::NotFound) => format!("this directory does not exist; {START}"),
            Some(ErrorKind::NotADirectory) => {
                let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or_else(|| Path::new("."));
                format!("this is a file; use the directory `{}`", parent.display())
            }
            _ => error.to_string(),
        };
        Self::new(&dir.display().to_string(), 0, what)
    }

    /// Reports why `deed.toml` could not be read. If `deed.toml` does not exist, the fault names the directory.
    pub(super) fn no_file(dir: &Path, error: &FileError) -> Self {
        if error.kind() == Some(ErrorKind::NotFound) {
            let what = format!("this directory has no `deed.toml`; {START}");
            return Self::new(&dir.display().to_string(), 0, what);
        }
        Self::new("deed.toml", 0, error.to_string())
    }

    /// Like [`Fault::toml`], but for a file in which a secret may have been written in the wrong place.
    pub(super) fn private_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let what = Misplaced::of(text).hidden_in(&without_text(error.message()));
        Self { what: what.replace('\n', "; "), ..Self::toml(file, text, error) }
    }

    pub(super) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(0, |head| head.matches('\n').count() + 1);
        Self::new(file, line, error.message().replace('\n', "; "))
    }
}

/// Formats a place as `FILE:LINE`, or as the file alone if the fault concerns the whole file.
pub fn place(file: &str, line: usize) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

impl From<ContractError> for Fault {
    fn from(error: ContractError) -> Self {
        Self { file: error.file, line: error.line, what: error.what }
    }
}

impl From<CompileError> for Fault {
    fn from(error: CompileError) -> Self {
        let CompileError { file, line, policy, what, remedy } = error;
        // The policy name is empty if the policy text could not be parsed at all.
        let named = if policy.is_empty() { String::new() } else { format!("policy `{policy}`: ") };
        Self { file, line, what: format!("{named}{what}; {remedy}") }
    }
}

/// The text and the name of a file, for faults that point at a line of the file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    /// A fault at the first line that contains `needle`.
    pub(super) fn fault(&self, needle: &str, what: &str) -> Fault {
        let line =
            self.text.lines().position(|line| line.contains(needle)).map_or(0, |index| index + 1);
        Fault::new(&self.name, line, what)
    }

    /// A fault inside a table: at the first line after `table` that contains `needle`, else at the table. A comment may
    /// follow the head of the table.
    pub(super) fn fault_in(&self, table: &str, needle: &str, what: &str) -> Fault {
        let start = self.text.lines().position(|line| is_head(line, table)).unwrap_or(0);
        let rest = self.text.lines().enumerate().skip(start);
        let inside =
            rest.take_while(|(n, line)| *n == start || !line.trim_start().starts_with('['));
        let hit = inside.into_iter().find(|(_, line)| line.contains(needle));
        Fault::new(&self.name, hit.map_or(start, |(n, _)| n) + 1, what)
    }
}

fn is_head(line: &str, table: &str) -> bool {
    let rest = line.trim_start().strip_prefix(table).map(str::trim_start);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
}

/// How many characters of a number in an error of serde are shown, at most. A number of 16 digits can be a secret.
const NUMBER: usize = 12;

/// Removes a misplaced text from serde's error message. An unknown name or a number is shown if it is too short to be a
/// secret.
fn without_text(what: &str) -> String {
    let places = [
        ("string \"", "\", expected", "a text", 0),
        ("integer `", ", expected", "a number", NUMBER),
        ("floating point `", ", expected", "a number", NUMBER),
        ("unknown variant `", "`, expected", "an unknown name", SECRET_MIN),
        ("unknown field `", "`, expected", "an unknown name", SECRET_MIN),
    ];
    for (before, after, said, shortest) in places {
        let Some((head, rest)) = what.split_once(before) else { continue };
        let Some((_, tail)) = rest.rsplit_once(after).filter(|(t, _)| t.len() >= shortest) else {
            continue;
        };
        return format!("{head}{said}, expected{tail}");
    }
    what.to_owned()
}

/// Escapes control and reordering characters, because names and texts of hostile files reach terminals and logs.
fn visible(text: &str) -> String {
    deed_spec::text::safe(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_a_table_has_its_line_also_if_a_comment_follows_the_head() {
        let text = "# url of the file\n[notify.x]\nurl = 1\n  [notify]  # a webhook\nurl = 2\n[log]\nsecret = 3\n";
        let here = Source { name: "deed.toml".to_owned(), text: text.to_owned() };
        for (table, needle, line) in [
            ("[notify]", "url", 5),
            ("[notify]", "secret", 4),
            ("[notify.x]", "url", 3),
            ("[log]", "secret", 7),
        ] {
            assert_eq!(here.fault_in(table, needle, "what").line, line, "{table} {needle}");
        }
    }

    #[test]
    fn a_fault_shows_no_misplaced_text_and_no_control_character() {
        for (said, left) in [
            (
                "invalid type: string \"se\"cret\", expected struct X",
                "invalid type: a text, expected struct X",
            ),
            (
                "unknown variant `a-secret-as-a-slot`, expected one of `bearer`, `basic`",
                "an unknown name, expected one of `bearer`, `basic`",
            ),
            (
                "unknown field `methods`, expected `upstreams`",
                "unknown field `methods`, expected `upstreams`",
            ),
            (
                "invalid type: integer `2`, expected a string",
                "invalid type: integer `2`, expected a string",
            ),
            (
                "invalid type: integer `1234567890123456`, expected a string",
                "invalid type: a number, expected a string",
            ),
            (
                "invalid type: integer `12345678901234567890123` as i128, expected a string",
                "invalid type: a number, expected a string",
            ),
            (
                "invalid type: floating point `12345678901.5`, expected a string",
                "invalid type: a number, expected a string",
            ),
        ] {
            assert_eq!(without_text(said), left);
        }
        let fault = Fault::new("contracts/a\u{1b}b", 3, "x\ny \u{202e}z");
        assert_eq!(fault.to_string(), "contracts/a\\u{1b}b:3: x\\u{a}y \\u{202e}z");
        assert_eq!(Fault::new("adapters/a.wasm", 0, "why").to_string(), "adapters/a.wasm: why");
    }

    #[test]
    fn a_misplaced_text_is_hidden_in_the_name_of_the_file_too() {
        let misplaced = Misplaced::of("policies = [\"policies/Ab3dEf9hIjKlMn0pQrSt\"]");
        let fault = Fault::new("policies/Ab3dEf9hIjKlMn0pQrSt", 4, "why").hiding(&misplaced);
        assert_eq!(fault.to_string(), "…:4: why");
    }
}
