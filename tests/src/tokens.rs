//! Tokens of agents in `tokens/` of a served directory: made by the real commands, or planted as files.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host;
use crate::layout::hash;
use crate::services::Result;

/// The report of `deed token VERB DIR`, which must succeed.
pub fn report(dir: &Path, verb: &str, more: &[&str]) -> Result<Value> {
    let dir = dir.to_string_lossy();
    let dir: &str = &dir;
    let args = [&["token", verb, dir, "--json"][..], more].concat();
    Ok(serde_json::from_str(&host::expect(&args)?)?)
}

/// The text of a file that gives an agent this token.
pub fn file(tenant: &str, agent: &str, token: &str) -> String {
    let hash = hash(token);
    format!(
        "tenant = \"{tenant}\"\nagent = \"{agent}\"\nhash = \"{hash}\"\ncreated = \"2026-11-20 22:07:47Z\"\n"
    )
}

/// Where the file of a token is.
pub fn path(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("tokens/{id}.toml"))
}

/// Writes or replaces a token file that only its owner can read.
pub fn plant(dir: &Path, id: &str, text: &str) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir.join("tokens"))?;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600);
    Ok(opened.open(path(dir, id))?.write_all(text.as_bytes())?)
}
