//! `deed adapter new`: makes the folder of a new adapter, which builds as it is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use deed_author::project::language::{Client, Language};
use deed_author::project::{check_name, templates};
use deed_spec::text::safe;
use serde::Serialize;

use super::super::dir::must_be_empty;
use super::super::out::{Failure, Format, shell};
use super::super::text::line;

/// Make a folder for a new adapter: source, contract, test cases, tests and README
///
/// The folder builds as it is, with `deed adapter build`. Its contract closes a ticket of an example API; change the
/// contract and the adapter to those of your system.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NewArgs {
    /// The name of the adapter, as contracts spell it: lower-case letters, digits, `_` and `-`
    name: String,
    /// The language of the adapter
    #[arg(long, value_enum)]
    lang: Lang,
    /// Send requests with the HTTP client of the language: `fetch` in JavaScript, `urllib.request` in Python. The grant
    /// then needs `wasi = true`
    #[arg(long)]
    wasi: bool,
    /// A directory that is empty or does not exist; by default NAME in the current directory
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Lang {
    Rust,
    Js,
    Python,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Rust => Self::Rust,
            Lang::Js => Self::JavaScript,
            Lang::Python => Self::Python,
        }
    }
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    name: &'a str,
    language: Language,
    dir: String,
    files: Vec<String>,
}

pub(super) fn run(args: &NewArgs) -> Result<ExitCode, Failure> {
    check_name(&args.name).map_err(Failure::usage)?;
    let language = Language::from(args.lang);
    let client = Client::of(language, args.wasi).map_err(Failure::usage)?;
    let dir = args.dir.as_deref().unwrap_or(Path::new(&args.name));
    must_be_empty(dir)?;
    let files = templates::create(dir, language, client, &args.name).map_err(Failure::failed)?;
    let report = Report {
        name: &args.name,
        language,
        dir: dir.display().to_string(),
        files: files.iter().map(|file| file.display().to_string()).collect(),
    };
    args.format.print(&report, summary)?;
    args.format.next(&format!("deed adapter build {}", shell(dir)));
    Ok(ExitCode::SUCCESS)
}

fn summary(report: &Report<'_>) -> String {
    let (name, dir) = (safe(report.name), safe(&report.dir));
    let mut text = format!("adapter {name} in {}, in {dir}\n", report.language.name());
    // The copied SDK and WIT files are not edited, so their folders are enough.
    let is_own = |file: &&String| !file.starts_with("sdk/") && !file.starts_with("wit/");
    for file in report.files.iter().filter(is_own) {
        line(&mut text, format_args!("  {}", safe(file)));
    }
    text + "README.md says what to edit, and how to build, check and grant the adapter.\n"
}
