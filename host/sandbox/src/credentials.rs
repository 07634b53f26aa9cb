//! Credentials of upstreams: secrets that the operator stores, and tokens that the host obtains for a limited time.
//!
//! Only the module `egress`, which sends requests, and the kinds of tokens read the value of a credential. The value is
//! never passed to a guest, a log line or an error.

pub(crate) mod clocks;
mod history;
pub(crate) mod memory;
mod recent;
pub(crate) mod request;
mod requesters;
pub(crate) mod secret;
pub(crate) mod sigv4;
mod source;
mod stored;
mod subjects;
pub mod token;
mod vault;
mod watched;

pub use self::history::{CredentialFault, CredentialStanding};
pub use self::memory::Memory;
pub use self::request::{HeldRequest, RequestToken};
pub use self::requesters::Requesters;
pub use self::secret::{CredentialError, SECRET_MAX, SECRET_MIN, Secret, SecretSource, load};
pub(crate) use self::source::Proof;
pub use self::source::{Behalf, Source};
pub use self::stored::Stored;
pub use self::subjects::Subjects;
pub(crate) use self::vault::Found;
pub use self::vault::{Vault, VaultSlots, learn_stored};
