//! `deed passkey reject`: removes an offered passkey.

use serde_json::json;

use super::super::out::{Failure, Format, shell};
use super::{OfferArgs, fingerprint, named, offered};
use crate::config::EnrolmentStore;

/// Reject a passkey that a person offers
///
/// Removes the offer. Whoever offered it needs a new invitation to offer another passkey.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RejectArgs {
    #[command(flatten)]
    offer: OfferArgs,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &RejectArgs) -> Result<(), Failure> {
    let dir = &args.offer.person.dir;
    let store = EnrolmentStore::open(dir).map_err(Failure::failed)?;
    let (person, id) = (named(&store, &args.offer.person)?, fingerprint(&args.offer)?);
    offered(&store, person, &id)?;
    store.folder.withdraw(&id).map_err(Failure::failed)?;
    args.format.print(&json!({"rejected": id.hex()}), |_| "rejected".to_owned())?;
    args.format.next(&format!("deed passkey list {}", shell(dir)));
    Ok(())
}
