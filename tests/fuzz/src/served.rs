//! A served directory with fixed keys and tokens, in the process's own temporary directory.
//!
//! The directory's adapters are not valid components, because no fuzz target runs a guest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use deed_host::config::{self, keys};
use deed_spec::digest::Digest;
use deed_spec::dsse;
use ed25519_dalek::SigningKey;

/// The last characters of every secret in the directory.
pub(crate) const SECRET: &str = "-0123456789abcdef";
pub(crate) const HELPDESK: &str = "deed_token-of-the-helpdesk";
pub(crate) const BOB: &str = "deed_token-of-bob";
const POLICY: &str = include_str!("../../../contracts/policies/starter.cedar");

/// Contract files by name.
pub(crate) const CONTRACTS: &[(&str, &str)] = &[
    ("read_user", include_str!("../../../contracts/idp/read_user.toml")),
    ("restore_access", include_str!("../../../contracts/idp/restore_access.toml")),
    ("suspend_user", include_str!("../../../contracts/idp/suspend_user.toml")),
    ("tag_user", include_str!("tag_user.toml")),
];

/// The contracts that the starter policy names.
pub(crate) const STARTER: &[&str] = &["idp.read_user", "idp.restore_access", "idp.suspend_user"];

/// Bob's key; only its public half is in the directory.
pub(crate) fn bob() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// Makes a pinned directory that loads. Each name has a separate directory in each process.
pub(crate) fn make(name: &str, toml: &str) -> PathBuf {
    let dir = root().join(name);
    for folder in ["contracts", "policies", "keys", "approvers", "secrets", "adapters"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    for (name, text) in CONTRACTS {
        fs::write(dir.join(format!("contracts/{name}.toml")), text).unwrap();
    }
    for adapter in ["scim", "iam"] {
        fs::write(dir.join(format!("adapters/{adapter}.wasm")), b"no component").unwrap();
    }
    fs::write(dir.join("policies/starter.cedar"), POLICY).unwrap();
    fs::write(dir.join("policies/empty.cedar"), "").unwrap();
    let public = dsse::to_pem(&bob().verifying_key()).unwrap();
    fs::write(dir.join("approvers/bob.pub"), public).unwrap();
    for name in ["idp_read", "idp_write"] {
        let file = dir.join("secrets").join(name);
        fs::write(&file, format!("{name}{SECRET}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    for name in ["keys/receipt.key", "keys/log.key"] {
        keys::create(&dir.join(name)).unwrap();
    }
    fs::write(dir.join("deed.toml"), toml).unwrap();
    config::Plan::make(&dir).and_then(config::Plan::carry_out).unwrap();
    dir
}

/// A configuration that loads: one tenant with these grants.
pub(crate) fn toml(policy: &str, grants: &[&str]) -> String {
    let hash = |token: &str| Digest::of(token.as_bytes()).to_string();
    let head = include_str!("deed.toml").replace("@policy@", policy);
    let head = head.replace("@helpdesk@", &hash(HELPDESK)).replace("@bob@", &hash(BOB));
    let grants = grants
        .iter()
        .map(|name| format!("[tenant.acme.grant.\"{name}\"]\nupstreams = [\"idp\"]\n"));
    head + &grants.collect::<String>()
}

/// Removes the directories of this process.
pub fn clean() {
    // The directory does not exist if no target needed it.
    fs::remove_dir_all(root()).ok();
}

fn root() -> PathBuf {
    Path::new(&std::env::temp_dir()).join(format!("deed-fuzz-{}", std::process::id()))
}
