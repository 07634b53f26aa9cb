//! Enrolment of passkeys: an invited person makes a passkey on a page, and the host keeps its public key until an
//! operator decides about it. The invitation is the credential, so nobody has to be signed in.
//!
//! The invitation is in the fragment of the link, which browsers do not send. The script of the page sends it in the
//! body of a request, so it is in no log and in no `Referer`.

mod claim;
mod wire;

use axum::extract::State;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deed_record::statement::approver::ApproverKey;
use deed_spec::digest::Digest;
use deed_spec::webauthn::RelyingParty;
use maud::{Markup, html};
use serde::Serialize;

use self::claim::Asked;
pub(super) use self::wire::{OfferedPasskey, PasskeyInvitation, PasskeyOptions, ReceivedPasskey};
use super::attempts::Attempt;
use super::desk::Desk;
use super::html::{Frame, page};
use super::place::{ENROL_OFFER, ENROL_OPTIONS, Place};
use super::refusal::Refused;
use super::{script, sent, usable};
use crate::api::problem::Problem;
use crate::config::{EnrolmentFolder, Invitation, Offer, OfferError, keys, relying_party};
use crate::http::{Payload, origin};

/// The page on which a passkey is made.
pub(super) async fn show(
    State(desk): State<Desk>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    origin::check(&headers, desk.app.engine.behind_proxy())?;
    if desk.way().is_none() {
        return Err(no_address().into());
    }
    let frame = Frame::bare("New passkey").with_script(script::ENROL);
    Ok(page(StatusCode::OK, &frame, &content()))
}

/// Answers for what a passkey is made, and begins an attempt.
pub(super) async fn options(
    State(desk): State<Desk>,
    headers: HeaderMap,
    payload: Result<Payload, Problem>,
) -> Result<Response, Problem> {
    desk.check_sender(&headers)?;
    let wanted: PasskeyInvitation = sent::parsed(&payload?.0)?;
    let party = party(&desk, &headers)?;
    blocking(move || begun(&desk, &wanted.invitation, party)).await
}

/// Receives a passkey.
pub(super) async fn offer(
    State(desk): State<Desk>,
    headers: HeaderMap,
    payload: Result<Payload, Problem>,
) -> Result<Response, Problem> {
    desk.check_sender(&headers)?;
    let offered: OfferedPasskey = sent::parsed(&payload?.0)?;
    let party = party(&desk, &headers)?;
    blocking(move || received(&desk, &offered, &party)).await
}

/// Runs work that reads and writes files, and returns its result as JSON that nothing keeps.
async fn blocking<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a passkey could not be enrolled");
        Problem::unavailable()
    })?;
    done.map(sent::answer)
}

/// The relying party of the pages of this host. Its origin is the one at which people answer later, and never one that
/// the caller chooses by headers; a page of another origin is refused.
fn party(desk: &Desk, headers: &HeaderMap) -> Result<RelyingParty, Problem> {
    let origin = usable::origin(&desk.app).ok_or_else(no_address)?;
    let party = relying_party(&origin).map_err(|fault| {
        let what = format!(
            "no passkey can be made at {origin}: {fault}; set `public_url` under [http] in deed.toml to an https \
             address with a name"
        );
        Problem::forbidden(&what)
    })?;
    if headers.get(ORIGIN).is_some_and(|sender| sender.as_bytes() == origin.as_bytes()) {
        return Ok(party);
    }
    let what = format!("passkeys of this host are made at {origin}; open the link at that address");
    Err(Problem::forbidden(&what))
}

fn no_address() -> Problem {
    let what = "the host is behind a proxy and does not know its address, so nobody can make a passkey; set \
                `public_url` under [http] in deed.toml to the address at which people reach the host, and restart it";
    Problem::forbidden(what)
}

fn begun(desk: &Desk, secret: &str, party: RelyingParty) -> Result<PasskeyOptions, Problem> {
    let now_ms = desk.app.engine.latest_ms();
    let (hash, invitation) = invited(desk, secret, now_ms)?;
    let (nonce, user_id) = (random()?, random()?);
    let options = PasskeyOptions {
        challenge: nonce.clone(),
        rp_id: party.rp_id,
        rp_name: "deed".to_owned(),
        user_id,
        user_name: invitation.person,
        tenant: invitation.tenant,
    };
    desk.attempts.begin(hash, Attempt { nonce, begun_ms: desk.now_ms() });
    Ok(options)
}

fn received(
    desk: &Desk,
    offered: &OfferedPasskey,
    party: &RelyingParty,
) -> Result<ReceivedPasskey, Problem> {
    let now_ms = desk.app.engine.latest_ms();
    let (hash, invitation) = invited(desk, &offered.invitation, now_ms)?;
    let attempt = desk.attempts.take(&hash, desk.now_ms());
    let attempt = attempt.ok_or_else(|| refused("its challenge has expired; begin again"))?;
    let asked = Asked { nonce: &attempt.nonce, party, invitation: &invitation };
    let passkey = claim::checked(&asked, offered, now_ms).map_err(refused)?;
    if is_configured(desk, &passkey.approver_key().map_err(refused)?) {
        return Err(refused("the key is configured already; make another passkey"));
    }
    let Invitation { tenant, person, .. } = invitation;
    let id = kept(desk, &hash, &Offer { tenant, person, passkey }, now_ms)?;
    Ok(ReceivedPasskey { fingerprint: id.hex() })
}

/// Uses the invitation up and stores the offer. An invitation whose offer could not be written is lost, so that none can
/// be used twice.
fn kept(desk: &Desk, hash: &Digest, offer: &Offer, now_ms: i64) -> Result<Digest, Problem> {
    let folder = folder(desk)?;
    let _turn = desk.attempts.turn();
    folder.room_for(offer, now_ms).map_err(not_kept)?;
    if !folder.use_up(hash).map_err(|e| not_kept(e.into()))? {
        return Err(unknown(desk));
    }
    let id = folder.offer(offer).map_err(not_kept)?;
    let Offer { tenant, person, .. } = offer;
    tracing::info!(%tenant, %person, key = %id.hex(), "a passkey was offered; `deed passkey list` shows it");
    Ok(id)
}

/// The invitation with this secret. A wrong secret counts like a wrong token.
fn invited(desk: &Desk, secret: &str, now_ms: i64) -> Result<(Digest, Invitation), Problem> {
    let hash = Digest::of(secret.as_bytes());
    let found = folder(desk)?.invitation(&hash, now_ms).map_err(|e| not_kept(e.into()))?;
    let is_person = |one: &Invitation| {
        let tenant = desk.app.engine.tenant(&one.tenant);
        tenant.is_some_and(|tenant| tenant.persons.contains_key(&one.person))
    };
    found.filter(is_person).map(|one| (hash, one)).ok_or_else(|| unknown(desk))
}

/// Whether a person of any tenant has this key.
fn is_configured(desk: &Desk, key: &ApproverKey) -> bool {
    let current = desk.app.engine.current();
    let mut people = current.tenants().values().flat_map(|tenant| tenant.persons.values());
    people.any(|person| person.keys.iter().any(|own| own.is_same_key(key)))
}

fn folder(desk: &Desk) -> Result<EnrolmentFolder, Problem> {
    EnrolmentFolder::open(desk.app.engine.dir()).map_err(|e| not_kept(e.into()))
}

/// 32 random bytes in base64url.
fn random() -> Result<String, Problem> {
    let bytes = keys::random::<32>().map_err(|error| {
        tracing::error!(%error, "no passkey can be enrolled");
        Problem::unavailable()
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn unknown(desk: &Desk) -> Problem {
    desk.app.count_unauthorized();
    let what = "the invitation is unknown, was revoked, was used or has expired; ask an operator for a new one";
    Problem::new(StatusCode::UNAUTHORIZED, "no valid invitation", what)
}

fn refused(why: impl std::fmt::Display) -> Problem {
    let what = format!("the passkey was not accepted: {why}");
    Problem::new(StatusCode::CONFLICT, "the passkey does not count", what)
}

fn not_kept(error: OfferError) -> Problem {
    match error {
        OfferError::Known | OfferError::Full | OfferError::Form(_) => refused(error),
        OfferError::File(error) => {
            tracing::error!(%error, "the files of enrolments cannot be used");
            Problem::unavailable()
        }
    }
}

fn content() -> Markup {
    html! {
        h1 { "New passkey" }
        p {
            "A passkey signs your answers to requests for approval. It stays in your device, and your device verifies \
             you at each use."
        }
        noscript { p { "A passkey can only be made with JavaScript." } }
        p {
            button id="make" type="button" disabled data-options=(Place::of(ENROL_OPTIONS))
                data-offer=(Place::of(ENROL_OFFER)) { "Make a passkey" }
        }
        p id="message" role="status" {}
        section id="result" hidden {
            h2 { "Read this fingerprint to an operator" }
            p { code id="fingerprint" {} }
            p {
                "The passkey counts for nothing until an operator has compared this fingerprint with "
                code { "deed passkey list" } " and accepted it. Give it by another way than the link came, such as by \
                telephone."
            }
        }
    }
}
