//! Output of commands: data goes to stdout; notes and the host's logs go to stderr.
//!
//! Callers must escape the text for stdout; errors and notes are escaped here. A command does not fail if the reader of
//! its output closes the pipe.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use deed_spec::text::plain_json;
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::quote::quoted;
use super::text::safe_text;

/// Why a command failed, in one or two lines with the remedy. The text may contain untrusted parts, so control
/// characters are escaped when it is shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The arguments are not valid.
    #[error("error: {}", safe_text(.0))]
    Usage(String),
    /// The command was refused or did not succeed.
    #[error("error: {}", safe_text(.0))]
    Failed(String),
    /// A host refused the request with this HTTP status.
    #[error("error: {}", safe_text(text))]
    Refused { status: u16, text: String },
}

impl Failure {
    pub(super) fn failed(why: impl std::fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }

    pub(super) fn usage(why: impl std::fmt::Display) -> Self {
        Self::Usage(why.to_string())
    }

    /// What went wrong, without the word that begins the line on stderr.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Usage(text) | Self::Failed(text) | Self::Refused { text, .. } => safe_text(text),
        }
    }

    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Refused { .. } => ExitCode::FAILURE,
        }
    }
}

/// How a command prints its data.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Format {
    /// Print JSON instead of text
    #[arg(long)]
    pub(super) json: bool,
}

impl Format {
    /// Calls [`next`], except with JSON output, which is read by programs.
    pub(super) fn next(self, command: &str) {
        if !self.json {
            next(command);
        }
    }

    /// Prints data as indented JSON, or as the text that `text` returns. Fails when stdout cannot be written.
    pub(super) fn print<T: Serialize>(
        self,
        data: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string_pretty(data).map_err(Failure::failed)?;
            print(&plain_json(&text))
        } else {
            print(&text(data))
        }
    }
}

/// Writes lines to stdout. Fails when stdout cannot be written, unless its reader has closed the pipe.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::Failed(format!("stdout: {e}"))),
        _ => Ok(()),
    }
}

/// Writes lines to stderr, with control characters escaped. When stderr is closed, the text is lost.
pub(super) fn note(text: &str) {
    writeln!(io::stderr().lock(), "{}", safe_text(text.trim_end())).unwrap_or_default();
}

/// Prints the command to type next on stderr.
pub(super) fn next(command: &str) {
    note(&format!("next: {command}"));
}

/// Quotes a path for a shell command, so that it is one word and is not parsed as an option.
pub(super) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    if text.starts_with('-') { quoted(&format!("./{text}")) } else { quoted(&text) }
}

/// Writes a progress message to stderr if stderr is a terminal.
pub(super) fn progress(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

/// Writes the host's logs to stderr. `DEED_LOG` sets the filter; the default is `info`. The crate `rmcp` logs whole
/// messages, which can contain private parameters, so its events are never written.
pub(super) fn start_tracing() {
    let filter = EnvFilter::try_from_env("DEED_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let own = filter_fn(|event| event.target().split("::").next() != Some("rmcp"));
    let text = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let started = tracing_subscriber::registry().with(text).with(filter).with(own).try_init();
    if let Err(error) = started {
        note(&format!("no log: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word() {
        for (path, word) in [
            ("ops", "ops"),
            ("my dir", "'my dir'"),
            ("it's", "'it'\\''s'"),
            ("-ops", "./-ops"),
            ("-my dir", "'./-my dir'"),
            ("$HOME;x", "'$HOME;x'"),
        ] {
            assert_eq!(shell(Path::new(path)), word);
        }
    }

    #[test]
    fn a_failure_controls_no_terminal() {
        let hostile = "`a\u{1b}[2Kb` \u{202e}\r\nsecond line";
        let shown = "error: `a\\u{1b}[2Kb` \\u{202e}\\u{d}\nsecond line";
        for failure in [
            Failure::failed(hostile),
            Failure::usage(hostile),
            Failure::Refused { status: 409, text: hostile.to_owned() },
        ] {
            assert_eq!(failure.to_string(), shown);
        }
    }
}
