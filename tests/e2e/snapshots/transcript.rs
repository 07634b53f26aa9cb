//! A transcript is one text with commands, all of their output, their exit codes, and HTTP answers.
//!
//! Values that differ between runs are replaced when the transcript is compared with its snapshot.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use deed_tests::client::Answer;
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::World;
use serde_json::Value;

/// Patterns of values that differ in every run, and their replacements. The order of the patterns matters: longer forms
/// come first.
const PATTERNS: [(&str, &str); 18] = [
    (r"act_[0-9a-v]{26}", "<action>"),
    (r"deed_[A-Za-z0-9_-]{43}", "<token>"),
    (r"sha256:[0-9a-f]{64}", "<digest>"),
    (r"\b[0-9a-f]{64}\b", "<hex>"),
    (r"\b[0-9a-f]{32}\b", "<id>"),
    (r"\b[a-z2-7]{52}\b", "<base32>"),
    (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z?", "<time>"),
    (r#""[a-z_]+_ms": -?\d+"#, r#""<ms>": 0"#),
    (r#""(time|created|last_modified)": \d{9,}"#, r#""$1": 0"#),
    (r"\+[0-9a-f]{8}\b", "+<key hash>"),
    (r"[A-Za-z0-9+/_-]{43,}={0,2}", "<base64>"),
    (r#"W/\\?"[^"]*""#, "<tag>"),
    (r"127\.0\.0\.1:\d{2,5}", "127.0.0.1:<port>"),
    (r"\blocalhost:\d{2,5}", "localhost:<port>"),
    (r"\b\d+ ms\b", "<n> ms"),
    (r"\b\d+(\.\d+)? [KMG]iB\b", "<size>"),
    (r"\(os error \d+\)", "(os error)"),
    (r"[a-z-]+-\d+@example\.com", "<user>@example.com"),
];

pub(super) struct Transcript {
    text: String,
    names: Vec<(String, String)>,
    url: String,
}

impl Transcript {
    pub(super) fn new() -> Self {
        let names = vec![(workspace().display().to_string(), "CHECKOUT".to_owned())];
        Self { text: String::new(), names, url: String::new() }
    }

    /// Starts a transcript of a test environment with a running host.
    pub(super) fn of(world: &World) -> Self {
        let mut transcript = Self::new();
        world.url().clone_into(&mut transcript.url);
        transcript.name(world.url(), "HOST");
        transcript.name(world.path(), "DIR");
        transcript
    }

    /// Replaces this text by `name` in the whole transcript.
    pub(super) fn name(&mut self, text: &str, name: &str) {
        if !text.is_empty() {
            self.names.push((text.to_owned(), name.to_owned()));
        }
    }

    pub(super) fn heading(&mut self, title: &str) {
        write!(self.text, "\n## {title}\n\n").unwrap();
    }

    /// Runs a command with nothing on its stdin.
    pub(super) fn run(&mut self, args: &[&str]) -> Output {
        self.run_as("", args, "")
    }

    /// Runs a command as the holder of a token, with this text on its stdin.
    pub(super) fn run_as(&mut self, token: &str, args: &[&str], input: &str) -> Output {
        let output = deed(&self.url, token, args, input);
        let code = output.status.code().unwrap_or(-1);
        writeln!(self.text, "$ deed {}", args.join(" ")).unwrap();
        self.text.push_str(&String::from_utf8_lossy(&output.stdout));
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            writeln!(self.text, "! {line}").unwrap();
        }
        write!(self.text, "[{code}]\n\n").unwrap();
        output
    }

    /// Records an HTTP request, and the status and the body of its answer.
    pub(super) fn answer(&mut self, what: &str, answer: &Answer) {
        let retry = match answer.retry_after {
            Some(seconds) => format!(", Retry-After: {seconds}"),
            None => String::new(),
        };
        let body = match answer.json() {
            Value::Null => String::from_utf8_lossy(&answer.bytes).into_owned(),
            value => format!("{value:#}"),
        };
        let head = format!("> {what}\n{} {}{retry}\n", answer.status, answer.content_type);
        write!(self.text, "{head}{body}\n\n").unwrap();
    }

    pub(super) fn lines(&mut self, text: &str) {
        write!(self.text, "{}\n\n", text.trim_end()).unwrap();
    }

    /// Compares the transcript with `tests/snapshots/NAME.snap`.
    pub(super) fn check(mut self, name: &str) {
        self.names.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        for (text, name) in &self.names {
            self.text = self.text.replace(text, name);
        }
        let text = without_repeats(&self.text);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(snapshots());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (pattern, stand_in) in PATTERNS {
            settings.add_filter(pattern, stand_in);
        }
        settings.bind(|| insta::assert_snapshot!(name, text.trim()));
    }
}

/// The number of observations while the host waits depends on the machine. Therefore, if consecutive pairs of lines
/// differ only in their times, all pairs except the first are removed.
fn without_repeats(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        kept.push(line);
        let repeated = match kept.as_slice() {
            [.., a, b, c, d] => alike(a, c) && alike(b, d) && d.contains("answered"),
            _ => false,
        };
        if repeated {
            kept.truncate(kept.len() - 2);
        }
    }
    kept.join("\n")
}

/// Whether two lines of a ledger are the same except for the time: ` YYYY-MM-DD HH:MM:SSZ text`.
fn alike(one: &str, other: &str) -> bool {
    let text = |line: &str| line.get(22..).unwrap_or(line).to_owned();
    one.get(..6) == other.get(..6) && text(one) == text(other)
}

fn snapshots() -> impl AsRef<Path> {
    workspace().join("tests/snapshots")
}

/// Runs the binary without a terminal, with the host and the token in its environment.
fn deed(url: &str, token: &str, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(host::binary().unwrap())
        .args(args)
        .env("COLUMNS", "100")
        .env("DEED_URL", if url.is_empty() { "http://127.0.0.1:9" } else { url })
        .env("DEED_TOKEN", token)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read stdin.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}
