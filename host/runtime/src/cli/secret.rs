//! `deed key`, `deed token`, `deed secret`: generates keys and tokens, and stores secrets.
//!
//! Private keys and stored secrets are not printed, and keys are not overwritten.

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
    /// Create a signing key: PATH for its owner only, and PATH with .pub for everyone
    New {
        /// The file of the private key, such as bob.key; it must not exist
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
    Rotate(super::rotate::RotateArgs),
    /// Print the id of a key in the form that envelopes use
    Id {
        /// The file of the public key, such as bob.pub
        path: PathBuf,
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it once, with the line for deed.toml that accepts it
    New {
        #[command(flatten)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretCommand {
    /// Store a credential, read from stdin, in the file that deed.toml names for it
    Set {
        /// The served directory, with deed.toml in it
        dir: PathBuf,
        /// The name of the secret in deed.toml, such as idp-read; `notify` for that of the webhook
        name: String,
        /// The tenant; required when several have a secret of this name
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
}

/// A new token, and what the host keeps of it.
#[derive(Debug)]
pub(super) struct Token {
    /// For its holder; shown once and not stored.
    pub(super) text: String,
    /// The line for `deed.toml`.
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

/// The next step after a new key: the host finds its own keys by their path, a person's is named in deed.toml.
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

/// 256 bits from the system after a prefix that scanners for leaked tokens can find. Fails when the system has no
/// randomness.
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
