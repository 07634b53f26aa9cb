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

/// A fault, with excerpts of the file by which the line is found.
pub(super) struct Fault {
    /// The texts that one line contains, in order of preference.
    excerpts: Vec<Vec<String>>,
    /// Whether each text is a whole word of its line.
    has_words: bool,
    /// The request of the rule whose table contains the excerpt.
    request: Option<String>,
    what: String,
}

impl Fault {
    pub(super) fn at(excerpt: &str, what: impl std::fmt::Display) -> Self {
        let excerpts = vec![vec![excerpt.to_owned()]];
        Self { excerpts, has_words: false, request: None, what: what.to_string() }
    }

    /// A fault in the table of the rule with this request. The excerpt may also occur before the table.
    pub(super) fn in_rule(request: &str, excerpt: &str, what: impl std::fmt::Display) -> Self {
        Self { request: Some(request.to_owned()), ..Self::at(excerpt, what) }
    }

    /// A fault of a table with the key `any` in the body of the rule with this request. `name` is the text in the key
    /// `name` of the table, and `pointer` is its place in the body.
    pub(super) fn in_part(
        request: &str,
        name: Option<&str>,
        pointer: &str,
        what: impl std::fmt::Display,
    ) -> Self {
        let any = || "any".to_owned();
        let named = name.map(|name| format!("\"{name}\""));
        // An index in a list is not in the file.
        let is_key = |token: &&str| !token.is_empty() && !token.bytes().all(|b| b.is_ascii_digit());
        let key = pointer.rsplit('/').find(is_key);
        let key = key.map(|token| token.replace("~1", "/").replace("~0", "~"));
        let mut excerpts: Vec<Vec<String>> = Vec::new();
        excerpts.extend(named.iter().map(|named| vec![any(), named.clone()]));
        excerpts.extend(key.map(|key| vec![any(), key]));
        excerpts.extend(named.map(|named| vec![named]));
        excerpts.push(vec![any()]);
        Self { excerpts, has_words: true, ..Self::in_rule(request, "", what) }
    }

    pub(super) fn locate(self, file: &str, text: &str) -> ContractError {
        let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).collect();
        let of_rule = self.request.as_ref().and_then(|one| self.line_in_rule(&lines, one));
        let line = of_rule.or_else(|| self.line(&lines)).unwrap_or_default();
        ContractError::new(file, line, self.what)
    }

    /// The number of the line with the first excerpt that one of the lines contains.
    fn line(&self, lines: &[(usize, &str)]) -> Option<usize> {
        let contains: fn(&str, &str) -> bool =
            if self.has_words { contains_word } else { contains };
        let found = self.excerpts.iter().find_map(|excerpt| {
            let is_it = |line: &str| excerpt.iter().all(|text| contains(line, text));
            lines.iter().find(|(_, line)| is_it(line))
        });
        found.map(|(number, _)| *number)
    }

    /// The number of the line with an excerpt in the tables of the rules with this request. The line of the request if
    /// these tables do not contain an excerpt, and `None` if there are no such tables.
    fn line_in_rule(&self, lines: &[(usize, &str)], request: &str) -> Option<usize> {
        let tables = lines.chunk_by(|_, (_, next)| !starts_table(next));
        let is_of_rule =
            |table: &&[(usize, &str)]| table.iter().any(|(_, one)| names(one, request));
        let own: Vec<(usize, &str)> = tables.filter(is_of_rule).flatten().copied().collect();
        let of_request = || own.iter().find(|(_, line)| names(line, request));
        self.line(&own).or_else(|| of_request().map(|(number, _)| *number))
    }
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

/// Like [`contains`], for a text that is not a part of a longer name in the line.
fn contains_word(line: &str, text: &str) -> bool {
    let is_of_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-');
    let is_word = |text: &str| {
        line.match_indices(text).any(|(at, found)| {
            let before = line.get(..at).and_then(|head| head.chars().next_back());
            let behind = line.get(at + found.len()..).and_then(|rest| rest.chars().next());
            !before.is_some_and(is_of_name) && !behind.is_some_and(is_of_name)
        })
    };
    is_word(text) || is_word(&escaped(text))
}

/// A text as a basic string of TOML contains it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
