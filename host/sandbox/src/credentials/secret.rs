//! Secrets that the operator stores. The value of a secret is zeroed on drop and never printed.

use std::fmt;

use deed_system::files::{FileError, Files, quoted};
use zeroize::Zeroizing;

/// Minimum length of a secret in bytes. A shorter secret could be guessed, and redaction could not distinguish it from
/// ordinary text.
pub const SECRET_MIN: usize = 16;

/// Maximum length of a secret in bytes. Servers reject longer headers, so a larger file is probably the wrong file.
pub const SECRET_MAX: usize = 16 * 1024;

/// Reads a secret and checks that it is 16 bytes to 16 KiB of text without control characters.
///
/// A trailing newline is not part of the secret. A secret file must be a regular file that only its owner can read.
///
/// # Errors
///
/// Fails when the source cannot be read or the value does not meet these rules.
pub fn load(name: &str, files: &Files, source: &SecretSource) -> Result<Secret, CredentialError> {
    let bytes = match source {
        SecretSource::File(path) => read_file(name, files, path)?,
        SecretSource::Env(variable) => read_env(name, variable)?,
    };
    Secret::new(name, &bytes)
}

/// Where the operator keeps a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// Path below the served directory.
    File(String),
    /// Name of an environment variable.
    Env(String),
}

/// The source as a binding records it.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{path}"),
            Self::Env(variable) => write!(f, "env:{variable}"),
        }
    }
}

/// A secret with its name. `Debug` prints only the name, and the value is zeroed on drop.
pub struct Secret {
    name: String,
    value: Zeroizing<String>,
}

impl Secret {
    /// Checks a value and removes one trailing newline (`\n` or `\r\n`).
    ///
    /// # Errors
    ///
    /// Fails when the value is not text of 16 bytes to 16 KiB without control characters.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Self, CredentialError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_no_utf8| CredentialError::NotText(name.into()))?;
        let text =
            text.strip_suffix('\n').map_or(text, |cut| cut.strip_suffix('\r').unwrap_or(cut));
        if text.chars().any(char::is_control) {
            return Err(CredentialError::NotText(name.into()));
        }
        if text.len() < SECRET_MIN {
            return Err(CredentialError::Short(name.into()));
        }
        if text.len() > SECRET_MAX {
            return Err(CredentialError::Long(name.into()));
        }
        Ok(Self { name: name.into(), value: Zeroizing::new(text.into()) })
    }

    /// A secret that an upstream created. It may be text of any form.
    pub(crate) fn created(name: &str, text: &str) -> Self {
        Self { name: name.into(), value: Zeroizing::new(text.into()) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The secret value. The module `egress` needs the value to send the credential in a request, and to find the
    /// secret in an answer.
    pub fn reveal(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a secret is not usable. The error does not contain the value of the secret.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(
        "secret `{name}`: cannot read `{shown}`; run `deed secret set DIR {name}`, or correct `file`",
        shown = quoted(.path)
    )]
    Read { name: String, path: String, source: std::io::Error },
    #[error("secret `{name}`: {source}")]
    File { name: String, source: FileError },
    #[error("secret `{name}`: environment variable `{variable}` is not set or not UTF-8; set it")]
    Env { name: String, variable: String },
    #[error(
        "secret `{name}`: environment variable `{variable}` is reserved for another purpose; use a different variable"
    )]
    NoSecret { name: String, variable: String },
    /// The error does not quote the value of `env`, because that value may be the secret itself.
    #[error(
        "secret `{0}`: `env` must be the name of an environment variable; set one, and give its name"
    )]
    NoVariable(String),
    #[error(
        "secret `{0}` is shorter than 16 bytes, too short to recognize it in answers and redact it; use a longer secret"
    )]
    Short(String),
    #[error("secret `{0}` is longer than 16 KiB; is this the right file?")]
    Long(String),
    #[error(
        "secret `{0}` has control characters or is not UTF-8; a secret must be one line of text"
    )]
    NotText(String),
}

/// Maximum number of bytes that a secret file may have. The number exceeds [`SECRET_MAX`], so that a secret that is
/// slightly too long is read and then reported as too long.
const FILE_MAX: u64 = 64 << 10;

fn read_file(name: &str, files: &Files, path: &str) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    files.private(path, FILE_MAX).map_err(|error| match error {
        FileError::Read(path, source) => CredentialError::Read { name: name.into(), path, source },
        FileError::Long(..) => CredentialError::Long(name.into()),
        source => CredentialError::File { name: name.into(), source },
    })
}

/// Environment variables that cannot be used for secrets: every process has them, or the host uses them for another
/// purpose.
const NO_SECRETS: [&str; 9] =
    ["PATH", "HOME", "PWD", "OLDPWD", "SHELL", "USER", "LANG", "DEED_LOG", "DEED_TOKEN"];

fn read_env(name: &str, variable: &str) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if variable.is_empty() || !variable.bytes().all(fits) {
        return Err(CredentialError::NoVariable(name.into()));
    }
    if NO_SECRETS.contains(&variable) || variable.starts_with("LD_") {
        return Err(CredentialError::NoSecret { name: name.into(), variable: variable.into() });
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the configuration names this variable as a secret"
    )]
    let value = std::env::var(variable);
    match value {
        Ok(value) => Ok(Zeroizing::new(value.into_bytes())),
        Err(_) => Err(CredentialError::Env { name: name.into(), variable: variable.into() }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    const VALUE: &str = "0123456789abcdef";

    fn dir() -> PathBuf {
        let dir = std::env::temp_dir().join(format!("deed-vault-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn file(name: &str, mode: u32, bytes: &[u8]) -> (Files, SecretSource) {
        let dir = dir();
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (Files::open(&dir).unwrap(), SecretSource::File(name.to_owned()))
    }

    #[test]
    fn a_private_file_is_read_without_its_newline() {
        for (name, mode, end) in [("a", 0o600, "\n"), ("b", 0o400, "\r\n"), ("c", 0o600, "")] {
            let (files, source) = file(name, mode, format!("{VALUE}{end}").as_bytes());
            let secret = load("idp-read", &files, &source).unwrap();
            assert_eq!(secret.reveal(), VALUE);
            assert!(!format!("{secret:?}").contains(VALUE));
        }
    }

    #[test]
    fn a_file_that_others_read_is_refused_with_the_remedy() {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let (files, source) = file(&format!("open-{mode:o}"), mode, VALUE.as_bytes());
            let error = load("x", &files, &source).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let files = Files::open(&dir()).unwrap();
        let missing = SecretSource::Env("DEED_TEST_NO_SUCH_VARIABLE".into());
        assert!(matches!(load("x", &files, &missing), Err(CredentialError::Env { .. })));
        let path = SecretSource::Env("PATH".into());
        assert!(matches!(load("x", &files, &path), Err(CredentialError::NoSecret { .. })));
        assert!(matches!(Secret::new("x", b"short"), Err(CredentialError::Short(_))));
        assert!(matches!(
            Secret::new("x", b"0123456789abc\ndef\n"),
            Err(CredentialError::NotText(_))
        ));
        assert!(matches!(Secret::new("x", &[0xff; 20]), Err(CredentialError::NotText(_))));
        assert!(matches!(
            Secret::new("x", &vec![b'a'; SECRET_MAX + 1]),
            Err(CredentialError::Long(_))
        ));
    }
}
