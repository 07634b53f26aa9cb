//! Search for canaries: values that must not occur in any output, in any encoding.
//!
//! A hit names the file, the offset, the canary and the encoding, but never contains the value itself.
#![expect(clippy::indexing_slicing, reason = "bounds are those of the lines above; tests only")]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use data_encoding::{HEXLOWER, HEXUPPER};

/// The minimum length of a canary. Shorter values occur in ordinary text by chance, and no secret of the tests is
/// shorter.
const VALUE_MIN: usize = 12;

/// A value that must not occur, with a name that may be shown.
#[derive(Clone)]
pub struct Canary {
    name: String,
    value: Vec<u8>,
    /// Whether the journal may contain the value.
    journaled: bool,
}

/// Where a canary was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub file: PathBuf,
    pub offset: usize,
    pub canary: String,
    pub form: String,
}

/// All encodings of a set of canaries, prepared for a search in one pass.
pub struct Search {
    needles: Vec<Needle>,
    /// Indexes into `needles`, grouped by the first two bytes of each needle.
    starts: Vec<Vec<usize>>,
}

struct Needle {
    journaled: bool,
    canary: String,
    form: String,
    bytes: Vec<u8>,
}

impl Canary {
    pub fn new(name: &str, value: &[u8]) -> Self {
        Self { name: name.to_owned(), value: value.to_vec(), journaled: false }
    }

    /// Creates a canary for a value that only the journal's segments may contain.
    pub fn private(name: &str, value: &[u8]) -> Self {
        Self { journaled: true, ..Self::new(name, value) }
    }
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canary").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").field("needles", &self.needles.len()).finish_non_exhaustive()
    }
}

/// The secrets, the secrets that upstreams created, and the private keys' seeds of a served directory.
pub fn of_directory(dir: &Path) -> Vec<Canary> {
    let secrets = files(&dir.join("secrets")).into_iter().filter_map(|path| {
        let value = fs::read(&path).ok()?;
        let value = value.trim_ascii_end();
        (value.len() >= VALUE_MIN).then(|| Canary::new(&name(dir, &path), value))
    });
    let stored = files(&dir.join("vault")).into_iter().filter_map(|path| {
        let value = fs::read(&path).ok()?;
        (value.len() >= VALUE_MIN).then(|| Canary::new(&name(dir, &path), &value))
    });
    let keys = ["keys", "approvers"].into_iter().flat_map(|folder| files(&dir.join(folder)));
    let seeds = keys
        .filter_map(|path| Some(Canary::new(&name(dir, &path), &seed(&fs::read(&path).ok()?)?)));
    secrets.chain(stored).chain(seeds).collect()
}

/// Whether the file holds a secret on purpose.
pub fn is_home(relative: &Path) -> bool {
    let is_key = relative.extension().is_some_and(|e| e == "key");
    relative.starts_with("secrets")
        || relative.starts_with("vault")
        || is_key && (relative.starts_with("keys") || relative.starts_with("approvers"))
}

/// Every encoding in which a value may occur. Each encoding is also searched for inside base64, because envelopes
/// contain bodies in base64.
pub fn forms(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = vec![
        ("raw".to_owned(), value.to_vec()),
        ("hex".to_owned(), HEXLOWER.encode(value).into_bytes()),
        ("HEX".to_owned(), HEXUPPER.encode(value).into_bytes()),
        ("percent".to_owned(), each(value, |b| format!("%{b:02x}"))),
        ("PERCENT".to_owned(), each(value, |b| format!("%{b:02X}"))),
        ("json".to_owned(), each(value, |b| format!("\\u{b:04x}"))),
        ("JSON".to_owned(), each(value, |b| format!("\\u{b:04X}"))),
        ("utf16le".to_owned(), value.iter().flat_map(|b| [*b, 0]).collect()),
        ("utf16be".to_owned(), value.iter().flat_map(|b| [0, *b]).collect()),
    ];
    // Percent-encodes only the characters that require it, so the result equals the value itself for most values.
    let some = each(value, |b| match b {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => char::from(b).into(),
        _ => format!("%{b:02X}"),
    });
    if some != value {
        forms.push(("percent, reserved only".to_owned(), some));
    }
    for (name, alphabet) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
        forms.extend((0..3).map(|at| (format!("{name}+{at}"), base64_inside(value, alphabet, at))));
    }
    let inner: Vec<(String, Vec<u8>)> = forms.iter().skip(1).cloned().collect();
    for (name, bytes) in &inner {
        let again = |at| (format!("{name} in base64+{at}"), base64_inside(bytes, &STANDARD, at));
        forms.extend((0..3).map(again));
    }
    forms
}

/// The part that occurs in the base64 of every text that contains `value` at an offset of `at` modulo 3.
fn base64_inside(value: &[u8], alphabet: &Alphabet, at: usize) -> Vec<u8> {
    let padded = [&[0; 3][..at], value].concat();
    let text = GeneralPurpose::new(alphabet, NO_PAD).encode(&padded);
    // Base64 digits at both ends that also encode bits of neighbouring bytes are left out.
    let (first, end) = ((at * 8).div_ceil(6), padded.len() * 8 / 6);
    text.as_bytes()[first..end].to_vec()
}

fn each(value: &[u8], escape: impl Fn(u8) -> String) -> Vec<u8> {
    value.iter().flat_map(|byte| escape(*byte).into_bytes()).collect()
}

impl Search {
    /// # Panics
    /// Panics when a value is too short to be searched for.
    pub fn new(canaries: &[Canary]) -> Self {
        let mut search = Self { needles: Vec::new(), starts: vec![Vec::new(); 1 << 16] };
        for canary in canaries {
            assert!(canary.value.len() >= VALUE_MIN, "{canary:?} is too short to be looked for");
            for (form, bytes) in forms(&canary.value) {
                search.starts[start(bytes[0], bytes[1])].push(search.needles.len());
                let (canary, journaled) = (canary.name.clone(), canary.journaled);
                search.needles.push(Needle { journaled, canary, form, bytes });
            }
        }
        search
    }

    /// Searches the bytes of a file in one pass.
    pub fn bytes(&self, file: &Path, bytes: &[u8]) -> Vec<Hit> {
        let journal = file.starts_with("state/segments");
        let mut hits = Vec::new();
        for (offset, pair) in bytes.windows(2).enumerate() {
            for index in &self.starts[start(pair[0], pair[1])] {
                let needle = &self.needles[*index];
                let home = journal && needle.journaled;
                if !home && bytes[offset..].starts_with(&needle.bytes) {
                    let (canary, form) = (needle.canary.clone(), needle.form.clone());
                    hits.push(Hit { file: file.to_owned(), offset, canary, form });
                }
            }
        }
        hits
    }

    /// Searches the path and content of every file in a tree, except the files that hold the values on purpose.
    pub fn tree(&self, dir: &Path) -> Vec<Hit> {
        let mut hits = Vec::new();
        for path in files(dir) {
            let relative = path.strip_prefix(dir).unwrap_or(&path);
            hits.extend(self.bytes(relative, relative.as_os_str().as_encoded_bytes()));
            match fs::read(&path) {
                _ if is_home(relative) => {}
                Ok(bytes) => hits.extend(self.bytes(relative, &bytes)),
                // A running host has replaced or removed the file since it was listed.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => hits.push(unsearched(relative, &e.to_string())),
            }
        }
        hits
    }
}

/// Core dumps that a crash left in a directory.
pub fn cores(dir: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|n| n == "core" || n.to_string_lossy().starts_with("core."))
    };
    let elf = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"));
    files(dir).into_iter().filter(named).filter(elf).collect()
}

/// A file that cannot be read counts as a hit, because it may hold anything.
fn unsearched(file: &Path, why: &str) -> Hit {
    Hit { file: file.to_owned(), offset: 0, canary: "any".to_owned(), form: why.to_owned() }
}

fn start(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Regular files below a directory; links are not followed.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

fn name(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

/// The 32-byte seed of an Ed25519 private key in PKCS#8 PEM form (RFC 8410 section 7).
fn seed(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
    // Version, algorithm and two octet string headers precede the key.
    Some(der.get(16..48)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let value = b"canary/with=some+signs";
        let search = Search::new(&[Canary::new("x", value)]);
        for (form, bytes) in forms(value) {
            for before in ["", "a", "ab", "abc"] {
                let text = [before.as_bytes(), &bytes, b"tail"].concat();
                let hits = search.bytes(Path::new("f"), &text);
                let found = hits.iter().any(|h| h.form == form && h.offset == before.len());
                assert!(found, "{form} after `{before}`: {hits:?}");
            }
        }
    }

    #[test]
    fn base64_of_a_text_around_it_is_found_at_each_alignment() {
        let value = "canary-of-some-length";
        let search = Search::new(&[Canary::new("x", value.as_bytes())]);
        let standard = base64::engine::general_purpose::STANDARD;
        for before in ["", "a", "ab", "abc", "{\"k\":\""] {
            let once = standard.encode(format!("{before}{value}\"}} and more"));
            assert!(!search.bytes(Path::new("f"), once.as_bytes()).is_empty(), "{before}");
            for outer in ["", "1", "12"] {
                let twice = standard.encode(format!("{outer}{once} tail"));
                assert!(!search.bytes(Path::new("f"), twice.as_bytes()).is_empty(), "{before}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let search = Search::new(&[Canary::new("x", b"canary-of-some-length")]);
        assert_eq!(search.bytes(Path::new("f"), b"canary-of-some-lengt canary-of-some-"), []);
    }
}
