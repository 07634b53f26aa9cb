//! `deed key`, `deed token` and `deed secret`: generate keys and tokens, and store secrets.
//!
//! Private keys and stored secrets are never printed, and existing keys are never overwritten.

mod place;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use deed_spec::digest::Digest;
use deed_spec::dsse;
use serde_json::json;

pub(super) use self::store::secret;
use super::out::{Failure, Format, shell};
use crate::config::keys::{self, KeyError};

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Create a signing key: the private key in PATH, and the public key in a file that ends in .pub
    New {
        /// The file of the private key, such as bob.key; it must not exist
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    Rotate(super::rotate::RotateArgs),
    /// Print the key id of a public key, as it appears in signed envelopes
    Id {
        /// The file of the public key, such as bob.pub
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token, and print it once together with the line to add to deed.toml
    New {
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Store a credential, read from stdin, in the file that deed.toml names for it
    Set {
        /// The directory that the host serves, with deed.toml in it
        dir: PathBuf,
        /// The name of the secret in deed.toml, such as idp-read, or `notify` for the secret of the webhook
        name: String,
        /// The tenant; required when several tenants have a secret of this name
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
}

/// A new token, and the configuration line that lets the host accept it.
#[derive(Debug)]
pub(super) struct Token {
    /// The token for its holder; it is shown once and not stored.
    pub(super) text: String,
    /// The line for `deed.toml`, with the token's digest.
    pub(super) line: String,
}

pub(super) fn key(command: &KeyCommand) -> Result<ExitCode, Failure> {
    let (public, path, format, next) = match command {
        KeyCommand::Rotate(args) => return super::rotate::run(args),
        KeyCommand::New { path, format } => {
            if path.extension().is_some_and(|e| e == "pub") {
                return Err(Failure::usage(
                    "the path of the private key must not end in .pub, which is for the public key; use .key",
                ));
            }
            (
                keys::create(path).map_err(Failure::failed)?.verifying_key(),
                path.with_extension("pub"),
                format,
                Some(after_key(path)),
            )
        }
        KeyCommand::Id { path, format } => {
            let failed =
                |e: &dyn std::fmt::Display| Failure::Failed(format!("`{}`: {e}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
            (dsse::from_pem(&text).map_err(|e| failed(&e))?, path.clone(), format, None)
        }
    };
    let id = dsse::key_id(&public).map_err(Failure::failed)?;
    let data = json!({"public": path.display().to_string(), "keyid": id});
    format.print(&data, |_| format!("{id}  {}", path.display()))?;
    if let Some(next) = next {
        format.next(&next);
    }
    Ok(ExitCode::SUCCESS)
}

/// The next step after a key was created. The host finds its own keys by their path. The key of a person, however, must
/// be named in `deed.toml`.
fn after_key(path: &Path) -> String {
    let folder = path.parent().unwrap_or(Path::new(""));
    let served = folder.parent().filter(|dir| dir.join("deed.toml").is_file());
    let dir = match served {
        None => Path::new("DIR"),
        Some(dir) if dir.as_os_str().is_empty() => Path::new("."),
        Some(dir) => dir,
    };
    let check = format!("deed check {}", shell(dir));
    if served.is_some() && folder.ends_with("keys") {
        return check;
    }
    let public = path.with_extension("pub");
    let copy = if folder.ends_with("approvers") {
        String::new()
    } else {
        format!("cp {} {}, ", shell(&public), shell(&dir.join("approvers/")))
    };
    let name = public.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "{copy}write `keys = [\"approvers/{name}\"]` into the table of the person in {}, then `{check}`",
        shell(&dir.join("deed.toml"))
    )
}

pub(super) fn token(command: &TokenCommand) -> Result<ExitCode, Failure> {
    let TokenCommand::New { format } = command;
    let token = new_token().map_err(Failure::failed)?;
    let data = json!({"token": token.text, "line": token.line});
    format.print(&data, |_| format!("{}\n{}", token.text, token.line))?;
    format.next(
        "give the first line to its holder, add the second to the table of the agent or person in DIR/deed.toml, then \
         `deed check DIR`",
    );
    Ok(ExitCode::SUCCESS)
}

/// Creates a token: a prefix that scanners for leaked tokens can find, followed by 256 random bits from the operating
/// system. Fails when the operating system cannot supply random bits.
pub(super) fn new_token() -> Result<Token, KeyError> {
    let text = format!("deed_{}", URL_SAFE_NO_PAD.encode(keys::random::<32>()?));
    let line = format!("token = \"{}\"", Digest::of(text.as_bytes()));
    Ok(Token { text, line })
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
