//! `deed key`, `deed token`, `deed secret`: makes what must be random and stores what must be hidden.
//!
//! Never prints a private key or a stored secret, never overwrites a key.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use deed_record::digest::Digest;
use deed_record::{envelope, id};
use serde_json::json;
use zeroize::Zeroizing;

use super::out::{self, Failure, Format};
use crate::keys::{self, KeyError};
use crate::vault::{SECRET_MAX, Secret};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a signing key: PATH for its owner only, and PATH with .pub for everyone
    New {
        /// The private key's file, such as bob.key; it must not exist yet
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    Rotate(super::rotate::RotateArgs),
    /// Print the id by which envelopes name a key
    Id {
        /// The public key's file, such as bob.pub
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it once, with the line for deed.toml that lets its holder in
    New {
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Store a credential, read from stdin, as secrets/NAME
    Set {
        /// The served directory
        dir: PathBuf,
        /// The secret's name, such as idp-read
        name: String,
    },
}

/// A new token, and what the host keeps of it.
#[derive(Debug)]
pub(super) struct Token {
    /// For its holder; shown once and stored nowhere.
    pub(super) text: String,
    /// The line of `deed.toml`.
    pub(super) line: String,
}

pub(super) fn key(command: &KeyCommand) -> Result<ExitCode, Failure> {
    let (public, path, format) = match command {
        KeyCommand::Rotate(args) => return super::rotate::run(args),
        KeyCommand::New { path, format } => {
            if path.extension().is_some_and(|e| e == "pub") {
                return Err(Failure::usage(
                    "the private key's name ends in .key, say; .pub is for the public one",
                ));
            }
            (
                keys::create(path).map_err(Failure::failed)?.verifying_key(),
                path.with_extension("pub"),
                format,
            )
        }
        KeyCommand::Id { path, format } => {
            let failed =
                |e: &dyn std::fmt::Display| Failure::Failed(format!("`{}`: {e}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
            (envelope::from_pem(&text).map_err(|e| failed(&e))?, path.clone(), format)
        }
    };
    let id = envelope::key_id(&public).map_err(Failure::failed)?;
    let data = json!({"public": path.display().to_string(), "keyid": id});
    format.print(&data, |_| format!("{id}  {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn token(command: &TokenCommand) -> Result<ExitCode, Failure> {
    let TokenCommand::New { format } = command;
    let token = new_token().map_err(Failure::failed)?;
    let data = json!({"token": token.text, "line": token.line});
    format.print(&data, |_| format!("{}\n{}", token.text, token.line))?;
    if !format.json {
        out::progress(
            "the first line is for its holder, the second for the agent's or person's table in deed.toml",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// 256 bits from the system behind a prefix that scanners for leaked tokens can find.
pub(super) fn new_token() -> Result<Token, KeyError> {
    let text = format!("deed_{}", URL_SAFE_NO_PAD.encode(keys::random::<32>()?));
    let line = format!("token = \"{}\"", Digest::of(text.as_bytes()));
    Ok(Token { text, line })
}

pub(super) fn secret(command: &SecretCommand) -> Result<ExitCode, Failure> {
    let SecretCommand::Set { dir, name } = command;
    if !id::is_name(name) {
        return Err(Failure::usage(format!(
            "`{name}` is no name; use lower-case letters, digits, `_` and `-`"
        )));
    }
    if io::stdin().is_terminal() {
        out::note(
            "type the secret (it will be seen), then Enter and Ctrl-D; a pipe keeps it off the screen",
        );
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_MAX + 3));
    let limit = u64::try_from(SECRET_MAX + 3).unwrap_or(u64::MAX);
    io::stdin()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::Failed(format!("stdin: {e}")))?;
    Secret::new(name, &bytes).map_err(Failure::failed)?;
    let folder = dir.join("secrets");
    // Whoever could make a link there could have the secret written where they read it.
    if std::fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_symlink()) {
        let what = format!("`{}` is a link; put a folder there", folder.display());
        return Err(Failure::Failed(what));
    }
    let written = super::dir::private_dir(&folder).and_then(|()| replace(&folder, name, &bytes));
    written.map_err(|e| Failure::Failed(format!("`{}`: {e}", folder.join(name).display())))?;
    out::progress(&format!(
        "stored as secrets/{name}; a running host takes it up at its next start"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes beside the file, then moves it into place: a reader sees the old secret or the new one.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // A dot cannot start a secret's name, so this is no other secret.
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let moved = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&draft, folder.join(name)));
    if moved.is_err() {
        std::fs::remove_file(&draft).unwrap_or_default();
    }
    moved?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_and_its_line_belong_together() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert_ne!(one.text, other.text);
        assert_eq!(one.text.len(), "deed_".len() + 43);
        assert_eq!(
            one.line,
            format!("token = \"sha256:{}\"", Digest::of(one.text.as_bytes()).hex())
        );
    }
}
