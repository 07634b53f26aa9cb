//! `deed secret set`: reads a secret from stdin and stores it in the secret's file.
//!
//! All checks that do not need the secret's value are made before the value is read.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use deed_record::action::id;
use deed_record::exchange::secret::is_file_name;
use deed_sandbox::credentials::{SECRET_MAX, Secret};
use deed_spec::text::safe;
use zeroize::Zeroizing;

use super::super::dir::private_dir;
use super::super::out::{self, Failure, shell};
use super::super::quote::quoted;
use super::SecretCommand;
use super::place::{self, Other, Place};

pub(in super::super) fn secret(command: &SecretCommand) -> Result<ExitCode, Failure> {
    let SecretCommand::Set { dir, name, tenant } = command;
    // The secrets of webhooks have no name in `deed.toml`; commands name them by the path of their table.
    if !name.split('.').all(id::is_name) {
        return Err(Failure::usage(format!(
            "invalid name `{name}`: use lower-case letters, digits, `_` and `-`"
        )));
    }
    let place = place::of(dir, name, tenant.as_deref())?;
    keep_created(dir, name, &place.file)?;
    let bytes = read(name)?;
    let path = dir.join(&place.file);
    replace(&path, &bytes).map_err(|e| Failure::Failed(format!("`{}`: {e}", path.display())))?;
    // Secrets of webhooks and issuers, which have dots in their names here, are read with the configuration.
    let from = if name.contains('.') { "from its next reload or start" } else { "within a second" };
    out::progress(&format!("stored as {}; a running host uses it {from}", place.file));
    out::next(&following(dir, &place));
    Ok(ExitCode::SUCCESS)
}

/// Refuses to replace a secret that an upstream created, because its value cannot be read again.
fn keep_created(dir: &Path, name: &str, file: &str) -> Result<(), Failure> {
    let last = Path::new(file).file_name().and_then(|last| last.to_str());
    let is_created = last.is_some_and(is_file_name);
    if !is_created || dir.join(file).symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "`{}` has a secret that an upstream created, and may be its only copy, so it is not replaced; name another \
         file for secret `{name}` in deed.toml, or move this file away",
        safe(file)
    )))
}

fn read(name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if io::stdin().is_terminal() {
        out::note("type the secret (it is visible), then Enter and Ctrl-D; use a pipe to hide it");
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_MAX + 3));
    let limit = u64::try_from(SECRET_MAX + 3).unwrap_or(u64::MAX);
    let read = io::stdin().take(limit).read_to_end(&mut bytes);
    read.map_err(|e| Failure::Failed(format!("stdin: {e}")))?;
    if bytes.trim_ascii().is_empty() {
        return Err(Failure::Failed(format!(
            "nothing was read from stdin, so secret `{name}` was not stored; pipe its value into this command"
        )));
    }
    Secret::new(name, &bytes).map_err(Failure::failed)?;
    Ok(bytes)
}

/// The next command to suggest: `deed secret set` for the next missing secret, or `deed check` if none is missing.
fn following(dir: &Path, place: &Place) -> String {
    let is_missing = |other: &&Other| !dir.join(&other.file).exists();
    let dir_word = shell(dir);
    match place.others.iter().find(is_missing) {
        Some(Other { name, tenant, .. }) => {
            let tenant =
                tenant.as_ref().map_or(String::new(), |one| format!(" --tenant {}", quoted(one)));
            format!("deed secret set {dir_word} {}{tenant}", quoted(name))
        }
        None => format!("deed check {dir_word}"),
    }
}

/// Writes a temporary file and renames it, so that a reader sees either the old secret or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private_dir(folder)?;
    // The name of a secret cannot start with a dot, so the temporary file is not the file of another secret.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let moved = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&draft, path));
    if moved.is_err() {
        std::fs::remove_file(&draft).unwrap_or_default();
    }
    moved?;
    File::open(folder)?.sync_all()
}
