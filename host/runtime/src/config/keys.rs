//! The host's signing keys: one for receipts, one for checkpoints, in files that only their owner can read.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use deed_record::action::id::ActionId;
use deed_record::exchange::Rendered;
use deed_record::statement::rotation::Purpose;
use deed_spec::digest::Digest;
use deed_spec::{dsse, json};
use deed_system::files::{FileError, Files, PEM_MAX};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

mod next;

pub use self::next::{Next, retired};

/// The size limit of a key file. An Ed25519 key in PEM has about 200 bytes, but the file may contain text around the
/// key.
const KEY_MAX: u64 = 16 << 10;

/// The two keys of a host. Each key serves one purpose.
#[derive(Debug)]
pub struct Keys {
    pub receipt: SigningKey,
    pub log: SigningKey,
}

impl Keys {
    pub fn of(&self, purpose: Purpose) -> &SigningKey {
        match purpose {
            Purpose::Receipt => &self.receipt,
            Purpose::Log => &self.log,
        }
    }

    /// Returns the key by which an upstream recognises a repeated write. The key is the same in every attempt and
    /// differs from the key of any other write. The idempotency key is the base32 encoding (RFC 4648, lower case, no
    /// padding) of an HMAC-SHA-256 (RFC 2104) over the action, the request and the number of equal requests before it.
    /// The HMAC key is derived from the receipt key with a separate label.
    ///
    /// # Errors
    ///
    /// Fails when the request has no canonical JSON form.
    pub fn idempotency_key(
        &self,
        action: &ActionId,
        request: &Rendered,
        nth: usize,
    ) -> Result<String, KeyError> {
        let failed = |_unfit| KeyError::Unkeyed;
        let request = json::to_canonical(request).map_err(|_unfit| KeyError::Unkeyed)?;
        let key = mac(self.receipt.as_bytes(), "deed idempotency key v1").map_err(failed)?;
        let text = format!("{action}\n{}\n{nth}", Digest::of(&request).hex());
        let key = mac(&key, &text).map_err(failed)?;
        Ok(BASE32_NOPAD.encode(&*key).to_ascii_lowercase())
    }

    /// The public keys.
    pub fn public(&self) -> [VerifyingKey; 2] {
        [self.receipt.verifying_key(), self.log.verifying_key()]
    }
}

fn mac(key: &[u8; 32], text: &str) -> Result<Zeroizing<[u8; 32]>, InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// Loads both keys of a served directory.
///
/// # Errors
///
/// Fails when a file is missing, not private or not a key, or both keys are the same.
pub fn load(dir: &Path) -> Result<Keys, KeyError> {
    let files = Files::open(dir).map_err(KeyError::File)?;
    let key = |path: &str| {
        let pem = files.private(path, KEY_MAX).map_err(|e| KeyError::of(path, e))?;
        parse(Path::new(path), &pem)
    };
    let keys = Keys { receipt: key("keys/receipt.key")?, log: key("keys/log.key")? };
    if keys.receipt == keys.log {
        return Err(KeyError::Shared);
    }
    Ok(keys)
}

/// Returns the host's public keys: from the private keys if these exist, else from the public key files next to them.
/// Commands use the public key files to read a copy of a directory that has no private keys.
///
/// # Errors
///
/// Fails when a key cannot be read.
pub fn public(dir: &Path) -> Result<[VerifyingKey; 2], KeyError> {
    let files = Files::open(dir).map_err(KeyError::File)?;
    if dir.join("keys/receipt.key").exists() && dir.join("keys/log.key").exists() {
        return Ok(load(dir)?.public());
    }
    let key = |path: &str| {
        let text = files.text(path, PEM_MAX).map_err(|e| KeyError::of(path, e))?;
        dsse::from_pem(&text).map_err(|_| KeyError::Public(PathBuf::from(path)))
    };
    Ok([key("keys/receipt.pub")?, key("keys/log.pub")?])
}

/// Reads a PKCS#8 PEM private key (RFC 8410), of version 1 or 2.
///
/// # Errors
///
/// Fails when the file does not contain a private key of this form, or when group or others can read the file.
pub fn read(path: &Path) -> Result<SigningKey, KeyError> {
    let file = path.to_owned();
    let meta = fs::symlink_metadata(path).map_err(|e| KeyError::Named(file.clone(), e))?;
    if !meta.is_file() {
        return Err(KeyError::Readable(file));
    }
    let opened = fs::File::open(path).map_err(|e| KeyError::Named(file.clone(), e))?;
    let mut pem = Zeroizing::new(Vec::with_capacity(1 << 10));
    opened.take(KEY_MAX).read_to_end(&mut pem).map_err(|e| KeyError::Named(file.clone(), e))?;
    if pem.starts_with(b"-----BEGIN PUBLIC KEY-----") {
        return Err(KeyError::NotPrivate(file));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Readable(file));
    }
    parse(path, &pem)
}

fn parse(path: &Path, pem: &[u8]) -> Result<SigningKey, KeyError> {
    let text = std::str::from_utf8(pem).map_err(|_| KeyError::Form(path.to_owned()))?;
    SigningKey::from_pkcs8_pem(text).map_err(|_| KeyError::Form(path.to_owned()))
}

/// Encodes a private key as PKCS#8 version 1 (RFC 8410 section 7). OpenSSL 3.0 and software built on it refuse version
/// 2, which also contains the public key.
fn to_pem(key: &SigningKey) -> Option<Zeroizing<String>> {
    let bare = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
    bare.to_pkcs8_pem(LineEnding::LF).ok()
}

/// Creates a key pair from the system's randomness: the private key at PATH with mode 0600, and the public key at PATH
/// with the extension `.pub`, readable by all.
///
/// # Errors
///
/// Fails when one of the files exists or cannot be written.
pub fn create(path: &Path) -> Result<SigningKey, KeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| KeyError::Random(e.to_string()))?;
    let key = SigningKey::from_bytes(&seed);
    let pem = to_pem(&key).ok_or_else(|| KeyError::Form(path.to_owned()))?;
    write_new(path, pem.as_bytes(), 0o600)?;
    let public = dsse::to_pem(&key.verifying_key()).map_err(|_| KeyError::Form(path.to_owned()))?;
    write_new(&path.with_extension("pub"), public.as_bytes(), 0o644)?;
    Ok(key)
}

/// Writes a new file durably.
///
/// # Errors
///
/// Fails when the file already exists or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let failed = |e| KeyError::Write(path.to_owned(), e);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// Random bytes from the system, as lower-case hex.
///
/// # Errors
///
/// Fails when the system returns no random bytes.
pub fn random_hex<const N: usize>() -> Result<String, KeyError> {
    Ok(data_encoding::HEXLOWER.encode(&random::<N>()?))
}

/// Random bytes from the system.
///
/// # Errors
///
/// Fails when the system returns no random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| KeyError::Random(e.to_string()))?;
    Ok(bytes)
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("key `{0}` cannot be read: {1}; `deed key new {0}` creates one")]
    Read(PathBuf, std::io::Error),
    #[error("key `{0}` cannot be read: {1}; use the path of your private key")]
    Named(PathBuf, std::io::Error),
    #[error("`{0}` is a public key; use the private key that belongs to it")]
    NotPrivate(PathBuf),
    #[error("key: {0}")]
    File(FileError),
    #[error("key `{0}` is not a regular file that only its owner can read; run `chmod 600 {0}`")]
    Readable(PathBuf),
    #[error(
        "`{0}` does not contain an Ed25519 private key in PKCS#8 PEM form; `deed key new` creates one"
    )]
    Form(PathBuf),
    #[error("`{0}` does not contain an Ed25519 public key in PEM form")]
    Public(PathBuf),
    #[error("`{0}` cannot be written: {1}")]
    Write(PathBuf, std::io::Error),
    #[error("receipt.key and log.key are the same key; use a key for one purpose only")]
    Shared,
    #[error("a write has no canonical JSON form, so the host cannot compute its idempotency key")]
    Unkeyed,
    #[error("the system returned no random bytes: {0}")]
    Random(String),
    #[error(
        "a rotation of the {} key was started but not finished; `deed key rotate DIR {}` finishes it",
        .0.as_str(), .0.as_str()
    )]
    Rotating(Purpose),
}

impl KeyError {
    fn of(path: &str, error: FileError) -> Self {
        let path = PathBuf::from(path);
        match error {
            FileError::Read(_, e) => Self::Read(path, e),
            FileError::Open(..) | FileError::Irregular(_) => Self::Readable(path),
            other => Self::File(other),
        }
    }
}

#[cfg(test)]
mod tests;
