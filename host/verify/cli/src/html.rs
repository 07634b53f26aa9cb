//! The page that checks bundles in a browser: one HTML file with the verifier as a WebAssembly module, which works
//! without a network and from a file.
//!
//! The policy of the page (`Content-Security-Policy`) permits the script and the style by their digests, and no request
//! to anywhere.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;

/// The style of the page.
pub const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
const TEMPLATE: &str = include_str!("html/page.html");

/// The module in a release build that was given one, compressed with gzip; empty in any other build.
const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/verifier.wasm.gz"));

/// Where a debug build finds the module when it runs. In a release build, `build.rs` reads the variable.
const VARIABLE: &str = "DEED_VERIFIER_MODULE";

/// Maximum size of the module in bytes. With it, the page has less than 4 MB.
const MODULE_MAX: usize = 2_900_000;

/// How a file begins that was compressed with gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The policy of the page, as its `meta` element states it. A server adds `frame-ancestors`, which only a header can
/// state.
pub fn policy() -> String {
    let digest = |text: &str| STANDARD.encode(Digest::of(text.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; script-src 'sha256-{}' 'wasm-unsafe-eval'; style-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        digest(SCRIPT),
        digest(STYLE)
    )
}

/// The whole page.
///
/// # Errors
///
/// Fails when the build has no module, or a debug build cannot read it.
pub fn page() -> Result<String, HtmlError> {
    Ok(with_module(&module()?))
}

/// Writes the page to a new file.
///
/// # Errors
///
/// Fails when the build has no module, and when the file exists or cannot be written.
pub fn write(path: &Path) -> Result<(), HtmlError> {
    store(&page()?, path)
}

fn store(page: &str, path: &Path) -> Result<(), HtmlError> {
    let failed = |e: io::Error| match e.kind() {
        ErrorKind::AlreadyExists => HtmlError::Exists(path.to_owned()),
        _ => HtmlError::Write(path.to_owned(), e),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(page.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

fn module() -> Result<Cow<'static, [u8]>, HtmlError> {
    let module = if cfg!(debug_assertions) { of_variable()? } else { EMBEDDED.into() };
    if !module.starts_with(&GZIP) {
        return Err(HtmlError::NoModule);
    }
    if module.len() > MODULE_MAX {
        return Err(HtmlError::TooLarge(module.len()));
    }
    Ok(module)
}

/// The module that the variable names, for a debug build. Without the variable, the module is empty.
fn of_variable() -> Result<Cow<'static, [u8]>, HtmlError> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let Some(path) = path.map(PathBuf::from) else { return Ok(EMBEDDED.into()) };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(HtmlError::Module(path, error)),
    }
}

/// The page with this compressed module.
fn with_module(module: &[u8]) -> String {
    let fields = [
        ("{policy}", policy()),
        ("{style}", STYLE.to_owned()),
        ("{version}", env!("CARGO_PKG_VERSION").to_owned()),
        ("{digest}", Digest::of(module).to_string()),
        ("{script}", SCRIPT.to_owned()),
        ("{module}", STANDARD.encode(module)),
    ];
    let fill = |page: String, (name, text): &(&str, String)| page.replacen(*name, text, 1);
    fields.iter().fold(TEMPLATE.to_owned(), fill)
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    #[error(
        "this build has no verifier for browsers; use a released build, or set {VARIABLE} as docs/verify.md describes"
    )]
    NoModule,
    #[error("{VARIABLE} names `{}`: {_1}", .0.display())]
    Module(PathBuf, io::Error),
    #[error("the verifier has {0} bytes, but the page has room for {MODULE_MAX}")]
    TooLarge(usize),
    #[error("`{}` exists, and the page is not written over it; name a new file", .0.display())]
    Exists(PathBuf),
    #[error("`{}`: {_1}", .0.display())]
    Write(PathBuf, io::Error),
}

#[cfg(test)]
mod tests;
