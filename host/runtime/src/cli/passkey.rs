//! `deed passkey`: invites people to make a passkey, revokes invitations, and lists, accepts and rejects the passkeys that
//! people offer.
//!
//! No command here changes what a running host accepts. An accepted passkey is a file that the operator then names in
//! `deed.toml`; `deed apply` puts it in force, and the log of the tenant records it.

mod accept;
mod invite;
mod list;
mod reject;
mod revoke;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde_json::{Value, json};

use super::named::find;
use super::out::Failure;
use super::text::{grouped, join};
use crate::config::{EnrolmentStore, NamedPerson, Offer};

#[derive(Debug, Subcommand)]
pub(super) enum PasskeyCommand {
    Invite(invite::InviteArgs),
    Revoke(revoke::RevokeArgs),
    List(list::ListArgs),
    Accept(accept::AcceptArgs),
    Reject(reject::RejectArgs),
}

/// A person of a served directory.
#[derive(Debug, clap::Args)]
struct PersonArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    /// The name of the person in deed.toml, such as bob
    person: String,
    /// The tenant; required when several tenants have a person of this name
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// An offered passkey of a person.
#[derive(Debug, clap::Args)]
struct OfferArgs {
    #[command(flatten)]
    person: PersonArgs,
    /// The fingerprint that the person read: 64 hex digits, also in groups
    #[arg(required = true, num_args = 1.., value_name = "FINGERPRINT")]
    fingerprint: Vec<String>,
}

pub(super) fn run(command: &PasskeyCommand) -> Result<ExitCode, Failure> {
    match command {
        PasskeyCommand::Invite(args) => invite::run(args)?,
        PasskeyCommand::Revoke(args) => revoke::run(args)?,
        PasskeyCommand::List(args) => list::run(args)?,
        PasskeyCommand::Accept(args) => accept::run(args)?,
        PasskeyCommand::Reject(args) => reject::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The person that the arguments name.
fn named<'a>(store: &'a EnrolmentStore, args: &PersonArgs) -> Result<&'a NamedPerson, Failure> {
    find(&store.people, &args.person, args.tenant.as_deref())
}

/// The ID of the key that the arguments name. A part of a fingerprint is refused, because another key could have it too.
fn fingerprint(args: &OfferArgs) -> Result<Digest, Failure> {
    let is_digit = |c: &char| !c.is_whitespace() && !matches!(c, '-' | ':');
    let digits: String = args.fingerprint.concat().chars().filter(is_digit).collect();
    Digest::from_hex(&digits.to_ascii_lowercase()).map_err(|_| {
        Failure::usage(
            "a fingerprint has 64 hex digits; `deed passkey list` shows those of the offered passkeys",
        )
    })
}

/// The offer that the arguments name, which must be of their person.
fn offered(store: &EnrolmentStore, person: &NamedPerson, id: &Digest) -> Result<Offer, Failure> {
    let offer = store.folder.offered(id).map_err(Failure::failed)?;
    let offer = offer.filter(|one| !one.is_over(Clock::default().now_ms()));
    let none = || {
        let shown = grouped(&id.hex());
        Failure::Failed(format!(
            "nobody offers a passkey with the fingerprint {shown}; `deed passkey list` shows the offered ones"
        ))
    };
    let offer = offer.ok_or_else(none)?;
    if (&offer.tenant, &offer.person) != (&person.tenant, &person.name) {
        return Err(Failure::Failed(format!(
            "`{}` of tenant `{}` offers this passkey, and not `{}` of tenant `{}`",
            offer.person, offer.tenant, person.name, person.tenant
        )));
    }
    Ok(offer)
}

/// An offer for programs.
fn data(id: &Digest, offer: &Offer) -> Value {
    json!({
        "tenant": offer.tenant,
        "person": offer.person,
        "fingerprint": id.hex(),
        "offered": utc(offer.passkey.created_ms),
        "rp_id": offer.passkey.rp_id,
        "origins": offer.passkey.origins,
    })
}

/// An offer in several lines.
fn lines(id: &Digest, offer: &Offer) -> String {
    let Offer { tenant, person, passkey } = offer;
    let origins: Vec<String> = passkey.origins.iter().map(|origin| safe(origin)).collect();
    join([
        format!("{}/{}  offered {}", safe(tenant), safe(person), utc(passkey.created_ms)),
        format!("  fingerprint  {}", grouped(&id.hex())),
        format!("  for          {}  on {}", safe(&passkey.rp_id), origins.join(", ")),
    ])
}
