//! The parts of a served directory that do not depend on the upstream, made with the commands of the real binary.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use deed_spec::digest::Digest;

use crate::host;
use crate::services::{Result, workspace};

/// The first lines of every test's `deed.toml`. These lines use only free ports of the loopback device.
pub const HEAD: &str = r#"environment = "production"

[http]
listen = "127.0.0.1:0"
operations = "127.0.0.1:0"

[log]
origin = "deed.example/logs"

[approval]
expires = "1h"
"#;

/// Makes the folders, the keys of the host and the keys of these approvers.
pub fn folders(dir: &Path, approvers: &[&str]) -> Result<()> {
    for sub in ["contracts", "policies", "adapters", "secrets", "keys", "approvers"] {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir.join(sub))?;
    }
    let approvers = approvers.iter().map(|person| format!("approvers/{person}.key"));
    let own = ["keys/receipt.key", "keys/log.key"].map(str::to_owned);
    for key in own.into_iter().chain(approvers) {
        host::expect(&["key", "new", &dir.join(key).to_string_lossy()])?;
    }
    Ok(())
}

/// Installs an adapter that was built for the tests under this name.
pub fn adapter(dir: &Path, built: &str, name: &str) -> Result<()> {
    let wasm = workspace().join(format!("target/adapters/{built}.wasm"));
    fs::copy(&wasm, dir.join(format!("adapters/{name}.wasm")))
        .map_err(|e| format!("`{}` is not there ({e}); run `make adapters`", wasm.display()))?;
    Ok(())
}

/// The hash of a token for `deed.toml`.
pub fn hash(token: &str) -> String {
    Digest::of(token.as_bytes()).to_string()
}
