//! `deed key` and `deed secret`: generate keys, and store secrets.
//!
//! Private keys and stored secrets are never printed, and existing keys are never overwritten.

mod place;
mod store;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use deed_spec::dsse;
use serde_json::json;

pub(super) use self::store::secret;
use super::out::{Failure, Format, shell};
use crate::config::keys;

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
pub(super) enum SecretCommand {
    /// Store a credential, read from stdin, in the file that deed.toml names for it
    Set {
        /// The directory that the host serves, with deed.toml in it
        dir: PathBuf,
        /// The name of the secret in deed.toml, such as idp-read; `notify` for the secret of the webhook,
        /// `agent.NAME.notify` for that of an agent's webhook, or `issuer.NAME` for that of an issuer's introspection
        name: String,
        /// The tenant; required when several tenants have a secret of this name
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
    },
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
