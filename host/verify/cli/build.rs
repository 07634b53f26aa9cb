//! Embeds the verifier as a WebAssembly module, for the page that checks bundles in a browser.
//!
//! `DEED_VERIFIER_MODULE` names the file that `deed-adapter-build --module deed-verify-wasm FILE.wasm.gz` wrote. Only a
//! release build embeds it. A debug build reads the file when it runs, so that neither a first build nor a change of the
//! verifier has to wait for a module, and a module does not cause a rebuild of the host.

use std::path::{Path, PathBuf};
use std::{env, fs};

const VARIABLE: &str = "DEED_VERIFIER_MODULE";

/// How a file begins that was compressed with gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script the profile so")]
fn main() -> Result<(), String> {
    println!("cargo:rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let module = if is_release { module()? } else { vec![] };
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo does not set OUT_DIR")?;
    let out = out.join("verifier.wasm.gz");
    fs::write(&out, module).map_err(|e| format!("`{}`: {e}", out.display()))
}

/// The compressed module; empty if the variable is not set.
fn module() -> Result<Vec<u8>, String> {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let path = env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let Some(path) = path.map(PathBuf::from) else { return Ok(vec![]) };
    let named = |why: &str| format!("{VARIABLE} names `{}`: {why}", path.display());
    if !path.is_absolute() {
        return Err(named("write an absolute path"));
    }
    println!("cargo:rerun-if-changed={}", path.display());
    let bytes = read(&path).map_err(|why| named(&why))?;
    if bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    Err(named("the file is not compressed; build it as FILE.wasm.gz"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| e.to_string())
}
