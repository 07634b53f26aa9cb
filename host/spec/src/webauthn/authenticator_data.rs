//! Authenticator data: what the authenticator signed about itself (WebAuthn, section 6.1).
//!
//! Only the fixed part of 37 bytes is accepted. An assertion has no credential data, and extensions are not requested,
//! so that no reader needs a CBOR parser. Reserved flags are ignored, as the standard requires.

use super::fault::Fault;
use crate::digest::Digest;

/// User present, user verified, backup eligible, backup state, attested credential data, extension data.
const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;
const AT: u8 = 0x40;
const ED: u8 = 0x80;

/// The fixed part of authenticator data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatorData {
    rp_id_hash: Digest,
    flags: u8,
    counter: u32,
}

impl AuthenticatorData {
    /// Reads exactly 37 bytes.
    ///
    /// # Errors
    ///
    /// Fails for any other length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let fixed = || {
            let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
            let (flags, counter) = rest.split_first()?;
            let counter = u32::from_be_bytes(counter.try_into().ok()?);
            Some(Self { rp_id_hash: Digest::from_bytes(*rp_id_hash), flags: *flags, counter })
        };
        fixed().ok_or(Fault::Length(bytes.len()))
    }

    /// The signature counter; 0 if the authenticator does not count.
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// Checks that the authenticator signed for this RP ID and verified the person.
    pub(super) fn check(&self, rp_id: &str) -> Result<(), Fault> {
        if self.rp_id_hash != Digest::of(rp_id.as_bytes()) {
            return Err(Fault::RpId(rp_id.to_owned()));
        }
        let has = |flag: u8| self.flags & flag != 0;
        let faults = [
            (!has(UP), Fault::NotPresent),
            (!has(UV), Fault::NotVerified),
            (has(BS) && !has(BE), Fault::Backup),
            (has(AT), Fault::Flag("AT")),
            (has(ED), Fault::Flag("ED")),
        ];
        match faults.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, fault)) => Err(fault),
            None => Ok(()),
        }
    }
}
