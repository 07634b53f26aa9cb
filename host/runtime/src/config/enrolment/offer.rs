//! Passkeys that people offered. The name of the file is the ID of the key, so a key is offered once.

use std::io::ErrorKind;

use deed_spec::digest::Digest;
use deed_spec::json;
use deed_system::files::FileError;
use serde::{Deserialize, Serialize};

use super::EnrolmentFolder;
use crate::config::PasskeyFile;

const FOLDER: &str = "state/offers";
/// The folder of accepted passkeys, directly below the served directory.
const ACCEPTED: &str = "passkeys";
const END: &str = ".json";
/// The maximum size of the file of an offer. Without its members about the person, it is at most that of a passkey.
const OFFER_MAX: u64 = 9 << 10;
/// The maximum size of the file of a passkey.
const PASSKEY_MAX: u64 = 8 << 10;
/// How many offers may wait for an operator.
const OFFERS_MAX: usize = 64;
/// An offer is removed after this time, in milliseconds.
const OFFER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How many digits of the ID of a key are in the name of an accepted file.
const DIGITS: usize = 8;

/// A passkey that waits for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub tenant: String,
    pub person: String,
    /// The content of the file that an operator accepts.
    pub passkey: PasskeyFile,
}

/// Offers by the IDs of their keys, and what is wrong with files that are no offers.
type Offers = (Vec<(Digest, Offer)>, Vec<String>);

/// Why a passkey cannot be offered or accepted.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    #[error("this passkey was offered already and waits for an operator")]
    Known,
    #[error(
        "{max} passkeys wait for an operator, and no more are kept; an operator must accept or reject some",
        max = OFFERS_MAX
    )]
    Full,
    #[error("the passkey does not fit a file: {0}")]
    Form(String),
    #[error(transparent)]
    File(#[from] FileError),
}

impl Offer {
    /// Whether nobody decided about the offer in time.
    pub fn is_over(&self, now_ms: i64) -> bool {
        now_ms >= self.passkey.created_ms.saturating_add(OFFER_MS)
    }

    /// The ID of the key, after all members of the passkey were checked.
    fn key_id(&self) -> Result<Digest, String> {
        let id = self.passkey.approver_key()?.id().map_err(|e| e.to_string())?;
        Digest::from_hex(&id).map_err(|e| e.to_string())
    }
}

impl EnrolmentFolder {
    /// Removes old offers, and checks whether this one can be stored, so that no invitation is used up for nothing. The
    /// caller must not call this function and [`Self::offer`] in two threads.
    ///
    /// # Errors
    ///
    /// Fails when the key was offered already, when there is no room for one more offer, or when a file cannot be read
    /// or removed.
    pub fn room_for(&self, offer: &Offer, now_ms: i64) -> Result<(), OfferError> {
        let (own, mut kept) = (offer.key_id().map_err(OfferError::Form)?, 0);
        for name in self.files.names(FOLDER)? {
            let Some(id) = id(&name) else { continue };
            let is_old = |found: Option<Offer>| found.is_some_and(|one| one.is_over(now_ms));
            // A file that is no offer is not removed, because nothing says how old it is.
            if self.offered(&id).is_ok_and(is_old) {
                self.files.discard(FOLDER, &name)?;
            } else if id == own {
                return Err(OfferError::Known);
            } else {
                kept += 1;
            }
        }
        if kept < OFFERS_MAX { Ok(()) } else { Err(OfferError::Full) }
    }

    /// Stores an offer, and returns the ID of its key.
    ///
    /// # Errors
    ///
    /// Fails when the key was offered already, or the file cannot be written.
    pub fn offer(&self, offer: &Offer) -> Result<Digest, OfferError> {
        let id = offer.key_id().map_err(OfferError::Form)?;
        let text = text(offer)?;
        match self.files.keep_new(FOLDER, &file(&id), &text) {
            Err(FileError::Exists(_)) => Err(OfferError::Known),
            kept => Ok(kept.map(|_| id)?),
        }
    }

    /// All offers by the IDs of their keys, and what is wrong with the other files.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read.
    pub fn offers(&self) -> Result<Offers, FileError> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for name in self.files.names(FOLDER)? {
            let Some(id) = id(&name) else { continue };
            match self.offered(&id) {
                Ok(one) => found.extend(one.map(|one| (id, one))),
                Err(fault) => faults.push(fault),
            }
        }
        Ok((found, faults))
    }

    /// The offer of the key with this ID; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails with a text when the file cannot be read, or is not the offer of this key.
    pub fn offered(&self, id: &Digest) -> Result<Option<Offer>, String> {
        let path = format!("{FOLDER}/{}", file(id));
        let bytes = match self.files.private(&path, OFFER_MAX) {
            Err(e) if e.kind() == Some(ErrorKind::NotFound) => return Ok(None),
            bytes => bytes.map_err(|e| e.to_string())?,
        };
        let value = json::parse_exact(&bytes).map_err(|e| format!("`{path}`, {e}"))?;
        let offer: Offer = json::from_value(value).map_err(|e| format!("`{path}` {e}"))?;
        if offer.key_id().map_err(|e| format!("`{path}`: {e}"))? == *id {
            return Ok(Some(offer));
        }
        Err(format!("`{path}` has another key than its name says; remove it"))
    }

    /// Removes an offer. Returns false if there is none.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be removed.
    pub fn withdraw(&self, id: &Digest) -> Result<bool, FileError> {
        self.files.discard(FOLDER, &file(id))
    }

    /// Writes the file of an accepted passkey and removes its offer. Returns the path of the file below the served
    /// directory, and whether the file could be given to the owner of `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when another file has this path, or a file cannot be written or removed.
    pub fn accept(&self, id: &Digest, offer: &Offer) -> Result<(String, bool), OfferError> {
        let digits: String = id.hex().chars().take(DIGITS).collect();
        let name = format!("{}-{digits}{END}", offer.person);
        let (path, text) = (format!("{ACCEPTED}/{name}"), text(&offer.passkey)?);
        let kept = match self.files.keep_new(ACCEPTED, &name, &text) {
            // An earlier command wrote the file and was stopped before it removed the offer.
            Err(FileError::Exists(_)) if self.has(&path, &text) => true,
            kept => kept?,
        };
        self.withdraw(id)?;
        Ok((path, kept))
    }

    fn has(&self, path: &str, text: &[u8]) -> bool {
        self.files.bytes(path, PASSKEY_MAX).is_ok_and(|bytes| bytes == text)
    }
}

fn text<T: Serialize>(value: &T) -> Result<Vec<u8>, OfferError> {
    serde_json::to_vec_pretty(value).map_err(|e| OfferError::Form(e.to_string()))
}

fn file(id: &Digest) -> String {
    format!("{}{END}", id.hex())
}

/// The ID in the name of a file; `None` for any other name.
fn id(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_suffix(END)?).ok()
}
