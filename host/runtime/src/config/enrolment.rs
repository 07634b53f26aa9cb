//! Enrolment of passkeys: invitations of people, and the keys that people offer until an operator decides about them.
//!
//! Both are files below `state/`, because a host need not be able to write elsewhere. They are no configuration: an
//! offered key counts for nothing until an operator names its file in `deed.toml`.

mod invitation;
mod offer;
mod store;

use std::collections::BTreeSet;
use std::path::Path;

use deed_spec::webauthn::{Fault, RelyingParty};
use deed_system::files::{FileError, Files};

pub use self::invitation::{INVITATION_MS, Invitation, InviteError};
pub use self::offer::{Offer, OfferError};
pub use self::store::{EnrolmentStore, NamedPerson};

/// The files of a served directory that concern enrolment.
#[derive(Debug)]
pub struct EnrolmentFolder {
    files: Files,
}

impl EnrolmentFolder {
    /// Opens a served directory.
    ///
    /// # Errors
    ///
    /// Fails when the directory cannot be opened.
    pub fn open(dir: &Path) -> Result<Self, FileError> {
        Files::open(dir).map(|files| Self { files })
    }
}

/// The relying party of the pages with this origin: the RP ID is the name of the host.
///
/// # Errors
///
/// Fails when browsers make no passkeys on such pages, because the origin has an IP address or is not secure.
pub fn relying_party(origin: &str) -> Result<RelyingParty, Fault> {
    let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    let name = authority.split(':').next().unwrap_or(authority);
    let party =
        RelyingParty { rp_id: name.to_owned(), origins: BTreeSet::from([origin.to_owned()]) };
    party.check().map(|()| party)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relying_party_is_the_name_in_the_origin() {
        for (origin, rp_id) in [
            ("http://localhost:7117", "localhost"),
            ("https://deed.example.com", "deed.example.com"),
            ("https://deed.example.com:8443", "deed.example.com"),
        ] {
            assert_eq!(relying_party(origin).unwrap().rp_id, rp_id);
        }
        for bad in [
            "http://127.0.0.1:7117",
            "http://[::1]:7117",
            "http://deed.example.com",
            "https://deed.example.com:443",
            "https://DEED.example.com",
            "https://user@deed.example.com",
            "https://deed.example.com/",
            "null",
            "",
        ] {
            assert!(relying_party(bad).is_err(), "{bad}");
        }
    }
}
