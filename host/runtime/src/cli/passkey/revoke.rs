//! `deed passkey revoke`: makes an invitation invalid before it is used.

use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde_json::json;

use super::super::named::ambiguous;
use super::super::out::{self, Failure, Format, shell};
use super::{PersonArgs, named};
use crate::config::{EnrolmentStore, Invitation, NamedPerson};

/// Revoke the invitation of a person, so that nobody can use its link any more
///
/// A running host refuses the link at once, also if its page is open. A passkey that was offered with the link before
/// waits for an operator; `deed passkey reject` removes it. The person need not be in deed.toml any more.
///
/// Example: `deed passkey revoke DIR bob`
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RevokeArgs {
    #[command(flatten)]
    person: PersonArgs,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &RevokeArgs) -> Result<(), Failure> {
    let PersonArgs { dir, person, .. } = &args.person;
    let store = EnrolmentStore::open(dir).map_err(Failure::failed)?;
    let now_ms = Clock::default().now_ms();
    let (all, faults) = store.folder.invitations(now_ms).map_err(Failure::failed)?;
    for fault in &faults {
        out::note(&format!("{fault}; if it is an invitation of `{person}`, it is not revoked"));
    }
    let Some(Invitation { tenant, person, .. }) = found(&all, &args.person)? else {
        return Err(none(args, named(&store, &args.person)?));
    };
    // The invitation may have been used since it was read.
    if !store.folder.revoke(tenant, person).map_err(Failure::failed)? {
        return Err(none(args, named(&store, &args.person)?));
    }
    let report = json!({"revoked": {"tenant": tenant, "person": person}});
    args.format.print(&report, |_| {
        format!("the invitation of {}/{} is revoked", safe(tenant), safe(person))
    })?;
    args.format.next(&format!("deed passkey list {}", shell(dir)));
    Ok(())
}

/// The valid invitation of the person. Fails when persons of several tenants are meant.
fn found<'a>(all: &'a [Invitation], args: &PersonArgs) -> Result<Option<&'a Invitation>, Failure> {
    let is_its = |one: &&Invitation| {
        let is_tenant = args.tenant.as_ref().is_none_or(|tenant| one.tenant == *tenant);
        is_tenant && one.person == args.person
    };
    let mut found: Vec<&Invitation> = all.iter().filter(is_its).collect();
    // They are sorted by tenant.
    found.dedup_by(|one, other| one.tenant == other.tenant);
    if found.len() > 1 {
        let have = format!("have an invitation of a person `{}`", args.person);
        return Err(ambiguous(&have, found.iter().map(|one| one.tenant.as_str())));
    }
    Ok(found.pop())
}

fn none(args: &RevokeArgs, person: &NamedPerson) -> Failure {
    let NamedPerson { tenant, name, .. } = person;
    let dir = shell(&args.person.dir);
    Failure::Failed(format!(
        "`{name}` of tenant `{tenant}` has no valid invitation, so nothing was revoked; `deed passkey list {dir}` shows \
         invitations and offered passkeys"
    ))
}
