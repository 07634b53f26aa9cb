//! `tokens/`: tokens of agents that are created, rotated and revoked while the host runs.
//!
//! Each file contains the digest of one token, and names the agent that the token identifies. A file with a fault is
//! ignored by a running host, and does not affect the tokens of other files.

mod folder;
mod rules;
mod store;

use std::io::ErrorKind;

use deed_record::timeline::{from_utc, utc};
use deed_spec::digest::Digest;
use deed_system::files::{FileError, Files};
use serde::{Deserialize, Serialize};

pub use self::folder::{TokenFolder, Tokens};
pub(super) use self::rules::Rules;
pub use self::store::{NamedAgent, TokenStore};
use super::fault::{Fault, Source};

/// The folder of the token files, directly below the served directory.
pub(crate) const FOLDER: &str = "tokens";
/// Maximum size of a token file, which usually has about 250 bytes.
pub(crate) const TOKEN_MAX: u64 = 4 << 10;

const END: &str = ".toml";
const PREFIX: &str = "t_";
/// The number of base32 digits of an id, which have 50 random bits.
const DIGITS: usize = 10;

/// A token of an agent. The token itself is not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentToken {
    /// The name of the file without `.toml`.
    pub id: String,
    pub tenant: String,
    pub agent: String,
    /// SHA-256 of the token.
    pub hash: Digest,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub note: Option<String>,
}

/// The fields of a token file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    tenant: String,
    agent: String,
    hash: String,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A token with the text of its file, for faults that point at a line.
#[derive(Debug)]
struct Found {
    token: AgentToken,
    source: Source,
}

impl AgentToken {
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_ms.is_some_and(|expires_ms| expires_ms <= now_ms)
    }

    fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&Fields {
            tenant: self.tenant.clone(),
            agent: self.agent.clone(),
            hash: self.hash.to_string(),
            created: utc(self.created_ms),
            expires: self.expires_ms.map(utc),
            note: self.note.clone(),
        })
    }
}

/// Whether a text has the form of the id of a token: `t_` and ten characters of 0-9 and a-v.
pub fn is_token_id(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_digit() || (b'a'..=b'v').contains(&b);
    text.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == DIGITS && rest.bytes().all(known))
}

/// An id from random bytes, of which seven are enough.
pub fn token_id(random: [u8; 7]) -> String {
    let digits = data_encoding::BASE32HEX_NOPAD.encode(&random).to_ascii_lowercase();
    PREFIX.chars().chain(digits.chars().take(DIGITS)).collect()
}

/// Reads every token file. Hidden files are ignored, because a command writes a hidden draft before it replaces a file.
fn read_all(files: &Files) -> Result<(Vec<Found>, Vec<Fault>), FileError> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for name in files.names(FOLDER)?.iter().filter(|name| !name.starts_with('.')) {
        match read(files, name) {
            Ok(one) => found.extend(one),
            Err(fault) => faults.push(fault),
        }
    }
    Ok((found, faults))
}

/// Reads one token file; `None` if it was removed after the folder was listed.
fn read(files: &Files, name: &str) -> Result<Option<Found>, Fault> {
    let path = format!("{FOLDER}/{name}");
    let Some(id) = name.strip_suffix(END).filter(|id| is_token_id(id)) else {
        let what = "this is not a file of `deed token add`, which are named as in `t_0123456789.toml`; remove it";
        return Err(Fault::new(&path, 0, what));
    };
    let bytes = match files.private(&path, TOKEN_MAX) {
        Err(e) if e.kind() == Some(ErrorKind::NotFound) => return Ok(None),
        bytes => bytes.map_err(|e| Fault::new(&path, 0, e.to_string()))?,
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Fault::new(&path, 0, FileError::NotText(path.clone()).to_string()))?;
    parse(id, Source { name: path, text: text.to_owned() }).map(Some)
}

/// The errors do not quote the values of the file, because one of them may be the token itself.
fn parse(id: &str, source: Source) -> Result<Found, Fault> {
    let fields: Fields = toml::from_str(&source.text)
        .map_err(|e| Fault::private_toml(&source.name, &source.text, &e))?;
    let time = |key: &str, text: &str| {
        from_utc(text).ok_or_else(|| {
            let what =
                format!("`{key}` is not a time in UTC; write it as in `2026-11-20 22:07:47Z`");
            source.fault(key, &what)
        })
    };
    let hash = fields.hash.parse::<Digest>().map_err(|_| {
        let what = "`hash` is not the digest of a token; write `sha256:` and 64 lower-case hex digits, or create the \
                    token with `deed token add`";
        source.fault("hash", what)
    })?;
    let created_ms = time("created", &fields.created)?;
    let expires_ms = fields.expires.map(|text| time("expires", &text)).transpose()?;
    let Fields { tenant, agent, note, .. } = fields;
    let token = AgentToken { id: id.to_owned(), tenant, agent, hash, created_ms, expires_ms, note };
    Ok(Found { token, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "tokens/t_0123456789.toml".to_owned(), text: text.to_owned() }
    }

    fn token() -> AgentToken {
        AgentToken {
            id: "t_0123456789".to_owned(),
            tenant: "main".to_owned(),
            agent: "helpdesk".to_owned(),
            hash: Digest::of(b"deed_x"),
            created_ms: 1_000,
            expires_ms: Some(61_000),
            note: Some("a \"laptop\"\nof alice".to_owned()),
        }
    }

    #[test]
    fn a_token_file_is_read_as_it_was_written() {
        for token in [token(), AgentToken { expires_ms: None, note: None, ..token() }] {
            let text = token.to_toml().unwrap();
            assert_eq!(parse(&token.id, source(&text)).unwrap().token, token, "{text}");
        }
        assert!(token().is_expired(61_000) && !token().is_expired(60_999));
    }

    #[test]
    fn a_fault_of_a_token_file_has_its_line_and_not_its_value() {
        let good = token().to_toml().unwrap();
        let hash = Digest::of(b"deed_x").to_string();
        let secret = "deed_a-token-in-the-place-of-its-digest";
        for (from, to, line, words) in [
            (hash.as_str(), secret, 3, "`hash` is not the digest of a token"),
            ("1970-01-01 00:00:01Z", secret, 4, "`created` is not a time in UTC"),
            ("1970-01-01 00:01:01Z", secret, 5, "`expires` is not a time in UTC"),
            ("agent", secret, 2, "an unknown name"),
            ("\"helpdesk\"", "7", 2, "invalid type"),
        ] {
            let text = good.replace(from, to);
            let fault = parse("t_0123456789", source(&text)).unwrap_err();
            assert_eq!(fault.line, line, "{fault}");
            assert!(fault.what.contains(words) && !fault.what.contains(secret), "{fault}");
        }
    }

    #[test]
    fn an_id_has_one_form() {
        let id = token_id([255; 7]);
        assert_eq!(id, "t_vvvvvvvvvv");
        assert!(is_token_id(&id) && is_token_id(&token_id([0; 7])));
        for bad in
            ["", "t_", "t_vvvvvvvvv", "t_vvvvvvvvvvv", "t_vvvvvvvvvw", "x_vvvvvvvvvv", "../t_v"]
        {
            assert!(!is_token_id(bad), "{bad}");
        }
    }
}
