//! The authors whose signatures are accepted: public keys in a directory.
//!
//! `NAME.pub` is a key, and an empty file `NAME.revoked` beside it revokes the key. Any other file is an error, because
//! a misspelt revocation would otherwise be ignored.

use std::path::Path;

use deed_spec::dsse;
use ed25519_dalek::VerifyingKey;

use super::error::PackageError;

/// The keys of a trust directory.
#[derive(Clone, Debug, Default)]
pub struct Authors {
    all: Vec<Author>,
}

/// One key of an author.
#[derive(Clone, Debug)]
pub(super) struct Author {
    /// The name of the key's file, without `.pub`.
    pub(super) name: String,
    pub(super) keyid: String,
    pub(super) key: VerifyingKey,
    pub(super) is_revoked: bool,
}

impl Authors {
    /// Reads the files of a trust directory: `names` are their names, and `text` returns the content of one.
    ///
    /// # Errors
    ///
    /// Fails when the directory has no key, has another file, or when a file is not a public key.
    pub fn new(
        dir: &Path,
        names: &[String],
        text: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, PackageError> {
        let (mut all, mut revoked) = (Vec::new(), Vec::new());
        for file in names.iter().filter(|name| !name.starts_with('.')) {
            if let Some(name) = file.strip_suffix(".pub") {
                let read = text(file).and_then(|text| author(name, &text));
                all.push(read.map_err(|why| PackageError::file(&dir.join(file), why))?);
            } else if let Some(name) = file.strip_suffix(".revoked") {
                revoked.push(name);
            } else {
                let why = "a directory of authors has only the files NAME.pub and NAME.revoked";
                return Err(PackageError::file(&dir.join(file), why));
            }
        }
        if all.is_empty() {
            let why = "the directory has no key; copy the NAME.pub of an author into it";
            return Err(PackageError::file(dir, why));
        }
        revoke(dir, &mut all, &revoked)?;
        Ok(Self { all })
    }

    /// The key with this id.
    pub(super) fn by_id(&self, keyid: &str) -> Option<&Author> {
        self.all.iter().find(|one| one.keyid == keyid)
    }

    /// The first key for which this holds.
    pub(super) fn find(&self, holds: impl Fn(&VerifyingKey) -> bool) -> Option<&Author> {
        self.all.iter().find(|one| holds(&one.key))
    }
}

fn author(name: &str, text: &str) -> Result<Author, String> {
    let key = dsse::from_pem(text).map_err(|error| error.to_string())?;
    let keyid = dsse::key_id(&key).map_err(|error| error.to_string())?;
    Ok(Author { name: name.to_owned(), keyid, key, is_revoked: false })
}

/// Marks revoked keys. A key that is there under two names is revoked under both.
fn revoke(dir: &Path, all: &mut [Author], revoked: &[&str]) -> Result<(), PackageError> {
    for name in revoked {
        let Some(keyid) = all.iter().find(|one| one.name == *name).map(|one| one.keyid.clone())
        else {
            let why = format!("there is no `{name}.pub` that it revokes");
            return Err(PackageError::file(&dir.join(format!("{name}.revoked")), why));
        };
        for one in all.iter_mut().filter(|one| one.keyid == keyid) {
            one.is_revoked = true;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn pem(seed: u8) -> String {
        dsse::to_pem(&SigningKey::from_bytes(&[seed; 32]).verifying_key()).unwrap()
    }

    fn id(seed: u8) -> String {
        dsse::key_id(&SigningKey::from_bytes(&[seed; 32]).verifying_key()).unwrap()
    }

    /// Reads a directory in which the keys are `alice`, `bob` and `again`, which is the key of `bob`.
    fn authors(names: &[&str]) -> Result<Authors, PackageError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Authors::new(Path::new("authors"), &names, |file| match file {
            "alice.pub" => Ok(pem(1)),
            "bob.pub" | "again.pub" => Ok(pem(2)),
            _ => Ok("no key".to_owned()),
        })
    }

    #[test]
    fn a_revocation_covers_every_name_of_the_key() {
        let found =
            authors(&["again.pub", "alice.pub", "bob.pub", "bob.revoked", ".keep"]).unwrap();
        assert!(!found.by_id(&id(1)).unwrap().is_revoked);
        assert!(found.all.iter().filter(|one| one.keyid == id(2)).all(|one| one.is_revoked));
        assert!(found.by_id(&id(3)).is_none());
    }

    #[test]
    fn other_files_are_refused() {
        for (names, words) in [
            (vec!["alice.pub", "alice.revoke"], "only the files"),
            (vec!["alice.pub", "alice.key"], "only the files"),
            (vec!["alice.pub", "bob.revoked"], "no `bob.pub`"),
            (vec!["carol.pub"], "Ed25519"),
            (vec![], "no key"),
            (vec!["bob.revoked"], "no key"),
        ] {
            let refused = authors(&names).unwrap_err().to_string();
            assert!(refused.contains(words), "{names:?}: {refused}");
        }
    }
}
