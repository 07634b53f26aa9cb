//! `deed passkey invite`: prints a link with which a person can offer one passkey.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deed_record::timeline::utc;
use deed_spec::digest::Digest;
use deed_system::clock::Clock;
use serde_json::json;

use super::super::out::{self, Failure, Format, shell};
use super::{PersonArgs, named};
use crate::config::{EnrolmentStore, INVITATION_MS, Invitation, keys, public_url, relying_party};

/// The path of the page, with the secret in the fragment, which browsers do not send.
const PAGE: &str = "/passkeys/new#";

/// Invite a person to make a passkey, and print the link for it once
///
/// The link is valid for 24 hours and for one passkey. A new invitation of the same person replaces the earlier one.
/// Whoever has the link can offer a passkey in the name of the person, so an offered passkey counts for nothing until an
/// operator has compared its fingerprint with the person and accepted it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InviteArgs {
    #[command(flatten)]
    person: PersonArgs,
    #[command(flatten)]
    format: Format,
}

pub(super) fn run(args: &InviteArgs) -> Result<(), Failure> {
    let dir = &args.person.dir;
    let store = EnrolmentStore::open(dir).map_err(Failure::failed)?;
    let person = named(&store, &args.person)?;
    let base = base(&store)?;
    must_have_state(dir)?;
    let secret = URL_SAFE_NO_PAD.encode(keys::random::<32>().map_err(Failure::failed)?);
    let now_ms = Clock::default().now_ms();
    let (tenant, name) = (person.tenant.clone(), person.name.clone());
    let expires_ms = now_ms.saturating_add(INVITATION_MS);
    let invitation = Invitation { tenant, person: name, expires_ms };
    let hash = Digest::of(secret.as_bytes());
    let kept = store.folder.invite(&hash, &invitation, now_ms).map_err(Failure::failed)?;
    if !kept {
        out::note(
            "warning: state/invitations/ cannot be given to the owner of deed.toml, so the host cannot read it; run \
             `deed passkey` as that user or as root",
        );
    }
    let link = format!("{base}{PAGE}{secret}");
    let report = json!({
        "tenant": invitation.tenant,
        "person": invitation.person,
        "link": link,
        "expires": utc(expires_ms),
    });
    let printed = args.format.print(&report, |_| link.clone());
    if printed.is_err() {
        // Nobody has seen the link, so it must not stay valid.
        store.folder.use_up(&hash).map_err(Failure::failed)?;
    }
    printed?;
    if !args.format.json {
        out::note(&format!("valid until {} and for one passkey", utc(expires_ms)));
        if base.is_empty() {
            out::note("put the address of the console in front of it, which `deed serve` prints");
        }
    }
    args.format.next(&format!(
        "give the link to the person over a channel that only they read, then `deed passkey list {}`",
        shell(dir)
    ));
    Ok(())
}

/// The beginning of the link; empty if the system chooses the port of the host. Fails if no passkey can be made there.
fn base(store: &EnrolmentStore) -> Result<String, Failure> {
    let Some(base) = &store.base else {
        if store.behind_proxy {
            let what = "the host is behind a proxy, and the address at which people reach it is not known; set \
                        `public_url` under [http] in deed.toml";
            return Err(Failure::Failed(what.to_owned()));
        }
        return Ok(String::new());
    };
    let origin = public_url::origin(base).unwrap_or_default();
    relying_party(&origin).map_err(|fault| {
        Failure::Failed(format!(
            "no passkey can be made at {origin}: {fault}; set `public_url` under [http] in deed.toml to an https address \
             with a name, or to http://localhost:PORT"
        ))
    })?;
    Ok(origin + public_url::path(base))
}

/// The host made `state/` for its own user. This command must not make it for another one.
fn must_have_state(dir: &Path) -> Result<(), Failure> {
    if dir.join("state").is_dir() {
        return Ok(());
    }
    let dir = shell(dir);
    Err(Failure::Failed(format!(
        "{dir} has no state/; run `deed check {dir}` or `deed serve {dir}` first"
    )))
}
