//! `deed passkey list`: shows invitations, and offered and configured passkeys.

use std::path::PathBuf;

use deed_record::statement::approver::ApproverKey;
use deed_record::timeline::utc;
use deed_spec::text::safe;
use deed_system::clock::Clock;
use serde_json::{Value, json};

use super::super::out::{self, Failure, Format, shell};
use super::super::text::{grouped, join};
use super::{data, lines};
use crate::config::{EnrolmentStore, Invitation, NamedPerson};

/// List valid invitations, the passkeys that people offer, and those that deed.toml names
///
/// Prints the person, the fingerprint and the pages for which each passkey was made. No command prints the link of an
/// invitation again. Compare the fingerprint of an
/// offered passkey with what the person reads from the page.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ListArgs {
    /// The directory that the host serves, with deed.toml in it
    dir: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// A passkey that `deed.toml` names.
struct Configured<'a> {
    person: &'a NamedPerson,
    file: String,
    /// The ID of the key, or what is wrong with the file.
    id: Result<String, String>,
}

pub(super) fn run(args: &ListArgs) -> Result<(), Failure> {
    let store = EnrolmentStore::open(&args.dir).map_err(Failure::failed)?;
    let now_ms = Clock::default().now_ms();
    let (invitations, unread) = store.folder.invitations(now_ms).map_err(Failure::failed)?;
    let (mut offers, mut faults) = store.folder.offers().map_err(Failure::failed)?;
    faults.extend(unread);
    offers.retain(|(_, offer)| !offer.is_over(now_ms));
    let configured = configured(&store);
    let report = json!({
        "invited": invitations.iter().map(invited).collect::<Vec<_>>(),
        "offered": offers.iter().map(|(id, offer)| data(id, offer)).collect::<Vec<_>>(),
        "in_deed_toml": configured.iter().map(Configured::data).collect::<Vec<_>>(),
        "faults": faults,
    });
    args.format.print(&report, |_| {
        let offered = offers.iter().map(|(id, offer)| lines(id, offer).trim_end().to_owned());
        let waiting = invitations.iter().map(line).chain(offered);
        let all: Vec<String> = waiting.chain(configured.iter().map(Configured::line)).collect();
        if all.is_empty() { "no passkeys".to_owned() } else { join(all) }
    })?;
    if !args.format.json {
        for fault in &faults {
            out::note(fault);
        }
    }
    let dir = shell(&args.dir);
    args.format.next(&match offers.first() {
        Some(_) => format!("deed passkey accept {dir} PERSON FINGERPRINT"),
        None => format!("deed passkey invite {dir} PERSON"),
    });
    Ok(())
}

/// An invitation for programs.
fn invited(one: &Invitation) -> Value {
    json!({"tenant": one.tenant, "person": one.person, "expires": utc(one.expires_ms)})
}

/// An invitation as one line.
fn line(one: &Invitation) -> String {
    let (tenant, person) = (safe(&one.tenant), safe(&one.person));
    format!("{tenant}/{person}  invited until {}", utc(one.expires_ms))
}

fn configured<'a>(store: &'a EnrolmentStore) -> Vec<Configured<'a>> {
    let of = |person: &'a NamedPerson| {
        let one = move |(file, key): (String, Result<ApproverKey, String>)| Configured {
            person,
            file,
            id: key.and_then(|key| key.id().map_err(|e| e.to_string())),
        };
        store.configured(person).into_iter().map(one)
    };
    store.people.iter().flat_map(of).collect()
}

impl Configured<'_> {
    fn data(&self) -> Value {
        json!({
            "tenant": self.person.tenant,
            "person": self.person.name,
            "file": self.file,
            "fingerprint": self.id.as_ref().ok(),
            "fault": self.id.as_ref().err(),
        })
    }

    fn line(&self) -> String {
        let NamedPerson { tenant, name, .. } = self.person;
        let what = match &self.id {
            Ok(id) => format!("  fingerprint  {}", grouped(id)),
            Err(fault) => format!("  fault        {}", safe(fault)),
        };
        format!("{}/{}  {}\n{what}", safe(tenant), safe(name), safe(&self.file))
    }
}
