//! `deed contract new`: drafts a contract for one operation of an OpenAPI document.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_author::openapi::{Choice, Document, Draft, MAX_BYTES, Operation, draft};
use deed_record::contract::{Question, questions};
use deed_spec::text::safe;
use serde::Serialize;

use super::super::out::{self, Failure, shell};
use super::super::quote::quoted;
use super::NewArgs;
use crate::cli::text::line;

/// The longest summary of an operation in the list.
const SUMMARY_MAX: usize = 80;
/// The most questions that the note at the end repeats.
const TOLD_MAX: usize = 20;

#[derive(Debug, Serialize)]
struct Listed<'d> {
    method: &'d str,
    path: &'d str,
    #[serde(rename = "operationId", skip_serializing_if = "Option::is_none")]
    id: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'d str>,
}

#[derive(Debug, Serialize)]
struct Report {
    contract: String,
    questions: Vec<Asked>,
}

#[derive(Debug, Serialize)]
struct Asked {
    line: usize,
    question: String,
}

pub(super) fn run(args: &NewArgs) -> Result<ExitCode, Failure> {
    let (file, operation) = split(&args.from);
    let document = document(&file)?;
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        return list(args, &document);
    };
    let choice =
        Choice { name, operation, look: args.look.as_deref(), members: args.member.as_slice() };
    let draft = draft(&document, choice).map_err(|error| in_file(&file, error))?;
    if let Some(path) = &args.output {
        write(path, &draft.text)?;
    }
    let report = Report {
        contract: draft.text.clone(),
        questions: questions(&draft.text).into_iter().map(Asked::from).collect(),
    };
    if args.output.is_none() || args.format.json {
        args.format.print(&report, |report| report.contract.clone())?;
    }
    tell(args, name, &draft);
    Ok(ExitCode::SUCCESS)
}

/// The file and the operation. A `#` in the name of the file ends the name.
fn split(from: &str) -> (PathBuf, &str) {
    let (file, operation) = from.split_once('#').unwrap_or((from, ""));
    (PathBuf::from(file), operation.trim())
}

/// Reads the document. At most one byte more than a document may have is read.
fn document(path: &Path) -> Result<Document, Failure> {
    let name = path.display().to_string();
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| {
        Failure::Failed(format!("`{name}`: {error}; write `--from FILE#OPERATION`"))
    })?;
    Document::from_bytes(&name, &bytes).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("`{}`: {error}", path.display()))
}

/// Writes a new file. An existing file is never replaced.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "; remove the file, or name another one",
            _ => "",
        };
        Failure::Failed(format!("`{}`: {error}{remedy}", path.display()))
    })
}

/// Prints the questions in short, and the next command.
fn tell(args: &NewArgs, name: &str, draft: &Draft) {
    if args.format.json {
        return;
    }
    match draft.questions {
        0 => out::note(
            "the draft has no questions; compare it with the documentation of the upstream",
        ),
        1 => out::note(
            "the draft has 1 question, a line that begins with `#?`; answer it and remove it",
        ),
        count => out::note(&format!(
            "the draft has {count} questions, lines that begin with `#?`; answer and remove them"
        )),
    }
    tell_questions(args, draft);
    let Some(path) = &args.output else {
        let look = args.look.as_ref().map(|look| format!(" --look {}", quoted(look)));
        let (from, look) = (quoted(&args.from), look.unwrap_or_default());
        let members = args.member.iter().map(|one| format!(" --member {}", quoted(one)));
        let members = members.collect::<Vec<String>>().concat();
        let file = format!("{}.toml", name.replace('.', "_"));
        return args.format.next(&format!(
            "deed contract new {name} --from {from}{look}{members} --output {file}"
        ));
    };
    let params = draft.samples.iter().map(|one| format!(" --param {}", quoted(one)));
    let params: Vec<String> = params.collect();
    args.format.next(&format!("deed contract explain {}{}", shell(path), params.concat()));
}

/// Prints the place and the first sentence of each question.
fn tell_questions(args: &NewArgs, draft: &Draft) {
    let all = questions(&draft.text);
    for one in all.iter().take(TOLD_MAX) {
        let place = match &args.output {
            Some(path) => format!("{}:{}", path.display(), one.line),
            None => format!("line {}", one.line),
        };
        out::note(&format!("{place}: {}", first_sentence(&one.text)));
    }
    let more = all.len().saturating_sub(TOLD_MAX);
    if more > 0 {
        out::note(&format!("and {more} more"));
    }
}

/// The text up to the first `.` or `?` that ends a word.
fn first_sentence(text: &str) -> &str {
    let mut ends = text.match_indices(['.', '?']).map(|(at, _)| at + 1);
    let is_end = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(' '));
    ends.find(is_end).and_then(|at| text.get(..at)).unwrap_or(text)
}

/// Prints the operations of the document.
fn list(args: &NewArgs, document: &Document) -> Result<ExitCode, Failure> {
    let all = document.operations();
    let listed: Vec<Listed<'_>> = all.iter().map(Listed::from).collect();
    args.format.print(&listed, |listed| page(listed))?;
    let (file, operation) = (split(&args.from).0, all.first());
    if let Some(operation) = operation {
        let named = operation.id.map_or_else(|| operation.request(), str::to_owned);
        let from = quoted(&format!("{}#{named}", file.display()));
        args.format.next(&format!("deed contract new UPSTREAM.ACTION --from {from}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// One line for each operation: method and path, operationId and summary.
fn page(listed: &[Listed<'_>]) -> String {
    let request = |one: &Listed<'_>| format!("{} {}", one.method, safe(one.path));
    let width = listed.iter().map(|one| request(one).chars().count().min(60)).max().unwrap_or(0);
    let mut out = String::new();
    for one in listed {
        let id = one.id.map_or_else(|| "-".to_owned(), safe);
        let summary: String = one.summary.unwrap_or_default().chars().take(SUMMARY_MAX).collect();
        let summary = safe(summary.lines().next().unwrap_or_default());
        line(&mut out, format_args!("{:<width$}  {id}  {summary}", request(one)));
    }
    out
}

impl<'d> From<&Operation<'d>> for Listed<'d> {
    fn from(one: &Operation<'d>) -> Self {
        Self { method: one.method, path: one.path, id: one.id, summary: one.summary }
    }
}

impl From<Question> for Asked {
    fn from(one: Question) -> Self {
        Self { line: one.line, question: one.text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_with_a_word() {
        for (text, first) in [
            ("Which role? The document names none.", "Which role?"),
            (
                "Enable them in `deed.toml`; then go on. Next",
                "Enable them in `deed.toml`; then go on.",
            ),
            ("No end", "No end"),
            ("Only one.", "Only one."),
            ("", ""),
        ] {
            assert_eq!(first_sentence(text), first);
        }
    }
}
