//! References to packages: `oci:DIR[:TAG]`, `HOST[:PORT]/NAME:TAG`, or either with `@sha256:…` in place of the tag.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use deed_spec::digest::Digest;

use super::error::PackageError;

/// Where packages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An OCI image layout in this directory.
    Layout(PathBuf),
    /// A repository of a registry.
    Registry { host: String, name: String },
}

/// Which package of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Tag(String),
    Digest(Digest),
}

/// A place and one of its packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub location: Location,
    pub which: Which,
}

/// The tag of a layout if the reference has none.
const TAG: &str = "latest";
const LAYOUT: &str = "oci:";
/// What separates a place from a digest. The path of a layout can contain `@`.
const AT_DIGEST: &str = "@sha256:";
const FORM: &str =
    "write HOST/NAME:TAG or HOST/NAME@sha256:… for a registry, or oci:DIR:TAG for a directory";
/// The longest name of a repository, as in the distribution specification.
const NAME_MAX: usize = 255;

impl Reference {
    /// The same place, but with the package of this digest.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { location: self.location.clone(), which: Which::Digest(digest) }
    }

    /// Whether a text has the form of a reference and not that of a path to a component.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(LAYOUT) || text.parse::<Self>().is_ok()
    }
}

impl FromStr for Reference {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, digest) = match text.rsplit_once(AT_DIGEST) {
            Some((place, hex)) => {
                let digest = Digest::from_hex(hex);
                (place, Some(digest.map_err(|error| PackageError::name(text, error))?))
            }
            None => (text, None),
        };
        let (place, tag) = match place.rsplit_once(':') {
            Some((place, tag)) if is_tag(tag) && place != "oci" && !is_port(place, tag) => {
                (place, Some(tag))
            }
            _ => (place, None),
        };
        let location = location(place).ok_or_else(|| PackageError::name(text, FORM))?;
        let which = match (digest, tag, &location) {
            (Some(_), Some(_), _) => {
                return Err(PackageError::name(text, "use either a tag or a digest"));
            }
            (Some(digest), None, _) => Which::Digest(digest),
            (None, Some(tag), _) => Which::Tag(tag.to_owned()),
            (None, None, Location::Layout(_)) => Which::Tag(TAG.to_owned()),
            (None, None, Location::Registry { .. }) => return Err(PackageError::name(text, FORM)),
        };
        Ok(Self { location, which })
    }
}

/// Whether the digits after the colon are a port: a host has no `/` before its port.
fn is_port(place: &str, tag: &str) -> bool {
    !place.starts_with(LAYOUT) && !place.contains('/') && tag.bytes().all(|b| b.is_ascii_digit())
}

fn location(text: &str) -> Option<Location> {
    if let Some(dir) = text.strip_prefix(LAYOUT) {
        return (!dir.is_empty()).then(|| Location::Layout(PathBuf::from(dir)));
    }
    let (host, name) = text.split_once('/')?;
    let fits = is_host(host) && name.len() <= NAME_MAX && name.split('/').all(is_part);
    fits.then(|| Location::Registry { host: host.to_owned(), name: name.to_owned() })
}

/// Whether this is a host, with a port or not. A single word is a folder and not a host, except for `localhost`.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let is_known = host.contains('.') || host == "localhost" || port.is_some();
    is_address && port.is_none_or(is_number) || is_name && is_known && port.is_none_or(is_number)
}

fn is_number(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// One part of the name of a repository.
fn is_part(part: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(edge)
        && part.ends_with(edge)
        && part.chars().all(|c| edge(c) || matches!(c, '.' | '_' | '-'))
}

/// Whether a text is a tag by the distribution specification.
pub(super) fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(dir) => write!(f, "{LAYOUT}{}", dir.display()),
            Self::Registry { host, name } => write!(f, "{host}/{name}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Which::Tag(tag) => write!(f, "{}:{tag}", self.location),
            Which::Digest(digest) => write!(f, "{}@{digest}", self.location),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn references_name_a_place_and_a_package() {
        let hex = Digest::of(b"x");
        for (text, shown) in [
            ("oci:out", "oci:out:latest".to_owned()),
            ("oci:/a:b/out:1.0", "oci:/a:b/out:1.0".to_owned()),
            ("oci:/a:b/out", "oci:/a:b/out:latest".to_owned()),
            ("oci:u@x", "oci:u@x:latest".to_owned()),
            ("oci:u@x/out:1.0", "oci:u@x/out:1.0".to_owned()),
            ("registry.example/team/titles:1.0.0", "registry.example/team/titles:1.0.0".to_owned()),
            ("127.0.0.1:5000/titles:v1", "127.0.0.1:5000/titles:v1".to_owned()),
            ("[::1]:5000/titles:v1", "[::1]:5000/titles:v1".to_owned()),
            ("localhost/titles:v1", "localhost/titles:v1".to_owned()),
        ] {
            assert_eq!(parsed(text).to_string(), shown);
        }
        let text = format!("registry.example/titles@{hex}");
        assert_eq!(parsed(&text).which, Which::Digest(hex));
        assert_eq!(parsed(&text).to_string(), text);
        assert_eq!(parsed("registry.example/titles:1").at(hex).to_string(), text);
        let text = format!("oci:u@x@{hex}");
        assert_eq!(parsed("oci:u@x:1").at(hex).to_string(), text);
        assert_eq!(parsed(&text), parsed("oci:u@x").at(hex));
    }

    #[test]
    fn other_texts_are_no_references() {
        for bad in [
            "",
            "oci:",
            "titles.wasm",
            "team/titles:1",
            "registry.example/titles",
            "registry.example:5000/titles",
            "registry.example:70000/titles:1",
            "registry.example/Titles:1",
            "registry.example/../x:1",
            "registry.example/a//b:1",
            "user@registry.example/a:1",
            "http://registry.example/a:1",
            "registry.example/a:1@sha256:00",
            "registry.example/a@sha512:00",
            "registry.example/a@1",
            "oci:out@sha256:00",
            "registry.example/a:-1",
            "registry.example/a b:1",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        let both = format!("registry.example/a:1@{}", Digest::of(b"x"));
        assert!(both.parse::<Reference>().is_err());
        assert!(!Reference::is_one("target/adapters/titles.wasm"));
    }
}
