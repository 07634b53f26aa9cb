//! `deed passkey accept`: turns an offered passkey into a file for `deed.toml`.

use serde_json::{Value, json};

use super::super::confirm::confirm;
use super::super::out::{self, Failure, Format, shell};
use super::{OfferArgs, data, fingerprint, lines, named, offered};
use crate::config::{EnrolmentStore, NamedPerson};

/// Accept a passkey that a person offers
///
/// Compare the fingerprint with the one that the person reads from the page, over a channel on which you know the
/// person. The command writes the public key to `passkeys/`, never over another file, and prints the line for deed.toml.
/// The passkey counts after `deed apply`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AcceptArgs {
    #[command(flatten)]
    offer: OfferArgs,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &AcceptArgs) -> Result<(), Failure> {
    let dir = &args.offer.person.dir;
    let store = EnrolmentStore::open(dir).map_err(Failure::failed)?;
    let (person, id) = (named(&store, &args.offer.person)?, fingerprint(&args.offer)?);
    let offer = offered(&store, person, &id)?;
    out::note(&lines(&id, &offer));
    if !args.yes {
        confirm("did the person read this fingerprint to you?", "accepted", "--yes")?;
    }
    let (path, is_given) = store.folder.accept(&id, &offer).map_err(Failure::failed)?;
    if !is_given {
        out::note(
            "warning: passkeys/ cannot be given to the owner of deed.toml, so the host may be unable to read it; run \
             `deed passkey` as that user or as root",
        );
    }
    let line = line(person, &path);
    let mut report = data(&id, &offer);
    if let Value::Object(members) = &mut report {
        members.insert("file".to_owned(), json!(path));
        members.insert("line".to_owned(), json!(line));
    }
    args.format.print(&report, |_| line.clone())?;
    let (table, served) =
        (format!("[tenant.{}.person.{}]", person.tenant, person.name), shell(dir));
    args.format.next(&format!(
        "write this line into {table} of {}, in place of a line `passkeys`, then `deed apply {served}`",
        shell(&dir.join("deed.toml"))
    ));
    Ok(())
}

/// The line for `deed.toml`, with the passkeys that the person has already.
fn line(person: &NamedPerson, path: &str) -> String {
    let known = person.passkeys.iter().map(String::as_str).filter(|known| *known != path);
    let all: Vec<String> = known.chain([path]).map(|one| json!(one).to_string()).collect();
    format!("passkeys = [{}]", all.join(", "))
}
