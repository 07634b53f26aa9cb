//! Checks the toolchain of a language before anything is built, and says what to install.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use super::ProjectError;
use super::language::Language;

/// The target for which Rust adapters are compiled.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The variable with which cargo itself is told to build the standard library from its sources. With it, the target
/// need not be installed.
const STD_FROM_SOURCE: &str = "CARGO_UNSTABLE_BUILD_STD";

/// A command without the variables that are addressed to `deed`, such as a token. What a toolchain runs, for example
/// the scripts of packages, has no use for them.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEED_") {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// The program that `CARGO` or `RUSTC` names, as cargo does for its own child processes.
pub(super) fn named_by(variable: &str, otherwise: &str) -> OsString {
    let set = std::env::var_os(variable).filter(|name| !name.is_empty());
    set.unwrap_or_else(|| otherwise.into())
}

/// Checks that the toolchain of this language is there.
///
/// # Errors
///
/// Fails with what is missing or too old, and how to install it.
pub fn check(language: Language) -> Result<(), ProjectError> {
    let checked = match language {
        Language::Rust => rust(),
        Language::JavaScript => javascript(),
        Language::Python => python(),
    };
    checked.map_err(ProjectError::Toolchain)
}

fn rust() -> Result<(), String> {
    let install = "install Rust 1.95 or later with rustup, then run `rustup target add wasm32-unknown-unknown`";
    let missing = |program: &str| format!("`{program}` is missing or does not start; {install}");
    output(&named_by("CARGO", "cargo"), &["--version"]).ok_or_else(|| missing("cargo"))?;
    if std::env::var_os(STD_FROM_SOURCE).is_some() {
        return Ok(());
    }
    let rustc = named_by("RUSTC", "rustc");
    let folder = output(&rustc, &["--print", "target-libdir", "--target", TARGET]);
    let folder = folder.ok_or_else(|| missing("rustc"))?;
    if has_core_library(Path::new(&folder)) {
        return Ok(());
    }
    Err(format!(
        "Rust's standard library for `{TARGET}` is missing; run `rustup target add {TARGET}`, or set \
         {STD_FROM_SOURCE}=std,panic_abort for a toolchain that can build it from source"
    ))
}

fn has_core_library(folder: &Path) -> bool {
    let Ok(mut files) = folder.read_dir() else { return false };
    files.any(|file| {
        file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

fn javascript() -> Result<(), String> {
    let install = "install Node.js 20 or later with npm: `apt-get install nodejs npm` on Debian, `brew install node` \
                   on macOS";
    let node = output(OsStr::new("node"), &["--version"]);
    let node = node.ok_or_else(|| format!("`node` is missing or does not start; {install}"))?;
    if version(node.trim_start_matches('v')).is_none_or(|found| found < (20, 0)) {
        return Err(format!("Node.js is `{}`, which is older than 20; {install}", shown(&node)));
    }
    output(OsStr::new("npm"), &["--version"])
        .map(drop)
        .ok_or_else(|| format!("`npm` is missing or does not start; {install}"))
}

fn python() -> Result<(), String> {
    let install = "install Python 3.10 or later with venv: `apt-get install python3-venv` on Debian, \
                   `brew install python` on macOS";
    let python =
        output(OsStr::new("python3"), &["-c", "import sys; print(sys.version.split()[0])"]);
    let python =
        python.ok_or_else(|| format!("`python3` is missing or does not start; {install}"))?;
    if version(&python).is_none_or(|found| found < (3, 10)) {
        return Err(format!("Python is `{}`, which is older than 3.10; {install}", shown(&python)));
    }
    output(OsStr::new("python3"), &["-c", "import venv, ensurepip"])
        .map(drop)
        .ok_or_else(|| format!("python3 has no module `venv` with pip; {install}"))
}

/// The output of a program, trimmed; `None` if the program is missing or fails.
fn output(program: &OsStr, arguments: &[&str]) -> Option<String> {
    let output = command(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The first two numbers of a version such as `20.11.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    let number = |part: &str| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    Some((number(parts.next()?)?, number(parts.next()?)?))
}

/// The beginning of a text that a program printed.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(version("20.11.1"), Some((20, 11)));
        assert_eq!(version("3.9.2"), Some((3, 9)));
        assert_eq!(version("3.14.0rc1"), Some((3, 14)));
        assert!(version("3.9").unwrap() < (3, 10));
        for text in ["", "20", "v20.1", "x.y"] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn a_program_that_is_missing_has_no_output() {
        assert_eq!(output(OsStr::new("there-is-no-such-program"), &[]), None);
        assert_eq!(output(OsStr::new("false"), &[]), None);
    }
}
