//! Invitations: each lets one person offer one passkey. The name of the file is the hash of the secret, so the files
//! lead to nobody's secret, and an invitation is used up by removing its file, which succeeds only once.

use std::io::ErrorKind;

use deed_spec::digest::Digest;
use deed_spec::json;
use deed_system::files::FileError;
use serde::{Deserialize, Serialize};

use super::EnrolmentFolder;

/// How long an invitation is valid, in milliseconds.
pub const INVITATION_MS: i64 = 24 * 60 * 60 * 1_000;

const FOLDER: &str = "state/invitations";
const END: &str = ".json";
/// The maximum size of a file, which usually has about 120 bytes.
const INVITATION_MAX: u64 = 1 << 10;
/// How many invitations may be valid. They are fewer than the files of a folder that can be listed, so that the folder
/// can always be read, and invitations that have expired are removed.
const INVITATIONS_MAX: usize = 900;

/// Whose passkey may be offered, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    pub tenant: String,
    pub person: String,
    /// Unix milliseconds.
    pub expires_ms: i64,
}

/// Invitations, sorted by tenant and person, and what is wrong with files that cannot be read.
type Invitations = (Vec<Invitation>, Vec<String>);

/// Why a person cannot be invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    #[error(
        "{max} invitations are valid, and no more are kept; revoke some with `deed passkey revoke`, or wait until some \
         have been used or have expired",
        max = INVITATIONS_MAX
    )]
    Full,
    #[error(transparent)]
    File(#[from] FileError),
}

impl Invitation {
    fn is_of(&self, tenant: &str, person: &str) -> bool {
        self.tenant == tenant && self.person == person
    }
}

impl EnrolmentFolder {
    /// Stores an invitation by the hash of its secret, and removes the earlier one of the person and all that have
    /// expired. Returns false if the file could not be given to the owner of `deed.toml`.
    ///
    /// # Errors
    ///
    /// Fails when too many invitations are valid, when the folder is a link, or when a file cannot be read, written or
    /// removed.
    pub fn invite(
        &self,
        secret: &Digest,
        invitation: &Invitation,
        now_ms: i64,
    ) -> Result<bool, InviteError> {
        let (tenant, person) = (&invitation.tenant, &invitation.person);
        // Two commands at the same time must not leave two invitations of one person.
        let _lock = self.files.lock(FOLDER)?;
        let mut kept = 0_usize;
        for name in self.files.names(FOLDER)? {
            let Some(hash) = hash(&name) else { continue };
            // A file that is no invitation invites nobody.
            let found = self.stored(&hash)?;
            if found.is_none_or(|one| one.expires_ms <= now_ms || one.is_of(tenant, person)) {
                self.files.discard(FOLDER, &name)?;
            } else {
                kept += 1;
            }
        }
        if kept >= INVITATIONS_MAX {
            return Err(InviteError::Full);
        }
        // Texts and a number always have a JSON form.
        let text = serde_json::to_vec(invitation).unwrap_or_default();
        Ok(self.files.keep(FOLDER, &file(secret), &text)?)
    }

    /// All invitations that are valid, without their secrets, and what is wrong with files that cannot be read.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read.
    pub fn invitations(&self, now_ms: i64) -> Result<Invitations, FileError> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for name in self.files.names(FOLDER)? {
            let Some(hash) = hash(&name) else { continue };
            match self.invitation(&hash, now_ms) {
                Ok(one) => found.extend(one),
                Err(fault) => faults.push(fault.to_string()),
            }
        }
        found.sort_by(|one: &Invitation, other| {
            (&one.tenant, &one.person).cmp(&(&other.tenant, &other.person))
        });
        Ok((found, faults))
    }

    /// Removes the invitation of a person. Returns false if there is none. A file that cannot be read stays.
    ///
    /// # Errors
    ///
    /// Fails when the folder is a link or cannot be read, or when the file cannot be removed.
    pub fn revoke(&self, tenant: &str, person: &str) -> Result<bool, FileError> {
        // An invitation that another command makes at the same time is revoked, or is made afterwards.
        let _lock = self.files.lock(FOLDER)?;
        let mut is_revoked = false;
        for name in self.files.names(FOLDER)? {
            let found = hash(&name).and_then(|hash| self.stored(&hash).ok().flatten());
            if found.is_some_and(|one| one.is_of(tenant, person)) {
                is_revoked |= self.files.discard(FOLDER, &name)?;
            }
        }
        Ok(is_revoked)
    }

    /// The invitation with this secret; `None` if there is none, or it has expired.
    ///
    /// # Errors
    ///
    /// Fails when the file is not private or cannot be read.
    pub fn invitation(
        &self,
        secret: &Digest,
        now_ms: i64,
    ) -> Result<Option<Invitation>, FileError> {
        Ok(self.stored(secret)?.filter(|one| now_ms < one.expires_ms))
    }

    /// Removes an invitation. Returns true for one of several callers only.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be removed.
    pub fn use_up(&self, secret: &Digest) -> Result<bool, FileError> {
        self.files.discard(FOLDER, &file(secret))
    }

    fn stored(&self, secret: &Digest) -> Result<Option<Invitation>, FileError> {
        let path = format!("{FOLDER}/{}", file(secret));
        let bytes = match self.files.private(&path, INVITATION_MAX) {
            Err(e) if e.kind() == Some(ErrorKind::NotFound) => return Ok(None),
            bytes => bytes?,
        };
        let value = json::parse_exact(&bytes).ok();
        Ok(value.and_then(|value| json::from_value(value).ok()))
    }
}

fn file(secret: &Digest) -> String {
    format!("{}{END}", secret.hex())
}

/// The hash in the name of a file; `None` for any other name.
fn hash(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_suffix(END)?).ok()
}
