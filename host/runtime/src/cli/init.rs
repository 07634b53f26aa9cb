//! `deed init`: creates a directory that a host can serve, with keys, tokens, contracts and a policy.
//!
//! The command refuses a directory that is not empty. Each example is in a file of its own.

mod declared;
mod empty;
mod scim;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use deed_sandbox::World;
use deed_spec::text::safe;
use serde_json::json;

use super::adapter::Loader;
use super::dir::{must_be_empty, private_dir};
use super::out::{self, Failure, Format, shell};
use super::pin;
use super::text::line;
use super::token::{Token, new_token};
use crate::config::keys;

/// Create a directory that a host can serve: configuration, contracts, policy, keys and tokens
///
/// Prints the tokens once; the directory contains only their digests.
#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// A directory that is empty or does not exist
    dir: PathBuf,
    /// The adapter `scim` as a WebAssembly component; the command pins its digest in the grants
    #[arg(long, value_name = "FILE.wasm")]
    adapter: Option<PathBuf>,
    /// What the directory contains
    #[arg(long, value_enum, value_name = "NAME", default_value = "scim")]
    example: Kind,
    #[command(flatten)]
    format: Format,
}

/// The files of an example.
struct Example {
    /// The configuration; `@helpdesk@` and `@bob@` stand for the lines with the tokens.
    config: &'static str,
    /// All other files, each with its path and text.
    files: &'static [(&'static str, &'static str)],
}

/// What the directory contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Three contracts for a SCIM service, for the adapter `scim`
    Scim,
    /// Three contracts for a SCIM service that need no adapter file; the contracts are pinned
    Declared,
    /// No contract, no upstream, and policies that permit nothing
    Empty,
}

const FOLDERS: [&str; 6] = ["contracts", "policies", "keys", "approvers", "secrets", "adapters"];
/// The folder of the accepted contracts, which `deed pin` makes.
const ACCEPTED: &str = "accepted";
const KEYS: [&str; 3] = ["keys/receipt.key", "keys/log.key", "approvers/bob.key"];

pub(super) fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    if args.adapter.is_some() && args.example != Kind::Scim {
        return Err(Failure::usage(
            "only the example `scim` has an adapter file; leave out --adapter or --example",
        ));
    }
    // The adapter is read and checked first, so that an invalid file does not leave an incomplete directory behind.
    let adapter = args.adapter.as_deref().map(read).transpose()?;
    must_be_empty(&args.dir)?;
    let (helpdesk, bob) =
        (new_token().map_err(Failure::failed)?, new_token().map_err(Failure::failed)?);
    let example = args.example.files();
    let was_there = args.dir.exists();
    let printed =
        make(&args.dir, adapter.as_deref(), &example, &configuration(&example, &helpdesk, &bob))
            .and_then(|()| finish(args, adapter.is_some(), &helpdesk, &bob));
    if printed.is_err() {
        remove(&args.dir, was_there);
    }
    printed?;
    args.format.next(&args.example.next(&args.dir));
    Ok(ExitCode::SUCCESS)
}

/// Pins the contracts, and prints the tokens.
fn finish(
    args: &InitArgs,
    has_adapter: bool,
    helpdesk: &Token,
    bob: &Token,
) -> Result<(), Failure> {
    if has_adapter || args.example == Kind::Declared {
        pin::all(&args.dir)?;
    }
    let data = json!({
        "dir": args.dir.display().to_string(),
        "tokens": {"helpdesk": helpdesk.text, "bob": bob.text},
        "approver_key": args.dir.join("approvers/bob.key").display().to_string(),
    });
    let steps = args.example.steps(&args.dir, has_adapter);
    args.format.print(&data, |_| next_steps(&args.dir, &steps, helpdesk, bob))
}

/// Removes what a failed run has made, because nobody has seen its tokens. The directory was empty before, so its folders
/// and files are those of the run.
fn remove(dir: &Path, was_there: bool) {
    for folder in FOLDERS.into_iter().chain([ACCEPTED]) {
        fs::remove_dir_all(dir.join(folder)).ok();
    }
    fs::remove_file(dir.join("deed.toml")).ok();
    if !was_there {
        fs::remove_dir(dir).ok();
    }
    if must_be_empty(dir).is_err() {
        let dir = dir.display();
        out::note(&format!("`{dir}` has files of a run that failed; remove it, then try again"));
    }
}

impl Kind {
    fn files(self) -> Example {
        match self {
            Self::Scim => scim::FILES,
            Self::Declared => declared::FILES,
            Self::Empty => empty::FILES,
        }
    }

    /// The commands from the new directory to the first action.
    fn steps(self, dir: &Path, has_adapter: bool) -> Vec<String> {
        match self {
            Self::Scim => scim::steps(dir, has_adapter),
            Self::Declared => declared::steps(dir),
            Self::Empty => empty::steps(dir),
        }
    }

    fn next(self, dir: &Path) -> String {
        match self {
            Self::Scim => scim::next(dir),
            Self::Declared => declared::next(dir),
            Self::Empty => empty::next(dir),
        }
    }
}

/// Reads an adapter. Fails when the file cannot be read or a host would refuse the adapter.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed =
        |e: &dyn std::fmt::Display| Failure::Failed(format!("adapter `{}`: {e}", path.display()));
    let bytes = fs::read(path).map_err(|e| failed(&e))?;
    let loader = Loader::new()?;
    loader.announced(path.display(), &bytes).load(&bytes, World::Strict).map_err(|e| failed(&e))?;
    Ok(bytes)
}

fn configuration(example: &Example, helpdesk: &Token, bob: &Token) -> String {
    example.config.replace("@helpdesk@", &helpdesk.line).replace("@bob@", &bob.line)
}

fn make(
    dir: &Path,
    adapter: Option<&[u8]>,
    example: &Example,
    configuration: &str,
) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::Failed(format!("`{}`: {e}", dir.display()));
    private_dir(dir).map_err(failed)?;
    // The permissions are set again, because the directory may have existed before, with permissions for other users.
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(failed)?;
    for folder in FOLDERS {
        private_dir(&dir.join(folder)).map_err(failed)?;
    }
    for (name, text) in example.files.iter().copied().chain([("deed.toml", configuration)]) {
        keys::write_new(&dir.join(name), text.as_bytes(), 0o600).map_err(Failure::failed)?;
    }
    for name in KEYS {
        keys::create(&dir.join(name)).map_err(Failure::failed)?;
    }
    if let Some(bytes) = adapter {
        keys::write_new(&dir.join("adapters/scim.wasm"), bytes, 0o600).map_err(Failure::failed)?;
    }
    Ok(())
}

fn next_steps(dir: &Path, steps: &[String], helpdesk: &Token, bob: &Token) -> String {
    let mut text = format!("{} was created.\n\n", safe(&dir.display().to_string()));
    text += "Tokens, shown only once:\n";
    line(
        &mut text,
        format_args!(
            "  agent helpdesk  {}\n  person bob      {}\n\nNext:",
            helpdesk.text, bob.text
        ),
    );
    for (n, step) in steps.iter().enumerate() {
        line(&mut text, format_args!("  {}. {step}", n + 1));
    }
    let key = shell(&dir.join("approvers/bob.key"));
    text + &format!("\nMove {key} to bob's machine: its holder can approve as bob.\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{self, Fault, Plan};

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("deed-init-{name}-{}", std::process::id()));
        fs::remove_dir_all(&dir).unwrap_or_default();
        dir
    }

    fn store_secrets(dir: &Path) {
        for name in ["idp-read", "idp-write"] {
            keys::write_new(&dir.join("secrets").join(name), b"0123456789abcdef", 0o600).unwrap();
        }
    }

    #[test]
    fn what_init_makes_is_served_once_it_is_filled_in() {
        let dir = fresh("whole");
        let (helpdesk, bob) = (new_token().unwrap(), new_token().unwrap());
        let example = Kind::Scim.files();
        let config = configuration(&example, &helpdesk, &bob);
        make(&dir, Some(b"not yet a component"), &example, &config).unwrap();
        store_secrets(&dir);
        Plan::make(&dir).unwrap().carry_out().unwrap();
        let config = config::load(&dir).unwrap();
        let tenant = &config.tenants["main"];
        assert_eq!(tenant.grants.len(), 3);
        assert_eq!(tenant.persons["bob"].keys.len(), 1);
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(keys::load(&dir).is_ok());
        assert!(must_be_empty(&dir).is_err());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let dir = fresh("bare");
        let (helpdesk, bob) = (new_token().unwrap(), new_token().unwrap());
        let example = Kind::Scim.files();
        make(&dir, None, &example, &configuration(&example, &helpdesk, &bob)).unwrap();
        let faults = config::load(&dir).unwrap_err();
        let says =
            |f: &Fault, text: &str| f.file == "deed.toml" && f.line > 0 && f.what.contains(text);
        for text in ["idp-read", "idp-write", "deed pin"] {
            assert!(faults.list().iter().any(|f| says(f, text)), "{text}: {faults}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn an_example_without_an_adapter_file_is_served_at_once() {
        for (kind, grants) in [(Kind::Declared, 3), (Kind::Empty, 0)] {
            let dir = fresh(&format!("{kind:?}"));
            let (helpdesk, bob) = (new_token().unwrap(), new_token().unwrap());
            let example = kind.files();
            make(&dir, None, &example, &configuration(&example, &helpdesk, &bob)).unwrap();
            Plan::make(&dir).unwrap().carry_out().unwrap();
            let config = config::load(&dir).unwrap();
            assert_eq!(config.tenants["main"].grants.len(), grants, "{kind:?}");
            assert_eq!(kind.steps(&dir, false).len(), 3);
            fs::remove_dir_all(&dir).unwrap();
        }
    }
}
