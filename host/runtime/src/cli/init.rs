//! `deed init`: creates a directory that a host can serve, with keys, tokens, contracts and a policy.
//!
//! The command refuses a directory that is not empty.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use deed_sandbox::Sandbox;
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde_json::json;

use super::adapter::Scratch;
use super::dir::{must_be_empty, private_dir};
use super::out::{Failure, Format, shell};
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
    #[command(flatten)]
    format: Format,
}

const CONFIG: &str = include_str!("init/deed.toml");
const FILES: [(&str, &str); 4] = [
    ("contracts/idp.read_user.toml", include_str!("../../../../contracts/idp/read_user.toml")),
    (
        "contracts/idp.restore_access.toml",
        include_str!("../../../../contracts/idp/restore_access.toml"),
    ),
    (
        "contracts/idp.suspend_user.toml",
        include_str!("../../../../contracts/idp/suspend_user.toml"),
    ),
    ("policies/starter.cedar", include_str!("../../../../contracts/policies/starter.cedar")),
];
const FOLDERS: [&str; 6] = ["contracts", "policies", "keys", "approvers", "secrets", "adapters"];
const KEYS: [&str; 3] = ["keys/receipt.key", "keys/log.key", "approvers/bob.key"];

pub(super) fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    // The adapter is read and checked first, so that an invalid file does not leave an incomplete directory behind.
    let adapter = args.adapter.as_deref().map(read).transpose()?;
    must_be_empty(&args.dir)?;
    let (helpdesk, bob) =
        (new_token().map_err(Failure::failed)?, new_token().map_err(Failure::failed)?);
    make(&args.dir, adapter.as_deref(), &configuration(&helpdesk, &bob))?;
    if adapter.is_some() {
        pin::all(&args.dir)?;
    }
    let data = json!({
        "dir": args.dir.display().to_string(),
        "tokens": {"helpdesk": helpdesk.text, "bob": bob.text},
        "approver_key": args.dir.join("approvers/bob.key").display().to_string(),
    });
    args.format.print(&data, |_| next_steps(&args.dir, adapter.is_some(), &helpdesk, &bob))?;
    args.format.next(&format!(
        "edit {} (base_url and origin), then `deed secret set {} idp-read`",
        shell(&args.dir.join("deed.toml")),
        shell(&args.dir)
    ));
    Ok(ExitCode::SUCCESS)
}

/// Reads an adapter. Fails when the file cannot be read or a host would refuse the adapter.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed =
        |e: &dyn std::fmt::Display| Failure::Failed(format!("adapter `{}`: {e}", path.display()));
    let bytes = fs::read(path).map_err(|e| failed(&e))?;
    let cache = Scratch::new()?;
    let sandbox = Sandbox::new(&cache.0, Clock::new()).map_err(Failure::failed)?;
    sandbox.load(&bytes).map_err(|e| failed(&e))?;
    Ok(bytes)
}

fn configuration(helpdesk: &Token, bob: &Token) -> String {
    CONFIG.replace("@helpdesk@", &helpdesk.line).replace("@bob@", &bob.line)
}

fn make(dir: &Path, adapter: Option<&[u8]>, configuration: &str) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::Failed(format!("`{}`: {e}", dir.display()));
    private_dir(dir).map_err(failed)?;
    // The permissions are set again, because the directory may have existed before, with permissions for other users.
    fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(failed)?;
    for folder in FOLDERS {
        private_dir(&dir.join(folder)).map_err(failed)?;
    }
    for (name, text) in FILES.into_iter().chain([("deed.toml", configuration)]) {
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

fn next_steps(dir: &Path, has_adapter: bool, helpdesk: &Token, bob: &Token) -> String {
    let (path, dir) = (dir, shell(dir));
    let [config, wasm, key] = ["deed.toml", "adapters/scim.wasm", "approvers/bob.key"]
        .map(|name| shell(&path.join(name)));
    let mut text = format!("{} was created.\n\n", safe(&path.display().to_string()));
    text += "Tokens, shown only once:\n";
    line(
        &mut text,
        format_args!(
            "  agent helpdesk  {}\n  person bob      {}\n\nNext:",
            helpdesk.text, bob.text
        ),
    );
    let mut steps = vec![
        format!(
            "in {config}, set base_url of [tenant.main.upstream.idp] to your SCIM service, and \
             origin of [log] to a name that you own"
        ),
        format!("deed secret set {dir} idp-read    (its token for reading, on stdin)"),
        format!("deed secret set {dir} idp-write   (its token for writing, on stdin)"),
    ];
    if !has_adapter {
        steps.push(format!("copy the adapter to {wasm}, then: deed pin {dir}"));
    }
    steps.push(format!("deed check {dir} && deed serve {dir}"));
    steps.push(
        "DEED_TOKEN=<helpdesk's> deed act idp.restore_access --param user_id=<id> --intent \"try it out\" \
         --source ticket:1   (for a user with active = false)"
            .to_owned(),
    );
    steps.push(format!(
        "DEED_TOKEN=<bob's> deed approve <the id it prints> --key {key} --person bob --role support-lead"
    ));
    for (n, step) in steps.iter().enumerate() {
        line(&mut text, format_args!("  {}. {step}", n + 1));
    }
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
        make(&dir, Some(b"not yet a component"), &configuration(&helpdesk, &bob)).unwrap();
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
        make(&dir, None, &configuration(&helpdesk, &bob)).unwrap();
        let faults = config::load(&dir).unwrap_err();
        let says =
            |f: &Fault, text: &str| f.file == "deed.toml" && f.line > 0 && f.what.contains(text);
        for text in ["idp-read", "idp-write", "deed pin"] {
            assert!(faults.list().iter().any(|f| says(f, text)), "{text}: {faults}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
